//! `burn.step`: Burn's step decay.

use crate::Error;
use crate::schedule::burn_schedules::Rates;
use crate::schedule::span::Span;
use crate::schedule::spec::ScheduleConfig;
use crate::schedule::{Run, Schedule};
use burn::lr_scheduler::step::StepLrSchedulerConfig;
use optlab_core::range::{self, NON_NEGATIVE, POSITIVE};
use serde::{Deserialize, Serialize};

/// Burn's step decay. It has the same formula as [`Step`](crate::schedule::step::Step).
///
/// | field | default | range |
/// |:------|:--------|:------|
/// | `initial_lr` | the run's rate | `[0, ∞)` |
/// | `step_size` | a third of the run | 1… |
/// | `gamma` | 0.1 | `(0, ∞)` |
///
/// # Errors
/// [`build`](ScheduleConfig::build): [`Error::InvalidConfig`] if a field is out of range or NaN.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BurnStepConfig {
    /// The rate of step 0.
    pub initial_lr: Option<f64>,
    /// Number of steps with the same rate.
    pub step_size: Option<Span>,
    /// The factor from one rate to the next.
    pub gamma: f64,
}

impl Default for BurnStepConfig {
    fn default() -> Self {
        BurnStepConfig { initial_lr: None, step_size: None, gamma: 0.1 }
    }
}

impl ScheduleConfig for BurnStepConfig {
    fn build(&self, run: Run) -> Result<Box<dyn Schedule>, Error> {
        let owner = "burn.step";
        let initial_lr = self.initial_lr.unwrap_or(run.lr);
        let step_size = run.steps_or(owner, "step_size", self.step_size, run.third())?;
        range::check(owner, [("initial_lr", initial_lr, NON_NEGATIVE), ("gamma", self.gamma, POSITIVE)])?;
        range::check_at_least_one(owner, [("step_size", step_size)])?;
        let config = StepLrSchedulerConfig::new(initial_lr, step_size).with_gamma(self.gamma);
        Rates::of_run(owner, run, config.init())
    }
}
