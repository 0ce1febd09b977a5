//! Step decay: a constant factor after every fixed number of steps.

use crate::Error;
use crate::schedule::span::Span;
use crate::schedule::spec::ScheduleConfig;
use crate::schedule::{Run, Schedule, product};
use optlab_core::range::{self, NON_NEGATIVE, POSITIVE};
use serde::{Deserialize, Serialize};

/// Settings of [`Step`], where their ranges are listed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StepConfig {
    /// The rate of step 0.
    pub initial_lr: Option<f64>,
    /// Number of steps with the same rate.
    pub step_size: Option<Span>,
    /// The factor from one rate to the next.
    pub gamma: f64,
}

impl Default for StepConfig {
    fn default() -> Self {
        StepConfig { initial_lr: None, step_size: None, gamma: 0.1 }
    }
}

impl ScheduleConfig for StepConfig {
    fn build(&self, run: Run) -> Result<Box<dyn Schedule>, Error> {
        let initial_lr = self.initial_lr.unwrap_or(run.lr);
        let step_size = run.steps_or("step", "step_size", self.step_size, run.third())?;
        range::check("step", [("initial_lr", initial_lr, NON_NEGATIVE), ("gamma", self.gamma, POSITIVE)])?;
        range::check_at_least_one("step", [("step_size", step_size)])?;
        Ok(Box::new(Step { initial_lr, step_size, gamma: self.gamma }))
    }
}

/// Step decay: after every `step_size` steps the rate is multiplied by a factor.
///
/// ```text
/// η(t) = η₀ γ^⌊t / n⌋
/// ```
///
/// | field        | symbol | default             | range    |
/// |:-------------|:-------|:--------------------|:---------|
/// | `initial_lr` | `η₀`   | the run's rate      | `[0, ∞)` |
/// | `step_size`  | `n`    | a third of the run  | 1…       |
/// | `gamma`      | `γ`    | 0.1                 | `(0, ∞)` |
///
/// # Errors
/// [`build`](ScheduleConfig::build): [`Error::InvalidConfig`] if a field is out of range or NaN.
///
/// # Example
/// ```
/// use optlab_optim::schedule::{Run, ScheduleSpec};
///
/// let schedule = "step:gamma=0.5".parse::<ScheduleSpec>()?.build(Run::new(1.0, 9))?;
/// assert_eq!([2, 3, 5, 6, 8].map(|step| schedule.lr_at(step)), [1.0, 0.5, 0.5, 0.25, 0.25]);
/// # Ok::<(), optlab_optim::Error>(())
/// ```
///
/// # Differs from
/// PyTorch's `StepLR` only in that `step_size` has a default.
#[derive(Debug, Clone)]
pub struct Step {
    initial_lr: f64,
    step_size: usize,
    gamma: f64,
}

impl Schedule for Step {
    fn lr_at(&self, step: usize) -> f64 {
        product(self.initial_lr, self.gamma.powf((step / self.step_size) as f64))
    }
}
