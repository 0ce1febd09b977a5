use super::{Wrapper, base, twice};
use crate::error::Error;
use crate::optim::model_optimizer::Method;
use crate::optim::sharpness::Sharpness;
use crate::optim::{Assembly, OptimizerSpec};
use crate::range::{self, NON_NEGATIVE, POSITIVE};
use serde::{Deserialize, Serialize};

/// Sharpness-aware minimization: the base moves along the gradients at the point nearby where the loss is largest.
///
/// ```text
/// ε = ρ g(θ) / (‖g(θ)‖ + 1e-12)                  norm of all gradients together
/// the base sees g(θ + ε) and moves θ
/// ```
///
/// | field | symbol | default | range    |
/// |:------|:-------|--------:|:---------|
/// | `rho` | `ρ`    |    0.05 | `(0, ∞)` |
///
/// Each step evaluates the model twice, on the same batch. Penalties and clipping are for the second gradients.
///
/// # Errors
/// [`assemble`](crate::optim::RuleConfig::assemble): [`Error::InvalidConfig`] if a field is out of range; [`Error::Usage`] if the base looks
/// around already.
///
/// # Reference
/// Foret et al., *Sharpness-Aware Minimization for Efficiently Improving Generalization*, 2020,
/// <https://arxiv.org/abs/2010.01412>
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SamConfig {
    /// What it is put around.
    pub base: Box<OptimizerSpec>,
    /// How far the loss is looked at, `(0, ∞)`.
    pub rho: f64,
}

impl Default for SamConfig {
    fn default() -> Self {
        SamConfig { base: base(), rho: 0.05 }
    }
}

impl Wrapper for SamConfig {
    fn base(&self) -> &OptimizerSpec {
        &self.base
    }

    fn check(&self, owner: &str) -> Result<(), Error> {
        range::check(owner, [("rho", self.rho, POSITIVE)])
    }

    fn wrap(&self, owner: &str, assembly: Assembly) -> Result<Assembly, Error> {
        with_sharpness(owner, assembly, Sharpness { rho: self.rho, eta: None })
    }
}

/// Adaptive sharpness-aware minimization: as [`SamConfig`], with distances measured in units of each parameter.
///
/// ```text
/// s = |θ| + η
/// ε = ρ s² ⊙ g(θ) / (‖s ⊙ g(θ)‖ + 1e-12)         norm over all parameters together
/// the base sees g(θ + ε) and moves θ
/// ```
///
/// | field | symbol | default | range    |
/// |:------|:-------|--------:|:---------|
/// | `rho` | `ρ`    |     0.5 | `(0, ∞)` |
/// | `eta` | `η`    |    0.01 | `[0, ∞)` |
///
/// # Errors
/// [`assemble`](crate::optim::RuleConfig::assemble): [`Error::InvalidConfig`] if a field is out of range; [`Error::Usage`] if the base looks
/// around already.
///
/// # Differs from
/// The authors' code, which adds `η` to weights only and takes biases at unit scale: here every parameter is treated alike.
///
/// # Reference
/// Kwon et al., *ASAM: Adaptive Sharpness-Aware Minimization*, 2021, <https://arxiv.org/abs/2102.11600>
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AsamConfig {
    /// What it is put around.
    pub base: Box<OptimizerSpec>,
    /// How far the loss is looked at, in units of the parameters, `(0, ∞)`.
    pub rho: f64,
    /// Added to the size of a parameter, `[0, ∞)`.
    pub eta: f64,
}

impl Default for AsamConfig {
    fn default() -> Self {
        AsamConfig { base: base(), rho: 0.5, eta: 0.01 }
    }
}

impl Wrapper for AsamConfig {
    fn base(&self) -> &OptimizerSpec {
        &self.base
    }

    fn check(&self, owner: &str) -> Result<(), Error> {
        range::check(owner, [("rho", self.rho, POSITIVE), ("eta", self.eta, NON_NEGATIVE)])
    }

    fn wrap(&self, owner: &str, assembly: Assembly) -> Result<Assembly, Error> {
        with_sharpness(owner, assembly, Sharpness { rho: self.rho, eta: Some(self.eta) })
    }
}

fn with_sharpness(owner: &str, assembly: Assembly, sharpness: Sharpness) -> Result<Assembly, Error> {
    match assembly.method {
        Method::Once => Ok(Assembly { method: Method::Sharpness(sharpness), ..assembly }),
        Method::Sharpness(_) => Err(twice(owner)),
        Method::Lbfgs(_) => unreachable!("it has no rules"),
    }
}
