use crate::error::Error;
use crate::optim::elementwise::burn_optimizer;
use crate::optim::moments::moving_average;
use crate::optim::{ParameterRule, Rule, RuleConfig, Start, TensorMemory, TensorRule, weight_decay};
use crate::range::{self, BELOW_ONE, NON_NEGATIVE, POSITIVE};
use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

/// Settings of [`NovoGrad`], where their ranges are listed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NovoGradConfig {
    /// Decay of the momentum.
    pub beta_1: f64,
    /// Decay of the mean of the squared lengths of the gradients.
    pub beta_2: f64,
    /// Added to the length.
    pub epsilon: f64,
    /// Weight decay, through the momentum.
    pub weight_decay: f64,
}

impl Default for NovoGradConfig {
    fn default() -> Self {
        NovoGradConfig { beta_1: 0.9, beta_2: 0.25, epsilon: 1e-6, weight_decay: 0.0 }
    }
}

impl RuleConfig for NovoGradConfig {
    const DEFAULT_LR: f64 = 1e-3;

    fn rules(&self, _owner: &str) -> Result<Vec<ParameterRule>, Error> {
        Ok(vec![ParameterRule::tensor(self.build()?)])
    }
}

impl NovoGradConfig {
    /// The rule by itself, for Burn's `ModuleOptimizer` or one's own loop.
    ///
    /// # Errors
    /// [`Error::InvalidConfig`] for a field out of its range or NaN.
    pub fn build(&self) -> Result<NovoGrad, Error> {
        range::check(
            "novograd",
            [
                ("beta_1", self.beta_1, BELOW_ONE),
                ("beta_2", self.beta_2, BELOW_ONE),
                ("epsilon", self.epsilon, POSITIVE),
                ("weight_decay", self.weight_decay, NON_NEGATIVE),
            ],
        )?;
        Ok(NovoGrad { config: self.clone() })
    }
}

/// NovoGrad: momentum of gradients in units of their own length, tensor by tensor (Ginsburg et al., 2019).
///
/// ```text
/// m₀ = 0
/// v₁ = ‖g₁‖²
/// vₜ = β₂ vₜ₋₁ + (1 − β₂) ‖gₜ‖²        one number for the tensor
/// mₜ = β₁ mₜ₋₁ + gₜ / (√vₜ + ε) + λ θₜ₋₁
/// θₜ = θₜ₋₁ − ηₜ mₜ
/// ```
///
/// | field          | symbol | default | range    |
/// |:---------------|:-------|--------:|:---------|
/// | `beta_1`       | `β₁`   |     0.9 | `[0, 1)` |
/// | `beta_2`       | `β₂`   |    0.25 | `[0, 1)` |
/// | `epsilon`      | `ε`    |    1e-6 | `(0, ∞)` |
/// | `weight_decay` | `λ`    |       0 | `[0, ∞)` |
///
/// `ηₜ` is the `lr` argument of [`step`](burn::optim::Optimizer::step); the schedule owns it.
///
/// # Shapes
/// `θ`, `g`, `m`: `[d₁, …, d_D]`, any rank; `v`: `[1]`. State per parameter: the step number, one tensor of its shape, and
/// one number.
///
/// # Errors
/// [`NovoGradConfig::build`]: [`Error::InvalidConfig`] if a field is out of range or NaN.
///
/// # Example
/// The first step of a tensor is as long as the learning rate, whatever its gradient:
/// ```
/// use burn::{optim::Optimizer, tensor::{Device, Tensor}};
///
/// let novograd = optlab::optim::NovoGradConfig::default().build()?;
/// let device = Device::default();
/// let theta = Tensor::<1>::zeros([2], &device);
/// let (theta, _) = novograd.step(0.1, theta, Tensor::from_floats([300.0, 400.0], &device), None);
/// let theta: Vec<f32> = theta.into_data().try_to_vec()?;
/// assert!((theta[0] + 0.06).abs() < 1e-6 && (theta[1] + 0.08).abs() < 1e-6);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Differs from
/// optax: there is no second `ε` under the root. pytorch_optimizer: `β₁` and `β₂` are not 0.95 and 0.98 by default.
///
/// # Reference
/// Ginsburg et al., *Stochastic Gradient Methods with Layer-wise Adaptive Moments for Training of Deep Networks*, 2019,
/// <https://arxiv.org/abs/1905.11286>
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

burn_optimizer!(NovoGrad, crate::optim::tensor_rule::step);
