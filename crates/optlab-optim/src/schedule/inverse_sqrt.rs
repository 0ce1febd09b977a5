//! A linear warm-up followed by an inverse square root of the step.

use crate::Error;
use crate::schedule::span::Span;
use crate::schedule::spec::ScheduleConfig;
use crate::schedule::{Run, Schedule};
use optlab_core::range::{self, NON_NEGATIVE};
use serde::{Deserialize, Serialize};

/// Settings of [`InverseSqrt`], where their ranges are listed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct InverseSqrtConfig {
    /// The rate at the end of the warm-up.
    pub peak_lr: Option<f64>,
    /// Number of steps from a rate of 0 to `peak_lr`.
    pub warmup_steps: Option<Span>,
}

impl ScheduleConfig for InverseSqrtConfig {
    fn build(&self, run: Run) -> Result<Box<dyn Schedule>, Error> {
        let owner = "inverse_sqrt";
        let peak_lr = self.peak_lr.unwrap_or(run.lr);
        let warmup_steps = run.steps_or(owner, "warmup_steps", self.warmup_steps, run.tenth())?;
        range::check(owner, [("peak_lr", peak_lr, NON_NEGATIVE)])?;
        Ok(Box::new(InverseSqrt { peak_lr, warmup_steps }))
    }
}

/// A linear warm-up, then the inverse square root of the step (Raffel et al., 2019).
///
/// ```text
/// η(t) = η_peak t / W                           for t < W
/// η(t) = η_peak √(max(W, 1) / max(t, 1))        for t ≥ W
/// ```
///
/// | field          | symbol   | default                                               | range    |
/// |:---------------|:---------|:------------------------------------------------------|:---------|
/// | `peak_lr`      | `η_peak` | the run's rate                                        | `[0, ∞)` |
/// | `warmup_steps` | `W`      | a tenth of the run, 0 in a run of under 10 steps      | 0…       |
///
/// Without a warm-up, steps 0 and 1 have the highest rate. The schedule never ends, so there is no final rate
/// to hold.
///
/// # Errors
/// [`build`](ScheduleConfig::build): [`Error::InvalidConfig`] if a field is out of range or NaN.
///
/// # Example
/// After four times as many steps the rate is half as large:
/// ```
/// use optlab_optim::schedule::{Run, ScheduleSpec};
///
/// let schedule = "inverse_sqrt:warmup_steps=4".parse::<ScheduleSpec>()?.build(Run::new(1.0, 100))?;
/// assert_eq!([0, 1, 4, 16, 64].map(|step| schedule.lr_at(step)), [0.0, 0.25, 1.0, 0.5, 0.25]);
/// # Ok::<(), optlab_optim::Error>(())
/// ```
///
/// # Differs from
/// The schedule of Raffel et al., whose highest rate is `1 / √W` and which stays at that rate during the
/// steps in which this one warms up. fairseq's `inverse_sqrt` can start its warm-up above 0.
///
/// # Reference
/// Raffel et al., *Exploring the Limits of Transfer Learning with a Unified Text-to-Text Transformer*, 2019,
/// <https://arxiv.org/abs/1910.10683>
#[derive(Debug, Clone)]
pub struct InverseSqrt {
    peak_lr: f64,
    warmup_steps: usize,
}

impl Schedule for InverseSqrt {
    fn lr_at(&self, step: usize) -> f64 {
        if step < self.warmup_steps {
            return self.peak_lr * (step as f64 / self.warmup_steps as f64);
        }
        self.peak_lr * (self.warmup_steps.max(1) as f64 / step.max(1) as f64).sqrt()
    }
}
