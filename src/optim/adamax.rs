use crate::error::Error;
use crate::kernel::{Update, Value};
use crate::optim::elementwise::burn_optimizer;
use crate::optim::moments::{moving_average, power};
use crate::optim::{At, ElementwiseRule, ParameterRule, Rule, RuleConfig, weight_decay};
use crate::range::{self, BELOW_ONE, NON_NEGATIVE, POSITIVE};
use serde::{Deserialize, Serialize};

/// Settings of [`Adamax`], where their ranges are listed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AdamaxConfig {
    /// Decay of the first moment.
    pub beta_1: f64,
    /// Decay of the largest gradient.
    pub beta_2: f64,
    /// Added to each absolute value.
    pub epsilon: f64,
    /// Weight decay, as part of the gradient.
    pub weight_decay: f64,
}

impl Default for AdamaxConfig {
    fn default() -> Self {
        AdamaxConfig { beta_1: 0.9, beta_2: 0.999, epsilon: 1e-8, weight_decay: 0.0 }
    }
}

impl RuleConfig for AdamaxConfig {
    const DEFAULT_LR: f64 = 2e-3;

    fn rules(&self, _owner: &str) -> Result<Vec<ParameterRule>, Error> {
        Ok(vec![ParameterRule::elementwise(self.build()?)])
    }
}

impl AdamaxConfig {
    /// The rule by itself, for Burn's `ModuleOptimizer` or one's own loop.
    ///
    /// # Errors
    /// [`Error::InvalidConfig`] for a field out of its range or NaN.
    pub fn build(&self) -> Result<Adamax, Error> {
        range::check(
            "adamax",
            [
                ("beta_1", self.beta_1, BELOW_ONE),
                ("beta_2", self.beta_2, BELOW_ONE),
                ("epsilon", self.epsilon, POSITIVE),
                ("weight_decay", self.weight_decay, NON_NEGATIVE),
            ],
        )?;
        Ok(Adamax { config: self.clone() })
    }
}

/// Adamax: the mean of the gradients, divided by the largest of them, which is slowly forgotten (Kingma & Ba, 2014).
///
/// ```text
/// m₀ = 0, u₀ = 0
/// gₜ' = gₜ + λ θₜ₋₁
/// mₜ = β₁ mₜ₋₁ + (1 − β₁) gₜ'
/// uₜ = max(β₂ uₜ₋₁, |gₜ'| + ε)
/// θₜ = θₜ₋₁ − ηₜ (mₜ / (1 − β₁ᵗ)) / uₜ
/// ```
///
/// | field          | symbol | default | range    |
/// |:---------------|:-------|--------:|:---------|
/// | `beta_1`       | `β₁`   |     0.9 | `[0, 1)` |
/// | `beta_2`       | `β₂`   |   0.999 | `[0, 1)` |
/// | `epsilon`      | `ε`    |    1e-8 | `(0, ∞)` |
/// | `weight_decay` | `λ`    |       0 | `[0, ∞)` |
///
/// `ηₜ` is the `lr` argument of [`step`](burn::optim::Optimizer::step); the schedule owns it.
///
/// # Shapes
/// `θ`, `g`, `m`, `u`: `[d₁, …, d_D]`, any rank. State: the step number and two tensors per parameter.
///
/// # Errors
/// [`AdamaxConfig::build`]: [`Error::InvalidConfig`] if a field is out of range or NaN.
///
/// # Example
/// The first step is as long as the learning rate, however large the gradient:
/// ```
/// use burn::{optim::Optimizer, tensor::{Device, Tensor}};
///
/// let adamax = optlab::optim::AdamaxConfig::default().build()?;
/// let device = Device::default();
/// let theta = Tensor::<1>::zeros([2], &device);
/// let (theta, _) = adamax.step(0.5, theta, Tensor::from_floats([100.0, -0.01], &device), None);
/// let moved: Vec<f32> = theta.into_data().try_to_vec().unwrap();
/// assert!((moved[0] + 0.5).abs() < 1e-5 && (moved[1] - 0.5).abs() < 1e-5);
/// # Ok::<(), optlab::Error>(())
/// ```
///
/// # Differs from
/// Its paper, and like PyTorch: `ε` is added to the absolute value, so that a gradient of 0 divides by no 0. PyTorch:
/// `ε = 0` is refused.
///
/// # Reference
/// Kingma & Ba, *Adam: A Method for Stochastic Optimization*, 2014, section 7.1, <https://arxiv.org/abs/1412.6980>
#[derive(Debug, Clone)]
pub struct Adamax {
    config: AdamaxConfig,
}

impl Rule for Adamax {
    const STATE: &'static [&'static str] = &["first_moment", "largest_gradient"];
}

impl ElementwiseRule for Adamax {
    type Step = AdamaxStep;

    fn at_step(&self, At { lr, t, .. }: At<'_>) -> AdamaxStep {
        let AdamaxConfig { beta_1, beta_2, epsilon, weight_decay } = self.config;
        let lr = lr / (1.0 - power(beta_1, t));
        AdamaxStep { beta_1, beta_2, epsilon, weight_decay, lr }
    }
}

burn_optimizer!(Adamax);

/// The coefficients of [`Adamax`] in one step.
#[derive(Debug, Clone, Copy)]
pub struct AdamaxStep {
    beta_1: f64,
    beta_2: f64,
    epsilon: f64,
    weight_decay: f64,
    /// `η / (1 − β₁ᵗ)`.
    lr: f64,
}

impl Update for AdamaxStep {
    const BUFFERS: (usize, usize) = (2, 2);

    #[inline(always)]
    fn update<V: Value>(&self, theta: V, grad: V, state: &mut [V], _sums: &[V]) -> V {
        let [first, largest] = state else { unreachable!("two buffers") };
        let grad = weight_decay::coupled(grad, &theta, self.weight_decay);
        *largest = largest.clone().mul_scalar(self.beta_2).max(grad.clone().abs().add_scalar(self.epsilon));
        *first = moving_average(first, grad, self.beta_1);
        theta - first.clone().mul_scalar(self.lr) / largest.clone()
    }
}
