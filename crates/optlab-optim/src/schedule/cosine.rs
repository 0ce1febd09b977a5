//! Half a cosine down to the smallest rate.

use crate::Error;
use crate::schedule::shape::half_cosine;
use crate::schedule::span::Span;
use crate::schedule::spec::ScheduleConfig;
use crate::schedule::{Run, Schedule};
use optlab_core::range::{self, NON_NEGATIVE, Range};
use serde::{Deserialize, Serialize};

/// Settings of [`Cosine`], where their ranges are listed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CosineConfig {
    /// The rate of step 0.
    pub initial_lr: Option<f64>,
    /// The step that reaches `min_lr`.
    pub total_steps: Option<Span>,
    /// The rate at the end.
    pub min_lr: f64,
}

impl ScheduleConfig for CosineConfig {
    fn build(&self, run: Run) -> Result<Box<dyn Schedule>, Error> {
        let initial_lr = self.initial_lr.unwrap_or(run.lr);
        let total_steps = run.steps_or("cosine", "total_steps", self.total_steps, run.total_steps)?;
        range::check("cosine", [("initial_lr", initial_lr, NON_NEGATIVE)])?;
        range::check("cosine", [("min_lr", self.min_lr, Range::up_to(initial_lr))])?;
        range::check_at_least_one("cosine", [("total_steps", total_steps)])?;
        Ok(Box::new(Cosine { initial_lr, total_steps, min_lr: self.min_lr }))
    }
}

/// Half a cosine from the initial rate to the smallest (Loshchilov & Hutter, 2016).
///
/// ```text
/// η(t) = η_min + (η₀ − η_min) (1 + cos(π t / T)) / 2      for t ≤ T, then η_min
/// ```
///
/// | field         | symbol  | default          | range              |
/// |:--------------|:--------|:-----------------|:-------------------|
/// | `initial_lr`  | `η₀`    | the run's rate   | `[0, ∞)`           |
/// | `total_steps` | `T`     | the run's length | 1…                 |
/// | `min_lr`      | `η_min` | 0                | `[0, initial_lr]`  |
///
/// # Errors
/// [`build`](ScheduleConfig::build): [`Error::InvalidConfig`] if a field is out of range or NaN.
///
/// # Example
/// After its end it stays at `min_lr` and does not rise again:
/// ```
/// use optlab_optim::schedule::{Run, ScheduleSpec};
///
/// let schedule = "cosine:min_lr=0.5".parse::<ScheduleSpec>()?.build(Run::new(1.0, 10))?;
/// assert_eq!([0, 5, 10, 15].map(|step| schedule.lr_at(step)), [1.0, 0.75, 0.5, 0.5]);
/// # Ok::<(), optlab_optim::Error>(())
/// ```
///
/// # Differs from
/// PyTorch and Burn, whose schedules follow the cosine up again after `T`.
///
/// # Reference
/// Loshchilov & Hutter, *SGDR: Stochastic Gradient Descent with Warm Restarts*, 2016,
/// <https://arxiv.org/abs/1608.03983>
#[derive(Debug, Clone)]
pub struct Cosine {
    initial_lr: f64,
    total_steps: usize,
    min_lr: f64,
}

impl Schedule for Cosine {
    fn lr_at(&self, step: usize) -> f64 {
        let progress = step.min(self.total_steps) as f64 / self.total_steps as f64;
        half_cosine(self.initial_lr, self.min_lr, progress)
    }
}
