use crate::RecordState;
use crate::error::Error;
use crate::optim::{ModelOptimizer, RuleConfig, weight_decay};
use crate::range::{self, BELOW_ONE, NON_NEGATIVE, SHARE};
use burn::optim::Optimizer;
use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};

/// Settings of [`Sgd`], where their ranges are listed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SgdConfig {
    /// How much of the velocity stays from step to step.
    pub momentum: f64,
    /// How much of each gradient but the first is kept out of the velocity.
    pub dampening: f64,
    /// Whether the step looks ahead along the velocity.
    pub nesterov: bool,
    /// Weight decay, as part of the gradient.
    pub weight_decay: f64,
}

impl RuleConfig for SgdConfig {
    const DEFAULT_LR: f64 = 1e-3;

    fn build_for_model(&self, name: &str) -> Result<ModelOptimizer, Error> {
        Ok(ModelOptimizer::new(name, self.build()?))
    }
}

impl SgdConfig {
    /// The rule by itself, for Burn's `ModuleOptimizer` or one's own loop.
    ///
    /// # Errors
    /// [`Error::InvalidConfig`] for a field out of its range or NaN, and for `nesterov` without momentum or with
    /// dampening.
    pub fn build(&self) -> Result<Sgd, Error> {
        range::check(
            "sgd",
            [
                ("momentum", self.momentum, BELOW_ONE),
                ("dampening", self.dampening, SHARE),
                ("weight_decay", self.weight_decay, NON_NEGATIVE),
            ],
        )?;
        if self.nesterov && (self.momentum == 0.0 || self.dampening != 0.0) {
            let allowed = "false unless momentum is above 0 and dampening is 0";
            return Err(Error::invalid("sgd", "nesterov", allowed, self.nesterov));
        }
        Ok(Sgd { config: self.clone() })
    }
}

/// Stochastic gradient descent with momentum, heavy-ball or Nesterov's (Sutskever et al., 2013).
///
/// ```text
/// gₜ' = gₜ + λ θₜ₋₁
/// b₁ = g₁'
/// bₜ = μ bₜ₋₁ + (1 − τ) gₜ'                  for t > 1
/// θₜ = θₜ₋₁ − ηₜ bₜ                          or, with nesterov, θₜ₋₁ − ηₜ (gₜ' + μ bₜ)
/// ```
///
/// | field          | symbol | default | range                                      |
/// |:---------------|:-------|--------:|:-------------------------------------------|
/// | `momentum`     | `μ`    |       0 | `[0, 1)`                                   |
/// | `dampening`    | `τ`    |       0 | `[0, 1]`                                   |
/// | `nesterov`     |        |   false | true only with `momentum` and no dampening |
/// | `weight_decay` | `λ`    |       0 | `[0, ∞)`                                   |
///
/// `ηₜ` is the `lr` argument of [`step`](Optimizer::step); the schedule owns it.
///
/// # Shapes
/// `θ`, `g`, `b`: `[d₁, …, d_D]`, any rank. State: one tensor per parameter; none where `momentum` is 0.
///
/// # Errors
/// [`SgdConfig::build`]: [`Error::InvalidConfig`] if a field is out of range or NaN.
///
/// # Example
/// The learning rate is outside of the velocity, so a schedule acts at once:
/// ```
/// use burn::{optim::Optimizer, tensor::{Device, Tensor}};
/// use optlab::optim::SgdConfig;
///
/// let sgd = SgdConfig { momentum: 0.5, ..SgdConfig::default() }.build()?;
/// let device = Device::default();
/// let (theta, grad) = (Tensor::<1>::zeros([1], &device), Tensor::ones([1], &device));
/// let (theta, state) = sgd.step(1.0, theta, grad.clone(), None);
/// let (theta, _) = sgd.step(0.0, theta, grad, state);
/// assert_eq!(theta.into_scalar::<f32>(), -1.0);
/// # Ok::<(), optlab::Error>(())
/// ```
///
/// # Differs from
/// PyTorch: a momentum of 1 or more is refused. Burn: dampening is 0, not 0.1, and there is no momentum unless asked
/// for.
///
/// # Reference
/// Sutskever, Martens, Dahl & Hinton, *On the importance of initialization and momentum in deep learning*, 2013,
/// <https://proceedings.mlr.press/v28/sutskever13.html>
#[derive(Debug, Clone)]
pub struct Sgd {
    config: SgdConfig,
}

/// What [`Sgd`] remembers of a parameter.
#[derive(Debug, Clone, RecordState)]
pub struct SgdState<const D: usize> {
    /// The decaying sum of the gradients, `b`.
    pub velocity: Tensor<D>,
}

impl Optimizer for Sgd {
    type State<const D: usize> = SgdState<D>;

    fn step<const D: usize>(
        &self,
        lr: f64,
        theta: Tensor<D>,
        grad: Tensor<D>,
        state: Option<Self::State<D>>,
    ) -> (Tensor<D>, Option<Self::State<D>>) {
        let SgdConfig { momentum, dampening, nesterov, weight_decay } = self.config;
        let grad = weight_decay::coupled(grad, &theta, weight_decay);
        if momentum == 0.0 {
            return (theta - grad.mul_scalar(lr), None);
        }
        let velocity = match state {
            None => grad.clone(),
            Some(state) if dampening == 0.0 => state.velocity.mul_scalar(momentum) + grad.clone(),
            Some(state) => state.velocity.mul_scalar(momentum) + grad.clone().mul_scalar(1.0 - dampening),
        };
        let direction =
            if nesterov { velocity.clone().mul_scalar(momentum) + grad } else { velocity.clone() };
        (theta - direction.mul_scalar(lr), Some(SgdState { velocity }))
    }

    fn to_device<const D: usize>(state: Self::State<D>, device: &Device) -> Self::State<D> {
        SgdState { velocity: state.velocity.to_device(device) }
    }
}
