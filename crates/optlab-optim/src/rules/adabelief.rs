//! AdaBelief: Adam that divides by the deviation of the gradients from their mean.

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
    /// Settings of [`AdaBelief`].
    pub struct AdaBeliefConfig {
        /// Decay of the first moment.
        beta_1: f64 = 0.9, "β₁", in BELOW_ONE, search(1, Search::Momentum);
        /// Decay of the mean of the squared errors.
        beta_2: f64 = 0.999, "β₂", in BELOW_ONE, search(2, Search::Decay);
        /// Constant added to the mean of the squared errors at every step, and to the denominator.
        epsilon: f64 = 1e-16, "ε", in POSITIVE, search(3, Search::Epsilon);
        /// Decoupled weight decay.
        weight_decay: f64 = 0.0, "λ", in NON_NEGATIVE;
        /// Whether to decay only elements that the step does not move away from 0.
        cautious_decay: bool = false, since("2026-11-30");
    }
}

rule_config!(elementwise AdaBeliefConfig, lr 1e-3);

impl AdaBeliefConfig {
    /// Checks the settings and builds the rule; errors name `owner`.
    pub(crate) fn build_as(&self, owner: &str) -> Result<AdaBelief, Error> {
        self.check(owner)?;
        Ok(AdaBelief { config: self.clone() })
    }
}

/// AdaBelief: Adam that divides by the deviation of the gradients from their mean instead of from 0 (Zhuang
/// et al., 2020).
///
/// ```text
/// m₀ = 0, s₀ = 0
/// mₜ = β₁ mₜ₋₁ + (1 − β₁) gₜ
/// sₜ = β₂ sₜ₋₁ + (1 − β₂) (gₜ − mₜ)² + ε
/// θₜ = (1 − ηₜ λ) θₜ₋₁ − ηₜ (mₜ / (1 − β₁ᵗ)) / (√(sₜ / (1 − β₂ᵗ)) + ε)
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
/// `θ`, `g`, `m`, `s`: `[d₁, …, d_D]`, any rank. State: the step number and two tensors per parameter.
///
/// # Errors
/// [`AdaBeliefConfig::build`]: [`Error::InvalidConfig`] if a field is out of range or NaN.
///
/// # Example
/// While the gradient stays constant, steps grow: the mean, which starts at 0, approaches the gradient, and
/// the errors become small:
/// ```
/// use burn::{optim::Optimizer, tensor::{Device, Tensor}};
/// use optlab_optim::AdaBeliefConfig;
///
/// let config = AdaBeliefConfig { beta_1: 0.5, beta_2: 0.0, ..AdaBeliefConfig::default() };
/// let adabelief = config.build()?;
/// let device = Device::default();
/// let (mut theta, grad) = (Tensor::<1>::zeros([1], &device), Tensor::full([1], 5.0, &device));
/// let mut state = None;
/// for _ in 0..3 {
///     (theta, state) = adabelief.step(1.0, theta, grad.clone(), state);
/// }
/// // The errors are 1/2, 1/4 and 1/8 of the gradient.
/// assert!((theta.into_scalar::<f32>() + 2.0 + 4.0 + 8.0).abs() < 1e-5);
/// # Ok::<(), optlab_optim::Error>(())
/// ```
///
/// # Differs from
/// pytorch_optimizer: `ε = 0` is refused; decoupled weight decay is the only one of its options here.
///
/// # Reference
/// Zhuang et al., *AdaBelief Optimizer: Adapting Stepsizes by the Belief in Observed Gradients*, 2020,
/// <https://arxiv.org/abs/2010.07468>
#[derive(Debug, Clone)]
pub struct AdaBelief {
    config: AdaBeliefConfig,
}

impl Rule for AdaBelief {
    const STATE: &'static [&'static str] = &["first_moment", "mean_square_error"];
}

impl ElementwiseRule for AdaBelief {
    type Step = AdaBeliefStep;

    fn at_step(&self, At { lr, t, .. }: At<'_>) -> AdaBeliefStep {
        let AdaBeliefConfig { beta_1, beta_2, epsilon, weight_decay, cautious_decay } = self.config;
        let correction_2 = (1.0 - power(beta_2, t)).sqrt();
        AdaBeliefStep {
            beta_1,
            beta_2,
            in_mean: epsilon,
            in_denominator: epsilon * correction_2,
            decay: DecoupledDecay::new(lr, weight_decay, cautious_decay),
            factor: lr * correction_2 / (1.0 - power(beta_1, t)),
        }
    }
}

burn_optimizer!(AdaBelief);

/// The coefficients of [`AdaBelief`] in one step.
#[derive(Debug, Clone, Copy)]
pub struct AdaBeliefStep {
    beta_1: f64,
    beta_2: f64,
    /// `ε` in the mean of the squared errors.
    in_mean: f64,
    /// `ε` in the denominator, with the bias correction applied.
    in_denominator: f64,
    decay: DecoupledDecay,
    /// Factor of the first moment.
    factor: f64,
}

impl Update for AdaBeliefStep {
    const BUFFERS: (usize, usize) = (2, 2);

    #[inline(always)]
    fn update<V: Value>(&self, theta: V, grad: V, state: &mut [V], _sums: &[V]) -> V {
        let [first, square_error] = state else { unreachable!("two buffers") };
        *first = moving_average(first, grad.clone(), self.beta_1);
        let error = grad - first.clone();
        *square_error = moving_average(square_error, error.square(), self.beta_2).add_scalar(self.in_mean);
        let step = first.clone().mul_scalar(self.factor)
            / square_error.clone().sqrt().add_scalar(self.in_denominator);
        self.decay.before(theta, &step) - step
    }
}
