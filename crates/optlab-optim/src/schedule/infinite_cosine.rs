//! An infinite schedule: a cosine down to a constant rate that a run can stay at, and an annealing at its
//! end.

use crate::Error;
use crate::schedule::shape::half_cosine;
use crate::schedule::span::Span;
use crate::schedule::spec::ScheduleConfig;
use crate::schedule::{Run, Schedule};
use optlab_core::range::{self, NON_NEGATIVE, Range};
use serde::{Deserialize, Serialize};

/// Settings of [`InfiniteCosine`], where their ranges are listed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct InfiniteCosineConfig {
    /// The rate at the end of the warm-up.
    pub peak_lr: Option<f64>,
    /// The rate after the cosine.
    pub constant_lr: Option<f64>,
    /// The rate at the end.
    pub min_lr: Option<f64>,
    /// Number of steps from a rate of 0 to `peak_lr`.
    pub warmup_steps: Option<Span>,
    /// Number of steps from `peak_lr` to `constant_lr`.
    pub cooldown_steps: Option<Span>,
    /// Number of steps from `constant_lr` to `min_lr`.
    pub decay_steps: Option<Span>,
    /// The step that reaches `min_lr`.
    pub total_steps: Option<Span>,
}

impl ScheduleConfig for InfiniteCosineConfig {
    fn build(&self, run: Run) -> Result<Box<dyn Schedule>, Error> {
        let owner = "infinite_cosine";
        let peak_lr = self.peak_lr.unwrap_or(run.lr);
        let constant_lr = self.constant_lr.unwrap_or(peak_lr / 2.0);
        let min_lr = self.min_lr.unwrap_or(constant_lr / 10.0);
        range::check(owner, [("peak_lr", peak_lr, NON_NEGATIVE)])?;
        range::check(owner, [("constant_lr", constant_lr, Range::up_to(peak_lr))])?;
        range::check(owner, [("min_lr", min_lr, Range::up_to(constant_lr))])?;
        let total_steps = run.steps_or(owner, "total_steps", self.total_steps, run.total_steps)?;
        range::check_at_least_one(owner, [("total_steps", total_steps)])?;
        let warmup = self.warmup_steps.unwrap_or(Span::Steps(total_steps / 10));
        let cooldown = self.cooldown_steps.unwrap_or(Span::Steps((total_steps / 2).max(1)));
        run.steps(owner, "warmup_steps", warmup)?;
        let ends = run.borders(owner, "cooldown_steps", &[warmup, cooldown])?;
        let decay = self.decay_steps.unwrap_or(Span::Steps(total_steps / 10));
        let decay_begins = match decay {
            Span::Steps(steps) => total_steps.checked_sub(steps),
            share => Some(run.begin_of_last(owner, "decay_steps", (self.total_steps, total_steps), share)?),
        };
        match decay_begins.filter(|begin| ends[1] <= *begin) {
            Some(decay_begins) => Ok(Box::new(InfiniteCosine {
                rates: [peak_lr, constant_lr, min_lr],
                ends: [ends[0], ends[1], decay_begins, total_steps],
            })),
            None => {
                let steps = run.steps(owner, "decay_steps", decay)?;
                let allowed = format!(
                    "at most the {} of the {total_steps} steps that warm-up and cooldown leave",
                    total_steps.saturating_sub(ends[1])
                );
                Err(Error::invalid(owner, "decay_steps", &allowed, steps))
            }
        }
    }
}

/// A warm-up, half a cosine to a constant rate, that rate, and at the end an exponential decay (Ibrahim et
/// al., 2024). A run can continue from its constant part with more data; only the decay depends on where it
/// ends.
///
/// ```text
/// η(t) = η_peak t / W                                                          for t < W
/// η(t) = η_const + (η_peak − η_const) (1 + cos(π (t − W) / C)) / 2             for W ≤ t < W + C
/// η(t) = η_const                                                               for W + C ≤ t ≤ T − D
/// η(t) = η_const (η_min / η_const)^((t − T + D) / D)                           for T − D < t ≤ T, then η_min
/// ```
///
/// | field            | symbol    | default                 | range                  |
/// |:-----------------|:----------|:------------------------|:-----------------------|
/// | `peak_lr`        | `η_peak`  | the run's rate          | `[0, ∞)`               |
/// | `constant_lr`    | `η_const` | half of `peak_lr`       | `[0, peak_lr]`         |
/// | `min_lr`         | `η_min`   | a tenth of `constant_lr` | `[0, constant_lr]`    |
/// | `warmup_steps`   | `W`       | a tenth of `T`          | 0…                     |
/// | `cooldown_steps` | `C`       | half of `T`, at least 1 | 0…                     |
/// | `decay_steps`    | `D`       | a tenth of `T`          | `[0, total_steps − warmup_steps − cooldown_steps]` |
/// | `total_steps`    | `T`       | the run's length        | 1…                     |
///
/// If `η_min` is 0, the rate is 0 in the whole decay.
///
/// # Errors
/// [`build`](ScheduleConfig::build): [`Error::InvalidConfig`] if a field is out of range or NaN, or if the
/// parts together are longer than `total_steps`.
///
/// # Example
/// ```
/// use optlab_optim::schedule::{Run, ScheduleSpec};
///
/// let text = "infinite_cosine:warmup_steps=2,cooldown_steps=2,decay_steps=2,min_lr=0.125";
/// let schedule = text.parse::<ScheduleSpec>()?.build(Run::new(1.0, 8))?;
/// let rates = [0, 1, 2, 3, 4, 6, 7, 8, 9].map(|step| schedule.lr_at(step));
/// assert_eq!(rates, [0.0, 0.5, 1.0, 0.75, 0.5, 0.5, 0.25, 0.125, 0.125]);
/// # Ok::<(), optlab_optim::Error>(())
/// ```
///
/// # Differs from
/// Its authors' code (<https://github.com/vaibhav016/gpt-neox>), which has a straight line or an inverse
/// square root in place of the cosine of their paper, and counts the lengths of its parts from the end of the
/// warm-up.
///
/// # Reference
/// Ibrahim et al., *Simple and Scalable Strategies to Continually Pre-train Large Language Models*, 2024,
/// <https://arxiv.org/abs/2403.08763>
#[derive(Debug, Clone)]
pub struct InfiniteCosine {
    /// The highest, the constant and the smallest rate.
    rates: [f64; 3],
    /// The ends of warm-up, cosine, constant part and decay.
    ends: [usize; 4],
}

impl Schedule for InfiniteCosine {
    fn lr_at(&self, step: usize) -> f64 {
        let ([peak, constant, min], [warm, cooled, decay_begins, end]) = (self.rates, self.ends);
        let progress = |begin: usize, end: usize| (step - begin) as f64 / (end - begin) as f64;
        if step < warm {
            peak * progress(0, warm)
        } else if step < cooled {
            half_cosine(peak, constant, progress(warm, cooled))
        } else if step <= decay_begins {
            constant
        } else if step < end && constant > 0.0 {
            constant * (min / constant).powf(progress(decay_begins, end))
        } else {
            min
        }
    }
}
