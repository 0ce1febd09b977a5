use crate::error::Error;
use crate::kernel::{Update, Value};
use crate::optim::elementwise::burn_optimizer;
use crate::optim::moments::{moving_average, power};
use crate::optim::{At, ElementwiseRule, ParameterRule, Rule, RuleConfig, weight_decay};
use crate::range::{self, BELOW_ONE, NON_NEGATIVE, POSITIVE};
use serde::{Deserialize, Serialize};

/// Settings of [`Grams`], where their ranges are listed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GramsConfig {
    /// Decay of the first moment.
    pub beta_1: f64,
    /// Decay of the second moment.
    pub beta_2: f64,
    /// Added to the denominator.
    pub epsilon: f64,
    /// Weight decay, apart from the gradient.
    pub weight_decay: f64,
}

impl Default for GramsConfig {
    fn default() -> Self {
        GramsConfig { beta_1: 0.9, beta_2: 0.999, epsilon: 1e-6, weight_decay: 0.0 }
    }
}

impl RuleConfig for GramsConfig {
    const DEFAULT_LR: f64 = 1e-3;

    fn rules(&self, _owner: &str) -> Result<Vec<ParameterRule>, Error> {
        Ok(vec![ParameterRule::elementwise(self.build()?)])
    }
}

impl GramsConfig {
    /// The rule by itself, for Burn's `ModuleOptimizer` or one's own loop.
    ///
    /// # Errors
    /// [`Error::InvalidConfig`] for a field out of its range or NaN.
    pub fn build(&self) -> Result<Grams, Error> {
        range::check(
            "grams",
            [
                ("beta_1", self.beta_1, BELOW_ONE),
                ("beta_2", self.beta_2, BELOW_ONE),
                ("epsilon", self.epsilon, POSITIVE),
                ("weight_decay", self.weight_decay, NON_NEGATIVE),
            ],
        )?;
        Ok(Grams { config: self.clone() })
    }
}

/// Grams: steps as long as Adam's, in the direction of the gradient (Cao, Li & Song, 2024).
///
/// ```text
/// m₀ = 0, v₀ = 0
/// mₜ = β₁ mₜ₋₁ + (1 − β₁) gₜ
/// vₜ = β₂ vₜ₋₁ + (1 − β₂) gₜ²
/// dₜ = sign(gₜ) (|mₜ| / (1 − β₁ᵗ)) √(1 − β₂ᵗ) / (√vₜ + ε)          sign(0) = 0
/// θₜ = (1 − ηₜ λ) θₜ₋₁ − ηₜ dₜ
/// ```
///
/// | field          | symbol | default | range    |
/// |:---------------|:-------|--------:|:---------|
/// | `beta_1`       | `β₁`   |     0.9 | `[0, 1)` |
/// | `beta_2`       | `β₂`   |   0.999 | `[0, 1)` |
/// | `epsilon`      | `ε`    |    1e-6 | `(0, ∞)` |
/// | `weight_decay` | `λ`    |       0 | `[0, ∞)` |
///
/// `ηₜ` is the `lr` argument of [`step`](burn::optim::Optimizer::step); the schedule owns it.
///
/// # Shapes
/// `θ`, `g`, `m`, `v`: `[d₁, …, d_D]`, any rank. State: the step number and two tensors per parameter.
///
/// # Errors
/// [`GramsConfig::build`]: [`Error::InvalidConfig`] if a field is out of range or NaN.
///
/// # Example
/// A step follows the gradient at once where Adam's would follow the momentum still. After gradients of 1 and −1/4 and
/// with `β₁ = 1/2` that is `m = 1/8`, by which both would move, one forward and the other back:
/// ```
/// use burn::{optim::Optimizer, tensor::{Device, Tensor}};
/// use optlab::optim::GramsConfig;
///
/// let grams = GramsConfig { beta_1: 0.5, beta_2: 0.0, ..GramsConfig::default() }.build()?;
/// let device = Device::default();
/// let (mut theta, mut state) = (Tensor::<1>::zeros([1], &device), None);
/// for (grad, expected) in [(1.0, -1.0), (-0.25, -1.0 + (1.0 / 8.0) / (3.0 / 4.0) / (1.0 / 4.0))] {
///     (theta, state) = grams.step(1.0, theta, Tensor::from_floats([grad], &device), state);
///     assert!((theta.clone().into_scalar::<f32>() - expected).abs() < 1e-5);
/// }
/// # Ok::<(), optlab::Error>(())
/// ```
///
/// # Differs from
/// The authors' code: `ε = 0` is refused, and the correction for the start at 0 cannot be switched off. pytorch_optimizer
/// adds `ε` after that correction, as Adam does.
///
/// # Reference
/// Cao, Li & Song, *Grams: Gradient Descent with Adaptive Momentum Scaling*, 2024, <https://arxiv.org/abs/2412.17107>
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
        let GramsConfig { beta_1, beta_2, epsilon, weight_decay } = self.config;
        let factor = lr * (1.0 - power(beta_2, t)).sqrt() / (1.0 - power(beta_1, t));
        GramsStep { lr, beta_1, beta_2, epsilon, weight_decay, factor }
    }
}

burn_optimizer!(Grams);

/// The coefficients of [`Grams`] in one step.
#[derive(Debug, Clone, Copy)]
pub struct GramsStep {
    lr: f64,
    beta_1: f64,
    beta_2: f64,
    epsilon: f64,
    weight_decay: f64,
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
        weight_decay::decoupled(theta, self.lr, self.weight_decay) - grad.sign() * length
    }
}
