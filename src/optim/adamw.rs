use crate::error::Error;
use crate::kernel::{Update, Value};
use crate::optim::elementwise::burn_optimizer;
use crate::optim::moments::{self, Moments, MomentsStep};
use crate::optim::{At, ElementwiseRule, ParameterRule, Rule, RuleConfig, Start, weight_decay};
use crate::range::{self, NON_NEGATIVE};
use serde::{Deserialize, Serialize};

/// Settings of [`AdamW`], where their ranges are listed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AdamWConfig {
    /// Decay of the first moment.
    pub beta_1: f64,
    /// Decay of the second moment.
    pub beta_2: f64,
    /// Added to the denominator.
    pub epsilon: f64,
    /// Weight decay, apart from the gradient.
    pub weight_decay: f64,
    /// Whether the largest second moment so far divides.
    pub amsgrad: bool,
    /// Whether both moments are corrected for their start at 0.
    pub bias_correction: bool,
}

impl Default for AdamWConfig {
    fn default() -> Self {
        AdamWConfig {
            beta_1: 0.9,
            beta_2: 0.999,
            epsilon: 1e-8,
            weight_decay: 0.01,
            amsgrad: false,
            bias_correction: true,
        }
    }
}

impl RuleConfig for AdamWConfig {
    const DEFAULT_LR: f64 = 1e-3;

    fn rules(&self, _owner: &str) -> Result<Vec<ParameterRule>, Error> {
        Ok(vec![ParameterRule::elementwise(self.build()?)])
    }
}

impl AdamWConfig {
    /// The rule by itself, for Burn's `ModuleOptimizer` or one's own loop.
    ///
    /// # Errors
    /// [`Error::InvalidConfig`] for a field out of its range or NaN.
    pub fn build(&self) -> Result<AdamW, Error> {
        let moments = Moments {
            beta_1: self.beta_1,
            beta_2: self.beta_2,
            epsilon: self.epsilon,
            amsgrad: self.amsgrad,
            bias_correction: self.bias_correction,
        };
        moments.check("adamw")?;
        range::check("adamw", [("weight_decay", self.weight_decay, NON_NEGATIVE)])?;
        Ok(AdamW { moments, weight_decay: self.weight_decay })
    }
}

/// AdamW: [Adam](super::Adam) whose weight decay stays out of the gradient (Loshchilov & Hutter, 2017).
///
/// ```text
/// m₀ = 0, v₀ = 0, u₀ = 0
/// mₜ = β₁ mₜ₋₁ + (1 − β₁) gₜ
/// vₜ = β₂ vₜ₋₁ + (1 − β₂) gₜ²
/// uₜ = max(uₜ₋₁, vₜ) with amsgrad, else vₜ
/// c₁ = 1 − β₁ᵗ, c₂ = 1 − β₂ᵗ with bias_correction, else 1
/// θₜ = (1 − ηₜ λ) θₜ₋₁ − ηₜ (mₜ / c₁) / (√(uₜ / c₂) + ε)
/// ```
///
/// | field             | symbol | default | range         |
/// |:------------------|:-------|--------:|:--------------|
/// | `beta_1`          | `β₁`   |     0.9 | `[0, 1)`      |
/// | `beta_2`          | `β₂`   |   0.999 | `[0, 1)`      |
/// | `epsilon`         | `ε`    |    1e-8 | `(0, ∞)`      |
/// | `weight_decay`    | `λ`    |    0.01 | `[0, ∞)`      |
/// | `amsgrad`         |        |   false | true or false |
/// | `bias_correction` |        |    true | true or false |
///
/// `ηₜ` is the `lr` argument of [`step`](burn::optim::Optimizer::step); the schedule owns it.
///
/// # Shapes
/// `θ`, `g`, `m`, `v`, `u`: `[d₁, …, d_D]`, any rank. State: the step number and two tensors per parameter, three with
/// `amsgrad`.
///
/// # Errors
/// [`AdamWConfig::build`]: [`Error::InvalidConfig`] if a field is out of range or NaN.
///
/// # Example
/// Without a gradient a parameter decays by exactly `1 − η λ`, which Adam's division would have hidden:
/// ```
/// use burn::{optim::Optimizer, tensor::{Device, Tensor}};
/// use optlab::optim::AdamWConfig;
///
/// let adamw = AdamWConfig { weight_decay: 0.5, ..AdamWConfig::default() }.build()?;
/// let device = Device::default();
/// let theta = Tensor::<1>::ones([1], &device);
/// let (theta, _) = adamw.step(0.5, theta, Tensor::zeros([1], &device), None);
/// assert_eq!(theta.into_scalar::<f32>(), 0.75);
/// # Ok::<(), optlab::Error>(())
/// ```
///
/// # Differs from
/// Its paper, and like PyTorch: the decay is multiplied by the learning rate. PyTorch: `ε = 0` is refused. Burn: `ε` is
/// 1e-8, not 1e-5, `λ` is 0.01, not 1e-4, and the powers of `β` are computed in 64 bits.
///
/// # Reference
/// Loshchilov & Hutter, *Decoupled Weight Decay Regularization*, 2017, <https://arxiv.org/abs/1711.05101>
#[derive(Debug, Clone)]
pub struct AdamW {
    moments: Moments,
    weight_decay: f64,
}

impl Rule for AdamW {
    const STATE: &'static [&'static str] = moments::STATE;

    fn start(&self, buffer: &str, _shape: &[usize]) -> Option<Start> {
        self.moments.start(buffer)
    }
}

impl ElementwiseRule for AdamW {
    type Step = AdamWStep;

    fn at_step(&self, At { lr, t, .. }: At<'_>) -> AdamWStep {
        AdamWStep { moments: self.moments.at_step(lr, t), lr, weight_decay: self.weight_decay }
    }
}

burn_optimizer!(AdamW);

/// The coefficients of [`AdamW`] in one step.
#[derive(Debug, Clone, Copy)]
pub struct AdamWStep {
    moments: MomentsStep,
    lr: f64,
    weight_decay: f64,
}

impl Update for AdamWStep {
    const BUFFERS: (usize, usize) = (2, 3);

    #[inline(always)]
    fn update<V: Value>(&self, theta: V, grad: V, state: &mut [V], _sums: &[V]) -> V {
        weight_decay::decoupled(theta, self.lr, self.weight_decay) - self.moments.update(grad, state)
    }
}
