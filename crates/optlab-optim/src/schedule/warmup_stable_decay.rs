//! A linear warm-up, a constant rate, and a decay in the last steps.

use crate::Error;
use crate::schedule::shape::Shape;
use crate::schedule::span::Span;
use crate::schedule::spec::ScheduleConfig;
use crate::schedule::{Run, Schedule};
use optlab_core::range::{self, NON_NEGATIVE, Range};
use serde::{Deserialize, Serialize};

/// Settings of [`WarmupStableDecay`], where their ranges are listed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WarmupStableDecayConfig {
    /// The rate between warm-up and decay.
    pub peak_lr: Option<f64>,
    /// Number of steps from a rate of 0 to `peak_lr`.
    pub warmup_steps: Option<Span>,
    /// The step that reaches `end_lr`, including warm-up and decay.
    pub total_steps: Option<Span>,
    /// Number of steps from `peak_lr` to `end_lr`.
    pub decay_steps: Option<Span>,
    /// The curve from `peak_lr` to `end_lr`.
    pub decay_shape: Shape,
    /// The rate at the end.
    pub end_lr: f64,
}

impl WarmupStableDecayConfig {
    /// Returns the number of steps of the decay. A share begins at its rounded border, and not within a
    /// warm-up that is a share and leaves room for it.
    fn decay_steps(&self, run: Run, total_steps: usize, warmup_steps: usize) -> Result<usize, Error> {
        let span = match self.decay_steps {
            None => return Ok((total_steps / 5).max(1)),
            Some(Span::Steps(steps)) => return Ok(steps),
            Some(share) => share,
        };
        let end = (self.total_steps, total_steps);
        let begin = run.begin_of_last("warmup_stable_decay", "decay_steps", end, span)?;
        let total = self.total_steps.unwrap_or(Span::Percent(100.0));
        let is_after_warmup = match (total, self.warmup_steps, span) {
            (Span::Percent(total), Some(Span::Percent(warmup)), Span::Percent(decay)) => {
                warmup + decay <= total + 1e-9
            }
            _ => false,
        };
        Ok(total_steps - if is_after_warmup { begin.max(warmup_steps) } else { begin })
    }
}

impl ScheduleConfig for WarmupStableDecayConfig {
    fn build(&self, run: Run) -> Result<Box<dyn Schedule>, Error> {
        let owner = "warmup_stable_decay";
        let peak_lr = self.peak_lr.unwrap_or(run.lr);
        let total_steps = run.steps_or(owner, "total_steps", self.total_steps, run.total_steps)?;
        let default = total_steps / 10;
        let warmup_steps =
            run.warmup_steps(owner, "warmup_steps", self.warmup_steps, default, total_steps)?;
        let decay_steps = self.decay_steps(run, total_steps, warmup_steps)?;
        range::check(owner, [("peak_lr", peak_lr, NON_NEGATIVE)])?;
        range::check(owner, [("end_lr", self.end_lr, Range::up_to(peak_lr))])?;
        range::check_at_least_one(owner, [("total_steps", total_steps), ("decay_steps", decay_steps)])?;
        if warmup_steps >= total_steps {
            let allowed = format!("less than the {total_steps} steps in all");
            return Err(Error::invalid(owner, "warmup_steps", &allowed, warmup_steps));
        }
        let after_warmup = total_steps - warmup_steps;
        if decay_steps > after_warmup {
            let allowed = format!("at most the {after_warmup} steps after the warm-up");
            return Err(Error::invalid(owner, "decay_steps", &allowed, decay_steps));
        }
        let (decay_shape, end_lr) = (self.decay_shape, self.end_lr);
        Ok(Box::new(WarmupStableDecay {
            peak_lr,
            warmup_steps,
            total_steps,
            decay_steps,
            decay_shape,
            end_lr,
        }))
    }
}

/// A linear warm-up, a constant rate, and a decay in the last steps (Hu et al., 2024; Hägele et al., 2024).
///
/// ```text
/// η(t) = η_peak t / W                                     for t < W
/// η(t) = η_peak                                           for W ≤ t ≤ T − D
/// η(t) = η_end + (η_peak − η_end) s((t − T + D) / D)      for T − D < t ≤ T, then η_end
///
/// s(z) = 1 − z,  1 − √z,  (1 + cos(π z)) / 2  or  1 − z²
/// ```
///
/// | field          | symbol   | default                  | range                               |
/// |:---------------|:---------|:-------------------------|:------------------------------------|
/// | `peak_lr`      | `η_peak` | the run's rate           | `[0, ∞)`                            |
/// | `warmup_steps` | `W`      | a tenth of `T`           | `[0, total_steps)`                  |
/// | `total_steps`  | `T`      | the run's length         | 1…                                  |
/// | `decay_steps`  | `D`      | a fifth of `T`, but ≥ 1  | `[1, total_steps − warmup_steps]`   |
/// | `decay_shape`  | `s`      | `linear`                 | `linear`, `sqrt`, `cosine`, `square` |
/// | `end_lr`       | `η_end`  | 0                        | `[0, peak_lr]`                      |
///
/// A decay that is a share of the run begins at the rounded border and takes the rest, so that shares of 100
/// % together fill a run of any length; at least its last step.
///
/// # Errors
/// [`build`](ScheduleConfig::build): [`Error::InvalidConfig`] if a field is out of range or NaN, or if
/// warm-up and decay together are longer than `total_steps`.
///
/// # Example
/// ```
/// use optlab_optim::schedule::{Run, ScheduleSpec};
///
/// let spec: ScheduleSpec = "warmup_stable_decay:warmup_steps=2,decay_steps=4,decay_shape=sqrt".parse()?;
/// let schedule = spec.build(Run::new(1.0, 10))?;
/// let rates = [0, 1, 2, 6, 7, 10, 11].map(|step| schedule.lr_at(step));
/// assert_eq!(rates, [0.0, 0.5, 1.0, 1.0, 0.5, 0.0, 0.0]);
/// # Ok::<(), optlab_optim::Error>(())
/// ```
///
/// # Differs from
/// The schedule of Hu et al., whose decay is exponential; the shapes are those that Hägele et al. compare.
///
/// # Reference
/// Hu et al., *MiniCPM: Unveiling the Potential of Small Language Models with Scalable Training Strategies*,
/// 2024, <https://arxiv.org/abs/2404.06395>; Hägele et al., *Scaling Laws and Compute-Optimal Training Beyond
/// Fixed Training Durations*, 2024, <https://arxiv.org/abs/2405.18392>
#[derive(Debug, Clone)]
pub struct WarmupStableDecay {
    peak_lr: f64,
    warmup_steps: usize,
    total_steps: usize,
    decay_steps: usize,
    decay_shape: Shape,
    end_lr: f64,
}

impl Schedule for WarmupStableDecay {
    fn lr_at(&self, step: usize) -> f64 {
        if step < self.warmup_steps {
            return self.peak_lr * (step as f64 / self.warmup_steps as f64);
        }
        let plateau_end = self.total_steps - self.decay_steps;
        if step <= plateau_end {
            return self.peak_lr;
        }
        let progress = (step.min(self.total_steps) - plateau_end) as f64 / self.decay_steps as f64;
        self.end_lr + (self.peak_lr - self.end_lr) * self.decay_shape.left(progress)
    }
}
