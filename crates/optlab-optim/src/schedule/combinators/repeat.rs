//! A schedule repeated with a fixed period.

use crate::Error;
use crate::schedule::combinators::{Combined, base};
use crate::schedule::span::Span;
use crate::schedule::spec::{ScheduleConfig, ScheduleSpec};
use crate::schedule::{Run, Schedule};
use optlab_core::range;
use serde::{Deserialize, Serialize};

/// Settings of [`Repeat`], where their ranges are listed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RepeatConfig {
    /// The schedule that is repeated.
    pub base: Box<ScheduleSpec>,
    /// Number of steps of one period.
    pub period: Option<Span>,
}

impl Default for RepeatConfig {
    fn default() -> Self {
        RepeatConfig { base: base(), period: None }
    }
}

impl ScheduleConfig for RepeatConfig {
    fn build(&self, run: Run) -> Result<Box<dyn Schedule>, Error> {
        let period = run.steps_or("repeat", "period", self.period, run.third())?;
        range::check_at_least_one("repeat", [("period", period)])?;
        let base = self.base.build(Run { total_steps: period, ..run })?;
        Ok(Box::new(Repeat { base, period }))
    }
}

/// A schedule that is repeated with a fixed period.
///
/// ```text
/// η(t) = η_base(t mod P)
/// ```
///
/// | field    | symbol   | default            | range      |
/// |:---------|:---------|:-------------------|:-----------|
/// | `base`   | `η_base` | `constant`         | a schedule |
/// | `period` | `P`      | a third of the run | 1…         |
///
/// The base is built for one period. Its state from measurements is kept from one period to the next. The
/// schedule never ends.
///
/// # Errors
/// [`build`](ScheduleConfig::build): [`Error::InvalidConfig`] if a field is out of range; the errors of the
/// base.
///
/// # Example
/// ```
/// use optlab_optim::schedule::{Run, ScheduleSpec};
///
/// let schedule = "repeat:period=2,base=cosine".parse::<ScheduleSpec>()?.build(Run::new(1.0, 10))?;
/// assert_eq!([0, 1, 2, 3, 10].map(|step| schedule.lr_at(step)), [1.0, 0.5, 1.0, 0.5, 1.0]);
/// # Ok::<(), optlab_optim::Error>(())
/// ```
pub struct Repeat {
    base: Box<dyn Schedule>,
    period: usize,
}

impl Combined for Repeat {
    fn lr_at(&self, step: usize) -> f64 {
        self.base.lr_at(step % self.period)
    }

    fn parts(&self) -> Vec<&dyn Schedule> {
        vec![&*self.base]
    }

    fn told(&self, step: usize) -> Vec<(&dyn Schedule, usize)> {
        vec![(&*self.base, step % self.period)]
    }
}
