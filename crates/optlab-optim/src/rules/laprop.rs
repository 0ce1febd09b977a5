//! LaProp: Adam that normalizes each gradient before averaging it.

use crate::Error;
use crate::burn_optimizer;
use crate::rule::{At, ElementwiseRule, Rule};
use crate::rules::parts::moments::{moving_average, power};
use crate::rules::parts::weight_decay::DecoupledDecay;
use crate::spec::rule_config;
use optlab_core::settings;
use optlab_core::settings::{Search, Settings};
use optlab_kernel::{Update, Value};

settings! {
    /// Settings of [`LaProp`].
    pub struct LaPropConfig {
        /// Decay of the mean of the normalized gradients.
        beta_1: f64 = 0.9, "β₁", in BELOW_ONE, search(1, Search::Momentum);
        /// Decay of the second moment.
        beta_2: f64 = 0.999, "β₂", in BELOW_ONE, search(2, Search::Decay);
        /// Constant added to the denominator.
        epsilon: f64 = 1e-15, "ε", in POSITIVE;
        /// Decoupled weight decay, applied after the step.
        weight_decay: f64 = 0.0, "λ", in NON_NEGATIVE, search(3, Search::WeightDecay);
        /// Whether to decay only elements that the step does not move away from 0.
        cautious_decay: bool = false, since("2026-11-30");
    }
}

rule_config!(elementwise LaPropConfig, lr 4e-4);

impl LaPropConfig {
    /// Checks the settings and builds the rule; errors name `owner`.
    pub(crate) fn build_as(&self, owner: &str) -> Result<LaProp, Error> {
        self.check(owner)?;
        Ok(LaProp { config: self.clone() })
    }
}

/// LaProp: divides each gradient by the second moment, then takes the mean (Ziyin, Wang & Ueda, 2020).
///
/// ```text
/// m₀ = 0, v₀ = 0, r₀ = 0
/// vₜ = β₂ vₜ₋₁ + (1 − β₂) gₜ²
/// nₜ = gₜ √(1 − β₂ᵗ) / (√(vₜ + 10⁻¹⁵) + ε)
/// mₜ = β₁ mₜ₋₁ + (1 − β₁) ηₜ nₜ
/// rₜ = β₁ rₜ₋₁ + (1 − β₁) ηₜ
/// θₜ = (1 − ηₜ λ) (θₜ₋₁ − ηₜ mₜ / rₜ)      where ηₜ = 0: θₜ = θₜ₋₁
/// ```
///
#[doc = settings_table!()]
///
/// With `cautious_decay`, `λ` is 0 for the elements that the step moves away from 0 (Chen et al., 2025,
/// <https://arxiv.org/abs/2510.12402>).
///
/// `ηₜ` is the `lr` argument of [`step`](burn::optim::Optimizer::step); the schedule sets it. Each gradient
/// enters `m` multiplied by the rate of its own step; a constant rate cancels out in `mₜ / rₜ`.
///
/// # Shapes
/// `θ`, `g`, `m`, `v`: `[d₁, …, d_D]`, any rank. State: the step number, the mean rate `r` and two tensors
/// per parameter.
///
/// # Errors
/// [`LaPropConfig::build`]: [`Error::InvalidConfig`] if a field is out of range or NaN.
///
/// # Example
/// With `β₂ = 0` this is momentum of signs: gradients of 100 and −0.01 have the same weight:
/// ```
/// use burn::{optim::Optimizer, tensor::{Device, Tensor}};
/// use optlab_optim::LaPropConfig;
///
/// let laprop = LaPropConfig { beta_2: 0.0, ..LaPropConfig::default() }.build()?;
/// let device = Device::default();
/// let theta = Tensor::<1>::zeros([1], &device);
/// let (theta, state) = laprop.step(1.0, theta, Tensor::from_floats([100.0], &device), None);
/// assert!((theta.clone().into_scalar::<f32>() + 1.0).abs() < 1e-6);
/// let (theta, _) = laprop.step(1.0, theta, Tensor::from_floats([-0.01], &device), state);
/// let expected = -1.0 - (0.09 - 0.1) / 0.19;
/// assert!((theta.into_scalar::<f32>() - expected).abs() < 1e-6);
/// # Ok::<(), optlab_optim::Error>(())
/// ```
///
/// # Differs from
/// Its paper, as pytorch_optimizer does: the rates are part of the mean, 10⁻¹⁵ is added under the root, and
/// the correction of `v` applies to `ε` too. pytorch_optimizer: a rate of 0 moves nothing here, where
/// pytorch_optimizer steps by all of `m`; `ε = 0` is refused; decoupled weight decay is the only one of its
/// options here.
///
/// # Reference
/// Ziyin, Wang & Ueda, *LaProp: Separating Momentum and Adaptivity in Adam*, 2020,
/// <https://arxiv.org/abs/2002.04839>
#[derive(Debug, Clone)]
pub struct LaProp {
    config: LaPropConfig,
}

impl Rule for LaProp {
    const STATE: &'static [&'static str] = &["first_moment", "second_moment"];
    const NUMBERS: &'static [(&'static str, f64)] = &[("mean_rate", 0.0)];
}

impl ElementwiseRule for LaProp {
    type Step = LaPropStep;

    fn at_step(&self, At { lr, t, numbers, .. }: At<'_>) -> LaPropStep {
        let [mean_rate] = numbers else { unreachable!("one number") };
        let LaPropConfig { beta_1, beta_2, epsilon, weight_decay, cautious_decay } = self.config;
        *mean_rate = beta_1 * *mean_rate + (1.0 - beta_1) * lr;
        LaPropStep {
            beta_1,
            beta_2,
            epsilon,
            decay: DecoupledDecay::new(lr, weight_decay, cautious_decay),
            of_grad: lr * (1.0 - power(beta_2, t)).sqrt(),
            of_first: if lr == 0.0 { 0.0 } else { lr / *mean_rate },
        }
    }
}

burn_optimizer!(LaProp);

/// The coefficients of [`LaProp`] in one step.
#[derive(Debug, Clone, Copy)]
pub struct LaPropStep {
    beta_1: f64,
    beta_2: f64,
    epsilon: f64,
    decay: DecoupledDecay,
    /// Factor of the gradient as it enters the mean.
    of_grad: f64,
    /// Factor of the mean in the step.
    of_first: f64,
}

/// Constant added to the second moment under the root.
const UNDER_THE_ROOT: f64 = 1e-15;

impl Update for LaPropStep {
    const BUFFERS: (usize, usize) = (2, 2);

    #[inline(always)]
    fn update<V: Value>(&self, theta: V, grad: V, state: &mut [V], _sums: &[V]) -> V {
        let [first, second] = state else { unreachable!("two buffers") };
        *second = moving_average(second, grad.clone().square(), self.beta_2);
        let root = second.clone().add_scalar(UNDER_THE_ROOT).sqrt();
        let divided = grad.mul_scalar(self.of_grad) / root.add_scalar(self.epsilon);
        *first = moving_average(first, divided, self.beta_1);
        let step = first.clone().mul_scalar(self.of_first);
        self.decay.after(&theta, &step, theta.clone() - step.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::optim::Optimizer;
    use burn::tensor::{Device, Tensor};

    #[test]
    fn a_tiny_gradient_is_divided_by_the_constant_under_the_root() {
        let device = Device::default();
        let rule = LaPropConfig { beta_2: 0.0, ..LaPropConfig::default() }.build().unwrap();
        let grad = Tensor::from_floats([1e-12], &device);
        let (theta, _) = rule.step(1.0, Tensor::<1>::zeros([1], &device), grad, None);
        let expected = -1e-12 / 1e-15_f32.sqrt();
        assert!((theta.into_scalar::<f32>() / expected - 1.0).abs() < 1e-5);
    }

    #[test]
    fn a_rate_of_zero_moves_nothing_before_and_after_others() {
        let device = Device::default();
        let rule = LaPropConfig::default().build().unwrap();
        let mut theta = Tensor::<1>::zeros([1], &device);
        let mut state = None;
        for (lr, is_moved) in [(0.0, false), (0.1, true), (0.0, false), (0.1, true)] {
            let before = theta.clone().into_scalar::<f32>();
            (theta, state) = rule.step(lr, theta, Tensor::ones([1], &device), state);
            assert_eq!(theta.clone().into_scalar::<f32>() != before, is_moved);
        }
    }
}
