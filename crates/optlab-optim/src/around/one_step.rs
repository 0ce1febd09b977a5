//! What is done to a parameter beside its rule: [`Extras`](crate::around::Extras) has the formulas and their order.

use crate::Error;
use crate::around::{Lookahead, Wrapper, base, base_field, once, twice};
use crate::driver::Assembly;
use crate::spec::OptimizerSpec;
use optlab_core::settings;
use optlab_core::settings::Search;

settings! {
    /// Lookahead: slow weights follow every few steps, and the fast ones go on from there.
    ///
    /// One more tensor per parameter.
    ///
    /// # Errors
    /// [`assemble`](crate::spec::RuleConfig::assemble): [`Error::InvalidConfig`] if a field is out of range; [`Error::Usage`] if the base looks
    /// ahead already.
    ///
    /// # Reference
    /// Zhang et al., *Lookahead Optimizer: k steps forward, 1 step back*, 2019, <https://arxiv.org/abs/1907.08610>
    pub struct LookaheadConfig {
        /// What it is put around.
        base: Box<OptimizerSpec> = (base()) as "`adamw`";
        /// Steps from one time to the next, 1 or more.
        steps: usize = 5, "k", in COUNT, search(2, Search::Integer(5, 10));
        /// How far the slow weights go towards the fast ones, `[0, 1]`.
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
    /// Cautious masking: of each step only the elements that go down the gradient, made larger by as much as that leaves out.
    ///
    /// The decay of a [`DecayConfig`] is no part of the step; a decay of the rule's own is.
    ///
    /// # Errors
    /// [`assemble`](crate::spec::RuleConfig::assemble): those of the base; [`Error::Usage`] if it is cautious already.
    ///
    /// # Reference
    /// Liang et al., *Cautious Optimizers: Improving Training with One Line of Code*, 2024, <https://arxiv.org/abs/2411.16085>
    pub struct CautiousConfig {
        /// What it is put around.
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
    /// Leaves out every step of which a gradient is infinite or NaN, and counts it.
    ///
    /// Nothing changes in such a step, no counter either. Each step reads one number from the device.
    ///
    /// # Errors
    /// [`assemble`](crate::spec::RuleConfig::assemble): those of the base; [`Error::Usage`] if it does so already.
    pub struct SkipNonFiniteConfig {
        /// What it is put around.
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
    /// Penalties apart from the gradient, for any rule: decoupled weight decay, and L1 by a proximal step, which makes exact zeros.
    ///
    /// They add to those of the rule. For penalties as part of the gradient there are `--l1` and `--l2`.
    ///
    /// # Errors
    /// [`assemble`](crate::spec::RuleConfig::assemble): [`Error::InvalidConfig`] if a field is out of range; [`Error::Usage`] if the base has such
    /// penalties already.
    ///
    /// # Reference
    /// Loshchilov & Hutter, *Decoupled Weight Decay Regularization*, 2017, <https://arxiv.org/abs/1711.05101>; Duchi & Singer,
    /// *Efficient Online and Batch Learning Using Forward Backward Splitting*, 2009, JMLR 10, section 5.1
    pub struct DecayConfig {
        /// What it is put around.
        base: Box<OptimizerSpec> = (base()) as "`adamw`";
        /// Decay apart from the gradient, `[0, ∞)`.
        weight_decay: f64 = 0.01, "λ", in NON_NEGATIVE, search(1, Search::WeightDecay);
        /// Weight of an L1 penalty that is taken by a proximal step, `[0, ∞)`.
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
        Ok(assembly)
    }
}
