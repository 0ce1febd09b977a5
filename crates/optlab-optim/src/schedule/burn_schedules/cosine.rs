//! `burn.cosine`: Burn's half cosine.

use crate::Error;
use crate::schedule::burn_schedules::Rates;
use crate::schedule::span::Span;
use crate::schedule::spec::ScheduleConfig;
use crate::schedule::{Run, Schedule};
use burn::lr_scheduler::cosine::CosineAnnealingLrSchedulerConfig;
use optlab_core::range::{self, POSITIVE_UP_TO_ONE, Range};
use serde::{Deserialize, Serialize};

/// Burn's half cosine. Unlike [`Cosine`](crate::schedule::cosine::Cosine) it refuses rates above 1, and rises
/// again after `num_iters` steps.
///
/// | field | default | range |
/// |:------|:--------|:------|
/// | `initial_lr` | the run's rate | `(0, 1]` |
/// | `min_lr` | 0 | `[0, initial_lr]` |
/// | `num_iters` | the run's length | 1… |
///
/// # Errors
/// [`build`](ScheduleConfig::build): [`Error::InvalidConfig`] if a field is out of range or NaN.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BurnCosineConfig {
    /// The rate of step 0.
    pub initial_lr: Option<f64>,
    /// The rate after `num_iters` steps.
    pub min_lr: f64,
    /// Steps to the final rate.
    pub num_iters: Option<Span>,
}

impl ScheduleConfig for BurnCosineConfig {
    fn build(&self, run: Run) -> Result<Box<dyn Schedule>, Error> {
        let owner = "burn.cosine";
        let initial_lr = self.initial_lr.unwrap_or(run.lr);
        let num_iters = run.steps_or(owner, "num_iters", self.num_iters, run.total_steps)?;
        range::check(owner, [("initial_lr", initial_lr, POSITIVE_UP_TO_ONE)])?;
        range::check(owner, [("min_lr", self.min_lr, Range::up_to(initial_lr))])?;
        range::check_at_least_one(owner, [("num_iters", num_iters)])?;
        let config = CosineAnnealingLrSchedulerConfig::new(initial_lr, num_iters).with_min_lr(self.min_lr);
        Rates::of_run(owner, run, config.init())
    }
}
