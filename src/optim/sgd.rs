use crate::error::Error;
use crate::kernel::{Update, Value};
use crate::optim::elementwise::burn_optimizer;
use crate::optim::{At, ElementwiseRule, ParameterRule, Rule, RuleConfig, Start, velocity, weight_decay};
use crate::range::{self, BELOW_ONE, NON_NEGATIVE, SHARE};
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

    fn rules(&self, _owner: &str) -> Result<Vec<ParameterRule>, Error> {
        Ok(vec![ParameterRule::elementwise(self.build()?)])
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
/// `ηₜ` is the `lr` argument of [`step`](burn::optim::Optimizer::step); the schedule owns it.
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

impl Rule for Sgd {
    const STATE: &'static [&'static str] = &["velocity"];

    fn start(&self, _buffer: &str, _shape: &[usize]) -> Option<Start> {
        (self.config.momentum != 0.0).then_some(Start::Value(0.0))
    }
}

impl ElementwiseRule for Sgd {
    type Step = SgdStep;

    fn at_step(&self, At { lr, t, .. }: At<'_>) -> SgdStep {
        let SgdConfig { momentum, dampening, nesterov, weight_decay } = self.config;
        // The first velocity is the whole gradient, which 0 · μ + 1 · g is.
        let share = if t == 1 { 1.0 } else { 1.0 - dampening };
        SgdStep { lr, momentum, share, nesterov, weight_decay }
    }
}

burn_optimizer!(Sgd);

/// The coefficients of [`Sgd`] in one step.
#[derive(Debug, Clone, Copy)]
pub struct SgdStep {
    lr: f64,
    momentum: f64,
    share: f64,
    nesterov: bool,
    weight_decay: f64,
}

impl Update for SgdStep {
    const BUFFERS: (usize, usize) = (0, 1);

    #[inline(always)]
    fn update<V: Value>(&self, theta: V, grad: V, state: &mut [V], _sums: &[V]) -> V {
        let grad = weight_decay::coupled(grad, &theta, self.weight_decay);
        let direction = velocity::direction(state, grad, self.momentum, self.share, self.nesterov);
        theta - direction.mul_scalar(self.lr)
    }
}
