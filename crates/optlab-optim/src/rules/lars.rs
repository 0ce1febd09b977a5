//! LARS: momentum with each tensor's gradient scaled to the tensor's norm.

use crate::Error;
use crate::burn_optimizer;
use crate::driver::ParameterRule;
use crate::rule::{At, ElementwiseRule, Rule, Start};
use crate::rules::SgdConfig;
use crate::rules::parts::trust_ratio::trust_ratio;
use crate::rules::parts::{velocity, weight_decay};
use crate::settings_of;
use crate::spec::RuleConfig;
use optlab_core::settings;
use optlab_core::settings::{Search, Settings};
use optlab_kernel::{Update, Value};

settings! {
    /// Settings of [`Lars`].
    pub struct LarsConfig {
        /// Share of the velocity kept per step.
        momentum: f64 = 0.9, "μ", in BELOW_ONE, search(1, Search::Momentum);
        /// Weight decay, added to the gradient.
        weight_decay: f64 = 0.0, "λ", in NON_NEGATIVE, search(2, Search::WeightDecay);
        /// Trust coefficient: length of a step of rate 1, relative to the length of the tensor.
        trust_coefficient: f64 = 1e-3, "κ", in POSITIVE;
        /// Whether to use Nesterov momentum.
        nesterov: bool = false, allowed "true only with `momentum`", search(3, Search::Flag);
    }
}

impl RuleConfig for LarsConfig {
    const DEFAULT_LR: f64 = 1e-3;

    const LR_SEARCH: (f64, f64) = (10.0, 1000.0);

    settings_of!();

    /// Builds LARS for parameters of two or more dimensions. Biases and gains get [`Sgd`](crate::rules::Sgd)
    /// with the same momentum.
    fn rules(&self, owner: &str) -> Result<Vec<ParameterRule>, Error> {
        let lars = self.build_as(owner)?;
        let sgd = SgdConfig { momentum: self.momentum, nesterov: self.nesterov, ..SgdConfig::default() };
        Ok(vec![
            ParameterRule::elementwise(lars).for_parameters(|parameter| parameter.shape.len() > 1),
            ParameterRule::elementwise(sgd.build()?),
        ])
    }
}

impl LarsConfig {
    /// Checks the settings and builds the rule; errors name `owner`.
    pub(crate) fn build_as(&self, owner: &str) -> Result<Lars, Error> {
        self.check(owner)?;
        if self.nesterov && self.momentum == 0.0 {
            return Err(Error::invalid(owner, "nesterov", "false unless momentum is above 0", self.nesterov));
        }
        Ok(Lars { config: self.clone() })
    }
}

/// LARS: gradient descent with momentum, with each gradient scaled to a fixed share of its tensor's norm (You
/// et al., 2017).
///
/// ```text
/// b₀ = 0
/// gₜ' = gₜ + λ θₜ₋₁
/// φₜ = κ ‖θₜ₋₁‖ / (‖gₜ‖ + λ ‖θₜ₋₁‖), or 1 where either is 0    norms over the tensor
/// bₜ = μ bₜ₋₁ + φₜ gₜ'
/// θₜ = θₜ₋₁ − ηₜ bₜ                        or, with nesterov, θₜ₋₁ − ηₜ (φₜ gₜ' + μ bₜ)
/// ```
///
#[doc = settings_table!()]
///
/// `ηₜ` is the `lr` argument of [`step`](burn::optim::Optimizer::step); the schedule sets it.
///
/// As `lars` on the command line or from [`LarsConfig::rules`](RuleConfig::rules), it moves parameters of two
/// or more dimensions; biases and gains get [`Sgd`](crate::rules::Sgd) with the same momentum and no decay.
/// The rule alone, from [`LarsConfig::build`], treats all parameters alike.
///
/// # Shapes
/// `θ`, `g`, `b`: `[d₁, …, d_D]`, any rank. State: the step number and one tensor per parameter; no tensor if
/// `momentum` is 0.
///
/// # Errors
/// [`LarsConfig::build`]: [`Error::InvalidConfig`] if a field is out of range or NaN, or for `nesterov`
/// without momentum.
///
/// # Example
/// The first step has `η κ` times the length of the tensor, for any gradient:
/// ```
/// use burn::{optim::Optimizer, tensor::{Device, Tensor}};
///
/// let lars = optlab_optim::LarsConfig::default().build()?;
/// let device = Device::default();
/// let theta = Tensor::<1>::from_floats([3.0, 4.0], &device);
/// let (moved, _) = lars.step(10.0, theta.clone(), Tensor::from_floats([7.0, 1e-2], &device), None);
/// let length: f32 = (theta - moved).square().sum().sqrt().into_scalar();
/// assert!((length - 10.0 * 0.001 * 5.0).abs() < 1e-6);
/// # Ok::<(), optlab_optim::Error>(())
/// ```
///
/// # Differs from
/// Its paper and optax: the learning rate is outside of the velocity, so a schedule takes effect at once.
/// optax: the denominator of `φ` is that of the paper and of NVIDIA's apex, not `‖g + λ θ‖`; vectors are
/// excluded by the spec `lars`, not by a mask. apex: no `ε` is added to the denominator, and a gradient of
/// zeros does not end the decay.
///
/// # Reference
/// You, Gitman & Ginsburg, *Large Batch Training of Convolutional Networks*, 2017,
/// <https://arxiv.org/abs/1708.03888>
#[derive(Debug, Clone)]
pub struct Lars {
    config: LarsConfig,
}

impl Rule for Lars {
    const STATE: &'static [&'static str] = &["velocity"];

    fn start(&self, _buffer: &str, _shape: &[usize]) -> Option<Start> {
        (self.config.momentum != 0.0).then_some(Start::Value(0.0))
    }
}

impl ElementwiseRule for Lars {
    type Step = LarsStep;

    fn at_step(&self, At { lr, .. }: At<'_>) -> LarsStep {
        let LarsConfig { momentum, weight_decay, trust_coefficient, nesterov } = self.config;
        LarsStep { lr, momentum, weight_decay, trust_coefficient, nesterov }
    }
}

burn_optimizer!(Lars);

/// The coefficients of [`Lars`] in one step.
#[derive(Debug, Clone, Copy)]
pub struct LarsStep {
    lr: f64,
    momentum: f64,
    weight_decay: f64,
    trust_coefficient: f64,
    nesterov: bool,
}

impl Update for LarsStep {
    const BUFFERS: (usize, usize) = (0, 1);

    /// The squared norms of the parameter and of the gradient.
    const SUMS: usize = 2;

    #[inline(always)]
    fn term<V: Value>(&self, sum: usize, theta: V, grad: V, _state: &mut [V]) -> V {
        match sum {
            0 => theta.square(),
            _ => grad.square(),
        }
    }

    #[inline(always)]
    fn update<V: Value>(&self, theta: V, grad: V, state: &mut [V], sums: &[V]) -> V {
        let [theta_square, grad_square] = sums else { unreachable!("two sums") };
        let theta_norm = theta_square.clone().sqrt();
        let step_norm = grad_square.clone().sqrt() + theta_norm.clone().mul_scalar(self.weight_decay);
        let ratio = trust_ratio(theta_norm, step_norm, self.trust_coefficient);
        let grad = weight_decay::coupled(grad, &theta, self.weight_decay) * ratio;
        let direction = velocity::direction(state, grad, self.momentum, 1.0, self.nesterov);
        theta - direction.mul_scalar(self.lr)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::optim::Optimizer;
    use burn::tensor::{Device, Tensor};

    #[test]
    fn a_tensor_of_zeros_moves_as_with_gradient_descent() {
        let device = Device::default();
        let lars = LarsConfig::default().build().unwrap();
        let grad = Tensor::<1>::from_floats([3.0, -0.5], &device);
        let (theta, _) = lars.step(0.5, Tensor::zeros([2], &device), grad, None);
        assert_eq!(theta.into_data().try_to_vec::<f32>().unwrap(), [-1.5, 0.25]);
    }

    #[test]
    fn without_gradient_and_decay_nothing_moves() {
        let device = Device::default();
        let lars = LarsConfig::default().build().unwrap();
        let theta = Tensor::<1>::from_floats([1.0, -2.0], &device);
        let (theta, _) = lars.step(0.5, theta, Tensor::zeros([2], &device), None);
        assert_eq!(theta.into_data().try_to_vec::<f32>().unwrap(), [1.0, -2.0]);
    }
}
