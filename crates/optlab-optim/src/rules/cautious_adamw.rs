//! Cautious AdamW: AdamW limited to elements whose step agrees with the gradient.

use crate::Error;
use crate::burn_optimizer;
use crate::rule::{At, ElementwiseRule, Rule, Start};
use crate::rules::parts::cautious::{agreement, share, where_agreed};
use crate::rules::parts::moments::{self, Moments, MomentsStep};
use crate::rules::parts::weight_decay::DecoupledDecay;
use crate::spec::rule_config;
use optlab_core::settings;
use optlab_core::settings::{Search, Settings};
use optlab_kernel::{Update, Value};

settings! {
    /// Settings of [`CautiousAdamW`].
    pub struct CautiousAdamWConfig {
        /// Decay of the first moment.
        beta_1: f64 = 0.9, "β₁", in BELOW_ONE, search(1, Search::Momentum);
        /// Decay of the second moment.
        beta_2: f64 = 0.999, "β₂", in BELOW_ONE, search(2, Search::Decay);
        /// Constant added to the denominator.
        epsilon: f64 = 1e-6, "ε", in POSITIVE;
        /// Decoupled weight decay.
        weight_decay: f64 = 0.0, "λ", in NON_NEGATIVE, search(3, Search::WeightDecay);
        /// Whether to decay only elements that the step does not move away from 0.
        cautious_decay: bool = false, since("2026-11-30");
    }
}

rule_config!(elementwise CautiousAdamWConfig, lr 1e-3);

impl CautiousAdamWConfig {
    /// Checks the settings and builds the rule; errors name `owner`.
    pub(crate) fn build_as(&self, owner: &str) -> Result<CautiousAdamW, Error> {
        self.check(owner)?;
        let moments = Moments {
            beta_1: self.beta_1,
            beta_2: self.beta_2,
            epsilon: self.epsilon,
            amsgrad: false,
            bias_correction: true,
        };
        Ok(CautiousAdamW { moments, weight_decay: self.weight_decay, cautious_decay: self.cautious_decay })
    }
}

/// Cautious AdamW: [AdamW](crate::rules::AdamW) limited to the elements whose step agrees with the gradient
/// (Liang et al., 2024).
///
/// ```text
/// m₀ = 0, v₀ = 0
/// mₜ = β₁ mₜ₋₁ + (1 − β₁) gₜ
/// vₜ = β₂ vₜ₋₁ + (1 − β₂) gₜ²
/// φₜ = 1 where mₜ gₜ > 0, else 0
/// dₜ = φₜ (mₜ / (1 − β₁ᵗ)) / (√(vₜ / (1 − β₂ᵗ)) + ε)
/// θₜ = (1 − ηₜ λ) θₜ₋₁ − ηₜ dₜ / max(mean(φₜ), 0.001)      mean over the tensor
/// ```
///
#[doc = settings_table!()]
///
/// With `cautious_decay`, `λ` is 0 for the elements that the step moves away from 0 (Chen et al., 2025,
/// <https://arxiv.org/abs/2510.12402>).
///
/// `ηₜ` is the `lr` argument of [`step`](burn::optim::Optimizer::step); the schedule sets it.
///
/// # Shapes
/// `θ`, `g`, `m`, `v`: `[d₁, …, d_D]`, any rank. State: the step number and two tensors per parameter.
///
/// # Errors
/// [`CautiousAdamWConfig::build`]: [`Error::InvalidConfig`] if a field is out of range or NaN.
///
/// # Example
/// An element whose gradient changes sign does not move, and the others move further to compensate. Here one
/// of two elements moves, so it moves by twice AdamW's step, which is the learning rate for a constant
/// gradient:
/// ```
/// use burn::{optim::Optimizer, tensor::{Device, Tensor}};
///
/// let rule = optlab_optim::CautiousAdamWConfig::default().build()?;
/// let device = Device::default();
/// let (mut theta, mut state) = (Tensor::<1>::zeros([2], &device), None);
/// for (grad, expected) in [([1.0, 1.0], [-0.1, -0.1]), ([1.0, -0.1], [-0.1 - 0.2, -0.1])] {
///     (theta, state) = rule.step(0.1, theta, Tensor::from_floats(grad, &device), state);
///     let theta: Vec<f32> = theta.clone().into_data().try_to_vec().unwrap();
///     assert!(theta.iter().zip(expected).all(|(theta, expected)| (theta - expected).abs() < 1e-5));
/// }
/// # Ok::<(), optlab_optim::Error>(())
/// ```
///
/// # Differs from
/// [`AdamW`](crate::rules::AdamW): `ε` is 1e-6 and `λ` is 0, as in the authors' code. The authors' code:
/// `ε = 0` is refused, and the mask multiplies signs instead of numbers, whose product may underflow.
/// [`CautiousLion`](crate::rules::CautiousLion) adds 1 to the number of agreeing elements instead of bounding
/// the mean, as its authors do.
///
/// # Reference
/// Liang et al., *Cautious Optimizers: Improving Training with One Line of Code*, 2024,
/// <https://arxiv.org/abs/2411.16085>
#[derive(Debug, Clone)]
pub struct CautiousAdamW {
    moments: Moments,
    weight_decay: f64,
    cautious_decay: bool,
}

impl Rule for CautiousAdamW {
    const STATE: &'static [&'static str] = moments::STATE;

    fn start(&self, buffer: &str, _shape: &[usize]) -> Option<Start> {
        self.moments.start(buffer)
    }
}

impl ElementwiseRule for CautiousAdamW {
    type Step = CautiousAdamWStep;

    fn at_step(&self, At { lr, t, elements, .. }: At<'_>) -> CautiousAdamWStep {
        CautiousAdamWStep {
            moments: self.moments.at_step(1.0, t),
            lr,
            decay: DecoupledDecay::new(lr, self.weight_decay, self.cautious_decay),
            elements,
        }
    }
}

burn_optimizer!(CautiousAdamW);

/// The coefficients of [`CautiousAdamW`] in one step.
#[derive(Debug, Clone, Copy)]
pub struct CautiousAdamWStep {
    moments: MomentsStep,
    lr: f64,
    decay: DecoupledDecay,
    elements: usize,
}

impl Update for CautiousAdamWStep {
    const BUFFERS: (usize, usize) = (2, 2);

    /// The number of elements whose step agrees with the gradient.
    const SUMS: usize = 1;

    #[inline(always)]
    fn term<V: Value>(&self, _sum: usize, _theta: V, grad: V, state: &mut [V]) -> V {
        agreement(self.moments.update(grad.clone(), state), grad)
    }

    #[inline(always)]
    fn update<V: Value>(&self, theta: V, grad: V, state: &mut [V], sums: &[V]) -> V {
        let [agreed] = sums else { unreachable!("one sum") };
        let direction = self.moments.update(grad.clone(), state);
        let direction = where_agreed(direction.clone(), grad, direction);
        let scale = agreed.constant(self.lr) / share(agreed.clone(), self.elements);
        self.decay.before(theta, &direction) - direction * scale
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::optim::Optimizer;
    use burn::tensor::{Device, Tensor};

    #[test]
    fn a_step_is_never_more_than_a_thousand_times_adams() {
        const ELEMENTS: usize = 4000;
        let device = Device::default();
        let rule = CautiousAdamWConfig::default().build().unwrap();
        let theta = Tensor::<1>::zeros([ELEMENTS], &device);
        let (theta, state) = rule.step(0.0, theta, Tensor::ones([ELEMENTS], &device), None);
        let mut turned = vec![-0.1; ELEMENTS];
        turned[7] = 1.0;
        let (theta, _) = rule.step(1e-3, theta, Tensor::from_floats(turned.as_slice(), &device), state);
        let theta: Vec<f32> = theta.into_data().try_to_vec().unwrap();
        for (i, theta) in theta.into_iter().enumerate() {
            let expected = if i == 7 { -1.0 } else { 0.0 };
            assert!((theta - expected).abs() < 1e-5, "{i}: {theta}");
        }
    }

    #[test]
    fn without_a_gradient_nothing_moves() {
        let device = Device::default();
        let rule = CautiousAdamWConfig::default().build().unwrap();
        let (theta, _) = rule.step(0.5, Tensor::<1>::ones([3], &device), Tensor::zeros([3], &device), None);
        assert_eq!(theta.into_data().try_to_vec::<f32>().unwrap(), [1.0; 3]);
    }
}
