//! LAMB: Adam with each tensor's step scaled to the tensor's norm.

use crate::Error;
use crate::burn_optimizer;
use crate::rule::{At, ElementwiseRule, Rule, Start};
use crate::rules::parts::moments::{self, Moments, MomentsStep};
use crate::rules::parts::trust_ratio::trust_ratio;
use crate::rules::parts::weight_decay;
use crate::spec::rule_config;
use optlab_core::settings;
use optlab_core::settings::{Search, Settings};
use optlab_kernel::{Update, Value};

settings! {
    /// Settings of [`Lamb`].
    pub struct LambConfig {
        /// Decay of the first moment.
        beta_1: f64 = 0.9, "β₁", in BELOW_ONE, search(1, Search::Momentum);
        /// Decay of the second moment.
        beta_2: f64 = 0.999, "β₂", in BELOW_ONE, search(2, Search::Decay);
        /// Constant added to the denominator.
        epsilon: f64 = 1e-6, "ε", in POSITIVE;
        /// Weight decay, added to the direction.
        weight_decay: f64 = 0.0, "λ", in NON_NEGATIVE, search(3, Search::WeightDecay);
    }
}

rule_config!(elementwise LambConfig, lr 1e-3);

impl LambConfig {
    /// Checks the settings and builds the rule; errors name `owner`.
    pub(crate) fn build_as(&self, owner: &str) -> Result<Lamb, Error> {
        self.check(owner)?;
        let moments = Moments {
            beta_1: self.beta_1,
            beta_2: self.beta_2,
            epsilon: self.epsilon,
            amsgrad: false,
            bias_correction: true,
        };
        Ok(Lamb { moments, weight_decay: self.weight_decay })
    }
}

/// LAMB: Adam's direction, scaled in each tensor to the norm of the tensor (You et al., 2019).
///
/// ```text
/// m₀ = 0, v₀ = 0
/// mₜ = β₁ mₜ₋₁ + (1 − β₁) gₜ
/// vₜ = β₂ vₜ₋₁ + (1 − β₂) gₜ²
/// rₜ = (mₜ / (1 − β₁ᵗ)) / (√(vₜ / (1 − β₂ᵗ)) + ε) + λ θₜ₋₁
/// φₜ = ‖θₜ₋₁‖ / ‖rₜ‖, or 1 where either is 0        norms over the tensor
/// θₜ = θₜ₋₁ − ηₜ φₜ rₜ
/// ```
///
#[doc = settings_table!()]
///
/// `ηₜ` is the `lr` argument of [`step`](burn::optim::Optimizer::step); the schedule sets it.
///
/// # Shapes
/// `θ`, `g`, `m`, `v`: `[d₁, …, d_D]`, any rank. State: the step number and two tensors per parameter.
///
/// # Errors
/// [`LambConfig::build`]: [`Error::InvalidConfig`] if a field is out of range or NaN.
///
/// # Example
/// The length of a step is the learning rate times the length of the tensor:
/// ```
/// use burn::{optim::Optimizer, tensor::{Device, Tensor}};
///
/// let lamb = optlab_optim::LambConfig::default().build()?;
/// let device = Device::default();
/// let theta = Tensor::<1>::from_floats([3.0, 4.0], &device);
/// let (moved, _) = lamb.step(0.1, theta.clone(), Tensor::from_floats([7.0, 1e-2], &device), None);
/// let length: f32 = (theta - moved).square().sum().sqrt().into_scalar();
/// assert!((length - 0.5).abs() < 1e-5);
/// # Ok::<(), optlab_optim::Error>(())
/// ```
///
/// # Differs from
/// Its paper, as optax and Burn do: `φ` is not bounded. Burn: the powers of `β` are computed in 64 bits.
///
/// # Reference
/// You et al., *Large Batch Optimization for Deep Learning: Training BERT in 76 minutes*, 2019,
/// <https://arxiv.org/abs/1904.00962>
#[derive(Debug, Clone)]
pub struct Lamb {
    moments: Moments,
    weight_decay: f64,
}

impl Rule for Lamb {
    const STATE: &'static [&'static str] = moments::STATE;

    fn start(&self, buffer: &str, _shape: &[usize]) -> Option<Start> {
        self.moments.start(buffer)
    }
}

impl ElementwiseRule for Lamb {
    type Step = LambStep;

    fn at_step(&self, At { lr, t, .. }: At<'_>) -> LambStep {
        LambStep { moments: self.moments.at_step(1.0, t), lr, weight_decay: self.weight_decay }
    }
}

burn_optimizer!(Lamb);

/// The coefficients of [`Lamb`] in one step.
#[derive(Debug, Clone, Copy)]
pub struct LambStep {
    moments: MomentsStep,
    lr: f64,
    weight_decay: f64,
}

impl LambStep {
    #[inline(always)]
    fn direction<V: Value>(&self, theta: &V, grad: V, state: &mut [V]) -> V {
        weight_decay::coupled(self.moments.update(grad, state), theta, self.weight_decay)
    }
}

impl Update for LambStep {
    const BUFFERS: (usize, usize) = (2, 2);

    /// The squared norms of the parameter and of the direction.
    const SUMS: usize = 2;

    #[inline(always)]
    fn term<V: Value>(&self, sum: usize, theta: V, grad: V, state: &mut [V]) -> V {
        match sum {
            0 => theta.square(),
            _ => self.direction(&theta, grad, state).square(),
        }
    }

    #[inline(always)]
    fn update<V: Value>(&self, theta: V, grad: V, state: &mut [V], sums: &[V]) -> V {
        let [theta_square, direction_square] = sums else { unreachable!("two sums") };
        let ratio = trust_ratio(theta_square.clone().sqrt(), direction_square.clone().sqrt(), 1.0);
        let direction = self.direction(&theta, grad, state);
        theta - direction * ratio.mul_scalar(self.lr)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::optim::Optimizer;
    use burn::tensor::{Device, Tensor};

    fn moved(theta: [f32; 2], grad: [f32; 2]) -> Vec<f32> {
        let device = Device::default();
        let lamb = LambConfig::default().build().unwrap();
        let theta = Tensor::<1>::from_floats(theta, &device);
        let (theta, _) = lamb.step(0.1, theta, Tensor::from_floats(grad, &device), None);
        theta.into_data().try_to_vec().unwrap()
    }

    #[test]
    fn a_tensor_of_zeros_moves_as_far_as_with_adam() {
        for (theta, expected) in moved([0.0, 0.0], [3.0, -0.5]).into_iter().zip([-0.1, 0.1]) {
            assert!((theta - expected).abs() < 1e-6, "{theta}");
        }
    }

    #[test]
    fn without_gradient_and_decay_nothing_moves() {
        assert_eq!(moved([1.0, -2.0], [0.0, 0.0]), [1.0, -2.0]);
    }
}
