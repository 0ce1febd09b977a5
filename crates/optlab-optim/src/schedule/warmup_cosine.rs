//! A linear warm-up followed by half a cosine.

use crate::Error;
use crate::schedule::shape::half_cosine;
use crate::schedule::span::Span;
use crate::schedule::spec::ScheduleConfig;
use crate::schedule::{Run, Schedule};
use optlab_core::range::{self, NON_NEGATIVE, Range};
use serde::{Deserialize, Serialize};

/// Settings of [`WarmupCosine`], where their ranges are listed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WarmupCosineConfig {
    /// The rate of step 0.
    pub initial_lr: f64,
    /// The rate at the end of the warm-up.
    pub peak_lr: Option<f64>,
    /// Number of steps from `initial_lr` to `peak_lr`.
    pub warmup_steps: Option<Span>,
    /// The step that reaches `end_lr`, including the warm-up.
    pub total_steps: Option<Span>,
    /// The rate at the end.
    pub end_lr: f64,
}

impl ScheduleConfig for WarmupCosineConfig {
    fn build(&self, run: Run) -> Result<Box<dyn Schedule>, Error> {
        let owner = "warmup_cosine";
        let peak_lr = self.peak_lr.unwrap_or(run.lr);
        let total_steps = run.steps_or(owner, "total_steps", self.total_steps, run.total_steps)?;
        let default = total_steps / 10;
        let warmup_steps =
            run.warmup_steps(owner, "warmup_steps", self.warmup_steps, default, total_steps)?;
        range::check(owner, [("peak_lr", peak_lr, NON_NEGATIVE)])?;
        range::check(
            owner,
            [
                ("initial_lr", self.initial_lr, Range::up_to(peak_lr)),
                ("end_lr", self.end_lr, Range::up_to(peak_lr)),
            ],
        )?;
        range::check_at_least_one(owner, [("total_steps", total_steps)])?;
        if warmup_steps >= total_steps {
            let allowed = format!("less than the {total_steps} steps in all");
            return Err(Error::invalid(owner, "warmup_steps", &allowed, warmup_steps));
        }
        Ok(Box::new(WarmupCosine {
            initial_lr: self.initial_lr,
            peak_lr,
            warmup_steps,
            total_steps,
            end_lr: self.end_lr,
        }))
    }
}

/// A linear warm-up to the peak, then half a cosine down (Goyal et al., 2017; Loshchilov & Hutter, 2016).
///
/// ```text
/// η(t) = η₀ + (η_peak − η₀) t / W                                          for t < W
/// η(t) = η_end + (η_peak − η_end) (1 + cos(π (t − W) / (T − W))) / 2       for W ≤ t ≤ T, then η_end
/// ```
///
/// | field          | symbol   | default              | range             |
/// |:---------------|:---------|:---------------------|:------------------|
/// | `initial_lr`   | `η₀`     | 0                    | `[0, peak_lr]`    |
/// | `peak_lr`      | `η_peak` | the run's rate       | `[0, ∞)`          |
/// | `warmup_steps` | `W`      | a tenth of `T`       | `[0, total_steps)`|
/// | `total_steps`  | `T`      | the run's length     | 1…                |
/// | `end_lr`       | `η_end`  | 0                    | `[0, peak_lr]`    |
///
/// # Errors
/// [`build`](ScheduleConfig::build): [`Error::InvalidConfig`] if a field is out of range or NaN, or if the
/// warm-up leaves no step for the cosine.
///
/// # Example
/// ```
/// use optlab_optim::schedule::{Run, ScheduleSpec};
///
/// let schedule = "warmup_cosine:warmup_steps=2".parse::<ScheduleSpec>()?.build(Run::new(1.0, 10))?;
/// let rates = [0, 1, 2, 6, 10, 11].map(|step| schedule.lr_at(step));
/// assert_eq!(rates, [0.0, 0.5, 1.0, 0.5, 0.0, 0.0]);
/// # Ok::<(), optlab_optim::Error>(())
/// ```
///
/// # Differs from
/// optax's `warmup_cosine_decay_schedule`: it computes in 64 bits, and refuses a rate above the peak.
///
/// # Reference
/// Goyal et al., *Accurate, Large Minibatch SGD*, 2017, <https://arxiv.org/abs/1706.02677>
#[derive(Debug, Clone)]
pub struct WarmupCosine {
    initial_lr: f64,
    peak_lr: f64,
    warmup_steps: usize,
    total_steps: usize,
    end_lr: f64,
}

impl Schedule for WarmupCosine {
    fn lr_at(&self, step: usize) -> f64 {
        if step < self.warmup_steps {
            let progress = step as f64 / self.warmup_steps as f64;
            return self.initial_lr + (self.peak_lr - self.initial_lr) * progress;
        }
        let decay_steps = (self.total_steps - self.warmup_steps) as f64;
        let progress = (step.min(self.total_steps) - self.warmup_steps) as f64 / decay_steps;
        half_cosine(self.peak_lr, self.end_lr, progress)
    }
}
