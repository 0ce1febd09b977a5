//! Schedules in place of a number of a rule.

use crate::Error;
use crate::schedule::{Run, Schedule, ScheduleSpec};
use optlab_core::spec::{self, Spec};
use serde::de::{Deserializer, Error as _};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Map, Value};

/// A schedule in place of a number of a rule: `muon:momentum=(linear:from=0.85,to=0.95,steps=300)`.
///
/// The fields that are called after learning rates have other names here:
///
/// | field of the schedule          | name    |
/// |:-------------------------------|:--------|
/// | `initial_lr`, `base_lr`        | `from`  |
/// | `peak_lr`, `max_lr`            | `peak`  |
/// | `end_lr`, `min_lr`, `final_lr` | `to`    |
/// | `constant_lr`                  | `constant` |
/// | `total_steps`                  | `steps` |
///
/// # Example
/// ```
/// use optlab_optim::schedule::{NumberSchedule, ScheduleSpec};
///
/// let number: NumberSchedule = "cosine:from=0.9,to=0.5".parse()?;
/// assert_eq!(number.0, "cosine:initial_lr=0.9,min_lr=0.5".parse::<ScheduleSpec>()?);
/// assert_eq!(number.to_string(), "cosine:from=0.9,to=0.5");
/// # Ok::<(), optlab_optim::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct NumberSchedule(pub ScheduleSpec);

/// The fields with another name, and that name. No schedule has two fields with the same one.
const NAMES: [(&str, &str); 9] = [
    ("initial_lr", "from"),
    ("base_lr", "from"),
    ("peak_lr", "peak"),
    ("max_lr", "peak"),
    ("end_lr", "to"),
    ("min_lr", "to"),
    ("final_lr", "to"),
    ("constant_lr", "constant"),
    ("total_steps", "steps"),
];

/// A direction in which fields are renamed.
#[derive(Clone, Copy)]
enum To {
    /// To the schedule's own names.
    Own,
    /// To the names for numbers.
    Number,
}

impl NumberSchedule {
    /// Builds the schedule for `run`, whose rate is the number's default.
    ///
    /// # Errors
    /// Those of [`ScheduleSpec::build`], with the names for numbers.
    pub fn build(&self, run: Run) -> Result<Box<dyn Schedule>, Error> {
        self.0.build(run).map_err(|mut error| {
            if let Error::InvalidConfig { field, .. } = &mut error
                && let Some((_, number)) = NAMES.into_iter().find(|(own, _)| own == field)
            {
                *field = number.into();
            }
            error
        })
    }
}

impl Serialize for NumberSchedule {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        renamed(spec::to_value(&self.0), To::Number).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for NumberSchedule {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        spec::check_depth(Self::KIND, &value).map_err(D::Error::custom)?;
        ScheduleSpec::deserialize(renamed(value, To::Own)).map(NumberSchedule).map_err(D::Error::custom)
    }
}

impl Spec for NumberSchedule {
    const KIND: &'static str = ScheduleSpec::KIND;
    const TAG: &'static str = ScheduleSpec::TAG;
    const NESTED: &'static [&'static str] = ScheduleSpec::NESTED;
    const FOREIGN: &'static [&'static str] = ScheduleSpec::FOREIGN;
    const NO_VALUE: &'static str = "from the number's default";

    fn names() -> Vec<&'static str> {
        ScheduleSpec::names()
    }

    fn default_of(name: &str) -> Option<Self> {
        ScheduleSpec::default_of(name).map(NumberSchedule)
    }
}

optlab_core::spec_as_text!(NumberSchedule);

/// Renames the fields of a schedule's table and of those within it.
fn renamed(value: Value, to: To) -> Value {
    let Value::Object(mut table) = value else { return value };
    for field in ScheduleSpec::NESTED {
        match table.get_mut(*field) {
            Some(Value::Array(list)) => list.iter_mut().for_each(|value| *value = renamed(value.take(), to)),
            Some(value) => *value = renamed(value.take(), to),
            None => {}
        }
    }
    let name = table.get(ScheduleSpec::TAG).and_then(Value::as_str);
    let own_fields =
        name.and_then(ScheduleSpec::default_of).map_or(Value::Null, |spec| spec::to_value(&spec));
    let new_name = |field: String| {
        let mut rows = NAMES.into_iter();
        let row = match to {
            To::Own => rows.find(|(own, number)| *number == field && own_fields.get(own).is_some()),
            To::Number => rows.find(|(own, _)| *own == field),
        };
        // A schedule may have a field of its own with the other name, as `warmup` has `steps`.
        match row.filter(|(_, number)| own_fields.get(number).is_none()) {
            Some((own, number)) => if let To::Own = to { own } else { number }.to_string(),
            None => field,
        }
    };
    Value::Object(table.into_iter().map(|(field, value)| (new_name(field), value)).collect::<Map<_, _>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_schedule_has_distinct_names_for_numbers_and_reads_them_back() {
        for spec in ScheduleSpec::all() {
            let number = NumberSchedule(spec.clone());
            let (own, renamed) = (spec::to_value(&spec), spec::to_value(&number));
            let count = |value: &Value| value.as_object().map_or(0, Map::len);
            assert_eq!(count(&own), count(&renamed), "{own}, {renamed}");
            let fields = renamed.as_object().unwrap().keys();
            assert!(fields.into_iter().all(|field| !field.ends_with("_lr")), "{renamed}");
            assert_eq!(serde_json::from_value::<NumberSchedule>(renamed).unwrap(), number);
            assert_eq!(number.to_string().parse::<NumberSchedule>().unwrap(), number);
        }
    }

    #[test]
    fn a_schedule_within_a_schedule_has_the_names_too() {
        let text = "sequence:lengths=[50%,50%],schedules=[(linear:from=0.5,steps=10,to=0.9),warmup]";
        let number: NumberSchedule = text.parse().unwrap();
        assert_eq!(number.to_string(), text);
        let own = "sequence:lengths=[50%,50%],\
                   schedules=[(linear:end_lr=0.9,initial_lr=0.5,total_steps=10),warmup]";
        assert_eq!(number.0, own.parse::<ScheduleSpec>().unwrap());
        let text = "warmup:steps=5,base=cosine:from=0.9,steps=7";
        assert_eq!(text.parse::<NumberSchedule>().unwrap().to_string(), text);
    }

    #[test]
    fn the_names_of_learning_rates_are_unknown_for_numbers() {
        let error = "linear:end_lr=0.5".parse::<NumberSchedule>().unwrap_err().to_string();
        assert!(error.starts_with("schedule `linear` has no field `end_lr`"), "{error}");
    }
}
