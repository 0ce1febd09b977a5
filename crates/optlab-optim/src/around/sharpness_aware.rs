//! Wrappers that step along the gradients at the worst nearby point: `sam` and `asam`.

use crate::Error;
use crate::around::sharpness::Sharpness;
use crate::around::{Wrapper, base, base_field, twice};
use crate::driver::assembly::no_wrapper_of_lbfgs;
use crate::driver::{Assembly, Method};
use crate::spec::OptimizerSpec;
use optlab_core::settings;
use optlab_core::settings::Search;

settings! {
    /// Sharpness-aware minimization: the base steps along the gradients at the nearby point with the largest
    /// loss.
    ///
    /// ```text
    /// ε = ρ g(θ) / (‖g(θ)‖ + 1e-12)                  norm of all gradients together
    /// the base sees g(θ + ε) and moves θ
    /// ```
    ///
    /// Each step evaluates the model twice, on the same batch. Penalties and clipping apply to the second
    /// gradients.
    ///
    /// # Errors
    /// [`assemble`](crate::spec::RuleConfig::assemble): [`Error::InvalidConfig`] if a field is out of range;
    /// [`Error::Usage`] if the base already is `sam` or `asam`.
    ///
    /// # Reference
    /// Foret et al., *Sharpness-Aware Minimization for Efficiently Improving Generalization*, 2020,
    /// <https://arxiv.org/abs/2010.01412>
    pub struct SamConfig {
        /// The optimizer that it wraps.
        base: Box<OptimizerSpec> = (base()) as "`adamw`";
        /// Distance at which the loss is evaluated.
        rho: f64 = 0.05, "ρ", in POSITIVE, search(1, Search::Log(0.01, 0.5));
    }
}

impl Wrapper for SamConfig {
    base_field!();

    fn wrap(&self, owner: &str, assembly: Assembly) -> Result<Assembly, Error> {
        with_sharpness(owner, assembly, Sharpness { rho: self.rho, eta: None })
    }
}

settings! {
    /// Adaptive sharpness-aware minimization: like [`SamConfig`], with distances measured relative to the
    /// size of each parameter.
    ///
    /// ```text
    /// s = |θ| + η
    /// ε = ρ s² ⊙ g(θ) / (‖s ⊙ g(θ)‖ + 1e-12)         norm over all parameters together
    /// the base sees g(θ + ε) and moves θ
    /// ```
    ///
    /// # Errors
    /// [`assemble`](crate::spec::RuleConfig::assemble): [`Error::InvalidConfig`] if a field is out of range;
    /// [`Error::Usage`] if the base already is `sam` or `asam`.
    ///
    /// # Differs from
    /// The authors' code adds `η` to weights only and uses unit scale for biases; here every parameter is
    /// treated alike.
    ///
    /// # Reference
    /// Kwon et al., *ASAM: Adaptive Sharpness-Aware Minimization*, 2021, <https://arxiv.org/abs/2102.11600>
    pub struct AsamConfig {
        /// The optimizer that it wraps.
        base: Box<OptimizerSpec> = (base()) as "`adamw`";
        /// Distance at which the loss is evaluated, relative to the size of the parameters.
        rho: f64 = 0.5, "ρ", in POSITIVE, search(1, Search::Log(0.05, 5.0));
        /// Added to the absolute value of a parameter.
        eta: f64 = 0.01, "η", in NON_NEGATIVE;
    }
}

impl Wrapper for AsamConfig {
    base_field!();

    fn wrap(&self, owner: &str, assembly: Assembly) -> Result<Assembly, Error> {
        with_sharpness(owner, assembly, Sharpness { rho: self.rho, eta: Some(self.eta) })
    }
}

fn with_sharpness(owner: &str, assembly: Assembly, sharpness: Sharpness) -> Result<Assembly, Error> {
    match assembly.method {
        Method::Once => Ok(Assembly { method: Method::Sharpness(sharpness), ..assembly }),
        Method::Sharpness(_) => Err(twice(owner)),
        Method::Lbfgs(_) => Err(no_wrapper_of_lbfgs(owner)),
        Method::BurnLbfgs(_) => unreachable!("it has no rules"),
    }
}
