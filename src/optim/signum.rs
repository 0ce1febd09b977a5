use crate::error::Error;
use crate::kernel::{Update, Value};
use crate::optim::elementwise::burn_optimizer;
use crate::optim::moments::moving_average;
use crate::optim::{At, ElementwiseRule, ParameterRule, Rule, RuleConfig, weight_decay};
use crate::range::{self, BELOW_ONE, NON_NEGATIVE};
use serde::{Deserialize, Serialize};

/// Settings of [`Signum`], where their ranges are listed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SignumConfig {
    /// Decay of the momentum.
    pub beta: f64,
    /// Weight decay, apart from the gradient.
    pub weight_decay: f64,
}

impl Default for SignumConfig {
    fn default() -> Self {
        SignumConfig { beta: 0.9, weight_decay: 0.0 }
    }
}

impl RuleConfig for SignumConfig {
    const DEFAULT_LR: f64 = 1e-3;

    fn rules(&self, _owner: &str) -> Result<Vec<ParameterRule>, Error> {
        Ok(vec![ParameterRule::elementwise(self.build()?)])
    }
}

impl SignumConfig {
    /// The rule by itself, for Burn's `ModuleOptimizer` or one's own loop.
    ///
    /// # Errors
    /// [`Error::InvalidConfig`] for a field out of its range or NaN.
    pub fn build(&self) -> Result<Signum, Error> {
        range::check(
            "signum",
            [("beta", self.beta, BELOW_ONE), ("weight_decay", self.weight_decay, NON_NEGATIVE)],
        )?;
        Ok(Signum { config: self.clone() })
    }
}

/// Signum: steps by the sign of the momentum (Bernstein et al., 2018).
///
/// ```text
/// m₀ = 0
/// mₜ = β mₜ₋₁ + (1 − β) gₜ
/// θₜ = (1 − ηₜ λ) θₜ₋₁ − ηₜ sign(mₜ)          sign(0) = 0
/// ```
///
/// | field          | symbol | default | range    |
/// |:---------------|:-------|--------:|:---------|
/// | `beta`         | `β`    |     0.9 | `[0, 1)` |
/// | `weight_decay` | `λ`    |       0 | `[0, ∞)` |
///
/// `ηₜ` is the `lr` argument of [`step`](burn::optim::Optimizer::step); the schedule owns it. With `β = 0` this is signSGD.
///
/// # Shapes
/// `θ`, `g`, `m`: `[d₁, …, d_D]`, any rank. State: the step number and one tensor per parameter.
///
/// # Errors
/// [`SignumConfig::build`]: [`Error::InvalidConfig`] if a field is out of range or NaN.
///
/// # Example
/// The momentum has a sign and the gradient has none, so that a small gradient the other way does not turn a step around:
/// ```
/// use burn::{optim::Optimizer, tensor::{Device, Tensor}};
///
/// let signum = optlab::optim::SignumConfig::default().build()?;
/// let device = Device::default();
/// let theta = Tensor::<1>::zeros([2], &device);
/// let (theta, state) = signum.step(0.5, theta, Tensor::from_floats([1.0, -1e-6], &device), None);
/// let (theta, _) = signum.step(0.5, theta, Tensor::from_floats([-0.5, 0.5], &device), state);
/// assert_eq!(theta.into_data().try_to_vec::<f32>().unwrap(), [-1.0, 0.0]);
/// # Ok::<(), optlab::Error>(())
/// ```
///
/// # Differs from
/// Its paper: a sum that only rounding keeps from 0 has the sign of its 32-bit value.
///
/// # Reference
/// Bernstein et al., *signSGD: Compressed Optimisation for Non-Convex Problems*, 2018,
/// <https://arxiv.org/abs/1802.04434>
#[derive(Debug, Clone)]
pub struct Signum {
    config: SignumConfig,
}

impl Rule for Signum {
    const STATE: &'static [&'static str] = &["momentum"];
}

impl ElementwiseRule for Signum {
    type Step = SignumStep;

    fn at_step(&self, At { lr, .. }: At<'_>) -> SignumStep {
        let SignumConfig { beta, weight_decay } = self.config;
        SignumStep { lr, beta, weight_decay }
    }
}

burn_optimizer!(Signum);

/// The coefficients of [`Signum`] in one step.
#[derive(Debug, Clone, Copy)]
pub struct SignumStep {
    lr: f64,
    beta: f64,
    weight_decay: f64,
}

impl Update for SignumStep {
    const BUFFERS: (usize, usize) = (1, 1);

    #[inline(always)]
    fn update<V: Value>(&self, theta: V, grad: V, state: &mut [V], _sums: &[V]) -> V {
        let [momentum] = state else { unreachable!("one buffer") };
        *momentum = moving_average(momentum, grad, self.beta);
        let theta = weight_decay::decoupled(theta, self.lr, self.weight_decay);
        theta - momentum.clone().sign().mul_scalar(self.lr)
    }
}
