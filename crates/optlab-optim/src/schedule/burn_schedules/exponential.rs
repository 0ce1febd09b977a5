//! `burn.exponential`: Burn's exponential decay.

use crate::Error;
use crate::schedule::burn_schedules::Rates;
use crate::schedule::spec::ScheduleConfig;
use crate::schedule::{Run, Schedule};
use burn::lr_scheduler::exponential::ExponentialLrSchedulerConfig;
use optlab_core::range::{self, POSITIVE_UP_TO_ONE};
use serde::{Deserialize, Serialize};

/// Burn's exponential decay: a constant factor per step. Unlike
/// [`Exponential`](crate::schedule::exponential::Exponential) it cannot grow, and refuses rates above 1.
///
/// | field | default | range |
/// |:------|:--------|:------|
/// | `initial_lr` | the run's rate | `(0, 1]` |
/// | `gamma` | a hundredth is left after the run | `(0, 1]` |
///
/// # Errors
/// [`build`](ScheduleConfig::build): [`Error::InvalidConfig`] if a field is out of range or NaN.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BurnExponentialConfig {
    /// The rate of step 0.
    pub initial_lr: Option<f64>,
    /// The factor per step.
    pub gamma: Option<f64>,
}

impl ScheduleConfig for BurnExponentialConfig {
    fn build(&self, run: Run) -> Result<Box<dyn Schedule>, Error> {
        let owner = "burn.exponential";
        let initial_lr = self.initial_lr.unwrap_or(run.lr);
        let gamma = self.gamma.unwrap_or(run.gamma());
        range::check(
            owner,
            [("initial_lr", initial_lr, POSITIVE_UP_TO_ONE), ("gamma", gamma, POSITIVE_UP_TO_ONE)],
        )?;
        Rates::of_run(owner, run, ExponentialLrSchedulerConfig::new(initial_lr, gamma).init())
    }
}
