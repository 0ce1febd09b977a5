//! A plan as TOML, read key by key, so that each mistake gives one line naming the file, the key and what is allowed.

mod keys;
mod written;

use crate::compare::arm::Arm;
use crate::compare::arm_plan::{ArmPlan, grid_name};
use crate::compare::plan::Plan;
use crate::compare::setting;
use crate::compare::tuning::Tuning;
use crate::data::Augmentation;
use crate::error::Error;
use crate::schedule::ScheduleSpec;
use crate::train::Budget;
use keys::{Keys, to_json};
use serde_json::Value;
use std::path::Path;

pub use written::{render, render_with_notes};

/// The keys of a plan besides those of its trials, which are [`setting::OF_TRIAL`].
const KEYS: [&str; 9] =
    ["arms", "reference", "timing", "tuning", "workloads", "optimizers", "schedules", "backends", "seeds"];

/// Reads the plan that `text`, the content of `path`, holds.
pub fn parse(text: &str, path: &Path) -> Result<Plan, Error> {
    let keys = Keys::parse(text, path, &[&KEYS[..], &setting::OF_TRIAL[..]].concat())?;
    let budget = match (keys.count("epochs")?, keys.count("steps")?) {
        (Some(_), Some(_)) => {
            let reason = "`epochs` and `steps` are both given; keep one";
            return Err(Error::Usage(format!("{}: {reason}", keys.owner)));
        }
        (Some(epochs), None) => Some(Budget::Epochs(epochs)),
        (None, Some(steps)) => Some(Budget::Steps(steps)),
        (None, None) => None,
    };
    let default = Plan::default();
    let schedules = keys.specs("schedules", read_schedule)?.unwrap_or_else(|| default.schedules.clone());
    let augmentation = Augmentation {
        shift: match keys.count("shift")? {
            None => 0,
            Some(shift) => u32::try_from(shift).map_err(|_| keys.refuse("shift", "a number of pixels"))?,
        },
        rotation: keys.number("rotation")?.unwrap_or(0.0),
    };
    Ok(Plan {
        workloads: keys.texts("workloads")?.unwrap_or_default(),
        optimizers: keys.specs("optimizers", Arm::from_value)?.unwrap_or_default(),
        arms: keys.tables("arms")?.iter().map(|arm| read_arm(arm, &schedules)).collect::<Result<_, _>>()?,
        schedules,
        backends: keys.texts("backends")?.unwrap_or_else(|| default.backends.clone()),
        seeds: keys.seeds()?.unwrap_or_else(|| default.seeds.clone()),
        budget,
        batch_size: keys.count("batch_size")?,
        micro_batch_size: keys.count("micro_batch_size")?,
        lr_scaling: keys.text("lr_scaling")?.map(|text| text.parse()).transpose()?,
        validation: keys.number("validation")?,
        l1: keys.number("l1")?.unwrap_or(0.0),
        l2: keys.number("l2")?.unwrap_or(0.0),
        clip_norm: keys.number("clip_norm")?,
        clip_value: keys.number("clip_value")?,
        early_stopping: keys.count("early_stopping")?,
        augmentation,
        pad: keys.flag("pad")?.unwrap_or(false),
        reference: keys.text("reference")?.map(String::from),
        timing: keys.choice("timing", "pinned or alone")?.unwrap_or_default(),
        tuning: keys
            .table("tuning", "tuning.", &TUNING)?
            .map_or_else(|| Ok(Tuning::default()), |table| read_tuning(&table))?,
    })
}

const TUNING: [&str; 7] = ["trials", "sampler", "seed", "seeds", "pruner", "selection", "spaces"];

fn read_tuning(keys: &Keys) -> Result<Tuning, Error> {
    let default = Tuning::default();
    let whole = |key, default: u64| Ok(keys.count(key)?.map_or(default, |count| count as u64));
    let mut spaces = Vec::new();
    if let Some(table) = keys.table.get("spaces") {
        let table = table.as_table().ok_or_else(|| keys.refuse("spaces", "a table"))?;
        for (name, space) in table {
            let space = keys.space(&format!("spaces.{name}"), space)?;
            spaces.push((name.clone(), space));
        }
    }
    Ok(Tuning {
        trials: keys.count("trials")?.unwrap_or(default.trials),
        sampler: match keys.text("sampler")? {
            Some(text) => text.parse().map_err(|error| keys.located(&error))?,
            None => default.sampler,
        },
        seed: whole("seed", default.seed)?,
        seeds: whole("seeds", default.seeds)?,
        pruner: match keys.text("pruner")? {
            Some(text) => text.parse().map_err(|error| keys.located(&error))?,
            None => default.pruner,
        },
        selection: keys.choice("selection", "metric or time")?.unwrap_or_default(),
        spaces,
    })
}

/// An arm of its own: `optimizer`, and what else of it is not as the plan says.
fn read_arm(keys: &Keys, schedules: &[ScheduleSpec]) -> Result<ArmPlan, Error> {
    let missing = || Error::Usage(format!("{}: an arm of `arms` needs an `optimizer`", keys.owner));
    let value = |key: &str| keys.table.get(key).map(to_json);
    let optimizer =
        Arm::from_value(&value("optimizer").ok_or_else(missing)?).map_err(|error| keys.located(&error))?;
    let schedule = value("schedule").map(|schedule| read_schedule(&schedule)).transpose();
    let schedule = schedule.map_err(|error| keys.located(&error))?;
    let space = keys.table.get("space").map(|space| keys.space("space", space)).transpose()?;
    let of_trial = keys.table.iter().filter(|(key, _)| setting::OF_TRIAL.contains(&key.as_str()));
    let name = match (keys.text("name")?, &schedule) {
        (Some(name), _) => name.to_string(),
        (None, Some(schedule)) => grid_name(&optimizer, Some(schedule)),
        (None, None) => grid_name(&optimizer, None),
    };
    Ok(ArmPlan {
        name,
        optimizer,
        schedule: schedule.or_else(|| schedules.first().cloned()).ok_or_else(missing)?,
        settings: of_trial.map(|(key, value)| (key.clone(), to_json(value))).collect(),
        space,
    })
}

fn read_schedule(value: &Value) -> Result<ScheduleSpec, Error> {
    match value {
        Value::String(text) => text.parse(),
        table => ScheduleSpec::from_value(table),
    }
}
