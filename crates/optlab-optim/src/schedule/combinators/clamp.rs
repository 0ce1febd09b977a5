//! A schedule limited to a range of rates.

use crate::Error;
use crate::schedule::combinators::{Combined, base};
use crate::schedule::spec::{ScheduleConfig, ScheduleSpec};
use crate::schedule::{Run, Schedule};
use optlab_core::range::{self, NON_NEGATIVE, Range};
use serde::{Deserialize, Serialize};

/// Settings of [`Clamp`], where their ranges are listed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ClampConfig {
    /// The schedule that is limited.
    pub base: Box<ScheduleSpec>,
    /// The smallest rate.
    pub min: f64,
    /// The largest rate; `None` for no bound.
    pub max: Option<f64>,
}

impl Default for ClampConfig {
    fn default() -> Self {
        ClampConfig { base: base(), min: 0.0, max: None }
    }
}

impl ScheduleConfig for ClampConfig {
    fn build(&self, run: Run) -> Result<Box<dyn Schedule>, Error> {
        range::check("clamp", [("min", self.min, NON_NEGATIVE)])?;
        if let Some(max) = self.max {
            range::check("clamp", [("max", max, Range::starting_at(self.min))])?;
        }
        let max = self.max.unwrap_or(f64::INFINITY);
        Ok(Box::new(Clamp { base: self.base.build(run)?, min: self.min, max }))
    }
}

/// The rates of a schedule, limited to a range.
///
/// ```text
/// η(t) = min(max(η_base(t), a), b)
/// ```
///
/// | field  | symbol   | default    | range      |
/// |:-------|:---------|:-----------|:-----------|
/// | `base` | `η_base` | `constant` | a schedule |
/// | `min`  | `a`      | 0          | `[0, ∞)`   |
/// | `max`  | `b`      | no bound   | `[min, ∞)` |
///
/// # Errors
/// [`build`](ScheduleConfig::build): [`Error::InvalidConfig`] if a field is out of range or NaN; the errors
/// of the base.
///
/// # Example
/// ```
/// use optlab_optim::schedule::{Run, ScheduleSpec};
///
/// let schedule = "clamp:min=0.2,max=0.8,base=cosine".parse::<ScheduleSpec>()?.build(Run::new(1.0, 10))?;
/// assert_eq!([0, 5, 10].map(|step| schedule.lr_at(step)), [0.8, 0.5, 0.2]);
/// # Ok::<(), optlab_optim::Error>(())
/// ```
pub struct Clamp {
    base: Box<dyn Schedule>,
    min: f64,
    max: f64,
}

impl Combined for Clamp {
    fn lr_at(&self, step: usize) -> f64 {
        self.base.lr_at(step).clamp(self.min, self.max)
    }

    fn parts(&self) -> Vec<&dyn Schedule> {
        vec![&*self.base]
    }
}
