//! `optlab lr-find`: runs a learning-rate range test.

use crate::cli::trial_settings::model_patch;
use crate::cli::workload_arg::WorkloadArg;
use crate::cli::{Exit, output};
use clap::Args;
use optlab_compare::chart::{Chart, Line, Mark, Scale};
use optlab_compare::report::number::short;
use optlab_compare::run::command::quoted;
use optlab_optim::OptimizerChoice;
use optlab_train::data::Source;
use optlab_train::model::ModelPatch;
use optlab_train::registry;
use optlab_train::train::{BatchSize, LrRange, LrRangeTest, Recipe, Suggestion, Trial};
use std::path::PathBuf;

/// Arguments of `optlab lr-find`.
#[derive(Debug, Args)]
pub struct LrFindArgs {
    #[command(flatten)]
    workload: WorkloadArg,
    /// The optimizer: name or name:key=value,key=value
    #[arg(long, value_name = "SPEC", default_value = "adam")]
    optimizer: OptimizerChoice,
    /// Backend: flex, ndarray, wgpu or cuda, with a device index as in cuda:1 [default: a GPU backend if
    /// compiled in, else flex]
    #[arg(long, value_name = "NAME")]
    backend: Option<String>,
    /// Seed of the initial weights, held-out examples, data order and dropout
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Settings of the model that differ from the workload's, as mlp=[32],dropout=0.2
    #[arg(long, value_name = "SPEC", value_parser = model_patch)]
    model: Option<ModelPatch>,
    /// Examples per step [default: the workload's]
    #[arg(long, value_name = "N")]
    batch_size: Option<usize>,
    /// Folder with data sets that are not built in
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Learning rate of the first step
    #[arg(long, allow_negative_numbers = true, value_name = "X", default_value_t = LrRangeTest::default().min_lr)]
    min_lr: f64,
    /// Learning rate of the last step
    #[arg(long, allow_negative_numbers = true, value_name = "X", default_value_t = LrRangeTest::default().max_lr)]
    max_lr: f64,
    /// Number of steps; with fewer, the suggestion is higher, and often too high
    #[arg(long, value_name = "N", default_value_t = LrRangeTest::default().steps)]
    steps: usize,
    /// Also write the chart to an SVG file
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
}

/// Runs `optlab lr-find`.
///
/// # Errors
/// An invalid trial, a backend without a device, data that cannot be read, a file that cannot be written.
pub fn run(args: &LrFindArgs) -> Result<(), Exit> {
    let LrFindArgs { min_lr, max_lr, steps, seed, .. } = *args;
    let test = LrRangeTest { min_lr, max_lr, steps, ..LrRangeTest::default() };
    let source = Source { data_dir: args.data_dir.clone(), show_progress: true };
    let text = args.workload.text()?;
    let default = registry::trial(&text, &source)?;
    let trial = Trial {
        optimizer: args.optimizer.optimizer.clone(),
        backend: args.backend.clone().unwrap_or_else(|| default.backend.clone()),
        seed,
        model: args.model.clone().unwrap_or_default(),
        recipe: Recipe {
            batch_size: args.batch_size.map_or(default.recipe.batch_size, BatchSize::Fixed),
            ..default.recipe
        },
        ..default
    };
    let workload = registry::open_trial(&trial)?;
    let seen = workload.find_lr(&trial, &test, &source)?;
    let (optimizer, suggestion) = (trial.optimizer.to_string(), seen.suggestion());
    crate::cli::print_chart(
        &chart(&trial.workload.name, &optimizer, &seen, suggestion.as_ref()),
        args.svg.as_deref(),
    )?;
    let mut command = format!("optlab train {} --optimizer {}", quoted(&text), quoted(&optimizer));
    if let Some(model) = &args.model {
        command.push_str(&format!(" --model {}", quoted(&model.to_string())));
    }
    if let Some(batch_size) = args.batch_size {
        command.push_str(&format!(" --batch-size {batch_size}"));
    }
    output::print(told(&seen, suggestion.as_ref(), &command));
    Ok(())
}

fn chart(workload: &str, optimizer: &str, seen: &LrRange, suggestion: Option<&Suggestion>) -> Chart {
    let marks = suggestion.into_iter().flat_map(|suggestion| {
        let Suggestion { floor_start, floor_end, .. } = *suggestion;
        [("suggested", suggestion.lr()), ("floor from", floor_start), ("floor to", floor_end)]
    });
    let points = |values: &[f64]| seen.lrs.iter().copied().zip(values.iter().copied()).collect();
    Chart {
        title: format!("Learning-rate range test: {workload}, {optimizer}"),
        subtitle: format!("{} steps of one model, learning rate rising exponentially", seen.lrs.len()),
        along: "learning rate".into(),
        x_scale: Scale::Log,
        quantity: "mean loss".into(),
        y_scale: Scale::Linear,
        from_zero: false,
        lines: vec![Line { label: "mean loss of the nearby steps".into(), points: points(&seen.smoothed) }],
        marks: marks.map(|(label, at)| Mark { label: format!("{label}: {}", short(at)), at }).collect(),
    }
}

fn told(seen: &LrRange, suggestion: Option<&Suggestion>, command: &str) -> String {
    let Some(suggestion) = suggestion else {
        return match seen.lrs.len() {
            0 | 1 => "The loss blew up in the first step: lower --min-lr.\n".into(),
            _ => "\nThe loss falls at no rate, so no rate is suggested: lower --min-lr.\n".into(),
        };
    };
    let end = if seen.blew_up { "the loss blew up" } else { "the test ended" };
    let last = seen.lrs.last().map_or(String::new(), |lr| short(*lr));
    let caution = suggestion.caution.map_or(String::new(), |caution| format!("Caution: {caution}.\n"));
    format!(
        "\nAt {last} {end}. From {} to {} the loss is on its floor: within a tenth of its fall from the smallest.\n\
         {caution}Suggested, half its middle: {command} --lr {}\n",
        short(suggestion.floor_start),
        short(suggestion.floor_end),
        short(suggestion.lr()),
    )
}
