//! The name of a trial, which stays the same when rules get more settings.

use crate::files::checksum;
use crate::train::Trial;
use optlab_core::spec::{self, Spec};
use optlab_optim::OptimizerSpec;
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use std::fmt;

/// Returns the first 12 digits of the SHA-256 of the trial's JSON.
///
/// A setting that was added to a rule later ([`since`](optlab_core::settings::Field::since)) is left out
/// where it has its default, so that trials from before keep their names.
pub(super) fn fingerprint(trial: &Trial) -> String {
    // A trial holds only finite numbers, text and booleans, which JSON can express.
    let mut json = serde_json::to_vec(trial).unwrap_or_default();
    if let Ok(Json::Table(mut fields)) = serde_json::from_slice(&json) {
        let optimizer = fields.iter_mut().find(|(name, _)| name == "optimizer");
        if optimizer.is_some_and(|(_, optimizer)| optimizer.leave_out_later_defaults()) {
            json = serde_json::to_vec(&Json::Table(fields)).unwrap_or_default();
        }
    }
    checksum::fingerprint(&json)
}

/// Settings whose default has another form than in older trials: rule, setting, default then. The new form is
/// null.
const FORMER_DEFAULTS: [(&str, &str, u64); 1] = [("muon", "ns_steps", 5)];

/// A JSON value whose tables keep the order of their fields.
#[derive(Debug, Clone, PartialEq)]
enum Json {
    Table(Vec<(String, Json)>),
    List(Vec<Json>),
    Other(Value),
}

impl Json {
    /// Removes later settings that have their defaults, from every rule in it, and writes other defaults as
    /// before. Returns whether there was one.
    fn leave_out_later_defaults(&mut self) -> bool {
        match self {
            Json::Table(fields) => {
                let mut changed = false;
                if let Some(rule) = rule_of(fields) {
                    let later = rule.settings().iter().filter(|field| field.since.is_some());
                    let mut later = later.map(|field| field.name).peekable();
                    // Most rules have none, and need no table of their defaults.
                    let defaults = later.peek().map(|_| spec::to_value(&rule)).unwrap_or_default();
                    for field in later {
                        let is_default = |value: &Json| spec::to_value(value) == defaults[field];
                        let before = fields.len();
                        fields.retain(|(name, value)| name != field || !is_default(value));
                        changed |= fields.len() < before;
                    }
                    for (_, field, default) in FORMER_DEFAULTS.iter().filter(|(of, ..)| *of == rule.name()) {
                        let is_new = |(name, value): &&mut (String, Json)| {
                            name == field && *value == Json::Other(Value::Null)
                        };
                        if let Some((_, value)) = fields.iter_mut().find(is_new) {
                            *value = Json::Other((*default).into());
                            changed = true;
                        }
                    }
                }
                fields
                    .iter_mut()
                    .fold(changed, |changed, (_, value)| value.leave_out_later_defaults() | changed)
            }
            Json::List(list) => {
                list.iter_mut().fold(false, |changed, value| value.leave_out_later_defaults() | changed)
            }
            Json::Other(_) => false,
        }
    }
}

/// Returns the rule that a table names, with its default settings.
fn rule_of(fields: &[(String, Json)]) -> Option<OptimizerSpec> {
    let (_, tag) = fields.iter().find(|(name, _)| name == OptimizerSpec::TAG)?;
    let Json::Other(Value::String(name)) = tag else { return None };
    OptimizerSpec::default_of(name)
}

impl Serialize for Json {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Json::Table(fields) => {
                let mut map = serializer.serialize_map(Some(fields.len()))?;
                fields.iter().try_for_each(|(name, value)| map.serialize_entry(name, value))?;
                map.end()
            }
            Json::List(list) => list.serialize(serializer),
            Json::Other(value) => value.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(InOrder)
    }
}

struct InOrder;

impl<'de> Visitor<'de> for InOrder {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Other(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Json, E> {
        Ok(Json::Other(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Json, E> {
        Ok(Json::Other(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Json, E> {
        Ok(Json::Other(value.into()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Json, E> {
        Ok(Json::Other(value.into()))
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Other(Value::Null))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Json, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Json::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Json, A::Error> {
        let mut fields = Vec::new();
        while let Some(field) = entries.next_entry()? {
            fields.push(field);
        }
        Ok(Json::Table(fields))
    }
}
