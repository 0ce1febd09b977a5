//! Polynomial decay in the remaining share of the steps.

use crate::Error;
use crate::schedule::span::Span;
use crate::schedule::spec::ScheduleConfig;
use crate::schedule::{Run, Schedule};
use optlab_core::range::{self, NON_NEGATIVE, POSITIVE, Range};
use serde::{Deserialize, Serialize};

/// Settings of [`Polynomial`], where their ranges are listed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PolynomialConfig {
    /// The rate of step 0.
    pub initial_lr: Option<f64>,
    /// The step that reaches `end_lr`.
    pub total_steps: Option<Span>,
    /// The power of the remaining share of the steps.
    pub power: f64,
    /// The rate at the end.
    pub end_lr: f64,
}

impl Default for PolynomialConfig {
    fn default() -> Self {
        PolynomialConfig { initial_lr: None, total_steps: None, power: 1.0, end_lr: 0.0 }
    }
}

impl ScheduleConfig for PolynomialConfig {
    fn build(&self, run: Run) -> Result<Box<dyn Schedule>, Error> {
        let owner = "polynomial";
        let initial_lr = self.initial_lr.unwrap_or(run.lr);
        let total_steps = run.steps_or(owner, "total_steps", self.total_steps, run.total_steps)?;
        range::check(owner, [("initial_lr", initial_lr, NON_NEGATIVE), ("power", self.power, POSITIVE)])?;
        range::check(owner, [("end_lr", self.end_lr, Range::up_to(initial_lr))])?;
        range::check_at_least_one(owner, [("total_steps", total_steps)])?;
        Ok(Box::new(Polynomial { initial_lr, total_steps, power: self.power, end_lr: self.end_lr }))
    }
}

/// The rate decays as a power of the remaining share of the steps.
///
/// ```text
/// η(t) = η_end + (η₀ − η_end) (1 − t / T)^p      for t ≤ T, then η_end
/// ```
///
/// | field         | symbol  | default          | range             |
/// |:--------------|:--------|:-----------------|:------------------|
/// | `initial_lr`  | `η₀`    | the run's rate   | `[0, ∞)`          |
/// | `total_steps` | `T`     | the run's length | 1…                |
/// | `power`       | `p`     | 1                | `(0, ∞)`          |
/// | `end_lr`      | `η_end` | 0                | `[0, initial_lr]` |
///
/// # Errors
/// [`build`](ScheduleConfig::build): [`Error::InvalidConfig`] if a field is out of range or NaN.
///
/// # Example
/// ```
/// use optlab_optim::schedule::{Run, ScheduleSpec};
///
/// let schedule = "polynomial:power=2".parse::<ScheduleSpec>()?.build(Run::new(1.0, 4))?;
/// let rates = [0, 1, 2, 3, 4, 5].map(|step| schedule.lr_at(step));
/// assert_eq!(rates, [1.0, 0.5625, 0.25, 0.0625, 0.0, 0.0]);
/// # Ok::<(), optlab_optim::Error>(())
/// ```
///
/// # Differs from
/// PyTorch's `PolynomialLR`, which always ends at 0 and ends after 5 steps by default.
#[derive(Debug, Clone)]
pub struct Polynomial {
    initial_lr: f64,
    total_steps: usize,
    power: f64,
    end_lr: f64,
}

impl Schedule for Polynomial {
    fn lr_at(&self, step: usize) -> f64 {
        let left = self.total_steps.saturating_sub(step) as f64 / self.total_steps as f64;
        self.end_lr + (self.initial_lr - self.end_lr) * left.powf(self.power)
    }
}
