use crate::error::Error;
use crate::kernel::{Update, Value};
use crate::optim::elementwise::burn_optimizer;
use crate::optim::moments::moving_average;
use crate::optim::{At, ElementwiseRule, ParameterRule, Rule, RuleConfig, weight_decay};
use crate::range::{self, BELOW_ONE, NON_NEGATIVE, POSITIVE};
use serde::{Deserialize, Serialize};

/// Settings of [`AdaDelta`], where their ranges are listed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AdaDeltaConfig {
    /// Decay of both means of squares.
    pub rho: f64,
    /// Added to both under their roots.
    pub epsilon: f64,
    /// Weight decay, as part of the gradient.
    pub weight_decay: f64,
}

impl Default for AdaDeltaConfig {
    fn default() -> Self {
        AdaDeltaConfig { rho: 0.9, epsilon: 1e-6, weight_decay: 0.0 }
    }
}

impl RuleConfig for AdaDeltaConfig {
    const DEFAULT_LR: f64 = 1.0;

    fn rules(&self, _owner: &str) -> Result<Vec<ParameterRule>, Error> {
        Ok(vec![ParameterRule::elementwise(self.build()?)])
    }
}

impl AdaDeltaConfig {
    /// The rule by itself, for Burn's `ModuleOptimizer` or one's own loop.
    ///
    /// # Errors
    /// [`Error::InvalidConfig`] for a field out of its range or NaN.
    pub fn build(&self) -> Result<AdaDelta, Error> {
        range::check(
            "adadelta",
            [
                ("rho", self.rho, BELOW_ONE),
                ("epsilon", self.epsilon, POSITIVE),
                ("weight_decay", self.weight_decay, NON_NEGATIVE),
            ],
        )?;
        Ok(AdaDelta { config: self.clone() })
    }
}

/// AdaDelta: the gradient, times the root of the mean square of the steps over that of the gradients (Zeiler, 2012).
///
/// ```text
/// s₀ = 0, a₀ = 0
/// gₜ' = gₜ + λ θₜ₋₁
/// sₜ = ρ sₜ₋₁ + (1 − ρ) gₜ'²
/// dₜ = √(aₜ₋₁ + ε) / √(sₜ + ε) gₜ'
/// aₜ = ρ aₜ₋₁ + (1 − ρ) dₜ²
/// θₜ = θₜ₋₁ − ηₜ dₜ
/// ```
///
/// | field          | symbol | default | range    |
/// |:---------------|:-------|--------:|:---------|
/// | `rho`          | `ρ`    |     0.9 | `[0, 1)` |
/// | `epsilon`      | `ε`    |    1e-6 | `(0, ∞)` |
/// | `weight_decay` | `λ`    |       0 | `[0, ∞)` |
///
/// `ηₜ` is the `lr` argument of [`step`](burn::optim::Optimizer::step); the paper has none, which is a rate of 1.
///
/// # Shapes
/// `θ`, `g`, `s`, `a`: `[d₁, …, d_D]`, any rank. State: the step number and two tensors per parameter.
///
/// # Errors
/// [`AdaDeltaConfig::build`]: [`Error::InvalidConfig`] if a field is out of range or NaN.
///
/// # Example
/// The first step is `√ε / √(1 − ρ)` long, whatever the gradient, if it is large beside `√ε`:
/// ```
/// use burn::{optim::Optimizer, tensor::{Device, Tensor}};
///
/// let adadelta = optlab::optim::AdaDeltaConfig::default().build()?;
/// let device = Device::default();
/// let theta = Tensor::<1>::zeros([1], &device);
/// let (theta, _) = adadelta.step(1.0, theta, Tensor::from_floats([50.0], &device), None);
/// assert!((theta.into_scalar::<f32>() + 0.001 / 0.1_f32.sqrt()).abs() < 1e-6);
/// # Ok::<(), optlab::Error>(())
/// ```
///
/// # Differs from
/// PyTorch: `ε = 0`, with which it would never move, is refused.
///
/// # Reference
/// Zeiler, *ADADELTA: An Adaptive Learning Rate Method*, 2012, <https://arxiv.org/abs/1212.5701>
#[derive(Debug, Clone)]
pub struct AdaDelta {
    config: AdaDeltaConfig,
}

impl Rule for AdaDelta {
    const STATE: &'static [&'static str] = &["mean_square", "mean_square_step"];
}

impl ElementwiseRule for AdaDelta {
    type Step = AdaDeltaStep;

    fn at_step(&self, At { lr, .. }: At<'_>) -> AdaDeltaStep {
        let AdaDeltaConfig { rho, epsilon, weight_decay } = self.config;
        AdaDeltaStep { lr, rho, epsilon, weight_decay }
    }
}

burn_optimizer!(AdaDelta);

/// The coefficients of [`AdaDelta`] in one step.
#[derive(Debug, Clone, Copy)]
pub struct AdaDeltaStep {
    lr: f64,
    rho: f64,
    epsilon: f64,
    weight_decay: f64,
}

impl Update for AdaDeltaStep {
    const BUFFERS: (usize, usize) = (2, 2);

    #[inline(always)]
    fn update<V: Value>(&self, theta: V, grad: V, state: &mut [V], _sums: &[V]) -> V {
        let [mean_square, mean_square_step] = state else { unreachable!("two buffers") };
        let grad = weight_decay::coupled(grad, &theta, self.weight_decay);
        *mean_square = moving_average(mean_square, grad.clone().square(), self.rho);
        let root = |square: &V| square.clone().add_scalar(self.epsilon).sqrt();
        let step = root(mean_square_step) / root(mean_square) * grad;
        *mean_square_step = moving_average(mean_square_step, step.clone().square(), self.rho);
        theta - step.mul_scalar(self.lr)
    }
}
