//! Stochastic gradient descent with heavy-ball or Nesterov momentum.

use crate::Error;
use crate::burn_optimizer;
use crate::rule::{At, Content, ElementwiseRule, Rule, Start};
use crate::rules::parts::{velocity, weight_decay};
use crate::spec::rule_config;
use optlab_core::settings;
use optlab_core::settings::{Search, Settings};
use optlab_kernel::{Update, Value};

settings! {
    /// Settings of [`Sgd`].
    pub struct SgdConfig {
        /// Share of the velocity kept per step.
        momentum: f64 = 0.0, "μ", in BELOW_ONE, search(1, Search::Momentum);
        /// Share of each gradient, except the first, that is left out of the velocity.
        dampening: f64 = 0.0, "τ", in SHARE;
        /// Whether to use Nesterov momentum.
        nesterov: bool = false, allowed "true only with `momentum` and no dampening", search(3, Search::Flag);
        /// Weight decay, added to the gradient.
        weight_decay: f64 = 0.0, "λ", in NON_NEGATIVE, search(2, Search::WeightDecay);
    }
}

rule_config!(elementwise SgdConfig, lr 1e-3, lr_search (10.0, 1000.0));

impl SgdConfig {
    /// Checks the settings and builds the rule; errors name `owner`.
    pub(crate) fn build_as(&self, owner: &str) -> Result<Sgd, Error> {
        self.check(owner)?;
        if self.nesterov && (self.momentum == 0.0 || self.dampening != 0.0) {
            let allowed = "false unless momentum is above 0 and dampening is 0";
            return Err(Error::invalid(owner, "nesterov", allowed, self.nesterov));
        }
        Ok(Sgd { config: self.clone() })
    }
}

/// Stochastic gradient descent with heavy-ball or Nesterov momentum (Sutskever et al., 2013).
///
/// ```text
/// gₜ' = gₜ + λ θₜ₋₁
/// b₁ = g₁'
/// bₜ = μ bₜ₋₁ + (1 − τ) gₜ'                  for t > 1
/// θₜ = θₜ₋₁ − ηₜ bₜ                          or, with nesterov, θₜ₋₁ − ηₜ (gₜ' + μ bₜ)
/// ```
///
#[doc = settings_table!()]
///
/// `ηₜ` is the `lr` argument of [`step`](burn::optim::Optimizer::step); the schedule sets it.
///
/// # Shapes
/// `θ`, `g`, `b`: `[d₁, …, d_D]`, any rank. State: one tensor per parameter; none if `momentum` is 0.
///
/// # Errors
/// [`SgdConfig::build`]: [`Error::InvalidConfig`] if a field is out of range or NaN.
///
/// # Example
/// The learning rate is outside of the velocity, so a schedule takes effect at once:
/// ```
/// use burn::{optim::Optimizer, tensor::{Device, Tensor}};
/// use optlab_optim::SgdConfig;
///
/// let sgd = SgdConfig { momentum: 0.5, ..SgdConfig::default() }.build()?;
/// let device = Device::default();
/// let (theta, grad) = (Tensor::<1>::zeros([1], &device), Tensor::ones([1], &device));
/// let (theta, state) = sgd.step(1.0, theta, grad.clone(), None);
/// let (theta, _) = sgd.step(0.0, theta, grad, state);
/// assert_eq!(theta.into_scalar::<f32>(), -1.0);
/// # Ok::<(), optlab_optim::Error>(())
/// ```
///
/// # Differs from
/// PyTorch: a momentum of 1 or more is refused. Burn: dampening is 0, not 0.1, and there is no momentum by
/// default.
///
/// # Reference
/// Sutskever, Martens, Dahl & Hinton, *On the importance of initialization and momentum in deep learning*,
/// 2013, <https://proceedings.mlr.press/v28/sutskever13.html>
#[derive(Debug, Clone)]
pub struct Sgd {
    config: SgdConfig,
}

impl Rule for Sgd {
    const STATE: &'static [&'static str] = &["velocity"];

    fn start(&self, _buffer: &str, _shape: &[usize]) -> Option<Start> {
        (self.config.momentum != 0.0).then_some(Start::Value(0.0))
    }

    fn content(&self, _buffer: &str) -> Content {
        Content::Mean
    }
}

impl ElementwiseRule for Sgd {
    type Step = SgdStep;

    fn at_step(&self, At { lr, t, .. }: At<'_>) -> SgdStep {
        let SgdConfig { momentum, dampening, nesterov, weight_decay } = self.config;
        // The first velocity is the whole gradient: 0 · μ + 1 · g.
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
