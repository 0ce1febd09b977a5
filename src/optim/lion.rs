use crate::RecordState;
use crate::error::Error;
use crate::optim::moments::moving_average;
use crate::optim::{ModelOptimizer, RuleConfig, weight_decay};
use crate::range::{self, BELOW_ONE, NON_NEGATIVE};
use burn::optim::Optimizer;
use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};

/// Settings of [`Lion`], where their ranges are listed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LionConfig {
    /// Weight of the momentum against the gradient in the direction of a step.
    pub beta_1: f64,
    /// Decay of the momentum.
    pub beta_2: f64,
    /// Weight decay, apart from the gradient.
    pub weight_decay: f64,
}

impl Default for LionConfig {
    fn default() -> Self {
        LionConfig { beta_1: 0.9, beta_2: 0.99, weight_decay: 0.0 }
    }
}

impl RuleConfig for LionConfig {
    const DEFAULT_LR: f64 = 1e-4;

    fn build_for_model(&self, name: &str) -> Result<ModelOptimizer, Error> {
        Ok(ModelOptimizer::new(name, self.build()?))
    }
}

impl LionConfig {
    /// The rule by itself, for Burn's `ModuleOptimizer` or one's own loop.
    ///
    /// # Errors
    /// [`Error::InvalidConfig`] for a field out of its range or NaN.
    pub fn build(&self) -> Result<Lion, Error> {
        range::check(
            "lion",
            [
                ("beta_1", self.beta_1, BELOW_ONE),
                ("beta_2", self.beta_2, BELOW_ONE),
                ("weight_decay", self.weight_decay, NON_NEGATIVE),
            ],
        )?;
        Ok(Lion { config: self.clone() })
    }
}

/// Lion: steps by the sign of momentum and gradient together (Chen et al., 2023).
///
/// ```text
/// m₀ = 0
/// cₜ = β₁ mₜ₋₁ + (1 − β₁) gₜ
/// θₜ = (1 − ηₜ λ) θₜ₋₁ − ηₜ sign(cₜ)          sign(0) = 0
/// mₜ = β₂ mₜ₋₁ + (1 − β₂) gₜ
/// ```
///
/// | field          | symbol | default | range    |
/// |:---------------|:-------|--------:|:---------|
/// | `beta_1`       | `β₁`   |     0.9 | `[0, 1)` |
/// | `beta_2`       | `β₂`   |    0.99 | `[0, 1)` |
/// | `weight_decay` | `λ`    |       0 | `[0, ∞)` |
///
/// `ηₜ` is the `lr` argument of [`step`](Optimizer::step); the schedule owns it. Every element moves by `ηₜ`, so a rate
/// that suits Adam is three to ten times too large.
///
/// # Shapes
/// `θ`, `g`, `m`: `[d₁, …, d_D]`, any rank. State: one tensor per parameter.
///
/// # Errors
/// [`LionConfig::build`]: [`Error::InvalidConfig`] if a field is out of range or NaN.
///
/// # Example
/// The size of a gradient does not matter, only its sign, and 0 has none:
/// ```
/// use burn::{optim::Optimizer, tensor::{Device, Tensor}};
///
/// let lion = optlab::optim::LionConfig::default().build()?;
/// let device = Device::default();
/// let theta = Tensor::<1>::zeros([3], &device);
/// let (theta, _) = lion.step(0.5, theta, Tensor::from_floats([1e6, -1e-6, 0.0], &device), None);
/// assert_eq!(theta.into_data().try_to_vec::<f32>().unwrap(), [-0.5, 0.5, 0.0]);
/// # Ok::<(), optlab::Error>(())
/// ```
///
/// # Differs from
/// Nothing known in its formula. The sign of a sum that only rounding keeps from 0 is that of the 32-bit sum.
///
/// # Reference
/// Chen et al., *Symbolic Discovery of Optimization Algorithms*, 2023, <https://arxiv.org/abs/2302.06675>
#[derive(Debug, Clone)]
pub struct Lion {
    config: LionConfig,
}

/// What [`Lion`] remembers of a parameter.
#[derive(Debug, Clone, RecordState)]
pub struct LionState<const D: usize> {
    /// The mean of the gradients, `m`.
    pub momentum: Tensor<D>,
}

impl Optimizer for Lion {
    type State<const D: usize> = LionState<D>;

    fn step<const D: usize>(
        &self,
        lr: f64,
        theta: Tensor<D>,
        grad: Tensor<D>,
        state: Option<Self::State<D>>,
    ) -> (Tensor<D>, Option<Self::State<D>>) {
        let LionConfig { beta_1, beta_2, weight_decay } = self.config;
        let momentum = state.map(|state| state.momentum);
        let direction = moving_average(momentum.clone(), grad.clone(), beta_1).sign();
        let momentum = moving_average(momentum, grad, beta_2);
        (
            weight_decay::decoupled(theta, lr, weight_decay) - direction.mul_scalar(lr),
            Some(LionState { momentum }),
        )
    }

    fn to_device<const D: usize>(state: Self::State<D>, device: &Device) -> Self::State<D> {
        LionState { momentum: state.momentum.to_device(device) }
    }
}
