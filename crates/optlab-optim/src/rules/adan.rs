//! Adan: Adam with Nesterov momentum estimated from gradient differences.

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
    /// Settings of [`Adan`].
    pub struct AdanConfig {
        /// Decay of the mean of the gradients.
        beta_1: f64 = 0.98, "β₁", in BELOW_ONE, search(1, Search::Momentum);
        /// Decay of the mean of the gradient differences.
        beta_2: f64 = 0.92, "β₂", in BELOW_ONE, search(2, Search::Decay);
        /// Decay of the mean of the squares.
        beta_3: f64 = 0.99, "β₃", in BELOW_ONE, search(3, Search::Decay);
        /// Constant added to the denominator.
        epsilon: f64 = 1e-8, "ε", in POSITIVE;
        /// Decoupled weight decay, applied after the step.
        weight_decay: f64 = 0.0, "λ", in NON_NEGATIVE;
        /// Whether to decay only elements that the step does not move away from 0.
        cautious_decay: bool = false, since("2026-11-30");
    }
}

rule_config!(elementwise AdanConfig, lr 1e-3);

impl AdanConfig {
    /// Checks the settings and builds the rule; errors name `owner`.
    pub(crate) fn build_as(&self, owner: &str) -> Result<Adan, Error> {
        self.check(owner)?;
        Ok(Adan { config: self.clone() })
    }
}

/// Adan: Adam with Nesterov momentum, estimated from the differences between consecutive gradients (Xie et
/// al., 2022).
///
/// ```text
/// m₀ = 0, d₀ = 0, v₀ = 0, g₀ = g₁
/// mₜ = β₁ mₜ₋₁ + (1 − β₁) gₜ
/// dₜ = β₂ dₜ₋₁ + (1 − β₂) (gₜ − gₜ₋₁)
/// vₜ = β₃ vₜ₋₁ + (1 − β₃) (gₜ + β₂ (gₜ − gₜ₋₁))²
/// rₜ = (mₜ / (1 − β₁ᵗ) + β₂ dₜ / (1 − β₂ᵗ)) / (√(vₜ / (1 − β₃ᵗ)) + ε)
/// θₜ = (θₜ₋₁ − ηₜ rₜ) / (1 + ηₜ λ)
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
/// `θ`, `g`, `m`, `d`, `v`: `[d₁, …, d_D]`, any rank. State: the step number and four tensors per parameter,
/// one of which is the last gradient.
///
/// # Errors
/// [`AdanConfig::build`]: [`Error::InvalidConfig`] if a field is out of range or NaN.
///
/// # Example
/// A growing gradient is extrapolated:
/// ```
/// use burn::{optim::Optimizer, tensor::{Device, Tensor}};
/// use optlab_optim::AdanConfig;
///
/// let adan = AdanConfig { beta_1: 0.0, beta_2: 0.5, beta_3: 0.0, ..AdanConfig::default() }.build()?;
/// let device = Device::default();
/// let theta = Tensor::<1>::zeros([1], &device);
/// let (theta, state) = adan.step(1.0, theta, Tensor::from_floats([1.0], &device), None);
/// assert!((theta.clone().into_scalar::<f32>() + 1.0).abs() < 1e-6);
/// let (theta, _) = adan.step(1.0, theta, Tensor::from_floats([3.0], &device), state);
/// // The mean of the differences 0 and 2 is 1, corrected 4/3.
/// let expected = -1.0 - (3.0 + 0.5 * 4.0 / 3.0) / (3.0 + 0.5 * 2.0);
/// assert!((theta.into_scalar::<f32>() - expected).abs() < 1e-6);
/// # Ok::<(), optlab_optim::Error>(())
/// ```
///
/// # Differs from
/// Its paper, as its authors' code does: `β` is the share of a mean that is kept, not the share that is new.
/// Its authors' code: `ε = 0` is refused; clipping by the norm is left to
/// [`GradientTransform`](crate::around::GradientTransform); there is no `no_prox`. Burn: settings are stored
/// in 64 bits.
///
/// # Reference
/// Xie et al., *Adan: Adaptive Nesterov Momentum Algorithm for Faster Optimizing Deep Models*, 2022,
/// <https://arxiv.org/abs/2208.06677>
#[derive(Debug, Clone)]
pub struct Adan {
    config: AdanConfig,
}

impl Rule for Adan {
    const STATE: &'static [&'static str] = &["mean", "mean_difference", "mean_square", "previous_gradient"];
}

impl ElementwiseRule for Adan {
    type Step = AdanStep;

    fn at_step(&self, At { lr, t, .. }: At<'_>) -> AdanStep {
        let AdanConfig { beta_1, beta_2, beta_3, epsilon, weight_decay, cautious_decay } = self.config;
        let correction_3 = (1.0 - power(beta_3, t)).sqrt();
        AdanStep {
            beta_1,
            beta_2,
            beta_3,
            epsilon: epsilon * correction_3,
            of_mean: lr * correction_3 / (1.0 - power(beta_1, t)),
            of_difference: lr * correction_3 * beta_2 / (1.0 - power(beta_2, t)),
            decay: DecoupledDecay::by(1.0 / (1.0 + lr * weight_decay), cautious_decay),
            is_first: t == 1,
        }
    }
}

burn_optimizer!(Adan);

/// The coefficients of [`Adan`] in one step.
#[derive(Debug, Clone, Copy)]
pub struct AdanStep {
    beta_1: f64,
    beta_2: f64,
    beta_3: f64,
    epsilon: f64,
    /// Factor of the mean of the gradients.
    of_mean: f64,
    /// Factor of the mean of their differences.
    of_difference: f64,
    decay: DecoupledDecay,
    is_first: bool,
}

impl Update for AdanStep {
    const BUFFERS: (usize, usize) = (4, 4);

    #[inline(always)]
    fn update<V: Value>(&self, theta: V, grad: V, state: &mut [V], _sums: &[V]) -> V {
        let [mean, mean_difference, mean_square, previous] = state else { unreachable!("four buffers") };
        let difference = if self.is_first { grad.constant(0.0) } else { grad.clone() - previous.clone() };
        *previous = grad.clone();
        *mean = moving_average(mean, grad.clone(), self.beta_1);
        let ahead = grad + difference.clone().mul_scalar(self.beta_2);
        *mean_difference = moving_average(mean_difference, difference, self.beta_2);
        *mean_square = moving_average(mean_square, ahead.square(), self.beta_3);
        let direction =
            mean.clone().mul_scalar(self.of_mean) + mean_difference.clone().mul_scalar(self.of_difference);
        let step = direction / mean_square.clone().sqrt().add_scalar(self.epsilon);
        self.decay.after(&theta, &step, theta.clone() - step.clone())
    }
}
