use crate::error::Error;
use crate::kernel::{Update, Value};
use crate::optim::cautious::{agreement, where_agreed};
use crate::optim::elementwise::burn_optimizer;
use crate::optim::moments::moving_average;
use crate::optim::{At, ElementwiseRule, ParameterRule, Rule, RuleConfig, weight_decay};
use crate::range::{self, BELOW_ONE, NON_NEGATIVE};
use serde::{Deserialize, Serialize};

/// Settings of [`CautiousLion`], where their ranges are listed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CautiousLionConfig {
    /// Weight of the momentum against the gradient in the direction of a step.
    pub beta_1: f64,
    /// Decay of the momentum.
    pub beta_2: f64,
    /// Weight decay, apart from the gradient.
    pub weight_decay: f64,
}

impl Default for CautiousLionConfig {
    fn default() -> Self {
        CautiousLionConfig { beta_1: 0.95, beta_2: 0.98, weight_decay: 0.0 }
    }
}

impl RuleConfig for CautiousLionConfig {
    const DEFAULT_LR: f64 = 1e-4;

    fn rules(&self, _owner: &str) -> Result<Vec<ParameterRule>, Error> {
        Ok(vec![ParameterRule::elementwise(self.build()?)])
    }
}

impl CautiousLionConfig {
    /// The rule by itself, for Burn's `ModuleOptimizer` or one's own loop.
    ///
    /// # Errors
    /// [`Error::InvalidConfig`] for a field out of its range or NaN.
    pub fn build(&self) -> Result<CautiousLion, Error> {
        range::check(
            "cautious_lion",
            [
                ("beta_1", self.beta_1, BELOW_ONE),
                ("beta_2", self.beta_2, BELOW_ONE),
                ("weight_decay", self.weight_decay, NON_NEGATIVE),
            ],
        )?;
        Ok(CautiousLion { config: self.clone() })
    }
}

/// Cautious Lion: [Lion](super::Lion) without the steps that the gradient is against (Liang et al., 2024).
///
/// ```text
/// m₀ = 0
/// cₜ = sign(β₁ mₜ₋₁ + (1 − β₁) gₜ)                    sign(0) = 0
/// φₜ = 1 where cₜ gₜ > 0, else 0
/// θₜ = (1 − ηₜ λ) θₜ₋₁ − ηₜ cₜ φₜ n / (Σφₜ + 1)         sum over the n elements of the tensor
/// mₜ = β₂ mₜ₋₁ + (1 − β₂) gₜ
/// ```
///
/// | field          | symbol | default | range    |
/// |:---------------|:-------|--------:|:---------|
/// | `beta_1`       | `β₁`   |    0.95 | `[0, 1)` |
/// | `beta_2`       | `β₂`   |    0.98 | `[0, 1)` |
/// | `weight_decay` | `λ`    |       0 | `[0, ∞)` |
///
/// `ηₜ` is the `lr` argument of [`step`](burn::optim::Optimizer::step); the schedule owns it.
///
/// # Shapes
/// `θ`, `g`, `m`: `[d₁, …, d_D]`, any rank. State: the step number and one tensor per parameter.
///
/// # Errors
/// [`CautiousLionConfig::build`]: [`Error::InvalidConfig`] if a field is out of range or NaN.
///
/// # Example
/// An element whose gradient turns stays where it is, and the others make up for it:
/// ```
/// use burn::{optim::Optimizer, tensor::{Device, Tensor}};
///
/// let rule = optlab::optim::CautiousLionConfig::default().build()?;
/// let device = Device::default();
/// let (mut theta, mut state) = (Tensor::<1>::zeros([2], &device), None);
/// // Two of two elements move by 2/3 of the rate, then one by 2/2 of it.
/// for (grad, expected) in [([1.0, 1.0], [-0.2, -0.2]), ([1.0, -0.1], [-0.5, -0.2])] {
///     (theta, state) = rule.step(0.3, theta, Tensor::from_floats(grad, &device), state);
///     let theta: Vec<f32> = theta.clone().into_data().try_to_vec().unwrap();
///     assert!(theta.iter().zip(expected).all(|(theta, expected)| (theta - expected).abs() < 1e-6));
/// }
/// # Ok::<(), optlab::Error>(())
/// ```
///
/// # Differs from
/// [`Lion`](super::Lion): `β₁` and `β₂` are 0.95 and 0.98, as in the authors' code, not 0.9 and 0.99. The authors' code:
/// signs are multiplied, not numbers, whose product may vanish.
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
        let CautiousLionConfig { beta_1, beta_2, weight_decay } = self.config;
        CautiousLionStep { lr, beta_1, beta_2, weight_decay, elements: elements as f64 }
    }
}

burn_optimizer!(CautiousLion);

/// The coefficients of [`CautiousLion`] in one step.
#[derive(Debug, Clone, Copy)]
pub struct CautiousLionStep {
    lr: f64,
    beta_1: f64,
    beta_2: f64,
    weight_decay: f64,
    elements: f64,
}

impl Update for CautiousLionStep {
    const BUFFERS: (usize, usize) = (1, 1);

    /// How many elements agree with their gradient.
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
        weight_decay::decoupled(theta, self.lr, self.weight_decay) - direction * scale
    }
}
