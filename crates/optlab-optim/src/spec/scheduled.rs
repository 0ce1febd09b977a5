//! Optimizers whose numbers follow schedules.

use crate::Error;
use crate::schedule::{NumberSchedule, ScheduleSpec};
use crate::spec::OptimizerSpec;
use optlab_core::range::Range;
use optlab_core::settings::Field;
use optlab_core::spec::{self, Spec};
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// An optimizer, and the schedules that some of its own numbers follow: in text
/// `muon:momentum=(linear:from=0.85,to=0.95,steps=300)`, in a table
/// `{ rule = "muon", momentum = { schedule = "linear", from = 0.85, to = 0.95, steps = 300 } }`.
///
/// The schedules get the length of the run from [`OptimizerSpec::build_for`].
#[derive(Debug, Clone, PartialEq)]
pub struct Scheduled {
    /// The optimizer. Its numbers that follow a schedule have their defaults.
    pub(crate) spec: Box<OptimizerSpec>,
    /// The schedule of each number, by the number's field.
    pub(crate) numbers: BTreeMap<String, NumberSchedule>,
}

/// A number that is no default, for a field that has none: it makes the field a number.
const ANY_NUMBER: f64 = 0.5;

impl Scheduled {
    /// Returns the error of an attempt to build the optimizer without the length of a run.
    pub(crate) fn needs_a_run(&self) -> Error {
        let field = self.numbers.keys().next().map_or("", String::as_str);
        let reason = "follows a schedule, which needs the length of the run (OptimizerSpec::build_for)";
        Error::Usage(format!("`{}`: `{field}` {reason}", self.spec.name()))
    }
}

impl Serialize for Scheduled {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut table = spec::to_value(&*self.spec);
        for (field, schedule) in &self.numbers {
            table[field] = spec::to_value(schedule);
        }
        table.serialize(serializer)
    }
}

/// Takes the schedules out of the table of an optimizer, whose own numbers they replace. The number is left
/// to its default, or set to any number where the default is none.
///
/// # Errors
/// [`Error::InvalidConfig`] for a setting that cannot follow a schedule.
pub(super) fn take_schedules(value: &mut Value) -> Result<BTreeMap<String, NumberSchedule>, Error> {
    let Some(table) = value.as_object_mut() else { return Ok(BTreeMap::new()) };
    let is_schedule = |(_, value): &(&String, &Value)| is_table_of_schedule(value);
    let fields: Vec<String> = table.iter().filter(is_schedule).map(|(field, _)| field.clone()).collect();
    if fields.is_empty() {
        return Ok(BTreeMap::new());
    }
    let name = table.get(OptimizerSpec::TAG).and_then(Value::as_str).unwrap_or_default().to_string();
    let default = OptimizerSpec::default_of(&name)
        .ok_or_else(|| Error::unknown_name(OptimizerSpec::KIND, &name, &OptimizerSpec::names()))?;
    let defaults = spec::to_value(&default);
    let mut schedules = BTreeMap::new();
    for field in fields {
        let has_range = |declared: &Field| declared.name == field && declared.range.is_some();
        if !defaults[&field].is_number() && !default.settings().iter().any(has_range) {
            // A setting of a registered rule that is a schedule itself.
            continue;
        }
        let given = table.remove(&field).unwrap_or_default();
        range_of(&default, &field, &given)?;
        if !defaults[&field].is_number() {
            table.insert(field.clone(), ANY_NUMBER.into());
        }
        schedules.insert(field, spec::from_value(&given)?);
    }
    Ok(schedules)
}

fn is_table_of_schedule(value: &Value) -> bool {
    let has = |tag| value.get(tag).is_some_and(Value::is_string);
    has(ScheduleSpec::TAG) && !has(OptimizerSpec::TAG)
}

/// Returns the range of a number that `given`, a schedule, is to set.
///
/// # Errors
/// [`Error::InvalidConfig`] unless it is a number with a declared range that is not of whole numbers.
fn range_of(spec: &OptimizerSpec, field: &str, given: &Value) -> Result<Range, Error> {
    let text = || given.get(ScheduleSpec::TAG).and_then(Value::as_str).unwrap_or_default().to_string();
    let refuse = |allowed| Err(Error::invalid(spec.name(), field, allowed, text()));
    match spec.settings().iter().find(|declared| declared.name == field).map(|declared| declared.range) {
        Some(Some(range)) if range.is_whole() => refuse("a whole number, which no schedule gives"),
        Some(Some(range)) => Ok(range),
        Some(None) => refuse("a setting of another kind: only a number with a range follows a schedule"),
        None => refuse("a number: only one that is declared with its range follows a schedule"),
    }
}

/// Reads what is given for the number `field` of the rule `name`: the table of a schedule, or `None` if it is
/// no schedule.
pub(super) fn read_for_number(name: &str, field: &str, given: &Value) -> Option<Result<Value, Error>> {
    let given = match given {
        Value::Object(table) => Value::Object(with_tag_of_schedules(table.clone())),
        Value::String(text) => {
            ScheduleSpec::default_of(text.split(':').next()?.trim())?;
            match spec::parse_text::<NumberSchedule>(text) {
                Ok(table) => table,
                Err(error) => return Some(Err(error)),
            }
        }
        _ => return None,
    };
    if !is_table_of_schedule(&given) {
        return None;
    }
    let default = OptimizerSpec::default_of(name)?;
    let read = range_of(&default, field, &given).and_then(|_| spec::from_value::<NumberSchedule>(&given));
    Some(read.map(|schedule| spec::to_value(&schedule)))
}

/// Returns the text of the table of a schedule; `None` for another table.
pub(super) fn text_for_number(table: &Value) -> Option<String> {
    let schedule =
        is_table_of_schedule(table).then(|| serde_json::from_value::<NumberSchedule>(table.clone()));
    schedule?.ok().map(|schedule| schedule.to_string())
}

/// Replaces the tag of optimizers, under which the parser of an optimizer's text puts every name, by that of
/// schedules, also in the schedules within.
fn with_tag_of_schedules(mut table: Map<String, Value>) -> Map<String, Value> {
    if let Some(name) = table.remove(OptimizerSpec::TAG) {
        table.insert(ScheduleSpec::TAG.into(), name);
    }
    let replace = |value: &mut Value| {
        if let Value::Object(table) = value {
            *table = with_tag_of_schedules(std::mem::take(table));
        }
    };
    for field in ScheduleSpec::NESTED {
        match table.get_mut(*field) {
            Some(Value::Array(list)) => list.iter_mut().for_each(replace),
            Some(value) => replace(value),
            None => {}
        }
    }
    table
}
