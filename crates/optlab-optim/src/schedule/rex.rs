//! REX: decays slowly at first, then ever faster.

use crate::Error;
use crate::schedule::span::Span;
use crate::schedule::spec::ScheduleConfig;
use crate::schedule::{Run, Schedule};
use optlab_core::range::{self, NON_NEGATIVE, Range};
use serde::{Deserialize, Serialize};

/// Settings of [`Rex`], where their ranges are listed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RexConfig {
    /// The rate of step 0.
    pub initial_lr: Option<f64>,
    /// The step that reaches `min_lr`.
    pub total_steps: Option<Span>,
    /// The rate at the end.
    pub min_lr: f64,
}

impl ScheduleConfig for RexConfig {
    fn build(&self, run: Run) -> Result<Box<dyn Schedule>, Error> {
        let initial_lr = self.initial_lr.unwrap_or(run.lr);
        let total_steps = run.steps_or("rex", "total_steps", self.total_steps, run.total_steps)?;
        range::check("rex", [("initial_lr", initial_lr, NON_NEGATIVE)])?;
        range::check("rex", [("min_lr", self.min_lr, Range::up_to(initial_lr))])?;
        range::check_at_least_one("rex", [("total_steps", total_steps)])?;
        Ok(Box::new(Rex { initial_lr, total_steps, min_lr: self.min_lr }))
    }
}

/// REX: decays slowly at first, then ever faster, down to the smallest rate (Chen et al., 2021).
///
/// ```text
/// z = t / T
/// η(t) = η_min + (η₀ − η_min) (1 − z) / (1/2 + (1 − z)/2)      for t ≤ T, then η_min
/// ```
///
/// | field         | symbol  | default          | range             |
/// |:--------------|:--------|:-----------------|:------------------|
/// | `initial_lr`  | `η₀`    | the run's rate   | `[0, ∞)`          |
/// | `total_steps` | `T`     | the run's length | 1…                |
/// | `min_lr`      | `η_min` | 0                | `[0, initial_lr]` |
///
/// # Errors
/// [`build`](ScheduleConfig::build): [`Error::InvalidConfig`] if a field is out of range or NaN.
///
/// # Example
/// Halfway, two thirds of the rate are left:
/// ```
/// use optlab_optim::schedule::{Run, ScheduleSpec};
///
/// let schedule = "rex".parse::<ScheduleSpec>()?.build(Run::new(1.0, 10))?;
/// assert_eq!([0, 5, 10, 11].map(|step| schedule.lr_at(step)), [1.0, 0.5 / 0.75, 0.0, 0.0]);
/// # Ok::<(), optlab_optim::Error>(())
/// ```
///
/// # Differs from
/// The paper, whose schedule always ends at 0 and has no `min_lr`.
///
/// # Reference
/// Chen, Wolfe & Kyrillidis, *REX: Revisiting Budgeted Training with an Improved Schedule*, 2021,
/// <https://arxiv.org/abs/2107.04197>
#[derive(Debug, Clone)]
pub struct Rex {
    initial_lr: f64,
    total_steps: usize,
    min_lr: f64,
}

impl Schedule for Rex {
    fn lr_at(&self, step: usize) -> f64 {
        let left = self.total_steps.saturating_sub(step) as f64 / self.total_steps as f64;
        self.min_lr + (self.initial_lr - self.min_lr) * left / (0.5 + 0.5 * left)
    }
}
