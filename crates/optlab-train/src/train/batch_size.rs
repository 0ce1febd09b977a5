//! The batch size of a training: a number, or a schedule of it.

use crate::Error;
use crate::data::BatchSizes;
use crate::train::Budget;
use optlab_core::spec::{self, Spec};
use optlab_optim::schedule::{NumberSchedule, Run, Schedule};
use serde::de::{Error as _, MapAccess, Unexpected, Visitor, value::MapAccessDeserializer};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use std::fmt;
use std::str::FromStr;

/// The number of examples per step: the same at every step, or a function of the step.
///
/// A schedule has the names of [schedules of numbers](NumberSchedule): `linear:from=32,to=256` grows from 32
/// to 256 examples over the run. It starts from the workload's own batch size unless it says `from`. Every
/// value is rounded to the nearest whole number, halves up, and is at least 1 and at most the training part.
/// In files a number is a number, and a schedule is its text; its table is read, too.
///
/// # Example
/// ```
/// use optlab_train::train::{BatchSize, Budget};
///
/// let size: BatchSize = "multi_step:milestones=[50%,75%],gamma=2".parse()?;
/// let sizes = size.sizes(32, Budget::Steps(100), 1000)?;
/// assert_eq!([0, 49, 50, 75, 99].map(|step| sizes.of_step(step)), [32, 32, 64, 128, 128]);
/// # Ok::<(), optlab_train::Error>(())
/// ```
///
/// # Source
/// Smith, Kindermans, Ying & Le, *Don't decay the learning rate, increase the batch size*, 2018,
/// <https://arxiv.org/abs/1711.00489>
#[derive(Debug, Clone, PartialEq)]
pub enum BatchSize {
    /// The same number of examples at every step, but the last of an epoch.
    Fixed(usize),
    /// The number of examples at each step.
    Scheduled(NumberSchedule),
}

impl BatchSize {
    /// The values that are allowed, in an error.
    pub(super) const ALLOWED: &'static str = "a whole number, or a schedule as in linear:from=32,to=256";

    /// Returns the sizes of the batches of a run of this length, for a training part of `examples` examples;
    /// `own` is the workload's default batch size.
    ///
    /// # Errors
    /// [`InvalidConfig`](optlab_core::Error::InvalidConfig) for a schedule in a run whose length is in
    /// epochs; for one that cannot be built, or that depends on measurements; for a value that is not finite;
    /// for a number, or a length, of 0.
    ///
    /// # Panics
    /// If there are no examples for a schedule.
    pub fn sizes(&self, own: usize, budget: Budget, examples: usize) -> Result<BatchSizes, Error> {
        let number = match self {
            BatchSize::Fixed(0) => return Err(Error::invalid("trial", "batch_size", "at least 1", 0)),
            BatchSize::Fixed(size) => return Ok(BatchSizes::fixed(*size, examples)),
            BatchSize::Scheduled(number) => number,
        };
        let steps = steps_of(number, budget)?;
        let schedule = built(number, own, steps)?;
        if let Some(step) = (0..steps).find(|&step| !schedule.lr_at(step).is_finite()) {
            let given = format!("{} at step {step}", schedule.lr_at(step));
            return Err(Error::invalid("trial", "batch_size", "a finite number at every step", given));
        }
        // Half an example counts up. A number beyond the whole numbers becomes the nearest of them.
        let at = move |step| schedule.lr_at(step).round() as usize;
        Ok(BatchSizes::scheduled(at, steps, examples))
    }

    /// Checks that the sizes of a run of this length can be computed, without looking at each; `own` is the
    /// workload's default batch size.
    ///
    /// # Errors
    /// As [`sizes`](Self::sizes), except for values that are not finite.
    pub fn check(&self, own: usize, budget: Budget) -> Result<(), Error> {
        match self {
            BatchSize::Fixed(_) => Ok(()),
            BatchSize::Scheduled(number) => built(number, own, steps_of(number, budget)?).map(drop),
        }
    }

    /// Checks that a schedule has a length in steps.
    ///
    /// # Errors
    /// [`InvalidConfig`](optlab_core::Error::InvalidConfig) for a schedule and a length in epochs.
    pub(super) fn check_length(&self, budget: Budget) -> Result<(), Error> {
        match self {
            BatchSize::Fixed(_) => Ok(()),
            BatchSize::Scheduled(number) => steps_of(number, budget).map(drop),
        }
    }

    /// Returns the error of reading `value`, if it is meant for a schedule: a table, or a text with the name
    /// of one.
    pub(super) fn schedule_error(value: &Value) -> Option<Error> {
        let Value::String(text) = value else {
            return value
                .is_object()
                .then(|| spec::from_value::<NumberSchedule>(value).err())?
                .map(Error::from);
        };
        let name = text.trim().trim_start_matches('(').split(':').next()?.trim();
        let is_schedule = text.contains(':') || NumberSchedule::default_of(name).is_some();
        if is_schedule { schedule(text).err() } else { None }
    }
}

/// Returns the length of a run in steps, which a schedule needs: how many steps an epoch has depends on the
/// sizes, so a length in epochs would depend on itself.
fn steps_of(number: &NumberSchedule, budget: Budget) -> Result<usize, Error> {
    match budget {
        Budget::Steps(0) => Err(Error::invalid("trial", "steps", "at least 1", 0)),
        Budget::Steps(steps) => Ok(steps),
        Budget::Epochs(_) => {
            let allowed = "a whole number where the length is in epochs; a schedule needs a length in steps";
            Err(Error::invalid("trial", "batch_size", allowed, number))
        }
    }
}

fn built(number: &NumberSchedule, own: usize, steps: usize) -> Result<Box<dyn Schedule>, Error> {
    // No epochs: their lengths follow from the sizes.
    let schedule = number.build(Run::new(own as f64, steps))?;
    match schedule.state().is_empty() {
        true => Ok(schedule),
        false => {
            let allowed = "a schedule of the step alone, without measurements";
            Err(Error::invalid("trial", "batch_size", allowed, number))
        }
    }
}

/// Reads the text of a schedule, in parentheses or not.
fn schedule(text: &str) -> Result<NumberSchedule, Error> {
    let text = text.trim();
    let inside = text.strip_prefix('(').and_then(|text| text.strip_suffix(')'));
    Ok(inside.unwrap_or(text).parse()?)
}

impl From<usize> for BatchSize {
    fn from(size: usize) -> Self {
        BatchSize::Fixed(size)
    }
}

impl FromStr for BatchSize {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        match text.trim().parse() {
            Ok(size) => Ok(BatchSize::Fixed(size)),
            Err(_) => schedule(text).map(BatchSize::Scheduled),
        }
    }
}

impl fmt::Display for BatchSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BatchSize::Fixed(size) => size.fmt(f),
            BatchSize::Scheduled(number) => number.fmt(f),
        }
    }
}

impl Serialize for BatchSize {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            BatchSize::Fixed(size) => size.serialize(serializer),
            BatchSize::Scheduled(number) => serializer.collect_str(number),
        }
    }
}

impl<'de> Deserialize<'de> for BatchSize {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NumberOrSchedule)
    }
}

struct NumberOrSchedule;

impl<'de> Visitor<'de> for NumberOrSchedule {
    type Value = BatchSize;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(BatchSize::ALLOWED)
    }

    fn visit_u64<E: serde::de::Error>(self, size: u64) -> Result<BatchSize, E> {
        let number =
            usize::try_from(size).map_err(|_| E::invalid_value(Unexpected::Unsigned(size), &self))?;
        Ok(BatchSize::Fixed(number))
    }

    fn visit_i64<E: serde::de::Error>(self, size: i64) -> Result<BatchSize, E> {
        let number = usize::try_from(size).map_err(|_| E::invalid_value(Unexpected::Signed(size), &self))?;
        Ok(BatchSize::Fixed(number))
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<BatchSize, E> {
        schedule(text).map(BatchSize::Scheduled).map_err(E::custom)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<BatchSize, A::Error> {
        let table = Value::deserialize(MapAccessDeserializer::new(map))?;
        spec::from_value(&table).map(BatchSize::Scheduled).map_err(A::Error::custom)
    }
}
