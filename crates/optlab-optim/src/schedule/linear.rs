//! A straight line from one rate to another.

use crate::Error;
use crate::schedule::span::Span;
use crate::schedule::spec::ScheduleConfig;
use crate::schedule::{Run, Schedule};
use optlab_core::range::{self, NON_NEGATIVE};
use serde::{Deserialize, Serialize};

/// Settings of [`Linear`], where their ranges are listed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LinearConfig {
    /// The rate of step 0.
    pub initial_lr: Option<f64>,
    /// The rate at the end.
    pub end_lr: f64,
    /// The step that reaches `end_lr`.
    pub total_steps: Option<Span>,
}

impl ScheduleConfig for LinearConfig {
    fn build(&self, run: Run) -> Result<Box<dyn Schedule>, Error> {
        let initial_lr = self.initial_lr.unwrap_or(run.lr);
        let total_steps = run.steps_or("linear", "total_steps", self.total_steps, run.total_steps)?;
        range::check(
            "linear",
            [("initial_lr", initial_lr, NON_NEGATIVE), ("end_lr", self.end_lr, NON_NEGATIVE)],
        )?;
        range::check_at_least_one("linear", [("total_steps", total_steps)])?;
        Ok(Box::new(Linear { initial_lr, end_lr: self.end_lr, total_steps }))
    }
}

/// A straight line from one rate to another, down or up.
///
/// ```text
/// η(t) = η₀ + (η_end − η₀) t / T      for t ≤ T, then η_end
/// ```
///
/// | field         | symbol  | default          | range    |
/// |:--------------|:--------|:-----------------|:---------|
/// | `initial_lr`  | `η₀`    | the run's rate   | `[0, ∞)` |
/// | `end_lr`      | `η_end` | 0                | `[0, ∞)` |
/// | `total_steps` | `T`     | the run's length | 1…       |
///
/// # Errors
/// [`build`](ScheduleConfig::build): [`Error::InvalidConfig`] if a field is out of range or NaN.
///
/// # Example
/// The rate may rise, and may start at 0:
/// ```
/// use optlab_optim::schedule::{Run, ScheduleSpec};
///
/// let spec: ScheduleSpec = "linear:initial_lr=0,end_lr=1,total_steps=4".parse()?;
/// let schedule = spec.build(Run::new(0.1, 10))?;
/// assert_eq!([0, 1, 2, 4, 9].map(|step| schedule.lr_at(step)), [0.0, 0.25, 0.5, 1.0, 1.0]);
/// # Ok::<(), optlab_optim::Error>(())
/// ```
///
/// # Differs from
/// PyTorch's `LinearLR`, which takes both rates as factors of a base rate, between 0 and 1, and the first one
/// not 0. Burn's linear schedule cannot start at 0 and has no rates above 1.
#[derive(Debug, Clone)]
pub struct Linear {
    initial_lr: f64,
    end_lr: f64,
    total_steps: usize,
}

impl Schedule for Linear {
    fn lr_at(&self, step: usize) -> f64 {
        // The remaining share is exactly 0 at the end, so the last rate is exactly `end_lr`.
        let left = self.total_steps.saturating_sub(step) as f64 / self.total_steps as f64;
        self.end_lr + (self.initial_lr - self.end_lr) * left
    }
}
