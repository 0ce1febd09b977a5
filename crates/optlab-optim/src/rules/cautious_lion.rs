//! Cautious Lion: Lion limited to elements whose step agrees with the gradient.

use crate::Error;
use crate::burn_optimizer;
use crate::rule::{At, ElementwiseRule, Rule};
use crate::rules::parts::cautious::{agreement, where_agreed};
use crate::rules::parts::moments::moving_average;
use crate::rules::parts::weight_decay::DecoupledDecay;
use crate::spec::rule_config;
use optlab_core::settings;
use optlab_core::settings::{Search, Settings};
use optlab_kernel::{Update, Value};

settings! {
    /// Settings of [`CautiousLion`].
    pub struct CautiousLionConfig {
        /// Weight of the momentum, relative to the gradient, in the direction of a step.
        beta_1: f64 = 0.95, "β₁", in BELOW_ONE, search(1, Search::Momentum);
        /// Decay of the momentum.
        beta_2: f64 = 0.98, "β₂", in BELOW_ONE, search(2, Search::Decay);
        /// Decoupled weight decay.
        weight_decay: f64 = 0.0, "λ", in NON_NEGATIVE, search(3, Search::WeightDecay);
        /// Whether to decay only elements that the step does not move away from 0.
        cautious_decay: bool = false, since("2026-11-30");
    }
}

rule_config!(elementwise CautiousLionConfig, lr 1e-4);

impl CautiousLionConfig {
    /// Checks the settings and builds the rule; errors name `owner`.
    pub(crate) fn build_as(&self, owner: &str) -> Result<CautiousLion, Error> {
        self.check(owner)?;
        Ok(CautiousLion { config: self.clone() })
    }
}

/// Cautious Lion: [Lion](crate::rules::Lion) limited to the elements whose step agrees with the gradient
/// (Liang et al., 2024).
///
/// ```text
/// m₀ = 0
/// cₜ = sign(β₁ mₜ₋₁ + (1 − β₁) gₜ)                    sign(0) = 0
/// φₜ = 1 where cₜ gₜ > 0, else 0
/// θₜ = (1 − ηₜ λ) θₜ₋₁ − ηₜ cₜ φₜ n / (Σφₜ + 1)         sum over the n elements of the tensor
/// mₜ = β₂ mₜ₋₁ + (1 − β₂) gₜ
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
/// `θ`, `g`, `m`: `[d₁, …, d_D]`, any rank. State: the step number and one tensor per parameter.
///
/// # Errors
/// [`CautiousLionConfig::build`]: [`Error::InvalidConfig`] if a field is out of range or NaN.
///
/// # Example
/// An element whose gradient changes sign does not move, and the others move further to compensate:
/// ```
/// use burn::{optim::Optimizer, tensor::{Device, Tensor}};
///
/// let rule = optlab_optim::CautiousLionConfig::default().build()?;
/// let device = Device::default();
/// let (mut theta, mut state) = (Tensor::<1>::zeros([2], &device), None);
/// // Both elements move by 2/3 of the rate, then one of them by 2/2 of it.
/// for (grad, expected) in [([1.0, 1.0], [-0.2, -0.2]), ([1.0, -0.1], [-0.5, -0.2])] {
///     (theta, state) = rule.step(0.3, theta, Tensor::from_floats(grad, &device), state);
///     let theta: Vec<f32> = theta.clone().into_data().try_to_vec().unwrap();
///     assert!(theta.iter().zip(expected).all(|(theta, expected)| (theta - expected).abs() < 1e-6));
/// }
/// # Ok::<(), optlab_optim::Error>(())
/// ```
///
/// # Differs from
/// [`Lion`](crate::rules::Lion): `β₁` and `β₂` are 0.95 and 0.98, as in the authors' code, not 0.9 and 0.99.
/// The authors' code: the mask multiplies signs instead of numbers, whose product may underflow.
///
/// # Reference
/// Liang et al., *Cautious Optimizers: Improving Training with One Line of Code*, 2024,
/// <https://arxiv.org/abs/2411.16085>
#[derive(Debug, Clone)]
pub struct CautiousLion {
    config: CautiousLionConfig,
}

impl Rule for CautiousLion {
    const STATE: &'static [&'static str] = &["momentum"];
}

impl ElementwiseRule for CautiousLion {
    type Step = CautiousLionStep;

    fn at_step(&self, At { lr, elements, .. }: At<'_>) -> CautiousLionStep {
        let CautiousLionConfig { beta_1, beta_2, weight_decay, cautious_decay } = self.config;
        let decay = DecoupledDecay::new(lr, weight_decay, cautious_decay);
        CautiousLionStep { lr, beta_1, beta_2, decay, elements: elements as f64 }
    }
}

burn_optimizer!(CautiousLion);

/// The coefficients of [`CautiousLion`] in one step.
#[derive(Debug, Clone, Copy)]
pub struct CautiousLionStep {
    lr: f64,
    beta_1: f64,
    beta_2: f64,
    decay: DecoupledDecay,
    elements: f64,
}

impl Update for CautiousLionStep {
    const BUFFERS: (usize, usize) = (1, 1);

    /// The number of elements whose step agrees with the gradient.
    const SUMS: usize = 1;

    #[inline(always)]
    fn term<V: Value>(&self, _sum: usize, _theta: V, grad: V, state: &mut [V]) -> V {
        let [momentum] = state else { unreachable!("one buffer") };
        agreement(moving_average(momentum, grad.clone(), self.beta_1), grad)
    }

    #[inline(always)]
    fn update<V: Value>(&self, theta: V, grad: V, state: &mut [V], sums: &[V]) -> V {
        let [momentum] = state else { unreachable!("one buffer") };
        let [agreed] = sums else { unreachable!("one sum") };
        let direction = moving_average(momentum, grad.clone(), self.beta_1).sign();
        *momentum = moving_average(momentum, grad.clone(), self.beta_2);
        let direction = where_agreed(direction.clone(), grad, direction);
        let scale = agreed.constant(self.lr * self.elements) / agreed.clone().add_scalar(1.0);
        self.decay.before(theta, &direction) - direction * scale
    }
}
