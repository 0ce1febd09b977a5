use crate::RecordState;
use crate::error::Error;
use crate::optim::{ModelOptimizer, RuleConfig, weight_decay};
use crate::range::{self, NON_NEGATIVE, POSITIVE};
use burn::optim::Optimizer;
use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};

/// Settings of [`AdaGrad`], where their ranges are listed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AdaGradConfig {
    /// Added to the denominator.
    pub epsilon: f64,
    /// Weight decay, as part of the gradient.
    pub weight_decay: f64,
    /// How fast the rule lowers the learning rate by itself.
    pub lr_decay: f64,
    /// Where the sum of the squares starts.
    pub initial_accumulator_value: f64,
}

impl Default for AdaGradConfig {
    fn default() -> Self {
        AdaGradConfig { epsilon: 1e-10, weight_decay: 0.0, lr_decay: 0.0, initial_accumulator_value: 0.0 }
    }
}

impl RuleConfig for AdaGradConfig {
    const DEFAULT_LR: f64 = 1e-2;

    fn build_for_model(&self, name: &str) -> Result<ModelOptimizer, Error> {
        Ok(ModelOptimizer::new(name, self.build()?))
    }
}

impl AdaGradConfig {
    /// The rule by itself, for Burn's `ModuleOptimizer` or one's own loop.
    ///
    /// # Errors
    /// [`Error::InvalidConfig`] for a field out of its range or NaN.
    pub fn build(&self) -> Result<AdaGrad, Error> {
        range::check(
            "adagrad",
            [
                ("epsilon", self.epsilon, POSITIVE),
                ("weight_decay", self.weight_decay, NON_NEGATIVE),
                ("lr_decay", self.lr_decay, NON_NEGATIVE),
                ("initial_accumulator_value", self.initial_accumulator_value, NON_NEGATIVE),
            ],
        )?;
        Ok(AdaGrad { config: self.clone() })
    }
}

/// AdaGrad: divides each gradient by the root of the sum of all squares so far (Duchi, Hazan & Singer, 2011).
///
/// ```text
/// s₀ = s
/// gₜ' = gₜ + λ θₜ₋₁
/// sₜ = sₜ₋₁ + gₜ'²
/// θₜ = θₜ₋₁ − ηₜ / (1 + (t − 1) κ) · gₜ' / (√sₜ + ε)
/// ```
///
/// | field                       | symbol | default | range    |
/// |:----------------------------|:-------|--------:|:---------|
/// | `epsilon`                   | `ε`    |   1e-10 | `(0, ∞)` |
/// | `weight_decay`              | `λ`    |       0 | `[0, ∞)` |
/// | `lr_decay`                  | `κ`    |       0 | `[0, ∞)` |
/// | `initial_accumulator_value` | `s`    |       0 | `[0, ∞)` |
///
/// `ηₜ` is the `lr` argument of [`step`](Optimizer::step); the schedule owns it.
///
/// # Shapes
/// `θ`, `g`, `s`: `[d₁, …, d_D]`, any rank. State: the step number and one tensor per parameter.
///
/// # Errors
/// [`AdaGradConfig::build`]: [`Error::InvalidConfig`] if a field is out of range or NaN.
///
/// # Example
/// Under a constant gradient the steps shrink like `1 / √t`:
/// ```
/// use burn::{optim::Optimizer, tensor::{Device, Tensor}};
///
/// let adagrad = optlab::optim::AdaGradConfig::default().build()?;
/// let device = Device::default();
/// let (mut theta, grad) = (Tensor::<1>::zeros([1], &device), Tensor::ones([1], &device));
/// let mut state = None;
/// for _ in 0..4 {
///     (theta, state) = adagrad.step(1.0, theta, grad.clone(), state);
/// }
/// let expected = -(1.0 + 1.0 / 2_f32.sqrt() + 1.0 / 3_f32.sqrt() + 1.0 / 2.0);
/// assert!((theta.into_scalar::<f32>() - expected).abs() < 1e-5);
/// # Ok::<(), optlab::Error>(())
/// ```
///
/// # Differs from
/// PyTorch: `ε = 0` is refused. Burn: `ε` is 1e-10, not 1e-5, and the sum can start above 0.
///
/// # Reference
/// Duchi, Hazan & Singer, *Adaptive Subgradient Methods for Online Learning and Stochastic Optimization*, 2011,
/// <https://jmlr.org/papers/v12/duchi11a.html>
#[derive(Debug, Clone)]
pub struct AdaGrad {
    config: AdaGradConfig,
}

/// What [`AdaGrad`] remembers of a parameter.
#[derive(Debug, Clone, RecordState)]
pub struct AdaGradState<const D: usize> {
    /// Steps made, `t`.
    pub step: u64,
    /// The sum of the squares, `s`.
    pub sum_of_squares: Tensor<D>,
}

impl Optimizer for AdaGrad {
    type State<const D: usize> = AdaGradState<D>;

    fn step<const D: usize>(
        &self,
        lr: f64,
        theta: Tensor<D>,
        grad: Tensor<D>,
        state: Option<Self::State<D>>,
    ) -> (Tensor<D>, Option<Self::State<D>>) {
        let config = &self.config;
        let grad = weight_decay::coupled(grad, &theta, config.weight_decay);
        let square = grad.clone().square();
        let (steps_before, sum_of_squares) = match state {
            Some(state) => (state.step, state.sum_of_squares + square),
            None if config.initial_accumulator_value == 0.0 => (0, square),
            None => (0, square.add_scalar(config.initial_accumulator_value)),
        };
        let lr = lr / (1.0 + steps_before as f64 * config.lr_decay);
        let update = grad.mul_scalar(lr) / sum_of_squares.clone().sqrt().add_scalar(config.epsilon);
        let state = AdaGradState { step: steps_before + 1, sum_of_squares };
        (theta - update, Some(state))
    }

    fn to_device<const D: usize>(state: Self::State<D>, device: &Device) -> Self::State<D> {
        AdaGradState { step: state.step, sum_of_squares: state.sum_of_squares.to_device(device) }
    }
}
