//! What is done to a parameter beside its rule: [`Wrappers`](crate::optim::Wrappers) has the formulas and their order.

use super::{BASE_LR, assembled, base, not_a_rule, twice};
use crate::error::Error;
use crate::optim::{Assembly, Lookahead, OptimizerSpec, ParameterRule, RuleConfig};
use crate::range::{self, NON_NEGATIVE, SHARE};
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
/// [`assemble`](RuleConfig::assemble): [`Error::InvalidConfig`] if a field is out of range; [`Error::Usage`] if the base looks
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

impl RuleConfig for LookaheadConfig {
    const DEFAULT_LR: f64 = BASE_LR;

    fn rules(&self, owner: &str) -> Result<Vec<ParameterRule>, Error> {
        Err(not_a_rule(owner))
    }

    fn assemble(&self, owner: &str) -> Result<Assembly, Error> {
        range::check_at_least_one(owner, [("steps", self.steps)])?;
        range::check(owner, [("alpha", self.alpha, SHARE)])?;
        let mut assembly = assembled(owner, &self.base)?;
        let lookahead = Lookahead { steps: self.steps, alpha: self.alpha };
        match assembly.wrappers.lookahead.replace(lookahead) {
            None => Ok(assembly),
            Some(_) => Err(twice(owner)),
        }
    }

    fn default_lr(&self) -> f64 {
        self.base.default_lr()
    }
}

/// Cautious masking: of each step only the elements that go down the gradient, made larger by as much as that leaves out.
///
/// The decay of a [`DecayConfig`] is no part of the step; a decay of the rule's own is.
///
/// # Errors
/// [`assemble`](RuleConfig::assemble): those of the base; [`Error::Usage`] if it is cautious already.
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

impl RuleConfig for CautiousConfig {
    const DEFAULT_LR: f64 = BASE_LR;

    fn rules(&self, owner: &str) -> Result<Vec<ParameterRule>, Error> {
        Err(not_a_rule(owner))
    }

    fn assemble(&self, owner: &str) -> Result<Assembly, Error> {
        let mut assembly = assembled(owner, &self.base)?;
        if std::mem::replace(&mut assembly.wrappers.cautious, true) {
            return Err(twice(owner));
        }
        Ok(assembly)
    }

    fn default_lr(&self) -> f64 {
        self.base.default_lr()
    }
}

/// Leaves out every step of which a gradient is infinite or NaN, and counts it.
///
/// Nothing changes in such a step, no counter either. Each step reads one number from the device.
///
/// # Errors
/// [`assemble`](RuleConfig::assemble): those of the base; [`Error::Usage`] if it does so already.
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

impl RuleConfig for SkipNonFiniteConfig {
    const DEFAULT_LR: f64 = BASE_LR;

    fn rules(&self, owner: &str) -> Result<Vec<ParameterRule>, Error> {
        Err(not_a_rule(owner))
    }

    fn assemble(&self, owner: &str) -> Result<Assembly, Error> {
        let mut assembly = assembled(owner, &self.base)?;
        if std::mem::replace(&mut assembly.wrappers.skip_non_finite, true) {
            return Err(twice(owner));
        }
        Ok(assembly)
    }

    fn default_lr(&self) -> f64 {
        self.base.default_lr()
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
/// [`assemble`](RuleConfig::assemble): [`Error::InvalidConfig`] if a field is out of range; [`Error::Usage`] if the base has such
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

impl RuleConfig for DecayConfig {
    const DEFAULT_LR: f64 = BASE_LR;

    fn rules(&self, owner: &str) -> Result<Vec<ParameterRule>, Error> {
        Err(not_a_rule(owner))
    }

    fn assemble(&self, owner: &str) -> Result<Assembly, Error> {
        let given = [("weight_decay", self.weight_decay, NON_NEGATIVE), ("l1", self.l1, NON_NEGATIVE)];
        range::check(owner, given)?;
        let mut assembly = assembled(owner, &self.base)?;
        let wrappers = &mut assembly.wrappers;
        if wrappers.weight_decay != 0.0 || wrappers.l1 != 0.0 {
            return Err(twice(owner));
        }
        (wrappers.weight_decay, wrappers.l1) = (self.weight_decay, self.l1);
        Ok(assembly)
    }

    fn default_lr(&self) -> f64 {
        self.base.default_lr()
    }
}
