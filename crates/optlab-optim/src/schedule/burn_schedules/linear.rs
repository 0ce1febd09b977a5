//! `burn.linear`: Burn's straight line between two rates.

use crate::Error;
use crate::schedule::burn_schedules::Rates;
use crate::schedule::span::Span;
use crate::schedule::spec::ScheduleConfig;
use crate::schedule::{Run, Schedule};
use burn::lr_scheduler::linear::LinearLrSchedulerConfig;
use optlab_core::range::{self, POSITIVE_UP_TO_ONE, SHARE};
use serde::{Deserialize, Serialize};

/// Burn's straight line from one rate to another, both at most 1; it cannot start at 0.
///
/// | field | default | range |
/// |:------|:--------|:------|
/// | `initial_lr` | the run's rate | `(0, 1]` |
/// | `final_lr` | 0 | `[0, 1]` |
/// | `num_iters` | the run's length | 1… |
///
/// # Errors
/// [`build`](ScheduleConfig::build): [`Error::InvalidConfig`] if a field is out of range or NaN.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BurnLinearConfig {
    /// The rate of step 0.
    pub initial_lr: Option<f64>,
    /// The rate from step `num_iters` on.
    pub final_lr: f64,
    /// Steps to the final rate.
    pub num_iters: Option<Span>,
}

impl ScheduleConfig for BurnLinearConfig {
    fn build(&self, run: Run) -> Result<Box<dyn Schedule>, Error> {
        let owner = "burn.linear";
        let initial_lr = self.initial_lr.unwrap_or(run.lr);
        let num_iters = run.steps_or(owner, "num_iters", self.num_iters, run.total_steps)?;
        range::check(
            owner,
            [("initial_lr", initial_lr, POSITIVE_UP_TO_ONE), ("final_lr", self.final_lr, SHARE)],
        )?;
        range::check_at_least_one(owner, [("num_iters", num_iters)])?;
        let config = LinearLrSchedulerConfig::new(initial_lr, self.final_lr, num_iters);
        Rates::of_run(owner, run, config.init())
    }
}
