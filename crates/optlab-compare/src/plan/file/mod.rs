//! Reads and writes plans as TOML; each mistake gives one line with the file, the key and what is allowed.

mod keys;
mod written;

use crate::Error;
use crate::plan::Plan;
use crate::plan::arm::{Arm, grid_arms, grid_name};
use crate::plan::size::check_arms;
use crate::plan::tuning::{Repeats, Tuning};
use crate::plan::{Seeds, Split};
use keys::{Keys, to_json};
use optlab_core::bounded_file::{self, WRITTEN_BY_HAND};
use optlab_optim::OptimizerChoice;
use optlab_optim::schedule::ScheduleSpec;
use optlab_stats::search::Space;
use optlab_train::files::checksum;
use optlab_train::model::ModelPatch;
use optlab_train::train::RecipePatch;
use serde_json::Value;
use std::path::Path;

pub use written::{render, render_with_notes};

/// Name of the plan's file in the folder of a comparison.
pub const PLAN: &str = "plan.toml";

/// The key of the test part, in a plan and in a recipe.
const SPLIT: &str = "split";

/// The keys of a plan, besides the settings of its recipe.
const KEYS: [&str; 11] = [
    "arms",
    "model",
    "reference",
    "test",
    "timing",
    "tuning",
    "workloads",
    "optimizers",
    "schedules",
    "backends",
    "seeds",
];

impl Plan {
    /// Reads a plan from a TOML file.
    ///
    /// # Errors
    /// [`Io`](optlab_core::Error::Io); [`File`](optlab_core::Error::File) for a file that is not TOML;
    /// [`UnknownField`](optlab_core::Error::UnknownField) for an unknown key, with the nearest known one;
    /// [`InvalidConfig`](optlab_core::Error::InvalidConfig) or [`Usage`](optlab_core::Error::Usage) for a
    /// wrong value. Each names the file.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let text = bounded_file::read_text(path, WRITTEN_BY_HAND)?;
        parse(&text, path)
    }

    /// Reads the plan of the comparison in `folder`. A plan that was written before tunings were repeated has
    /// one tuning for all seeds.
    ///
    /// # Errors
    /// The errors of [`read`](Self::read).
    pub fn of_folder(folder: &Path) -> Result<Self, Error> {
        let path = folder.join(PLAN);
        let text = bounded_file::read_text(&path, WRITTEN_BY_HAND)?;
        let mut plan = parse(&text, &path)?;
        let is_older = toml::from_str::<toml::Table>(&text)
            .is_ok_and(|table| table.get("tuning").is_some_and(|tuning| tuning.get("repeats").is_none()));
        if is_older {
            plan.tuning.repeats = Repeats::Once;
        }
        Ok(plan)
    }

    /// Returns the plan as TOML, including every default that does not depend on the workload.
    ///
    /// # Errors
    /// [`Usage`](optlab_core::Error::Usage) for a value that TOML cannot hold.
    pub fn to_toml(&self) -> Result<String, Error> {
        render(self)
    }

    /// Returns the plan as TOML with the search spaces `spaces`, and a comment for each key of `notes` that
    /// has no value.
    ///
    /// # Errors
    /// [`Usage`](optlab_core::Error::Usage) for a value that TOML cannot hold.
    pub fn to_toml_with_notes(
        &self,
        spaces: Vec<(String, Space)>,
        notes: &[(&str, String)],
    ) -> Result<String, Error> {
        render_with_notes(self, spaces, notes)
    }

    /// Returns the 8 hexadecimal digits that name this plan's folder. They do not depend on the seeds and the
    /// number of tuning trials, so the same plan with more of them resumes in the same folder.
    ///
    /// # Errors
    /// [`Usage`](optlab_core::Error::Usage) for a value that TOML cannot hold.
    pub fn id(&self) -> Result<String, Error> {
        let spaces = if self.tuning.trials == 0 { Vec::new() } else { self.spaces()? };
        let tuning = Tuning { trials: self.tuning.trials.min(1), spaces, ..self.tuning.clone() };
        let least = Plan { seeds: Seeds::Count(1), tuning, ..self.clone() };
        let mut id = checksum::sha256(least.to_toml()?.as_bytes());
        id.truncate(8);
        Ok(id)
    }
}

/// Reads a plan from `text`, the content of `path`.
pub fn parse(text: &str, path: &Path) -> Result<Plan, Error> {
    let settings = RecipePatch::SETTINGS.iter().map(|setting| setting.name);
    let keys = Keys::parse(text, path, &KEYS.into_iter().chain(settings).collect::<Vec<_>>())?;
    let recipe = read_recipe(&keys)?;
    let default = Plan::default();
    let schedules = keys.specs("schedules", read_schedule)?.unwrap_or_else(|| default.schedules.clone());
    let optimizers = keys.specs("optimizers", OptimizerChoice::from_value)?.unwrap_or_default();
    let tables = keys.tables("arms")?;
    check_arms(optimizers.len(), schedules.len(), tables.len()).map_err(|error| keys.located(&error))?;
    let mut arms: Vec<Arm> =
        tables.iter().map(|arm| read_arm(arm, &schedules)).collect::<Result<_, Error>>()?;
    let is_named: Vec<bool> = tables.iter().map(|arm| arm.table.contains_key("name")).collect();
    let of_grid = grid_arms(&optimizers, &schedules).into_iter().map(|arm| arm.name).collect();
    tell_apart(&mut arms, &is_named, of_grid);
    Ok(Plan {
        workloads: keys.texts("workloads")?.unwrap_or_default(),
        optimizers,
        arms,
        model: keys.model()?,
        schedules,
        backends: keys.texts("backends")?.unwrap_or_else(|| default.backends.clone()),
        seeds: keys.seeds()?.unwrap_or_else(|| default.seeds.clone()),
        recipe,
        reference: keys.text("reference")?.map(String::from),
        test: keys.choice("test", "mean or ranks")?.unwrap_or_default(),
        split: match keys.table.get(SPLIT) {
            Some(toml::Value::Integer(_)) => Split::Fixed,
            _ => keys.choice(SPLIT, "fixed, resampled or a whole number")?.unwrap_or_default(),
        },
        timing: keys.choice("timing", "pinned or alone")?.unwrap_or_default(),
        tuning: keys
            .table("tuning", "tuning.", &TUNING)?
            .map_or_else(|| Ok(Tuning::default()), |table| read_tuning(&table))?,
    })
}

/// Reads the settings of the recipe.
fn read_recipe(keys: &Keys) -> Result<RecipePatch, Error> {
    let mut recipe = RecipePatch::default();
    for setting in RecipePatch::SETTINGS {
        // A text under `split` is the plan's, which gives each seed its own number.
        if setting.name != SPLIT || !keys.table.get(SPLIT).is_some_and(toml::Value::is_str) {
            keys.set(&mut recipe, setting)?;
        }
    }
    if recipe.epochs.is_some() && recipe.steps.is_some() {
        let reason = "`epochs` and `steps` are both given; keep one";
        return Err(Error::usage(format!("{}: {reason}", keys.owner)));
    }
    Ok(recipe.with_fixed_defaults())
}

const TUNING: [&str; 8] = ["trials", "sampler", "seed", "seeds", "repeats", "pruner", "selection", "spaces"];

/// The text of [`Repeats::EachSeed`].
const EACH_SEED: &str = "seeds";

fn read_tuning(keys: &Keys) -> Result<Tuning, Error> {
    let default = Tuning::default();
    let whole = |key, default: u64| Ok::<u64, Error>(keys.count(key)?.map_or(default, |count| count as u64));
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
            Some(text) => text.parse().map_err(|error: optlab_core::Error| keys.located(&error))?,
            None => default.sampler,
        },
        seed: whole("seed", default.seed)?,
        seeds: whole("seeds", default.seeds)?,
        repeats: match keys.table.get("repeats") {
            None => default.repeats,
            Some(toml::Value::Integer(1)) => Repeats::Once,
            Some(toml::Value::String(text)) if text == EACH_SEED => Repeats::EachSeed,
            Some(_) => {
                let allowed = "\"seeds\" (a tuning for each seed) or 1 (one tuning for all seeds)";
                return Err(keys.refuse("repeats", allowed));
            }
        },
        pruner: match keys.text("pruner")? {
            Some(text) => text.parse().map_err(|error: optlab_core::Error| keys.located(&error))?,
            None => default.pruner,
        },
        selection: keys.choice("selection", "metric or time")?.unwrap_or_default(),
        spaces,
    })
}

/// Reads an arm of `arms`: its optimizer, and the settings that override the plan's.
fn read_arm(keys: &Keys, schedules: &[ScheduleSpec]) -> Result<Arm, Error> {
    let missing = || Error::usage(format!("{}: an arm of `arms` needs an `optimizer`", keys.owner));
    let value = |key: &str| keys.table.get(key).map(to_json);
    let optimizer = OptimizerChoice::from_value(&value("optimizer").ok_or_else(missing)?)
        .map_err(|error| keys.located(&error))?;
    let schedule = value("schedule").map(|schedule| read_schedule(&schedule)).transpose();
    let schedule = schedule.map_err(|error| keys.located(&error))?;
    let space = keys.table.get("space").map(|space| keys.space("space", space)).transpose()?;
    let of_trial = keys.table.iter().filter(|(key, _)| RecipePatch::has(key) || *key == "model");
    let name = match (keys.text("name")?, &schedule) {
        (Some(name), _) => checked_name(keys, name)?.to_string(),
        (None, Some(schedule)) => grid_name(&optimizer, Some(schedule)),
        (None, None) => grid_name(&optimizer, None),
    };
    Ok(Arm {
        name,
        optimizer,
        schedule: schedule.or_else(|| schedules.first().cloned()).ok_or_else(missing)?,
        settings: of_trial.map(|(key, value)| (key.clone(), to_json(value))).collect(),
        space,
    })
}

/// Checks the name of an arm, which stands in tables, in the terminal and in the legends of charts.
fn checked_name<'a>(keys: &Keys, name: &'a str) -> Result<&'a str, Error> {
    /// The most characters of a name.
    const LONGEST: usize = 200;
    let is_shown = !name.trim().is_empty() && !name.contains(char::is_control);
    match is_shown && name.chars().nth(LONGEST).is_none() {
        true => Ok(name),
        false => Err(keys.refuse("name", "a text of 1 to 200 characters in one line")),
    }
}

/// Adds its own settings to the name of each arm whose author gave it none and that shares its name with
/// another arm: `adam · linear`, `adam · batch_size=16`. `of_grid` are the names of the grid's arms.
fn tell_apart(arms: &mut [Arm], is_named: &[bool], of_grid: Vec<String>) {
    let names: Vec<String> = of_grid.into_iter().chain(arms.iter().map(|arm| arm.name.clone())).collect();
    for (arm, _) in arms.iter_mut().zip(is_named).filter(|(_, is_named)| !**is_named) {
        if names.iter().filter(|name| **name == arm.name).count() > 1 {
            for setting in setting_texts(arm) {
                arm.name.push_str(&format!(" · {setting}"));
            }
        }
    }
}

/// Returns the settings of an arm as text: `linear` for a model, as `--model` takes it, and `name=value` for
/// another setting.
fn setting_texts(arm: &Arm) -> Vec<String> {
    let text = |(name, value): &(String, Value)| match (name.as_str(), value) {
        // A model that is not valid is refused where the arm is applied.
        ("model", value) => {
            ModelPatch::from_value(value).map_or_else(|_| value.to_string(), |it| it.to_string())
        }
        (name, value) => match text_of_setting(name, value) {
            Value::String(text) => format!("{name}={text}"),
            value => format!("{name}={value}"),
        },
    };
    arm.settings.iter().map(text).collect()
}

/// Returns the value of a setting as it is written elsewhere: a schedule as text, also where it is a table.
fn text_of_setting(name: &str, value: &Value) -> Value {
    let mut patch = RecipePatch::default();
    // A value that is not valid is refused where the arm is applied.
    let values = patch.set(name, value).map_or_else(|_| Vec::new(), |()| patch.values());
    values.into_iter().next().map_or_else(|| value.clone(), |(_, value)| value)
}

fn read_schedule(value: &Value) -> Result<ScheduleSpec, optlab_core::Error> {
    match value {
        Value::String(text) => text.parse(),
        table => ScheduleSpec::from_value(table),
    }
}
