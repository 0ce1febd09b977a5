//! A number of a rule that follows a schedule over a run.

use crate::Error;
use crate::schedule::{NumberSchedule, Run, Schedule};
use optlab_core::range::Range;
use optlab_core::settings::Field;
use std::sync::Arc;

/// The most steps at which the values of a number are checked before the first step. In a longer run these
/// are spread evenly.
const MOST_CHECKED: usize = 1 << 20;

/// A number that follows a schedule, and its range.
#[derive(Clone)]
pub(crate) struct FollowedNumber {
    pub owner: &'static str,
    pub field: String,
    range: Range,
    schedule: Arc<dyn Schedule>,
    /// The last step of the run, after which the number keeps its value.
    last: usize,
}

impl FollowedNumber {
    /// Builds the schedule of the number `field` of `owner`, of whose settings `fields` are the declarations;
    /// `default` is the number's default, if it has one.
    ///
    /// # Errors
    /// The errors of the schedule; [`Error::InvalidConfig`] for a setting that is no number with a range, for
    /// a schedule without a first value, and for one that depends on measurements.
    pub fn of(
        owner: &'static str,
        field: &str,
        fields: &[Field],
        default: Option<f64>,
        schedule: &NumberSchedule,
        run: Run,
    ) -> Result<Self, Error> {
        let refuse = |allowed: &str| Err(Error::invalid(owner, field, allowed, schedule));
        let declared = fields.iter().find(|declared| declared.name == field);
        let Some(range) = declared.and_then(|declared| declared.range).filter(|range| !range.is_whole())
        else {
            return refuse("a number with a range");
        };
        let built = schedule.build(Run { lr: default.unwrap_or(f64::NAN), ..run });
        if default.is_none() && built.is_err() && schedule.build(Run { lr: 1.0, ..run }).is_ok() {
            return refuse("a schedule with its own first value, since the setting has no default");
        }
        let built = built?;
        if !built.state().is_empty() {
            return refuse("a schedule of the step alone, without measurements");
        }
        let last = run.total_steps.saturating_sub(1);
        Ok(FollowedNumber { owner, field: field.into(), range, schedule: built.into(), last })
    }

    /// Returns the value at a step.
    pub fn at(&self, step: usize) -> f64 {
        self.schedule.lr_at(step.min(self.last))
    }

    /// Checks the values of the whole run against the range, and returns the steps of the smallest, the
    /// largest and the last.
    ///
    /// # Errors
    /// [`Error::InvalidConfig`] for a value out of its range.
    pub fn checked(&self) -> Result<[usize; 3], Error> {
        let steps = self.last.saturating_add(1);
        let checked = steps.min(MOST_CHECKED);
        let (mut smallest, mut largest) = ((f64::INFINITY, 0), (f64::NEG_INFINITY, 0));
        for place in 0..checked {
            let step = match checked == steps {
                true => place,
                false => (place as u128 * self.last as u128 / (checked as u128 - 1)) as usize,
            };
            let value = self.at(step);
            if !self.range.contains(value) {
                let given = format!("{value} at step {step}");
                return Err(Error::invalid(self.owner, &self.field, &self.range.allowed(), given));
            }
            smallest = if value < smallest.0 { (value, step) } else { smallest };
            largest = if value > largest.0 { (value, step) } else { largest };
        }
        Ok([smallest.1, largest.1, self.last])
    }

    /// Returns the error for a value at `step` that does with the rule what a schedule may not.
    pub fn refused(&self, allowed: &str, step: usize) -> Error {
        let given = format!("{} at step 0 and {} at step {step}", self.at(0), self.at(step));
        Error::invalid(self.owner, &self.field, allowed, given)
    }
}
