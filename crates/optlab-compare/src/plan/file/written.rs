//! Writes a plan as TOML.

use crate::Error;
use crate::plan::arm::Arm;
use crate::plan::tuning::{Repeats, Selection, Tuning};
use crate::plan::{Plan, Seeds, Split, Timing};
use optlab_core::bounded_file::WRITTEN_BY_HAND;
use optlab_core::range::check_seed;
use optlab_optim::OptimizerChoice;
use optlab_optim::schedule::ScheduleSpec;
use optlab_stats::search::Space;
use optlab_stats::statistics::paired_test::Test;
use optlab_train::train::RecipePatch;
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// Writes `plan` as TOML that [`parse`](super::parse) reads back.
///
/// # Errors
/// [`InvalidConfig`](optlab_core::Error::InvalidConfig) for a seed that TOML cannot hold;
/// [`Usage`](optlab_core::Error::Usage) for another value that it cannot hold, or a plan that is too long.
pub fn render(plan: &Plan) -> Result<String, Error> {
    check_seed("plan", "tuning.seed", plan.tuning.seed)?;
    plan.recipe.split.map_or(Ok(()), |split| check_seed("plan", "split", split))?;
    let written = Written {
        workloads: &plan.workloads,
        optimizers: plan.optimizers.iter().map(OptimizerChoice::to_string).collect(),
        schedules: plan.schedules.iter().map(ScheduleSpec::to_string).collect(),
        backends: &plan.backends,
        seeds: match &plan.seeds {
            Seeds::Count(count) => WrittenSeeds::Count(*count),
            Seeds::List(seeds) => WrittenSeeds::List(seeds),
        },
        model: (!plan.model.is_empty()).then(|| plan.model.to_string()),
        recipe: plan.recipe.clone(),
        reference: plan.reference.as_deref(),
        test: plan.test,
        // A number of the recipe fixes the split.
        split: plan.recipe.split.is_none().then_some(plan.split),
        timing: plan.timing,
        tuning: written_tuning(&plan.tuning),
        arms: plan.arms.iter().map(written_arm).collect(),
    };
    let text = toml::to_string_pretty(&written).map_err(|reason| Error::usage(format!("plan: {reason}")))?;
    if text.len() as u64 > WRITTEN_BY_HAND {
        let reason =
            format!("the plan takes {} bytes, more than the {WRITTEN_BY_HAND} that are read", text.len());
        return Err(Error::usage(reason));
    }
    // TOML has no whole numbers above 2⁶³ − 1, but its writer writes them.
    match toml::from_str::<toml::Table>(&text) {
        Ok(_) => Ok(text),
        Err(reason) => Err(Error::usage(format!("the plan cannot be written as TOML: {}", reason.message()))),
    }
}

/// Writes `plan` as TOML with the search spaces `spaces`, and adds a comment for each key of `notes` that has
/// no value.
pub fn render_with_notes(
    plan: &Plan,
    spaces: Vec<(String, Space)>,
    notes: &[(&str, String)],
) -> Result<String, Error> {
    let mut text = render(&Plan { tuning: Tuning { spaces, ..plan.tuning.clone() }, ..plan.clone() })?;
    // Before the first table header, since lines after it would belong to that table.
    let end = text.find("\n[").map_or(text.len(), |at| at + 1);
    let mut comments = String::new();
    for (key, note) in
        notes.iter().filter(|(key, _)| !text[..end].lines().any(|line| line.starts_with(&format!("{key} ="))))
    {
        comments.push_str(&format!("# {key}: {note}\n"));
    }
    text.insert_str(end, &comments);
    Ok(text)
}

fn written_tuning(tuning: &Tuning) -> WrittenTuning {
    WrittenTuning {
        trials: tuning.trials,
        sampler: tuning.sampler.to_string(),
        seed: tuning.seed,
        seeds: tuning.seeds,
        repeats: match tuning.repeats {
            Repeats::EachSeed => WrittenRepeats::Text(super::EACH_SEED),
            Repeats::Once => WrittenRepeats::Count(1),
        },
        pruner: tuning.pruner.to_string(),
        selection: tuning.selection,
        spaces: tuning.spaces.iter().map(|(name, space)| (name.clone(), space.to_string())).collect(),
    }
}

fn written_arm(arm: &Arm) -> BTreeMap<String, Value> {
    let mut table = BTreeMap::from([
        ("name".to_string(), Value::from(arm.name.as_str())),
        ("optimizer".into(), arm.optimizer.to_string().into()),
        ("schedule".into(), arm.schedule.to_string().into()),
    ]);
    table.extend(arm.space.iter().map(|space| ("space".to_string(), space.to_string().into())));
    table.extend(arm.settings.iter().cloned());
    table
}

#[derive(Serialize)]
struct Written<'a> {
    workloads: &'a [String],
    optimizers: Vec<String>,
    schedules: Vec<String>,
    backends: &'a [String],
    seeds: WrittenSeeds<'a>,
    model: Option<String>,
    #[serde(flatten)]
    recipe: RecipePatch,
    reference: Option<&'a str>,
    test: Test,
    split: Option<Split>,
    timing: Timing,
    tuning: WrittenTuning,
    arms: Vec<BTreeMap<String, Value>>,
}

#[derive(Serialize)]
struct WrittenTuning {
    trials: usize,
    sampler: String,
    seed: u64,
    seeds: u64,
    repeats: WrittenRepeats,
    pruner: String,
    selection: Selection,
    spaces: BTreeMap<String, String>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum WrittenRepeats {
    Text(&'static str),
    Count(u64),
}

#[derive(Serialize)]
#[serde(untagged)]
enum WrittenSeeds<'a> {
    Count(u64),
    List(&'a [u64]),
}
