//! Some fields of a model, without or with its kind.

use crate::Error;
use crate::model::spec::ModelSpec;
use crate::model::spec::fields::{FIELDS, KINDS};
use crate::model::spec::text::{OWNER, parse_fields, text_of};
use serde::de::{Deserializer, Error as _};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;
use std::fmt;
use std::str::FromStr;

/// Fields to change in a model: `dropout=0.2`, or `mlp=[32],dropout=0.2`, which also changes its kind.
///
/// The fields are in the order of [`ModelSpec::fields`]; equal patches have equal JSON.
///
/// # Example
/// ```
/// use optlab_train::model::{ModelPatch, ModelSpec};
///
/// let base: ModelSpec = "cnn=[16,32],dropout=[0.1,0.25]".parse()?;
/// let patch: ModelPatch = "dropout=0.5".parse()?;
/// assert_eq!(patch.apply(&base)?.to_string(), "cnn=[16,32],dropout=0.5");
/// # Ok::<(), optlab_train::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ModelPatch {
    fields: Vec<(String, Value)>,
}

/// The name for the list of whichever kind the model is.
const UNITS: &str = "units";

impl ModelPatch {
    /// Reads a text or a table.
    ///
    /// # Errors
    /// [`UnknownField`](optlab_core::Error::UnknownField) for a field that no kind of model has,
    /// [`InvalidConfig`](optlab_core::Error::InvalidConfig) for a value that no kind allows,
    /// [`Usage`](optlab_core::Error::Usage) for two kinds or a malformed text.
    pub fn from_value(value: &Value) -> Result<Self, Error> {
        match value {
            Value::String(text) => text.parse(),
            Value::Object(table) => {
                ModelPatch::new(table.iter().map(|(name, value)| (name.clone(), value.clone())).collect())
            }
            other => Err(Error::usage(format!("a model must be a text or a table, not {}", text_of(other)))),
        }
    }

    fn new(mut fields: Vec<(String, Value)>) -> Result<Self, Error> {
        for (name, value) in &mut fields {
            // A kind alone has its default size.
            let default = ModelSpec::default_of(name).ok().map(|spec| spec.values().swap_remove(0).1);
            if *value == true
                && let Some(default) = default
            {
                *value = default;
            }
            check(name, value)?;
        }
        let place = |name: &str| FIELDS.iter().position(|field| field.name == name);
        fields.sort_by_key(|(name, _)| place(name).unwrap_or_default());
        let kinds: Vec<&str> =
            fields.iter().map(|(name, _)| name.as_str()).filter(|name| is_kind(name)).collect();
        match kinds[..] {
            [first, second, ..] => Err(Error::usage(format!(
                "{OWNER}: `{first}` and `{second}` are two kinds of model; give one"
            ))),
            _ => Ok(ModelPatch { fields }),
        }
    }

    /// Returns this patch with the fields of `other`, which override its own; the kind of `other` replaces
    /// this one's.
    ///
    /// # Errors
    /// As for [`from_value`](Self::from_value).
    pub fn with(&self, other: &ModelPatch) -> Result<Self, Error> {
        let is_replaced = |name: &str| {
            other.fields.iter().any(|(replacing, _)| replacing == name)
                || is_kind(name) && other.kind().is_some()
        };
        let kept = self.fields.iter().filter(|(name, _)| !is_replaced(name));
        ModelPatch::new(kept.chain(&other.fields).cloned().collect())
    }

    /// Returns whether it changes nothing.
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// Returns the kind that it names, if it names one.
    pub fn kind(&self) -> Option<&str> {
        self.fields.iter().map(|(name, _)| name.as_str()).find(|name| is_kind(name))
    }

    /// Returns `base` with these fields. A kind other than the base's keeps the fields that both have.
    ///
    /// # Errors
    /// As for [`ModelSpec::set`].
    pub fn apply(&self, base: &ModelSpec) -> Result<ModelSpec, Error> {
        let mut spec = base.clone();
        self.fields.iter().try_for_each(|(name, value)| spec.set(name, value))?;
        spec.check()?;
        Ok(spec)
    }

    /// Returns the model that it names by itself.
    ///
    /// # Errors
    /// [`Usage`](optlab_core::Error::Usage) without a kind; else as for [`ModelSpec::set`].
    pub fn into_spec(self) -> Result<ModelSpec, Error> {
        let kind = self.kind().ok_or_else(|| {
            let kinds = KINDS.join(", ");
            Error::usage(format!("{OWNER} `{self}` names no kind of model; start with one of {kinds}"))
        })?;
        self.apply(&ModelSpec::default_of(kind)?)
    }
}

fn is_kind(name: &str) -> bool {
    KINDS.contains(&name)
}

/// Checks that some kind of model has the field and allows the value.
fn check(name: &str, value: &Value) -> Result<(), Error> {
    let mut first_error = None;
    for kind in KINDS {
        let mut spec = ModelSpec::default_of(kind)?;
        let has_it = name == UNITS || spec.slots().iter().any(|(field, _)| *field == name);
        match spec.set(name, value) {
            _ if !has_it => {}
            Ok(()) => return Ok(()),
            Err(error @ Error::Core(optlab_core::Error::UnknownField { .. })) => drop(error),
            Err(error) => first_error = first_error.or(Some(error)),
        }
    }
    let mut known: Vec<&str> = FIELDS.iter().map(|field| field.name).collect();
    known.dedup();
    Err(first_error.unwrap_or_else(|| Error::unknown_field(OWNER, name, &known)))
}

impl FromStr for ModelPatch {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        ModelPatch::new(parse_fields(text)?)
    }
}

impl fmt::Display for ModelPatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |(name, value): &(String, Value)| match value {
            Value::Bool(true) if is_kind(name) => name.clone(),
            value => format!("{name}={}", text_of(value)),
        };
        f.write_str(&self.fields.iter().map(text).collect::<Vec<_>>().join(","))
    }
}

impl Serialize for ModelPatch {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.fields.iter().map(|(name, value)| (name, value)))
    }
}

impl<'de> Deserialize<'de> for ModelPatch {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        ModelPatch::from_value(&Value::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}
