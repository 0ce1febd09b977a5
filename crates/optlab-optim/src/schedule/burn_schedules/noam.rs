//! `burn.noam`: Burn's linear warm-up followed by an inverse square root.

use crate::Error;
use crate::schedule::burn_schedules::Rates;
use crate::schedule::span::Span;
use crate::schedule::spec::ScheduleConfig;
use crate::schedule::{Run, Schedule};
use burn::lr_scheduler::noam::NoamLrSchedulerConfig;
use optlab_core::range::{self, NON_NEGATIVE};
use serde::{Deserialize, Serialize};

/// Burn's Noam: a linear warm-up, then the inverse square root of the step (Vaswani et al., 2017).
///
/// The rate is `factor / √model_size · min(1 / √t, t / warmup_steps^1.5)`, with `t` counted from 1; it is
/// highest at `warmup_steps`.
///
/// | field | default | range |
/// |:------|:--------|:------|
/// | `factor` | makes the highest rate the run's rate | `[0, ∞)` |
/// | `warmup_steps` | a tenth of the run, at least 1 | 1… |
/// | `model_size` | 512 | 1… |
///
/// # Errors
/// [`build`](ScheduleConfig::build): [`Error::InvalidConfig`] if a field is out of range or NaN.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BurnNoamConfig {
    /// Scale of all rates.
    pub factor: Option<f64>,
    /// Number of steps up to the highest rate.
    pub warmup_steps: Option<Span>,
    /// Width of the model.
    pub model_size: usize,
}

impl Default for BurnNoamConfig {
    fn default() -> Self {
        BurnNoamConfig { factor: None, warmup_steps: None, model_size: 512 }
    }
}

impl ScheduleConfig for BurnNoamConfig {
    fn build(&self, run: Run) -> Result<Box<dyn Schedule>, Error> {
        let owner = "burn.noam";
        let warmup_steps = run.steps_or(owner, "warmup_steps", self.warmup_steps, run.tenth().max(1))?;
        range::check_at_least_one(owner, [("warmup_steps", warmup_steps), ("model_size", self.model_size)])?;
        let factor = match self.factor {
            Some(factor) => factor,
            None => {
                range::check(owner, [("the run's rate", run.lr, NON_NEGATIVE)])?;
                run.lr * (self.model_size as f64 * warmup_steps as f64).sqrt()
            }
        };
        range::check(owner, [("factor", factor, NON_NEGATIVE)])?;
        let config = NoamLrSchedulerConfig::new(factor)
            .with_warmup_steps(warmup_steps)
            .with_model_size(self.model_size);
        Rates::of_run(owner, run, config.init())
    }
}
