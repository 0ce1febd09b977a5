//! `schedule_free`: an average of the weights in place of a decaying rate, around any rule.

use crate::Error;
use crate::around::{Wrapper, base, base_field, twice};
use crate::driver::Assembly;
use crate::rules::parts::schedule_free::{Averaging, AveragingStep};
use crate::spec::OptimizerSpec;
use optlab_core::range::{self, NON_NEGATIVE, POSITIVE_BELOW_ONE};
use optlab_core::settings;
use optlab_core::settings::Search;
use optlab_kernel::Value;

settings! {
    /// Schedule-free learning around any rule: the rule moves fast weights along the gradients at a point
    /// between them and their average, and the average is evaluated.
    ///
    /// ```text
    /// z₀ = x₀ = θ₀, W₀ = 0
    /// wₜ = tʳ max(η₁, …, ηₜ)ᵖ,  Wₜ = Wₜ₋₁ + wₜ,  cₜ = wₜ / Wₜ      C > 0: cₜ = min(1, C (1 − β) wₜ / Wₜ)
    /// zₜ = the rule's result for zₜ₋₁ − ηₜ λ θₜ₋₁ and the gradient at θₜ₋₁
    /// xₜ = (1 − cₜ) xₜ₋₁ + cₜ zₜ
    /// θₜ = (1 − β) zₜ + β xₜ
    /// ```
    ///
    /// The learning rate should stay constant after a warm-up. The base needs no momentum of its own; its own
    /// weight decay acts on `z`. The fast weights take one more tensor per parameter; `x` follows from `θ`
    /// and `z`, and is what [`for_evaluation`](crate::driver::ModelOptimizer::for_evaluation) returns. `W`
    /// and the largest rate are kept for each parameter, so groups have their own.
    ///
    /// # Errors
    /// [`assemble`](crate::spec::RuleConfig::assemble): [`Error::InvalidConfig`] if a field is out of range;
    /// [`Error::Usage`] if the base already is schedule-free, evaluates other weights by itself, or has
    /// slow weights or an average.
    ///
    /// # Example
    /// ```
    /// let spec: optlab_optim::OptimizerSpec = "schedule_free:base=radam:beta_1=0".parse()?;
    /// assert!(spec.build()?.has_evaluation_mode());
    /// # Ok::<(), optlab_optim::Error>(())
    /// ```
    ///
    /// # Differs from
    /// The authors' `ScheduleFreeWrapper`, which switches the model itself between `θ` and `x`; here the
    /// trained model is not changed. `x` is computed from `θ` and `z`, as there; their
    /// `ScheduleFreeWrapperReference` keeps all three and gives the same steps. Around `sgd` it is
    /// [`schedule_free_sgd`](crate::rules::ScheduleFreeSgd) without its warm-up.
    ///
    /// # Reference
    /// Defazio et al., *The Road Less Scheduled*, 2024, <https://arxiv.org/abs/2405.15682>;
    /// <https://github.com/facebookresearch/schedule_free>; `decoupling`: Song et al., *Through the River:
    /// Understanding the Benefit of Schedule-Free Methods for Language Model Training*, 2025,
    /// <https://arxiv.org/abs/2507.09846>
    pub struct ScheduleFreeConfig {
        /// The optimizer that it wraps.
        base: Box<OptimizerSpec> = (base()) as "`adamw`";
        /// Position of the trained point between the fast weights (0) and their average (1).
        momentum: f64 = 0.9, "β", in POSITIVE_BELOW_ONE, search(1, Search::Momentum);
        /// Decoupled weight decay at the trained point, in addition to the base's.
        weight_decay: f64 = 0.0, "λ", in NON_NEGATIVE, search(2, Search::WeightDecay);
        /// Power of the step number in the weighting of the average.
        r: f64 = 0.0, "r", in NON_NEGATIVE;
        /// Power of the largest learning rate so far in the weighting of the average.
        weight_lr_power: f64 = 2.0, "p", in NON_NEGATIVE;
        /// Factor of 1 − β in the share of the new fast weights (refined schedule-free); 0 is off.
        decoupling: f64 = 0.0, "C", in NON_NEGATIVE, since("2026-12-01");
    }
}

impl Wrapper for ScheduleFreeConfig {
    base_field!();

    fn wrap(&self, owner: &str, mut assembly: Assembly) -> Result<Assembly, Error> {
        let ScheduleFreeConfig { momentum, weight_decay, r, weight_lr_power, decoupling, .. } = *self;
        let free = ScheduleFree { momentum, weight_decay, r, weight_lr_power, decoupling };
        match assembly.extras.schedule_free.replace(free) {
            None => Ok(assembly),
            Some(_) => Err(twice(owner)),
        }
    }
}

/// The settings of [`ScheduleFreeConfig`] without its base.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ScheduleFree {
    /// Position of the trained point between the fast weights (0) and their average (1), `(0, 1)`.
    pub momentum: f64,
    /// Decoupled weight decay at the trained point, `[0, ∞)`.
    pub weight_decay: f64,
    /// Power of the step number in the weighting of the average, `[0, ∞)`.
    pub r: f64,
    /// Power of the largest learning rate so far in the weighting of the average, `[0, ∞)`.
    pub weight_lr_power: f64,
    /// Factor of `1 − momentum` in the share of the new fast weights, `[0, ∞)`; 0 for a share without it.
    pub decoupling: f64,
}

impl ScheduleFree {
    pub(crate) fn check(&self, owner: &str) -> Result<(), Error> {
        let ScheduleFree { momentum, weight_decay, r, weight_lr_power, decoupling } = *self;
        range::check(owner, [("momentum", momentum, POSITIVE_BELOW_ONE)])?;
        range::check(owner, [("weight_decay", weight_decay, NON_NEGATIVE), ("r", r, NON_NEGATIVE)])?;
        range::check(
            owner,
            [("weight_lr_power", weight_lr_power, NON_NEGATIVE), ("decoupling", decoupling, NON_NEGATIVE)],
        )
    }

    /// Returns the coefficients of step `t`, counted from 1. `averaged` are `W` and the largest rate after
    /// the previous step; `decays` says whether the weight decay applies.
    pub(crate) fn at_step(&self, lr: f64, t: u64, decays: bool, mut averaged: [f64; 2]) -> ScheduleFreeStep {
        let ScheduleFree { momentum: beta, weight_decay, r, weight_lr_power, decoupling } = *self;
        let averaging = Averaging { beta, r, weight_lr_power, warmup_steps: 0, decoupling };
        let step = averaging.at_step(lr, t, &mut averaged);
        ScheduleFreeStep { step, decay: if decays { lr * weight_decay } else { 0.0 }, averaged }
    }
}

/// The coefficients of [`ScheduleFree`] in one step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct ScheduleFreeStep {
    step: AveragingStep,
    /// `η λ`.
    decay: f64,
    /// `W` and the largest rate after the step.
    pub averaged: [f64; 2],
}

impl ScheduleFreeStep {
    /// Returns the fast weights that the rule moves, from the trained point and the stored ones.
    #[inline(always)]
    pub fn start<V: Value>(&self, trained: &V, fast: &V) -> V {
        if self.decay == 0.0 {
            return fast.clone();
        }
        fast.clone() - trained.clone().mul_scalar(self.decay)
    }

    /// Stores the fast weights that the rule moved to `moved`, and returns the new trained point.
    #[inline(always)]
    pub fn follow<V: Value>(&self, trained: V, fast: &mut V, moved: V) -> V {
        self.step.follow(trained, fast, moved)
    }
}
