//! The operations that run around any rule in the same step, and their coefficients for a step.

use crate::Error;
use crate::around::ema_nesterov::EmaNesterov;
use crate::around::mechanic::Mechanic;
use crate::around::schedule_free::ScheduleFree;
use crate::around::wrapped_step::StepExtras;
use optlab_core::range::{self, BELOW_ONE, NON_NEGATIVE, SHARE};

/// The operations that a [`ModelOptimizer`](crate::driver::ModelOptimizer) applies around its rules, to every
/// parameter that they move.
///
/// A step applies them in this order, however the wrappers are nested:
///
/// ```text
/// a step whose gradients are not all finite is skipped       skip_non_finite
/// θ ← θ + βₜ m                                               ema_nesterov, before the model is evaluated
/// θ ← z                                                      schedule_free: the rule moves the fast weights
/// θ' = (1 − ηₜ λ) θ                                          weight_decay λ; with cautious_decay θ' = θ
/// θ″ = the rule's result for θ' and the gradient
/// θ″ ← θ' − (θ' − θ″) ⊙ k / max(mean(k), 1e-3)               cautious: k = 1 where (θ' − θ″) g > 0, else 0
/// θ″ ← θ″ − ηₜ λ θ' where (θ' − θ″) θ' ≥ 0                    cautious_decay
/// θ″ ← R p / ‖p‖, p = θ − ηₜ R u / ‖u‖, u = θ − θ″           hyperball: each matrix; R = ‖θ₀‖
/// θ″ ← sign(θ″) max(|θ″| − ηₜ λ₁, 0)                         l1
/// z ← θ″, x ← (1 − c) x + c z, θ″ ← (1 − β) z + β x          schedule_free
/// θ″ ← x₀ − S′ ((x₀ − θ) / S + θ − θ″)                       mechanic: S before the step, S′ after it
/// s ← s + α (θ″ − s), θ″ ← s                                 lookahead, every `steps` steps; s₀ = θ₀
/// a ← a + w (θ″ − a)                                         average
/// m ← γ m + (1 − γ) (θ″ − θₜ₋₁)                              ema_nesterov
/// ```
///
/// Everything but `cautious`, `hyperball`, `mechanic`, `schedule_free` and `ema_nesterov` runs in the pass
/// over memory that moves the parameter. A parameter without a gradient in a step is not changed at all.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Extras {
    /// Whether to skip a step whose gradients are not all finite.
    pub skip_non_finite: bool,
    /// Decoupled weight decay, in addition to any decay of the rule itself, `[0, ∞)`.
    pub weight_decay: f64,
    /// Whether only elements decay that the step does not move away from 0.
    pub cautious_decay: bool,
    /// Whether to keep only those elements of a step that descend along the gradient.
    pub cautious: bool,
    /// Whether to keep the Frobenius norm of each matrix at its initial value, with steps relative to it.
    pub hyperball: bool,
    /// Weight of the L1 penalty, applied as a proximal step, `[0, ∞)`.
    pub l1: f64,
    /// Slow weights.
    pub lookahead: Option<Lookahead>,
    /// Average of the weights, which [`for_evaluation`](crate::driver::ModelOptimizer::for_evaluation) uses
    /// in place of the weights.
    pub average: Option<WeightAverage>,
    /// An average of the weights in place of a decaying rate; excludes `lookahead` and `average`.
    pub schedule_free: Option<ScheduleFree>,
    /// A step ahead along the mean of the latest steps, before the model is evaluated.
    pub ema_nesterov: Option<EmaNesterov>,
    /// A learned factor of all steps so far; excludes what trains at other weights or keeps their norms.
    pub mechanic: Option<Mechanic>,
}

/// Slow weights that follow the fast ones every few steps (Zhang et al., 2019,
/// <https://arxiv.org/abs/1907.08610>).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Lookahead {
    /// Steps between two updates of the slow weights, 1 or more.
    pub steps: usize,
    /// Share of the distance to the fast weights that the slow weights move, `[0, 1]`.
    pub alpha: f64,
}

/// An average of the weights.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum WeightAverage {
    /// `a ← δ a + (1 − δ) θ` after every step, starting from `a = θ` before the first step.
    Exponential {
        /// Decay of the average per step, `[0, 1)`.
        decay: f64,
    },
    /// The mean of the weights after step `start` and after every `every`-th step from there; before step
    /// `start`, the weights themselves (Izmailov et al., 2018, <https://arxiv.org/abs/1803.05407>).
    Stochastic {
        /// First step whose weights enter the mean, 1 or more.
        start: usize,
        /// Steps between two sets of weights that enter the mean, 1 or more.
        every: usize,
    },
    /// The mean of the latest snapshots of the weights, one after every `every`-th step; before the first
    /// one, the weights themselves (Kaddour, 2022, <https://arxiv.org/abs/2209.14981>).
    Latest {
        /// Number of snapshots that enter the mean, 1 or more.
        snapshots: usize,
        /// Steps between two snapshots, 1 or more.
        every: usize,
    },
}

/// Checks the ranges of the decoupled penalties.
pub(crate) fn check_decays(owner: &str, weight_decay: f64, l1: f64) -> Result<(), Error> {
    range::check(owner, [("weight_decay", weight_decay, NON_NEGATIVE), ("l1", l1, NON_NEGATIVE)])
}

impl Lookahead {
    pub(crate) fn check(&self, owner: &str) -> Result<(), Error> {
        range::check_at_least_one(owner, [("steps", self.steps)])?;
        range::check(owner, [("alpha", self.alpha, SHARE)])
    }
}

impl WeightAverage {
    pub(crate) fn check(&self, owner: &str) -> Result<(), Error> {
        match *self {
            WeightAverage::Exponential { decay } => range::check(owner, [("decay", decay, BELOW_ONE)]),
            WeightAverage::Stochastic { start, every } => {
                range::check_at_least_one(owner, [("start", start), ("every", every)])
            }
            WeightAverage::Latest { snapshots, every } => {
                range::check_at_least_one(owner, [("snapshots", snapshots), ("every", every)])
            }
        }
    }

    /// Returns whether its mean is kept in a tensor of its own, updated in each step.
    fn is_running(&self) -> bool {
        !matches!(self, WeightAverage::Latest { .. })
    }
}

impl Extras {
    /// Checks every field against its range.
    ///
    /// # Errors
    /// [`Error::InvalidConfig`] for a field out of its range or NaN.
    pub fn validate(&self) -> Result<(), Error> {
        check_decays("extras", self.weight_decay, self.l1)?;
        self.lookahead.map_or(Ok(()), |lookahead| lookahead.check("lookahead"))?;
        self.average.map_or(Ok(()), |average| average.check("weight average"))?;
        self.schedule_free.map_or(Ok(()), |free| free.check("schedule_free"))?;
        self.ema_nesterov.map_or(Ok(()), |ahead| ahead.check("ema_nesterov"))?;
        if self.schedule_free.is_some() && (self.lookahead.is_some() || self.average.is_some()) {
            let reason =
                "`schedule_free` has its own average: it takes no `lookahead`, `ema`, `swa` or `lawa`";
            return Err(Error::Usage(reason.into()));
        }
        let Some(mechanic) = self.mechanic else {
            return Ok(());
        };
        mechanic.check("mechanic")?;
        let excluded = [
            ("lookahead", self.lookahead.is_some()),
            ("schedule_free", self.schedule_free.is_some()),
            ("ema_nesterov", self.ema_nesterov.is_some()),
            ("hyperball", self.hyperball),
        ];
        match excluded.into_iter().find(|(_, is_used)| *is_used) {
            None => Ok(()),
            Some((other, _)) => {
                Err(Error::Usage(format!("`mechanic` rescales the sum of all steps: it takes no `{other}`")))
            }
        }
    }

    /// Returns whether a tensor with a running mean is kept for each parameter.
    pub(crate) fn has_running_average(&self) -> bool {
        self.average.is_some_and(|average| average.is_running())
    }

    /// Returns the number of snapshots to keep, if step `t`, counted from 1, ends with one.
    pub(crate) fn snapshots_at(&self, t: u64) -> Option<usize> {
        match self.average {
            Some(WeightAverage::Latest { snapshots, every }) => {
                t.is_multiple_of(every as u64).then_some(snapshots)
            }
            _ => None,
        }
    }

    /// Returns the decay of the running average in step `t`, counted from 1.
    pub(crate) fn average_at(&self, t: u64) -> Option<f64> {
        self.average.filter(WeightAverage::is_running).map(|average| match average {
            WeightAverage::Exponential { decay } => decay,
            WeightAverage::Stochastic { start, every } => match t.checked_sub(start as u64) {
                None => 0.0,
                Some(since) if !since.is_multiple_of(every as u64) => 1.0,
                Some(since) => {
                    let before = (since / every as u64) as f64;
                    before / (before + 1.0)
                }
            },
            WeightAverage::Latest { .. } => unreachable!("it has no running mean"),
        })
    }

    /// Returns the coefficients of step `t`, counted from 1, for a parameter with the learning rate `lr`;
    /// `decays` says whether the penalties apply to it. `averaged` are the parameter's numbers of
    /// [`ScheduleFree`] after the previous step.
    pub(crate) fn at_step(&self, lr: f64, t: u64, decays: bool, averaged: [f64; 2]) -> StepExtras {
        let (weight_decay, l1) = if decays { (self.weight_decay, self.l1) } else { (0.0, 0.0) };
        let lookahead = self.lookahead.map(
            |Lookahead { steps, alpha }| {
                if t.is_multiple_of(steps as u64) { alpha } else { 0.0 }
            },
        );
        // With `mechanic` the weights of the step are known only after the pass.
        let average = if self.mechanic.is_some() { None } else { self.average_at(t) };
        let schedule_free = self.schedule_free.map(|free| free.at_step(lr, t, decays, averaged));
        let amount = lr * weight_decay;
        let (decay, cautious_decay) = if self.cautious_decay { (1.0, amount) } else { (1.0 - amount, 0.0) };
        StepExtras { decay, cautious_decay, threshold: lr * l1, lookahead, average, schedule_free }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stochastic_average_weights_every_averaged_step_equally() {
        let average = Some(WeightAverage::Stochastic { start: 3, every: 2 });
        let extras = Extras { average, ..Extras::default() };
        let (mut mean, mut counted) = (0.0, Vec::new());
        for t in 1..=9_u64 {
            let theta = (t * t) as f64;
            let kept = extras.at_step(0.1, t, true, [0.0; 2]).average.unwrap();
            mean = kept * mean + (1.0 - kept) * theta;
            if t >= 3 && t % 2 == 1 {
                counted.push(theta);
            }
            let expected = match counted.len() {
                0 => theta,
                len => counted.iter().sum::<f64>() / len as f64,
            };
            assert!((mean - expected).abs() < 1e-12, "step {t}: {mean}, not {expected}");
        }
    }

    #[test]
    fn lookahead_synchronizes_every_given_number_of_steps() {
        let lookahead = Some(Lookahead { steps: 3, alpha: 0.25 });
        let extras = Extras { lookahead, ..Extras::default() };
        let shares: Vec<f64> =
            (1..=6).filter_map(|t| extras.at_step(0.1, t, true, [0.0; 2]).lookahead).collect();
        assert_eq!(shares, [0.0, 0.0, 0.25, 0.0, 0.0, 0.25]);
    }

    #[test]
    fn decay_and_threshold_scale_with_the_rate_and_skip_excluded_parameters() {
        let extras = Extras { weight_decay: 0.5, l1: 3.0, ..Extras::default() };
        let at = extras.at_step(0.1, 1, true, [0.0; 2]);
        assert_eq!((at.decay, at.cautious_decay, at.threshold), (0.95, 0.0, 3.0 * 0.1));
        let cautious = Extras { cautious_decay: true, ..extras };
        let at = cautious.at_step(0.1, 1, true, [0.0; 2]);
        assert_eq!((at.decay, at.cautious_decay), (1.0, 0.5 * 0.1));
        assert_eq!(cautious.at_step(0.1, 1, false, [0.0; 2]), StepExtras::NONE);
        assert_eq!(extras.at_step(0.1, 1, false, [0.0; 2]), StepExtras::NONE);
    }

    #[test]
    fn every_range_is_checked_at_both_ends_and_for_nan() {
        let ok = |extras: Extras| extras.validate().is_ok();
        let none = Extras::default();
        let exponential = |decay| Some(WeightAverage::Exponential { decay });
        for (value, share, below_one, non_negative) in [
            (0.0, true, true, true),
            (1.0, true, false, true),
            (-1e-9, false, false, false),
            (f64::INFINITY, false, false, false),
            (f64::NAN, false, false, false),
        ] {
            assert_eq!(ok(Extras { weight_decay: value, ..none }), non_negative);
            assert_eq!(ok(Extras { l1: value, ..none }), non_negative);
            assert_eq!(ok(Extras { lookahead: Some(Lookahead { steps: 1, alpha: value }), ..none }), share);
            assert_eq!(ok(Extras { average: exponential(value), ..none }), below_one);
        }
        assert!(!ok(Extras { lookahead: Some(Lookahead { steps: 0, alpha: 0.5 }), ..none }));
        for (start, every) in [(0, 1), (1, 0)] {
            let average = Some(WeightAverage::Stochastic { start, every });
            assert!(!ok(Extras { average, ..none }));
        }
    }
}
