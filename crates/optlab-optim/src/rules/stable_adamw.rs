//! StableAdamW: AdamW with smaller steps when gradients exceed the second moment.

use crate::Error;
use crate::burn_optimizer;
use crate::rule::{At, ElementwiseRule, Rule};
use crate::rules::parts::moments::{moving_average, power};
use crate::rules::parts::weight_decay;
use crate::spec::rule_config;
use optlab_core::settings;
use optlab_core::settings::{Search, Settings};
use optlab_kernel::{Update, Value};

settings! {
    /// Settings of [`StableAdamW`].
    pub struct StableAdamWConfig {
        /// Decay of the first moment.
        beta_1: f64 = 0.9, "β₁", in BELOW_ONE, search(1, Search::Momentum);
        /// Decay of the second moment.
        beta_2: f64 = 0.99, "β₂", in BELOW_ONE, search(2, Search::Decay);
        /// Constant added to the denominator.
        epsilon: f64 = 1e-8, "ε", in POSITIVE;
        /// Decoupled weight decay.
        weight_decay: f64 = 0.01, "λ", in NON_NEGATIVE, search(3, Search::WeightDecay);
        /// Whether to decay only elements that the step does not move away from 0.
        cautious_decay: bool = false, since("2026-11-30");
    }
}

rule_config!(elementwise StableAdamWConfig, lr 1e-3);

impl StableAdamWConfig {
    /// Checks the settings and builds the rule; errors name `owner`.
    pub(crate) fn build_as(&self, owner: &str) -> Result<StableAdamW, Error> {
        self.check(owner)?;
        Ok(StableAdamW { config: self.clone() })
    }
}

/// StableAdamW: AdamW with shorter steps for tensors whose gradients exceed their second moment (Wortsman et
/// al., 2023).
///
/// ```text
/// m₀ = 0, v₀ = 0
/// β̂ᵢ = βᵢ (1 − βᵢᵗ⁻¹) / (1 − βᵢᵗ)                      for i = 1, 2
/// mₜ = β̂₁ mₜ₋₁ + (1 − β̂₁) gₜ
/// vₜ = β̂₂ vₜ₋₁ + (1 − β̂₂) gₜ²
/// ρₜ = max(1, √mean(gₜ² / max(vₜ, ε²)))               mean over the tensor
/// θₜ = (1 − ηₜ λ / ρₜ) θₜ₋₁ − (ηₜ / ρₜ) mₜ / (√vₜ + ε)
/// ```
///
#[doc = settings_table!()]
///
/// With `cautious_decay`, `λ` is 0 for the elements that the step moves away from 0 (Chen et al., 2025,
/// <https://arxiv.org/abs/2510.12402>).
///
/// `ηₜ` is the `lr` argument of [`step`](burn::optim::Optimizer::step); the schedule sets it. With `β̂`
/// instead of `β`, both moments are bias-corrected, so `m` and `v` here are what Adam calls `m / (1 − β₁ᵗ)`
/// and `v / (1 − β₂ᵗ)`.
///
/// # Shapes
/// `θ`, `g`, `m`, `v`: `[d₁, …, d_D]`, any rank. State: the step number and two tensors per parameter.
///
/// # Errors
/// [`StableAdamWConfig::build`]: [`Error::InvalidConfig`] if a field is out of range or NaN.
///
/// # Example
/// Without momentum, the step of a single element is never longer than the learning rate, however suddenly
/// its gradient grows. AdamW's second step here would be 1.41 times as long:
/// ```
/// use burn::{optim::Optimizer, tensor::{Device, Tensor}};
/// use optlab_optim::StableAdamWConfig;
///
/// let rule = StableAdamWConfig { beta_1: 0.0, weight_decay: 0.0, ..StableAdamWConfig::default() }.build()?;
/// let device = Device::default();
/// let (mut theta, mut state) = (Tensor::<1>::zeros([1], &device), None);
/// for (grad, expected) in [(1.0, -0.5), (1000.0, -1.0)] {
///     (theta, state) = rule.step(0.5, theta, Tensor::from_floats([grad], &device), state);
///     assert!((theta.clone().into_scalar::<f32>() - expected).abs() < 1e-5);
/// }
/// # Ok::<(), optlab_optim::Error>(())
/// ```
///
/// # Differs from
/// pytorch_optimizer: no compensated sums for 16-bit floats, no weight decay in the gradient, and `ε = 0` is
/// refused.
///
/// # Reference
/// Wortsman et al., *Stable and low-precision training for large-scale vision-language models*, 2023,
/// <https://arxiv.org/abs/2304.13013>
#[derive(Debug, Clone)]
pub struct StableAdamW {
    config: StableAdamWConfig,
}

impl Rule for StableAdamW {
    const STATE: &'static [&'static str] = &["first_moment", "second_moment"];
}

impl ElementwiseRule for StableAdamW {
    type Step = StableAdamWStep;

    fn at_step(&self, At { lr, t, elements, .. }: At<'_>) -> StableAdamWStep {
        let StableAdamWConfig { beta_1, beta_2, epsilon, weight_decay, cautious_decay } = self.config;
        let debiased = |beta: f64| beta * (1.0 - power(beta, t - 1)) / (1.0 - power(beta, t));
        StableAdamWStep {
            lr,
            beta_1: debiased(beta_1),
            beta_2: debiased(beta_2),
            epsilon,
            weight_decay,
            cautious_decay,
            share: 1.0 / elements as f64,
        }
    }
}

burn_optimizer!(StableAdamW);

/// The coefficients of [`StableAdamW`] in one step.
#[derive(Debug, Clone, Copy)]
pub struct StableAdamWStep {
    lr: f64,
    /// The value of `β̂₁`.
    beta_1: f64,
    /// The value of `β̂₂`.
    beta_2: f64,
    epsilon: f64,
    weight_decay: f64,
    cautious_decay: bool,
    /// Weight of one element in a mean over the tensor.
    share: f64,
}

impl StableAdamWStep {
    /// Returns `√vₜ`.
    #[inline(always)]
    fn root<V: Value>(&self, grad: V, second: &mut V) -> V {
        *second = moving_average(second, grad.square(), self.beta_2);
        second.clone().sqrt()
    }
}

impl Update for StableAdamWStep {
    const BUFFERS: (usize, usize) = (2, 2);

    /// The sum of the squared gradients, each divided by its second moment.
    const SUMS: usize = 1;

    #[inline(always)]
    fn term<V: Value>(&self, _sum: usize, _theta: V, grad: V, state: &mut [V]) -> V {
        let [_, second] = state else { unreachable!("two buffers") };
        // Divides by the root and then squares, because ε² may underflow in 32 bits.
        let root = self.root(grad.clone(), second).at_least(self.epsilon);
        (grad / root).square()
    }

    #[inline(always)]
    fn update<V: Value>(&self, theta: V, grad: V, state: &mut [V], sums: &[V]) -> V {
        let [first, second] = state else { unreachable!("two buffers") };
        let [square] = sums else { unreachable!("one sum") };
        *first = moving_average(first, grad.clone(), self.beta_1);
        let direction = first.clone() / self.root(grad, second).add_scalar(self.epsilon);
        let direction = weight_decay::in_step(direction, &theta, self.weight_decay, self.cautious_decay);
        let surprise = square.clone().mul_scalar(self.share).sqrt().at_least(1.0);
        theta - direction * (square.constant(self.lr) / surprise)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::optim::Optimizer;
    use burn::tensor::{Device, Tensor};

    #[test]
    fn gradients_below_epsilon_do_not_shorten_the_step() {
        let device = Device::default();
        let rule = StableAdamWConfig { beta_1: 0.0, epsilon: 10.0, weight_decay: 0.0, ..Default::default() };
        let rule = rule.build().unwrap();
        let zeros = Tensor::<1>::zeros([1], &device);
        let (_, state) = rule.step(1.0, zeros.clone(), Tensor::from_floats([1.0], &device), None);
        let (theta, _) = rule.step(1.0, zeros, Tensor::from_floats([3.0], &device), state);
        // β̂₂ is now 0.99 / 1.99.
        let second: f32 = (0.99 * 1.0 + 1.0 * 9.0) / 1.99;
        assert!((theta.into_scalar::<f32>() + 3.0 / (second.sqrt() + 10.0)).abs() < 1e-6);
    }

    #[test]
    fn without_a_gradient_only_the_decay_acts_for_any_epsilon() {
        let device = Device::default();
        let rule = StableAdamWConfig { epsilon: 1e-30, weight_decay: 0.5, ..StableAdamWConfig::default() };
        let rule = rule.build().unwrap();
        let theta = Tensor::<1>::ones([3], &device);
        let (theta, _) = rule.step(0.5, theta, Tensor::zeros([3], &device), None);
        assert_eq!(theta.into_data().try_to_vec::<f32>().unwrap(), [0.75; 3]);
    }
}
