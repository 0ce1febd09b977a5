//! Grams: the magnitude of Adam's step with the sign of the gradient.

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
    /// Settings of [`Grams`].
    pub struct GramsConfig {
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

rule_config!(elementwise GramsConfig, lr 1e-3);

impl GramsConfig {
    /// Checks the settings and builds the rule; errors name `owner`.
    pub(crate) fn build_as(&self, owner: &str) -> Result<Grams, Error> {
        self.check(owner)?;
        Ok(Grams { config: self.clone() })
    }
}

/// Grams: steps with the magnitude of Adam's and the sign of the gradient (Cao, Li & Song, 2024).
///
/// ```text
/// m₀ = 0, v₀ = 0
/// mₜ = β₁ mₜ₋₁ + (1 − β₁) gₜ
/// vₜ = β₂ vₜ₋₁ + (1 − β₂) gₜ²
/// dₜ = sign(gₜ) (|mₜ| / (1 − β₁ᵗ)) √(1 − β₂ᵗ) / (√vₜ + ε)          sign(0) = 0
/// θₜ = (1 − ηₜ λ) θₜ₋₁ − ηₜ dₜ
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
/// [`GramsConfig::build`]: [`Error::InvalidConfig`] if a field is out of range or NaN.
///
/// # Example
/// A step follows the sign of the gradient at once, where Adam would still follow the momentum. With
/// `β₁ = 1/2` and gradients of 1 and −1/4, `m = 1/8`: Adam and Grams move by the same amount, in opposite
/// directions:
/// ```
/// use burn::{optim::Optimizer, tensor::{Device, Tensor}};
/// use optlab_optim::GramsConfig;
///
/// let grams = GramsConfig { beta_1: 0.5, beta_2: 0.0, ..GramsConfig::default() }.build()?;
/// let device = Device::default();
/// let (mut theta, mut state) = (Tensor::<1>::zeros([1], &device), None);
/// for (grad, expected) in [(1.0, -1.0), (-0.25, -1.0 + (1.0 / 8.0) / (3.0 / 4.0) / (1.0 / 4.0))] {
///     (theta, state) = grams.step(1.0, theta, Tensor::from_floats([grad], &device), state);
///     assert!((theta.clone().into_scalar::<f32>() - expected).abs() < 1e-5);
/// }
/// # Ok::<(), optlab_optim::Error>(())
/// ```
///
/// # Differs from
/// The authors' code: `ε = 0` is refused, and the bias correction cannot be switched off. pytorch_optimizer
/// adds `ε` after that correction, as Adam does.
///
/// # Reference
/// Cao, Li & Song, *Grams: Gradient Descent with Adaptive Momentum Scaling*, 2024,
/// <https://arxiv.org/abs/2412.17107>
#[derive(Debug, Clone)]
pub struct Grams {
    config: GramsConfig,
}

impl Rule for Grams {
    const STATE: &'static [&'static str] = &["first_moment", "second_moment"];
}

impl ElementwiseRule for Grams {
    type Step = GramsStep;

    fn at_step(&self, At { lr, t, .. }: At<'_>) -> GramsStep {
        let GramsConfig { beta_1, beta_2, epsilon, weight_decay, cautious_decay } = self.config;
        let factor = lr * (1.0 - power(beta_2, t)).sqrt() / (1.0 - power(beta_1, t));
        let decay = DecoupledDecay::new(lr, weight_decay, cautious_decay);
        GramsStep { beta_1, beta_2, epsilon, decay, factor }
    }
}

burn_optimizer!(Grams);

/// The coefficients of [`Grams`] in one step.
#[derive(Debug, Clone, Copy)]
pub struct GramsStep {
    beta_1: f64,
    beta_2: f64,
    epsilon: f64,
    decay: DecoupledDecay,
    /// `η √(1 − β₂ᵗ) / (1 − β₁ᵗ)`.
    factor: f64,
}

impl Update for GramsStep {
    const BUFFERS: (usize, usize) = (2, 2);

    #[inline(always)]
    fn update<V: Value>(&self, theta: V, grad: V, state: &mut [V], _sums: &[V]) -> V {
        let [first, second] = state else { unreachable!("two buffers") };
        *first = moving_average(first, grad.clone(), self.beta_1);
        *second = moving_average(second, grad.clone().square(), self.beta_2);
        let length =
            first.clone().abs().mul_scalar(self.factor) / second.clone().sqrt().add_scalar(self.epsilon);
        let step = grad.sign() * length;
        self.decay.before(theta, &step) - step
    }
}
