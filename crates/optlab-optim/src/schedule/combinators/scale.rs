//! A schedule multiplied by a constant factor.

use crate::Error;
use crate::schedule::combinators::{Combined, base};
use crate::schedule::spec::{ScheduleConfig, ScheduleSpec};
use crate::schedule::{Run, Schedule, product};
use optlab_core::range::{self, NON_NEGATIVE};
use serde::{Deserialize, Serialize};

/// Settings of [`Scale`], where their ranges are listed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ScaleConfig {
    /// The schedule that is scaled.
    pub base: Box<ScheduleSpec>,
    /// The factor of its rates.
    pub factor: f64,
}

impl Default for ScaleConfig {
    fn default() -> Self {
        ScaleConfig { base: base(), factor: 1.0 }
    }
}

impl ScheduleConfig for ScaleConfig {
    fn build(&self, run: Run) -> Result<Box<dyn Schedule>, Error> {
        range::check("scale", [("factor", self.factor, NON_NEGATIVE)])?;
        Ok(Box::new(Scale { base: self.base.build(run)?, factor: self.factor }))
    }
}

/// The rates of a schedule, multiplied by a constant factor.
///
/// ```text
/// η(t) = c η_base(t)
/// ```
///
/// | field    | symbol   | default    | range      |
/// |:---------|:---------|:-----------|:-----------|
/// | `base`   | `η_base` | `constant` | a schedule |
/// | `factor` | `c`      | 1          | `[0, ∞)`   |
///
/// # Errors
/// [`build`](ScheduleConfig::build): [`Error::InvalidConfig`] if a field is out of range or NaN; the errors
/// of the base.
///
/// # Example
/// ```
/// use optlab_optim::schedule::{Run, ScheduleSpec};
///
/// let schedule = "scale:factor=0.5,base=cosine".parse::<ScheduleSpec>()?.build(Run::new(1.0, 10))?;
/// assert_eq!([0, 5, 10].map(|step| schedule.lr_at(step)), [0.5, 0.25, 0.0]);
/// # Ok::<(), optlab_optim::Error>(())
/// ```
pub struct Scale {
    base: Box<dyn Schedule>,
    factor: f64,
}

impl Combined for Scale {
    fn lr_at(&self, step: usize) -> f64 {
        product(self.base.lr_at(step), self.factor)
    }

    fn parts(&self) -> Vec<&dyn Schedule> {
        vec![&*self.base]
    }
}
