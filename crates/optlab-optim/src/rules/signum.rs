//! Signum: the sign of the momentum.

use crate::Error;
use crate::burn_optimizer;
use crate::rule::{At, ElementwiseRule, Rule};
use crate::rules::parts::moments::moving_average;
use crate::rules::parts::weight_decay::DecoupledDecay;
use crate::spec::rule_config;
use optlab_core::settings;
use optlab_core::settings::{Search, Settings};
use optlab_kernel::{Update, Value};

settings! {
    /// Settings of [`Signum`].
    pub struct SignumConfig {
        /// Decay of the momentum.
        beta: f64 = 0.9, "β", in BELOW_ONE, search(1, Search::Momentum);
        /// Decoupled weight decay.
        weight_decay: f64 = 0.0, "λ", in NON_NEGATIVE, search(2, Search::WeightDecay);
        /// Whether to decay only elements that the step does not move away from 0.
        cautious_decay: bool = false, since("2026-11-30");
    }
}

rule_config!(elementwise SignumConfig, lr 1e-3);

impl SignumConfig {
    /// Checks the settings and builds the rule; errors name `owner`.
    pub(crate) fn build_as(&self, owner: &str) -> Result<Signum, Error> {
        self.check(owner)?;
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
#[doc = settings_table!()]
///
/// With `cautious_decay`, `λ` is 0 for the elements that the step moves away from 0 (Chen et al., 2025,
/// <https://arxiv.org/abs/2510.12402>).
///
/// `ηₜ` is the `lr` argument of [`step`](burn::optim::Optimizer::step); the schedule sets it. With `β = 0`
/// this is signSGD.
///
/// # Shapes
/// `θ`, `g`, `m`: `[d₁, …, d_D]`, any rank. State: the step number and one tensor per parameter.
///
/// # Errors
/// [`SignumConfig::build`]: [`Error::InvalidConfig`] if a field is out of range or NaN.
///
/// # Example
/// The sign is taken of the momentum and not of the gradient, so a smaller gradient with the opposite sign
/// does not reverse the step:
/// ```
/// use burn::{optim::Optimizer, tensor::{Device, Tensor}};
///
/// let signum = optlab_optim::SignumConfig::default().build()?;
/// let device = Device::default();
/// let theta = Tensor::<1>::zeros([2], &device);
/// let (theta, state) = signum.step(0.5, theta, Tensor::from_floats([1.0, -1e-6], &device), None);
/// let (theta, _) = signum.step(0.5, theta, Tensor::from_floats([-0.5, 0.5], &device), state);
/// assert_eq!(theta.into_data().try_to_vec::<f32>().unwrap(), [-1.0, 0.0]);
/// # Ok::<(), optlab_optim::Error>(())
/// ```
///
/// # Differs from
/// Its paper: a sum that differs from 0 only by rounding has the sign of its 32-bit value.
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
        let SignumConfig { beta, weight_decay, cautious_decay } = self.config;
        SignumStep { lr, beta, decay: DecoupledDecay::new(lr, weight_decay, cautious_decay) }
    }
}

burn_optimizer!(Signum);

/// The coefficients of [`Signum`] in one step.
#[derive(Debug, Clone, Copy)]
pub struct SignumStep {
    lr: f64,
    beta: f64,
    decay: DecoupledDecay,
}

impl Update for SignumStep {
    const BUFFERS: (usize, usize) = (1, 1);

    #[inline(always)]
    fn update<V: Value>(&self, theta: V, grad: V, state: &mut [V], _sums: &[V]) -> V {
        let [momentum] = state else { unreachable!("one buffer") };
        *momentum = moving_average(momentum, grad, self.beta);
        let step = momentum.clone().sign().mul_scalar(self.lr);
        self.decay.before(theta, &step) - step
    }
}
