//! A plan as TOML, read key by key, so that each mistake gives one line naming the file, the key and what is allowed.

use crate::compare::arm::Arm;
use crate::compare::plan::{Plan, Seeds};
use crate::data::Augmentation;
use crate::error::Error;
use crate::schedule::ScheduleSpec;
use crate::train::{Budget, LrScaling};
use serde::Serialize;
use serde_json::Value;
use std::path::Path;

const KEYS: [&str; 19] = [
    "workloads",
    "optimizers",
    "schedules",
    "backends",
    "seeds",
    "epochs",
    "steps",
    "batch_size",
    "micro_batch_size",
    "lr_scaling",
    "validation",
    "l1",
    "l2",
    "clip_norm",
    "clip_value",
    "early_stopping",
    "shift",
    "rotation",
    "pad",
];

/// Reads the plan that `text`, the content of `path`, holds.
pub fn parse(text: &str, path: &Path) -> Result<Plan, Error> {
    let keys = Keys::parse(text, path)?;
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
        schedules: keys.specs("schedules", read_schedule)?.unwrap_or(default.schedules),
        backends: keys.texts("backends")?.unwrap_or(default.backends),
        seeds: keys.seeds()?.unwrap_or(default.seeds),
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
    })
}

/// Writes `plan` as TOML that [`parse`] reads back.
pub fn render(plan: &Plan) -> Result<String, Error> {
    let (epochs, steps) = match plan.budget {
        Some(Budget::Epochs(epochs)) => (Some(epochs), None),
        Some(Budget::Steps(steps)) => (None, Some(steps)),
        None => (None, None),
    };
    let written = Written {
        workloads: &plan.workloads,
        optimizers: plan.optimizers.iter().map(Arm::to_string).collect(),
        schedules: plan.schedules.iter().map(ScheduleSpec::to_string).collect(),
        backends: &plan.backends,
        seeds: match &plan.seeds {
            Seeds::Count(count) => WrittenSeeds::Count(*count),
            Seeds::List(seeds) => WrittenSeeds::List(seeds),
        },
        epochs,
        steps,
        batch_size: plan.batch_size,
        micro_batch_size: plan.micro_batch_size,
        lr_scaling: plan.lr_scaling,
        validation: plan.validation,
        l1: plan.l1,
        l2: plan.l2,
        clip_norm: plan.clip_norm,
        clip_value: plan.clip_value,
        early_stopping: plan.early_stopping,
        shift: plan.augmentation.shift,
        rotation: plan.augmentation.rotation,
        pad: plan.pad,
    };
    toml::to_string_pretty(&written).map_err(|reason| Error::Usage(format!("plan: {reason}")))
}

#[derive(Serialize)]
struct Written<'a> {
    workloads: &'a [String],
    optimizers: Vec<String>,
    schedules: Vec<String>,
    backends: &'a [String],
    seeds: WrittenSeeds<'a>,
    epochs: Option<usize>,
    steps: Option<usize>,
    batch_size: Option<usize>,
    micro_batch_size: Option<usize>,
    lr_scaling: Option<LrScaling>,
    validation: Option<f64>,
    l1: f64,
    l2: f64,
    clip_norm: Option<f64>,
    clip_value: Option<f64>,
    early_stopping: Option<usize>,
    shift: u32,
    rotation: f64,
    pad: bool,
}

#[derive(Serialize)]
#[serde(untagged)]
enum WrittenSeeds<'a> {
    Count(u64),
    List(&'a [u64]),
}

/// The keys of a plan's file and how errors call it.
struct Keys {
    owner: String,
    path: String,
    table: toml::Table,
}

impl Keys {
    fn parse(text: &str, path: &Path) -> Result<Self, Error> {
        let table: toml::Table = toml::from_str(text).map_err(|error| {
            let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
            Error::File {
                path: path.into(),
                reason: format!("line {}: {}", before.matches('\n').count() + 1, error.message()),
            }
        })?;
        let keys =
            Keys { owner: format!("plan {}", path.display()), path: path.display().to_string(), table };
        match keys.table.keys().find(|key| !KEYS.contains(&key.as_str())) {
            Some(unknown) => Err(Error::unknown_field(&keys.owner, unknown, &KEYS)),
            None => Ok(keys),
        }
    }

    fn refuse(&self, key: &str, allowed: &str) -> Error {
        let given = self.table.get(key).map_or_else(String::new, toml::Value::to_string);
        Error::invalid(&self.owner, key, allowed, given)
    }

    fn count(&self, key: &str) -> Result<Option<usize>, Error> {
        let Some(value) = self.table.get(key) else {
            return Ok(None);
        };
        let count = value.as_integer().and_then(|count| usize::try_from(count).ok());
        count.map(Some).ok_or_else(|| self.refuse(key, "a whole number"))
    }

    fn number(&self, key: &str) -> Result<Option<f64>, Error> {
        match self.table.get(key) {
            None => Ok(None),
            Some(toml::Value::Float(number)) => Ok(Some(*number)),
            Some(toml::Value::Integer(number)) => Ok(Some(*number as f64)),
            Some(_) => Err(self.refuse(key, "a number")),
        }
    }

    fn text(&self, key: &str) -> Result<Option<&str>, Error> {
        let Some(value) = self.table.get(key) else {
            return Ok(None);
        };
        value.as_str().map(Some).ok_or_else(|| self.refuse(key, "a text"))
    }

    fn flag(&self, key: &str) -> Result<Option<bool>, Error> {
        let Some(value) = self.table.get(key) else {
            return Ok(None);
        };
        value.as_bool().map(Some).ok_or_else(|| self.refuse(key, "true or false"))
    }

    /// The items of a list; a single value is a list of one.
    fn items(&self, key: &str) -> Option<&[toml::Value]> {
        self.table.get(key).map(|value| match value {
            toml::Value::Array(items) => items.as_slice(),
            single => std::slice::from_ref(single),
        })
    }

    fn texts(&self, key: &str) -> Result<Option<Vec<String>>, Error> {
        let text = |item: &toml::Value| match item.as_str() {
            Some(text) => Ok(text.to_string()),
            None => Err(Error::invalid(&self.owner, key, "a list of texts", item)),
        };
        self.items(key).map(|items| items.iter().map(text).collect()).transpose()
    }

    fn specs<T>(
        &self,
        key: &str,
        read: impl Fn(&Value) -> Result<T, Error>,
    ) -> Result<Option<Vec<T>>, Error> {
        let spec = |item: &toml::Value| {
            // An error of a spec knows the rule, but not in which file it stands.
            read(&to_json(item)).map_err(|error| Error::Usage(format!("{}: {error}", self.path)))
        };
        self.items(key).map(|items| items.iter().map(spec).collect()).transpose()
    }

    fn seeds(&self) -> Result<Option<Seeds>, Error> {
        let seed = |item: &toml::Value| {
            let number = item.as_integer().and_then(|seed| u64::try_from(seed).ok());
            let allowed = "a count or a list of whole numbers";
            number.ok_or_else(|| Error::invalid(&self.owner, "seeds", allowed, item))
        };
        match self.table.get("seeds") {
            None => Ok(None),
            Some(toml::Value::Array(items)) => {
                let seeds: Result<Vec<u64>, Error> = items.iter().map(seed).collect();
                Ok(Some(Seeds::List(seeds?)))
            }
            Some(count) => Ok(Some(Seeds::Count(seed(count)?))),
        }
    }
}

fn read_schedule(value: &Value) -> Result<ScheduleSpec, Error> {
    match value {
        Value::String(text) => text.parse(),
        table => ScheduleSpec::from_value(table),
    }
}

fn to_json(value: &toml::Value) -> Value {
    match value {
        toml::Value::String(text) => Value::from(text.as_str()),
        toml::Value::Integer(number) => Value::from(*number),
        // JSON has no infinities and no NaN: they stay text, and the field's own check names them.
        toml::Value::Float(number) if number.is_finite() => Value::from(*number),
        toml::Value::Boolean(flag) => Value::from(*flag),
        toml::Value::Array(items) => items.iter().map(to_json).collect(),
        toml::Value::Table(table) => table.iter().map(|(key, value)| (key.clone(), to_json(value))).collect(),
        other => Value::from(other.to_string()),
    }
}
