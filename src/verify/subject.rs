//! The common interface of rules and schedules for checks against a file.

use crate::Error;
use crate::verify::parameters::On;
use crate::verify::rates::Rates;
use crate::verify::references::{File, References};
use crate::verify::source::Source;
use crate::verify::tolerance::Deviation;
use crate::verify::trajectory::Trajectory;
use optlab_optim::OptimizerSpec;
use optlab_optim::schedule::ScheduleSpec;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::fmt::Display;

/// The fields that every reference file has.
#[derive(Debug, Clone)]
pub(super) struct Head {
    pub name: String,
    pub config: Map<String, Value>,
    pub reference: String,
    pub source: Option<Source>,
}

/// Rules or schedules, as the subject of a check.
pub(super) trait Subject {
    /// "optimizer" or "schedule".
    const KIND: &'static str;
    /// The field with the name, in a file and in a spec.
    const TAG: &'static str;
    type Spec: Serialize + Display;

    fn files(references: &References) -> &[File];

    /// Returns the head; `None` for a stream or an objective.
    ///
    /// # Errors
    /// [`File`](optlab_core::Error::File) for a file that is neither for a rule or schedule nor a stream.
    fn head(file: &File) -> Result<Option<Head>, Error>;

    /// Returns every name, Burn's built-ins included.
    fn names() -> Vec<&'static str>;

    /// Returns the spec of that name and settings.
    ///
    /// # Errors
    /// The errors of [`OptimizerSpec::from_value`] and [`ScheduleSpec::from_value`].
    fn spec(name: &str, config: &Map<String, Value>) -> Result<Self::Spec, Error>;

    /// Returns the largest error.
    ///
    /// # Errors
    /// [`File`](optlab_core::Error::File) if the file's numbers cannot be used;
    /// [`InvalidConfig`](optlab_core::Error::InvalidConfig) and the like for settings that the rule or
    /// schedule refuses.
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
            parameters: Option<serde::de::IgnoredAny>,
            objective: Option<serde::de::IgnoredAny>,
            config: Option<Map<String, Value>>,
            reference: Option<String>,
            source: Option<Source>,
        }
        let RuleHead { rule, gradients, parameters, objective, config, reference, source } = file.parse()?;
        let is_objective = parameters.is_some() && objective.is_some();
        match (rule, gradients) {
            (Some(name), _) => Ok(Some(Head::new(name, config, reference, source))),
            (None, Some(_)) => Ok(None),
            (None, None) if is_objective => Ok(None),
            (None, None) => Err(file.broken("it has neither a `rule` nor the `gradients` of a stream")),
        }
    }

    fn names() -> Vec<&'static str> {
        OptimizerSpec::all().iter().map(OptimizerSpec::name).collect()
    }

    fn spec(name: &str, config: &Map<String, Value>) -> Result<OptimizerSpec, Error> {
        Ok(OptimizerSpec::from_value(&tagged(Self::TAG, name, config))?)
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
            source: Option<Source>,
        }
        let ScheduleHead { schedule, config, reference, source } = file.parse()?;
        let mut head = Head::new(schedule, config, reference, source);
        if let Some(name) = without_choice(&head.name, &head.config, &Self::names()) {
            head.name = name.into();
        }
        Ok(Some(head))
    }

    fn names() -> Vec<&'static str> {
        ScheduleSpec::all().iter().map(ScheduleSpec::name).collect()
    }

    fn spec(name: &str, config: &Map<String, Value>) -> Result<ScheduleSpec, Error> {
        Ok(ScheduleSpec::from_value(&tagged(Self::TAG, name, config))?)
    }

    fn deviation(spec: &ScheduleSpec, file: &File, _files: &[File], _on: &On) -> Result<Deviation, Error> {
        Rates::read(file)?.deviation(spec)
    }
}

impl Head {
    fn new(
        name: String,
        config: Option<Map<String, Value>>,
        reference: Option<String>,
        source: Option<Source>,
    ) -> Self {
        let reference = reference.unwrap_or_else(|| "not named".into());
        Head { name, config: config.unwrap_or_default(), reference, source }
    }
}

/// Returns the known name that `name` extends by `_` and the text of a setting: `warmup_stable_decay` for
/// `warmup_stable_decay_sqrt` with `"decay_shape": "sqrt"`. So a folder can hold a file per choice, each with
/// its own name.
fn without_choice<'a>(name: &str, config: &Map<String, Value>, known: &[&'a str]) -> Option<&'a str> {
    if known.contains(&name) {
        return None;
    }
    let mut names =
        config.values().filter_map(|choice| name.strip_suffix(choice.as_str()?)?.strip_suffix('_'));
    names.find_map(|name| known.iter().find(|known| **known == name).copied())
}

/// Returns `config` with `name` in the field `tag`.
fn tagged(tag: &str, name: &str, config: &Map<String, Value>) -> Value {
    let mut config = config.clone();
    config.insert(tag.into(), name.into());
    Value::Object(config)
}

/// Returns all settings of `spec`, without its name and without settings that the run supplies.
pub(super) fn settings<S: Subject>(spec: &S::Spec) -> Map<String, Value> {
    // Specs are plain structs of numbers, which JSON can always hold.
    let mut settings = match serde_json::to_value(spec) {
        Ok(Value::Object(settings)) => settings,
        _ => Map::new(),
    };
    settings.retain(|field, value| field != S::TAG && !value.is_null());
    settings
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_name_may_end_with_the_text_of_a_setting() {
        let known = ["decay", "decay_sqrt_2", "step"];
        let name = |name: &str, config: Value| without_choice(name, config.as_object().unwrap(), &known);
        let sqrt = json!({"initial_lr": 0.1, "decay_shape": "sqrt"});
        assert_eq!(name("decay_sqrt", sqrt.clone()), Some("decay"));
        // A known name, or a name without such a setting, is not changed.
        assert_eq!(name("decay_sqrt_2", json!({"decay_shape": "sqrt_2"})), None);
        for wrong in ["decay", "decay_", "decaysqrt", "decay_square", "sqrt", "_sqrt", "fall_sqrt"] {
            assert_eq!(name(wrong, sqrt.clone()), None, "{wrong}");
        }
        assert_eq!(name("decay_0.1", json!({"initial_lr": 0.1})), None);
        assert_eq!(name("decay_sqrt", json!({})), None);
    }

    #[test]
    fn a_file_for_a_choice_of_a_schedule_belongs_to_that_schedule() {
        let content = json!({"schedule": "warmup_stable_decay_sqrt", "config": {"decay_shape": "sqrt"}});
        let file = File { path: "sqrt.json".into(), content: content.to_string().into_bytes().into() };
        let head = Schedule::head(&file).unwrap().unwrap();
        assert_eq!((head.name.as_str(), head.config.len()), ("warmup_stable_decay", 1));
    }
}
