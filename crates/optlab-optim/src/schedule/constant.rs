//! The same rate at every step.

use crate::Error;
use crate::schedule::spec::ScheduleConfig;
use crate::schedule::{Run, Schedule};
use optlab_core::range::{self, NON_NEGATIVE};
use serde::{Deserialize, Serialize};

/// Settings of [`Constant`], where their ranges are listed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ConstantConfig {
    /// The rate of every step.
    pub initial_lr: Option<f64>,
}

impl ScheduleConfig for ConstantConfig {
    fn build(&self, run: Run) -> Result<Box<dyn Schedule>, Error> {
        let initial_lr = self.initial_lr.unwrap_or(run.lr);
        range::check("constant", [("initial_lr", initial_lr, NON_NEGATIVE)])?;
        Ok(Box::new(Constant { initial_lr }))
    }
}

/// The same rate at every step.
///
/// ```text
/// η(t) = η₀
/// ```
///
/// | field        | symbol | default        | range    |
/// |:-------------|:-------|:---------------|:---------|
/// | `initial_lr` | `η₀`   | the run's rate | `[0, ∞)` |
///
/// # Errors
/// [`build`](ScheduleConfig::build): [`Error::InvalidConfig`] if a field is out of range or NaN.
///
/// # Example
/// ```
/// use optlab_optim::schedule::{Run, ScheduleSpec};
///
/// let schedule = "constant".parse::<ScheduleSpec>()?.build(Run::new(0.1, 10))?;
/// assert_eq!((schedule.lr_at(0), schedule.lr_at(1000)), (0.1, 0.1));
/// # Ok::<(), optlab_optim::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Constant {
    initial_lr: f64,
}

impl Schedule for Constant {
    fn lr_at(&self, _step: usize) -> f64 {
        self.initial_lr
    }
}
