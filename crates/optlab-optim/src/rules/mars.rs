//! MARS: AdamW on gradients corrected by their change, to reduce variance.

use crate::Error;
use crate::burn_optimizer;
use crate::rule::{At, Content, ElementwiseRule, Rule};
use crate::rules::parts::moments::{moving_average, power};
use crate::rules::parts::weight_decay::DecoupledDecay;
use crate::spec::rule_config;
use optlab_core::settings;
use optlab_core::settings::{Search, Settings};
use optlab_kernel::{Update, Value};

settings! {
    /// Settings of [`Mars`].
    pub struct MarsConfig {
        /// Decay of the first moment.
        beta_1: f64 = 0.95, "β₁", in BELOW_ONE, search(1, Search::Momentum);
        /// Decay of the second moment.
        beta_2: f64 = 0.99, "β₂", in BELOW_ONE;
        /// Scale of the correction by the change since the last gradient.
        gamma: f64 = 0.025, "γ", in NON_NEGATIVE, search(2, Search::Log(5e-3, 0.1));
        /// Constant added to the denominator.
        epsilon: f64 = 1e-8, "ε", in POSITIVE;
        /// Decoupled weight decay.
        weight_decay: f64 = 0.0, "λ", in NON_NEGATIVE, search(3, Search::WeightDecay);
        /// Whether to decay only elements that the step does not move away from 0.
        cautious_decay: bool = false, since("2026-11-30");
    }
}

rule_config!(elementwise MarsConfig, lr 3e-3);

impl MarsConfig {
    /// Checks the settings and builds the rule; errors name `owner`.
    pub(crate) fn build_as(&self, owner: &str) -> Result<Mars, Error> {
        self.check(owner)?;
        Ok(Mars { config: self.clone() })
    }
}

/// MARS: AdamW on gradients that are corrected by their change since the previous step (Yuan et al., 2024).
///
/// ```text
/// m₀ = 0, v₀ = 0, g₀ = 0
/// cₜ = gₜ + γ β₁ / (1 − β₁) (gₜ − gₜ₋₁)
/// c̃ₜ = cₜ / max(1, ‖cₜ‖)                          norm over the tensor
/// mₜ = β₁ mₜ₋₁ + (1 − β₁) c̃ₜ
/// vₜ = β₂ vₜ₋₁ + (1 − β₂) c̃ₜ²
/// θₜ = (1 − ηₜ λ) θₜ₋₁ − ηₜ (mₜ / (1 − β₁ᵗ)) / (√(vₜ / (1 − β₂ᵗ)) + ε)
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
/// `θ`, `g`, `m`, `v`: `[d₁, …, d_D]`, any rank. State: the step number and three tensors per parameter, one
/// of which is the last gradient.
///
/// # Errors
/// [`MarsConfig::build`]: [`Error::InvalidConfig`] if a field is out of range or NaN.
///
/// # Example
/// With `γ β₁ / (1 − β₁) = 1`, gradients of 0.1 and 0.2 become 0.2 and 0.3, so with `β₁ = 1/2` the corrected
/// mean of both is `(0.2 / 4 + 0.3 / 2) / (1 − 1/4)`:
/// ```
/// use burn::{optim::Optimizer, tensor::{Device, Tensor}};
/// use optlab_optim::MarsConfig;
///
/// let mars = MarsConfig { beta_1: 0.5, beta_2: 0.0, gamma: 1.0, ..MarsConfig::default() }.build()?;
/// let device = Device::default();
/// let (mut theta, mut state) = (Tensor::<1>::zeros([1], &device), None);
/// for (grad, expected) in [(0.1, -1.0), (0.2, -1.0 - (0.05 + 0.15) / 0.75 / 0.3)] {
///     (theta, state) = mars.step(1.0, theta, Tensor::from_floats([grad], &device), state);
///     assert!((theta.clone().into_scalar::<f32>() - expected).abs() < 1e-5);
/// }
/// # Ok::<(), optlab_optim::Error>(())
/// ```
///
/// # Differs from
/// The authors' code and pytorch_optimizer, which use AdamW for biases and gains by default; here MARS moves
/// all parameters. pytorch_optimizer adds `ε` before the bias correction, and has `√(vₜ + 10⁻¹⁵)`. Of the
/// three rules in the paper, this is MARS-AdamW in its approximate form, which uses the gradient of the
/// previous batch where the exact form evaluates that batch again.
///
/// # Reference
/// Yuan et al., *MARS: Unleashing the Power of Variance Reduction for Training Large Models*, 2024,
/// <https://arxiv.org/abs/2411.10438>
#[derive(Debug, Clone)]
pub struct Mars {
    config: MarsConfig,
}

impl Rule for Mars {
    const STATE: &'static [&'static str] = &["first_moment", "second_moment", "last_gradient"];

    fn content(&self, buffer: &str) -> Content {
        match buffer {
            "first_moment" => Content::Mean,
            "second_moment" => Content::PositiveMean,
            _ => Content::Accumulator,
        }
    }
}

impl ElementwiseRule for Mars {
    type Step = MarsStep;

    fn at_step(&self, At { lr, t, .. }: At<'_>) -> MarsStep {
        let MarsConfig { beta_1, beta_2, gamma, epsilon, weight_decay, cautious_decay } = self.config;
        let correction = gamma * beta_1 / (1.0 - beta_1);
        let correction_2 = (1.0 - power(beta_2, t)).sqrt();
        let factor = lr * correction_2 / (1.0 - power(beta_1, t));
        let decay = DecoupledDecay::new(lr, weight_decay, cautious_decay);
        MarsStep { beta_1, beta_2, correction, epsilon: epsilon * correction_2, decay, factor }
    }
}

burn_optimizer!(Mars);

/// The coefficients of [`Mars`] in one step.
#[derive(Debug, Clone, Copy)]
pub struct MarsStep {
    beta_1: f64,
    beta_2: f64,
    /// `γ β₁ / (1 − β₁)`.
    correction: f64,
    /// `ε √(1 − β₂ᵗ)`.
    epsilon: f64,
    decay: DecoupledDecay,
    /// `η √(1 − β₂ᵗ) / (1 − β₁ᵗ)`.
    factor: f64,
}

impl MarsStep {
    /// Returns `cₜ`.
    #[inline(always)]
    fn corrected<V: Value>(&self, grad: V, last: &V) -> V {
        grad.clone() + (grad - last.clone()).mul_scalar(self.correction)
    }
}

impl Update for MarsStep {
    const BUFFERS: (usize, usize) = (3, 3);

    /// The squared norm of the corrected gradient.
    const SUMS: usize = 1;

    #[inline(always)]
    fn term<V: Value>(&self, _sum: usize, _theta: V, grad: V, state: &mut [V]) -> V {
        let [_, _, last] = state else { unreachable!("three buffers") };
        self.corrected(grad, last).square()
    }

    #[inline(always)]
    fn update<V: Value>(&self, theta: V, grad: V, state: &mut [V], sums: &[V]) -> V {
        let [first, second, last] = state else { unreachable!("three buffers") };
        let [square] = sums else { unreachable!("one sum") };
        let corrected = self.corrected(grad.clone(), last) / square.clone().sqrt().at_least(1.0);
        *last = grad;
        *first = moving_average(first, corrected.clone(), self.beta_1);
        *second = moving_average(second, corrected.square(), self.beta_2);
        let step = first.clone().mul_scalar(self.factor) / second.clone().sqrt().add_scalar(self.epsilon);
        self.decay.before(theta, &step) - step
    }
}
