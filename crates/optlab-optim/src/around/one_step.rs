//! Wrappers that act on a parameter before or after its rule: [`Extras`](crate::around::Extras) has the
//! formulas and their order.

use crate::Error;
use crate::around::{Lookahead, Wrapper, base, base_field, once, twice};
use crate::driver::Assembly;
use crate::spec::OptimizerSpec;
use optlab_core::settings;
use optlab_core::settings::Search;

settings! {
    /// Lookahead: every few steps slow weights move towards the fast ones, which then continue from the slow
    /// weights.
    ///
    /// One more tensor per parameter.
    ///
    /// # Errors
    /// [`assemble`](crate::spec::RuleConfig::assemble): [`Error::InvalidConfig`] if a field is out of range;
    /// [`Error::Usage`] if the base already looks ahead.
    ///
    /// # Reference
    /// Zhang et al., *Lookahead Optimizer: k steps forward, 1 step back*, 2019,
    /// <https://arxiv.org/abs/1907.08610>
    pub struct LookaheadConfig {
        /// The optimizer that it wraps.
        base: Box<OptimizerSpec> = (base()) as "`adamw`";
        /// Steps between two updates of the slow weights.
        steps: usize = 5, "k", in COUNT, search(2, Search::Integer(5, 10));
        /// Share of the distance to the fast weights that the slow weights move.
        alpha: f64 = 0.5, "α", in SHARE, search(1, Search::Uniform(0.2, 0.8));
    }
}

impl Wrapper for LookaheadConfig {
    base_field!();

    fn wrap(&self, owner: &str, mut assembly: Assembly) -> Result<Assembly, Error> {
        match assembly.extras.lookahead.replace(self.lookahead()) {
            None => Ok(assembly),
            Some(_) => Err(twice(owner)),
        }
    }
}

impl LookaheadConfig {
    fn lookahead(&self) -> Lookahead {
        Lookahead { steps: self.steps, alpha: self.alpha }
    }
}

settings! {
    /// Cautious masking: keeps only the elements of a step that descend along the gradient, and scales them
    /// up to compensate for the others.
    ///
    /// The decay of a [`DecayConfig`] is not part of the masked step; the rule's own decay is.
    ///
    /// # Errors
    /// [`assemble`](crate::spec::RuleConfig::assemble): the errors of the base; [`Error::Usage`] if the base
    /// is already cautious.
    ///
    /// # Reference
    /// Liang et al., *Cautious Optimizers: Improving Training with One Line of Code*, 2024,
    /// <https://arxiv.org/abs/2411.16085>
    pub struct CautiousConfig {
        /// The optimizer that it wraps.
        base: Box<OptimizerSpec> = (base()) as "`adamw`";
    }
}

impl Wrapper for CautiousConfig {
    base_field!();

    fn wrap(&self, owner: &str, mut assembly: Assembly) -> Result<Assembly, Error> {
        once(owner, &mut assembly.extras.cautious)?;
        Ok(assembly)
    }
}

settings! {
    /// Skipping of steps in which a gradient is infinite or NaN; the skipped steps are counted.
    ///
    /// A skipped step changes nothing, not even the step number. Each step reads one number from the device.
    ///
    /// # Errors
    /// [`assemble`](crate::spec::RuleConfig::assemble): the errors of the base; [`Error::Usage`] if the base
    /// already skips such steps.
    pub struct SkipNonFiniteConfig {
        /// The optimizer that it wraps.
        base: Box<OptimizerSpec> = (base()) as "`adamw`";
    }
}

impl Wrapper for SkipNonFiniteConfig {
    base_field!();

    fn wrap(&self, owner: &str, mut assembly: Assembly) -> Result<Assembly, Error> {
        once(owner, &mut assembly.extras.skip_non_finite)?;
        Ok(assembly)
    }
}

settings! {
    /// Decoupled penalties for any rule: decoupled weight decay, and an L1 penalty applied as a proximal
    /// step, which produces exact zeros.
    ///
    /// Cautious decay follows the rule instead of preceding it, and leaves out the elements that the rule
    /// moves away from 0.
    ///
    /// They add to the penalties of the rule. For penalties in the gradient, use `--l1` and `--l2`.
    ///
    /// # Errors
    /// [`assemble`](crate::spec::RuleConfig::assemble): [`Error::InvalidConfig`] if a field is out of range;
    /// [`Error::Usage`] if the base already has these penalties.
    ///
    /// # Reference
    /// Loshchilov & Hutter, *Decoupled Weight Decay Regularization*, 2017,
    /// <https://arxiv.org/abs/1711.05101>; Duchi & Singer, *Efficient Online and Batch Learning Using Forward
    /// Backward Splitting*, 2009, JMLR 10, section 5.1; Chen et al., *Cautious Weight Decay*, 2025,
    /// <https://arxiv.org/abs/2510.12402>
    pub struct DecayConfig {
        /// The optimizer that it wraps.
        base: Box<OptimizerSpec> = (base()) as "`adamw`";
        /// Decoupled weight decay.
        weight_decay: f64 = 0.01, "λ", in NON_NEGATIVE, search(1, Search::WeightDecay);
        /// Whether to decay only elements that the step does not move away from 0.
        cautious: bool = false, since("2026-11-30");
        /// Weight of the L1 penalty, applied as a proximal step.
        l1: f64 = 0.0, "λ₁", in NON_NEGATIVE;
    }
}

impl Wrapper for DecayConfig {
    base_field!();

    fn wrap(&self, owner: &str, mut assembly: Assembly) -> Result<Assembly, Error> {
        let extras = &mut assembly.extras;
        if extras.weight_decay != 0.0 || extras.l1 != 0.0 {
            return Err(twice(owner));
        }
        (extras.weight_decay, extras.l1) = (self.weight_decay, self.l1);
        extras.cautious_decay = self.cautious;
        Ok(assembly)
    }
}
