//! `optlab recommend`: finds a good optimizer within a time budget.

use crate::Error;
use crate::cli::data_warnings::DataWarnings;
use crate::cli::one_workload::OneWorkload;
use crate::cli::{Exit, compare, output};
use clap::Args;
use optlab_compare::plan::Plan;
use optlab_compare::plan::arm::{Arm, grid_name};
use optlab_compare::plan::tuning::Tuning;
use optlab_compare::report::labels::counted;
use optlab_compare::report::{self, number};
use optlab_compare::result::choice::{BASELINE, Choice};
use optlab_compare::result::comparison::Comparison;
use optlab_compare::result::summary::Summary;
use optlab_compare::run::{command, folder};
use optlab_compare::tune::{Recommendation, Recommender};
use optlab_optim::split_specs;
use optlab_stats::statistics::sentence::Wording;
use std::ffi::OsString;
use std::time::Duration;

/// The default candidates: optimizers and their schedules.
const SHORT_LIST: [(&str, &str); 8] = [
    ("adamw", "warmup_cosine"),
    ("adamw", "constant"),
    ("sgd:momentum=0.9", "warmup_cosine"),
    ("nadam", "warmup_cosine"),
    ("lion", "warmup_cosine"),
    ("muon:other=adamw", "warmup_cosine"),
    ("soap", "warmup_cosine"),
    ("schedule_free_adamw", "constant"),
];

/// Arguments of `optlab recommend`.
#[derive(Debug, Args)]
pub struct RecommendArgs {
    #[command(flatten)]
    on: OneWorkload,
    /// Time budget, as 90s, 10m or 2h
    #[arg(long, default_value = "10m", value_name = "TIME", value_parser = humantime::parse_duration)]
    budget: Duration,
    /// Optimizers to choose from, each at a constant learning rate [default: a list of eight, most with
    /// warmup_cosine]
    #[arg(long, value_name = "SPEC,…")]
    optimizers: Option<String>,
    /// Seed of everything that chance decides: points, seeds of the trials
    #[arg(long, allow_negative_numbers = true, default_value_t = 0, value_name = "N")]
    seed: u64,
}

impl RecommendArgs {
    fn plan(&self) -> Result<Plan, Error> {
        let arm = |(optimizer, schedule): (&str, &str)| -> Result<Arm, Error> {
            let (optimizer, falling) = (optimizer.parse()?, schedule != "constant");
            let schedule = schedule.parse()?;
            let name = grid_name(&optimizer, falling.then_some(&schedule));
            Ok(Arm::new(name, optimizer, schedule))
        };
        let arms = match &self.optimizers {
            None => SHORT_LIST.into_iter().map(arm).collect::<Result<_, _>>()?,
            Some(_) => Vec::new(),
        };
        let given = self.optimizers.as_deref().map(split_specs).unwrap_or_default();
        Ok(Plan {
            optimizers: given.iter().map(|text| text.parse()).collect::<Result<_, _>>()?,
            arms,
            tuning: Tuning { seed: self.seed, ..Tuning::default() },
            ..self.on.plan()?
        })
    }
}

/// Runs `optlab recommend`; `arguments` is the command line.
///
/// # Errors
/// Invalid arguments; a folder that holds something else or cannot be written; no setting that trains.
pub fn run(args: &RecommendArgs, arguments: &[OsString]) -> Result<(), Exit> {
    let plan = args.plan()?;
    let output = args.on.output("recommend", &plan)?;
    let warnings = DataWarnings::new(!folder::holds_trials(&output));
    let defaults = |workload: &str| args.on.workers.defaults(workload, &warnings);
    let recommender = Recommender::new(plan.clone(), args.budget, &defaults)?;
    let runner = args.on.workers.runner(&plan.workloads, &plan.backends)?;
    warnings.print();
    let folder = recommender
        .claim(&output, &args.on.workers.invocation(arguments, false))
        .map_err(|error| args.on.with_output_hint(error))?;
    let mut bars = args.on.workers.bars();
    let recommendation = recommender.run(&folder, &runner, &mut bars)?;
    bars.clear();
    let comparison = Comparison::read(folder.path())?;
    let summaries = comparison.summaries();
    report::write_all(&comparison, &summaries, folder.path())?;
    output::print(text(&comparison, &recommendation, &summaries));
    compare::say_where(folder.path());
    Ok(())
}

fn text(comparison: &Comparison, recommendation: &Recommendation, summaries: &[Summary]) -> String {
    let Some(choice) = Choice::of(comparison) else { return String::new() };
    let is_compared = |arm: &&Summary| arm.arm == BASELINE || recommendation.finalists.contains(&arm.arm);
    let compared: Vec<&Summary> = summaries.iter().filter(is_compared).collect();
    let of = |name: &str| compared.iter().copied().find(|arm| arm.arm == name);
    let (Some(chosen), Some(baseline)) = (of(&choice.arm), of(BASELINE)) else { return String::new() };
    let seeds = counted(chosen.values.len(), "seed");
    let mut text = format!(
        "{}: {} of {} were tried, and the best of {} compared on {seeds}\n\n",
        chosen.workload,
        counted(recommendation.settings, "setting"),
        counted(comparison.plan.arms().map_or(0, |arms| arms.len()), "optimizer"),
        recommendation.finalists.len(),
    );
    for arm in &compared {
        text.push_str(&line(arm));
    }
    text.push_str(&format!(
        "\nchosen on the validation part: {}; {:.0} % of the histories that this search might as well have had choose it, too\n",
        choice.arm,
        choice.share * 100.0
    ));
    if let Some(compared) = baseline.against.as_ref().and_then(|against| against.comparison.as_ref()) {
        let unit = number::unit_of_difference(&chosen.metric);
        let wording = Wording { unit, counted_in: "seed", scope: "" };
        let said =
            compared.sentence((BASELINE, &choice.arm), wording, |value| number::plain(&chosen.metric, value));
        text.push_str(&format!("on the test part: {said}\n"));
    }
    text.push_str(&format!("\ntake {}:\n", choice.arm));
    if let Some(run) = comparison.runs_of(chosen).first() {
        text.push_str(&format!("  {}\n", command::train(&run.trial)));
    }
    text
}

/// Returns the line of an arm: its metric on both parts, and when it reached the target.
fn line(arm: &Summary) -> String {
    let result = arm.result.as_ref().map_or("–".into(), |it| number::estimate(&arm.metric, &it.mean));
    let validation = arm.best_validation.map_or("–".into(), |of| number::metric(&arm.metric, of.mean));
    let seeds = arm.values.len();
    let target = match arm.seconds_to_target {
        Some(time) if time.median.is_finite() => {
            let seconds = number::significant(time.median, 3);
            format!(", target after {seconds} s ({} of {seeds})", arm.reached_target)
        }
        _ if arm.metric.target.is_none() => String::new(),
        _ => format!(", target reached by {} of {seeds}", arm.reached_target),
    };
    format!("  {:<34} validation {} {validation}, test {result}{target}\n", arm.arm, arm.metric)
}
