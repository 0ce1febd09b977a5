//! Exponential decay: the same factor at every step.

use crate::Error;
use crate::schedule::spec::ScheduleConfig;
use crate::schedule::{Run, Schedule, product};
use optlab_core::range::{self, NON_NEGATIVE, POSITIVE};
use serde::{Deserialize, Serialize};

/// Settings of [`Exponential`], where their ranges are listed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ExponentialConfig {
    /// The rate of step 0.
    pub initial_lr: Option<f64>,
    /// The factor per step.
    pub gamma: Option<f64>,
}

impl ScheduleConfig for ExponentialConfig {
    fn build(&self, run: Run) -> Result<Box<dyn Schedule>, Error> {
        let initial_lr = self.initial_lr.unwrap_or(run.lr);
        let gamma = self.gamma.unwrap_or(run.gamma());
        range::check("exponential", [("initial_lr", initial_lr, NON_NEGATIVE), ("gamma", gamma, POSITIVE)])?;
        Ok(Box::new(Exponential { initial_lr, gamma }))
    }
}

/// The rate is multiplied by the same factor at every step.
///
/// ```text
/// η(t) = η₀ γᵗ
/// ```
///
/// | field        | symbol | default                                                  | range    |
/// |:-------------|:-------|:---------------------------------------------------------|:---------|
/// | `initial_lr` | `η₀`   | the run's rate                                           | `[0, ∞)` |
/// | `gamma`      | `γ`    | `0.01^(1/T)`: a hundredth is left after the run's `T` steps | `(0, ∞)` |
///
/// The schedule never ends, so there is no final rate to hold.
///
/// # Errors
/// [`build`](ScheduleConfig::build): [`Error::InvalidConfig`] if a field is out of range or NaN.
///
/// # Example
/// ```
/// use optlab_optim::schedule::{Run, ScheduleSpec};
///
/// let schedule = "exponential".parse::<ScheduleSpec>()?.build(Run::new(1.0, 50))?;
/// assert!((schedule.lr_at(25) - 0.1).abs() < 1e-12 && (schedule.lr_at(50) - 0.01).abs() < 1e-12);
/// # Ok::<(), optlab_optim::Error>(())
/// ```
///
/// # Differs from
/// PyTorch's `ExponentialLR` only in that `gamma` has a default.
#[derive(Debug, Clone)]
pub struct Exponential {
    initial_lr: f64,
    gamma: f64,
}

impl Schedule for Exponential {
    fn lr_at(&self, step: usize) -> f64 {
        product(self.initial_lr, self.gamma.powf(step as f64))
    }
}
