//! NovoGrad: momentum of gradients normalized by their norm per tensor.

use crate::Error;
use crate::burn_optimizer;
use crate::rule::{Rule, Start, TensorMemory, TensorRule};
use crate::rules::parts::moments::moving_average;
use crate::rules::parts::weight_decay;
use crate::spec::rule_config;
use burn::tensor::Tensor;
use optlab_core::settings;
use optlab_core::settings::{Search, Settings};

settings! {
    /// Settings of [`NovoGrad`].
    pub struct NovoGradConfig {
        /// Decay of the momentum.
        beta_1: f64 = 0.9, "β₁", in BELOW_ONE, search(1, Search::Momentum);
        /// Decay of the mean of the squared gradient norms.
        beta_2: f64 = 0.25, "β₂", in BELOW_ONE, search(2, Search::Decay);
        /// Constant added to the norm.
        epsilon: f64 = 1e-6, "ε", in POSITIVE;
        /// Weight decay, added to the momentum.
        weight_decay: f64 = 0.0, "λ", in NON_NEGATIVE, search(3, Search::WeightDecay);
    }
}

rule_config!(tensor NovoGradConfig, lr 1e-3);

impl NovoGradConfig {
    /// Checks the settings and builds the rule; errors name `owner`.
    pub(crate) fn build_as(&self, owner: &str) -> Result<NovoGrad, Error> {
        self.check(owner)?;
        Ok(NovoGrad { config: self.clone() })
    }
}

/// NovoGrad: momentum of gradients that are normalized by their norm, per tensor (Ginsburg et al., 2019).
///
/// ```text
/// m₀ = 0
/// v₁ = ‖g₁‖²
/// vₜ = β₂ vₜ₋₁ + (1 − β₂) ‖gₜ‖²        one number for the tensor
/// mₜ = β₁ mₜ₋₁ + gₜ / (√vₜ + ε) + λ θₜ₋₁
/// θₜ = θₜ₋₁ − ηₜ mₜ
/// ```
///
#[doc = settings_table!()]
///
/// `ηₜ` is the `lr` argument of [`step`](burn::optim::Optimizer::step); the schedule sets it.
///
/// # Shapes
/// `θ`, `g`, `m`: `[d₁, …, d_D]`, any rank; `v`: `[1]`. State per parameter: the step number, one tensor of
/// its shape, and one number.
///
/// # Errors
/// [`NovoGradConfig::build`]: [`Error::InvalidConfig`] if a field is out of range or NaN.
///
/// # Example
/// The first step of a tensor has the length of the learning rate, for any gradient:
/// ```
/// use burn::{optim::Optimizer, tensor::{Device, Tensor}};
///
/// let novograd = optlab_optim::NovoGradConfig::default().build()?;
/// let device = Device::default();
/// let theta = Tensor::<1>::zeros([2], &device);
/// let (theta, _) = novograd.step(0.1, theta, Tensor::from_floats([300.0, 400.0], &device), None);
/// let theta: Vec<f32> = theta.into_data().try_to_vec()?;
/// assert!((theta[0] + 0.06).abs() < 1e-6 && (theta[1] + 0.08).abs() < 1e-6);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Differs from
/// optax: there is no second `ε` under the root. pytorch_optimizer: `β₁` and `β₂` are not 0.95 and 0.98 by
/// default.
///
/// # Reference
/// Ginsburg et al., *Stochastic Gradient Methods with Layer-wise Adaptive Moments for Training of Deep
/// Networks*, 2019, <https://arxiv.org/abs/1905.11286>
#[derive(Debug, Clone)]
pub struct NovoGrad {
    config: NovoGradConfig,
}

const MOMENTUM: &str = "momentum";
const SECOND_MOMENT: &str = "second_moment";

impl Rule for NovoGrad {
    const STATE: &'static [&'static str] = &[MOMENTUM, SECOND_MOMENT];

    fn start(&self, buffer: &str, _shape: &[usize]) -> Option<Start> {
        Some(if buffer == SECOND_MOMENT { Start::Zeros(vec![1]) } else { Start::Value(0.0) })
    }
}

impl TensorRule for NovoGrad {
    fn step<const D: usize>(
        &self,
        lr: f64,
        theta: Tensor<D>,
        grad: Tensor<D>,
        memory: &mut TensorMemory<'_>,
    ) -> Tensor<D> {
        let NovoGradConfig { beta_1, beta_2, epsilon, weight_decay } = self.config;
        let square = grad.clone().square().sum();
        let beta_2 = if memory.t() == 1 { 0.0 } else { beta_2 };
        let second = memory.update::<1>(SECOND_MOMENT, |average| moving_average(&average, square, beta_2));
        let unit = grad / second.sqrt().add_scalar(epsilon).reshape([1; D]);
        let step = weight_decay::coupled(unit, &theta, weight_decay);
        let momentum = memory.update(MOMENTUM, |momentum: Tensor<D>| momentum.mul_scalar(beta_1) + step);
        theta - momentum.mul_scalar(lr)
    }
}

burn_optimizer!(NovoGrad, crate::rule::tensor_step);
