use crate::error::Error;
use crate::kernel::{Update, Value};
use crate::optim::elementwise::burn_optimizer;
use crate::optim::moments::{moving_average, power};
use crate::optim::{At, ElementwiseRule, ParameterRule, Rule, RuleConfig, weight_decay};
use crate::range::{self, BELOW_ONE, NON_NEGATIVE, POSITIVE};
use serde::{Deserialize, Serialize};

/// Settings of [`AdaBelief`], where their ranges are listed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AdaBeliefConfig {
    /// Decay of the first moment.
    pub beta_1: f64,
    /// Decay of the mean of the squared errors.
    pub beta_2: f64,
    /// Added to the mean of the squared errors at every step, and to the denominator.
    pub epsilon: f64,
    /// Weight decay, apart from the gradient.
    pub weight_decay: f64,
}

impl Default for AdaBeliefConfig {
    fn default() -> Self {
        AdaBeliefConfig { beta_1: 0.9, beta_2: 0.999, epsilon: 1e-16, weight_decay: 0.0 }
    }
}

impl RuleConfig for AdaBeliefConfig {
    const DEFAULT_LR: f64 = 1e-3;

    fn rules(&self, _owner: &str) -> Result<Vec<ParameterRule>, Error> {
        Ok(vec![ParameterRule::elementwise(self.build()?)])
    }
}

impl AdaBeliefConfig {
    /// The rule by itself, for Burn's `ModuleOptimizer` or one's own loop.
    ///
    /// # Errors
    /// [`Error::InvalidConfig`] for a field out of its range or NaN.
    pub fn build(&self) -> Result<AdaBelief, Error> {
        range::check(
            "adabelief",
            [
                ("beta_1", self.beta_1, BELOW_ONE),
                ("beta_2", self.beta_2, BELOW_ONE),
                ("epsilon", self.epsilon, POSITIVE),
                ("weight_decay", self.weight_decay, NON_NEGATIVE),
            ],
        )?;
        Ok(AdaBelief { config: self.clone() })
    }
}

/// AdaBelief: divides by how far the gradients are from their mean, not from 0 (Zhuang et al., 2020).
///
/// ```text
/// m₀ = 0, s₀ = 0
/// mₜ = β₁ mₜ₋₁ + (1 − β₁) gₜ
/// sₜ = β₂ sₜ₋₁ + (1 − β₂) (gₜ − mₜ)² + ε
/// θₜ = (1 − ηₜ λ) θₜ₋₁ − ηₜ (mₜ / (1 − β₁ᵗ)) / (√(sₜ / (1 − β₂ᵗ)) + ε)
/// ```
///
/// | field          | symbol | default | range    |
/// |:---------------|:-------|--------:|:---------|
/// | `beta_1`       | `β₁`   |     0.9 | `[0, 1)` |
/// | `beta_2`       | `β₂`   |   0.999 | `[0, 1)` |
/// | `epsilon`      | `ε`    |   1e-16 | `(0, ∞)` |
/// | `weight_decay` | `λ`    |       0 | `[0, ∞)` |
///
/// `ηₜ` is the `lr` argument of [`step`](burn::optim::Optimizer::step); the schedule owns it.
///
/// # Shapes
/// `θ`, `g`, `m`, `s`: `[d₁, …, d_D]`, any rank. State: the step number and two tensors per parameter.
///
/// # Errors
/// [`AdaBeliefConfig::build`]: [`Error::InvalidConfig`] if a field is out of range or NaN.
///
/// # Example
/// Where each gradient is like the one before, steps grow: the mean, from 0, comes closer to the gradients, and the errors
/// become small:
/// ```
/// use burn::{optim::Optimizer, tensor::{Device, Tensor}};
/// use optlab::optim::AdaBeliefConfig;
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
/// # Ok::<(), optlab::Error>(())
/// ```
///
/// # Differs from
/// pytorch_optimizer: `ε = 0` is refused; of its options there are none but decoupled weight decay.
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
        let AdaBeliefConfig { beta_1, beta_2, epsilon, weight_decay } = self.config;
        let correction_2 = (1.0 - power(beta_2, t)).sqrt();
        AdaBeliefStep {
            beta_1,
            beta_2,
            in_mean: epsilon,
            in_denominator: epsilon * correction_2,
            lr,
            weight_decay,
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
    /// `ε` as it is added to the mean of the squared errors.
    in_mean: f64,
    /// `ε` as it is added to the root of that.
    in_denominator: f64,
    lr: f64,
    weight_decay: f64,
    /// What the first moment is multiplied by.
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
        weight_decay::decoupled(theta, self.lr, self.weight_decay) - step
    }
}
