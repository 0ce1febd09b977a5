//! What rules and schedules have in common where they are held to a file.

use super::parameters::On;
use super::rates::Rates;
use super::references::{File, References};
use super::tolerance::Deviation;
use super::trajectory::Trajectory;
use crate::error::Error;
use crate::optim::OptimizerSpec;
use crate::schedule::ScheduleSpec;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::fmt::Display;

/// What every reference file says of itself.
#[derive(Debug, Clone)]
pub(super) struct Head {
    pub name: String,
    pub config: Map<String, Value>,
    pub reference: String,
}

/// Rules or schedules.
pub(super) trait Subject {
    /// "optimizer" or "schedule".
    const KIND: &'static str;
    /// The field with the name, in a file and in a spec.
    const TAG: &'static str;
    type Spec: Serialize + Display;

    fn files(references: &References) -> &[File];

    /// None for a file that only serves others.
    ///
    /// # Errors
    /// [`Error::File`] for a file that says neither what it is for nor whom it serves.
    fn head(file: &File) -> Result<Option<Head>, Error>;

    /// Every name, Burn's built-ins included.
    fn names() -> Vec<&'static str>;

    /// # Errors
    /// Those of [`OptimizerSpec::from_value`] and [`ScheduleSpec::from_value`].
    fn spec(name: &str, config: &Map<String, Value>) -> Result<Self::Spec, Error>;

    /// The largest error.
    ///
    /// # Errors
    /// [`Error::File`] if the file's numbers cannot be used; [`Error::InvalidConfig`] and the like for settings that the
    /// rule or schedule refuses.
    fn deviation(spec: &Self::Spec, file: &File, files: &[File], on: &On) -> Result<Deviation, Error>;
}

pub(super) struct Rule;

impl Subject for Rule {
    const KIND: &'static str = "optimizer";
    const TAG: &'static str = "rule";
    type Spec = OptimizerSpec;

    fn files(references: &References) -> &[File] {
        &references.optimizers
    }

    fn head(file: &File) -> Result<Option<Head>, Error> {
        #[derive(Deserialize)]
        #[serde(expecting = "an object")]
        struct RuleHead {
            rule: Option<String>,
            gradients: Option<serde::de::IgnoredAny>,
            config: Option<Map<String, Value>>,
            reference: Option<String>,
        }
        let RuleHead { rule, gradients, config, reference } = file.parse()?;
        match (rule, gradients) {
            (Some(name), _) => Ok(Some(Head::new(name, config, reference))),
            (None, Some(_)) => Ok(None),
            (None, None) => Err(file.broken("it has neither a `rule` nor the `gradients` of a stream")),
        }
    }

    fn names() -> Vec<&'static str> {
        OptimizerSpec::all().iter().map(OptimizerSpec::name).collect()
    }

    fn spec(name: &str, config: &Map<String, Value>) -> Result<OptimizerSpec, Error> {
        OptimizerSpec::from_value(&tagged(Self::TAG, name, config))
    }

    fn deviation(spec: &OptimizerSpec, file: &File, files: &[File], on: &On) -> Result<Deviation, Error> {
        Ok(Trajectory::read(file, files)?.deviation(spec.build()?, on))
    }
}

pub(super) struct Schedule;

impl Subject for Schedule {
    const KIND: &'static str = "schedule";
    const TAG: &'static str = "schedule";
    type Spec = ScheduleSpec;

    fn files(references: &References) -> &[File] {
        &references.schedules
    }

    fn head(file: &File) -> Result<Option<Head>, Error> {
        #[derive(Deserialize)]
        #[serde(expecting = "an object")]
        struct ScheduleHead {
            schedule: String,
            config: Option<Map<String, Value>>,
            reference: Option<String>,
        }
        let ScheduleHead { schedule, config, reference } = file.parse()?;
        Ok(Some(Head::new(schedule, config, reference)))
    }

    fn names() -> Vec<&'static str> {
        ScheduleSpec::all().iter().map(ScheduleSpec::name).collect()
    }

    fn spec(name: &str, config: &Map<String, Value>) -> Result<ScheduleSpec, Error> {
        ScheduleSpec::from_value(&tagged(Self::TAG, name, config))
    }

    fn deviation(spec: &ScheduleSpec, file: &File, _files: &[File], _on: &On) -> Result<Deviation, Error> {
        Rates::read(file)?.deviation(spec)
    }
}

impl Head {
    fn new(name: String, config: Option<Map<String, Value>>, reference: Option<String>) -> Self {
        let reference = reference.unwrap_or_else(|| "not named".into());
        Head { name, config: config.unwrap_or_default(), reference }
    }
}

/// `config` with its name in the field `tag`.
fn tagged(tag: &str, name: &str, config: &Map<String, Value>) -> Value {
    let mut config = config.clone();
    config.insert(tag.into(), name.into());
    Value::Object(config)
}

/// All settings of `spec`, without its name and without those that it takes from its run.
pub(super) fn settings<S: Subject>(spec: &S::Spec) -> Map<String, Value> {
    // Specs are plain structs of numbers, which JSON always holds.
    let mut settings = match serde_json::to_value(spec) {
        Ok(Value::Object(settings)) => settings,
        _ => Map::new(),
    };
    settings.retain(|field, value| field != S::TAG && !value.is_null());
    settings
}
