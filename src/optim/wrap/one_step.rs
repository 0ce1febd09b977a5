//! What is done to a parameter beside its rule: [`Wrappers`](crate::optim::Wrappers) has the formulas and their order.

use super::{Wrapper, base, once, twice};
use crate::error::Error;
use crate::optim::{Assembly, Lookahead, OptimizerSpec, wrappers};
use serde::{Deserialize, Serialize};

/// Lookahead: slow weights follow every few steps, and the fast ones go on from there.
///
/// | field   | symbol | default | range    |
/// |:--------|:-------|--------:|:---------|
/// | `steps` | `k`    |       5 | 1…       |
/// | `alpha` | `α`    |     0.5 | `[0, 1]` |
///
/// One more tensor per parameter.
///
/// # Errors
/// [`assemble`](crate::optim::RuleConfig::assemble): [`Error::InvalidConfig`] if a field is out of range; [`Error::Usage`] if the base looks
/// ahead already.
///
/// # Reference
/// Zhang et al., *Lookahead Optimizer: k steps forward, 1 step back*, 2019, <https://arxiv.org/abs/1907.08610>
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LookaheadConfig {
    /// What it is put around.
    pub base: Box<OptimizerSpec>,
    /// Steps from one time to the next, 1 or more.
    pub steps: usize,
    /// How far the slow weights go towards the fast ones, `[0, 1]`.
    pub alpha: f64,
}

impl Default for LookaheadConfig {
    fn default() -> Self {
        LookaheadConfig { base: base(), steps: 5, alpha: 0.5 }
    }
}

impl Wrapper for LookaheadConfig {
    fn base(&self) -> &OptimizerSpec {
        &self.base
    }

    fn check(&self, owner: &str) -> Result<(), Error> {
        self.lookahead().check(owner)
    }

    fn wrap(&self, owner: &str, mut assembly: Assembly) -> Result<Assembly, Error> {
        match assembly.wrappers.lookahead.replace(self.lookahead()) {
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

/// Cautious masking: of each step only the elements that go down the gradient, made larger by as much as that leaves out.
///
/// The decay of a [`DecayConfig`] is no part of the step; a decay of the rule's own is.
///
/// # Errors
/// [`assemble`](crate::optim::RuleConfig::assemble): those of the base; [`Error::Usage`] if it is cautious already.
///
/// # Reference
/// Liang et al., *Cautious Optimizers: Improving Training with One Line of Code*, 2024, <https://arxiv.org/abs/2411.16085>
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CautiousConfig {
    /// What it is put around.
    pub base: Box<OptimizerSpec>,
}

impl Default for CautiousConfig {
    fn default() -> Self {
        CautiousConfig { base: base() }
    }
}

impl Wrapper for CautiousConfig {
    fn base(&self) -> &OptimizerSpec {
        &self.base
    }

    fn wrap(&self, owner: &str, mut assembly: Assembly) -> Result<Assembly, Error> {
        once(owner, &mut assembly.wrappers.cautious)?;
        Ok(assembly)
    }
}

/// Leaves out every step of which a gradient is infinite or NaN, and counts it.
///
/// Nothing changes in such a step, no counter either. Each step reads one number from the device.
///
/// # Errors
/// [`assemble`](crate::optim::RuleConfig::assemble): those of the base; [`Error::Usage`] if it does so already.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SkipNonFiniteConfig {
    /// What it is put around.
    pub base: Box<OptimizerSpec>,
}

impl Default for SkipNonFiniteConfig {
    fn default() -> Self {
        SkipNonFiniteConfig { base: base() }
    }
}

impl Wrapper for SkipNonFiniteConfig {
    fn base(&self) -> &OptimizerSpec {
        &self.base
    }

    fn wrap(&self, owner: &str, mut assembly: Assembly) -> Result<Assembly, Error> {
        once(owner, &mut assembly.wrappers.skip_non_finite)?;
        Ok(assembly)
    }
}

/// Penalties apart from the gradient, for any rule: decoupled weight decay, and L1 by a proximal step, which makes exact zeros.
///
/// | field          | symbol | default | range    |
/// |:---------------|:-------|--------:|:---------|
/// | `weight_decay` | `λ`    |    0.01 | `[0, ∞)` |
/// | `l1`           | `λ₁`   |       0 | `[0, ∞)` |
///
/// They add to those of the rule. For penalties as part of the gradient there are `--l1` and `--l2`.
///
/// # Errors
/// [`assemble`](crate::optim::RuleConfig::assemble): [`Error::InvalidConfig`] if a field is out of range; [`Error::Usage`] if the base has such
/// penalties already.
///
/// # Reference
/// Loshchilov & Hutter, *Decoupled Weight Decay Regularization*, 2017, <https://arxiv.org/abs/1711.05101>; Duchi & Singer,
/// *Efficient Online and Batch Learning Using Forward Backward Splitting*, 2009, JMLR 10, section 5.1
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DecayConfig {
    /// What it is put around.
    pub base: Box<OptimizerSpec>,
    /// Decay apart from the gradient, `[0, ∞)`.
    pub weight_decay: f64,
    /// Weight of an L1 penalty that is taken by a proximal step, `[0, ∞)`.
    pub l1: f64,
}

impl Default for DecayConfig {
    fn default() -> Self {
        DecayConfig { base: base(), weight_decay: 0.01, l1: 0.0 }
    }
}

impl Wrapper for DecayConfig {
    fn base(&self) -> &OptimizerSpec {
        &self.base
    }

    fn check(&self, owner: &str) -> Result<(), Error> {
        wrappers::check_decays(owner, self.weight_decay, self.l1)
    }

    fn wrap(&self, owner: &str, mut assembly: Assembly) -> Result<Assembly, Error> {
        let wrappers = &mut assembly.wrappers;
        if wrappers.weight_decay != 0.0 || wrappers.l1 != 0.0 {
            return Err(twice(owner));
        }
        (wrappers.weight_decay, wrappers.l1) = (self.weight_decay, self.l1);
        Ok(assembly)
    }
}
