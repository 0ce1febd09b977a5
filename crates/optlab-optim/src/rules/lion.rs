//! Lion: the sign of an interpolation between momentum and gradient.

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
    /// Settings of [`Lion`].
    pub struct LionConfig {
        /// Weight of the momentum, relative to the gradient, in the direction of a step.
        beta_1: f64 = 0.9, "β₁", in BELOW_ONE, search(1, Search::Momentum);
        /// Decay of the momentum.
        beta_2: f64 = 0.99, "β₂", in BELOW_ONE, search(2, Search::Decay);
        /// Decoupled weight decay.
        weight_decay: f64 = 0.0, "λ", in NON_NEGATIVE, search(3, Search::WeightDecay);
        /// Whether to decay only elements that the step does not move away from 0.
        cautious_decay: bool = false, since("2026-11-30");
    }
}

rule_config!(elementwise LionConfig, lr 1e-4);

impl LionConfig {
    /// Checks the settings and builds the rule; errors name `owner`.
    pub(crate) fn build_as(&self, owner: &str) -> Result<Lion, Error> {
        self.check(owner)?;
        Ok(Lion { config: self.clone() })
    }
}

/// Lion: steps by the sign of an interpolation between momentum and gradient (Chen et al., 2023).
///
/// ```text
/// m₀ = 0
/// cₜ = β₁ mₜ₋₁ + (1 − β₁) gₜ
/// θₜ = (1 − ηₜ λ) θₜ₋₁ − ηₜ sign(cₜ)          sign(0) = 0
/// mₜ = β₂ mₜ₋₁ + (1 − β₂) gₜ
/// ```
///
#[doc = settings_table!()]
///
/// With `cautious_decay`, `λ` is 0 for the elements that the step moves away from 0 (Chen et al., 2025,
/// <https://arxiv.org/abs/2510.12402>).
///
/// `ηₜ` is the `lr` argument of [`step`](burn::optim::Optimizer::step); the schedule sets it. Every element
/// moves by `ηₜ`, so a rate that suits Adam is three to ten times too large.
///
/// # Shapes
/// `θ`, `g`, `m`: `[d₁, …, d_D]`, any rank. State: one tensor per parameter.
///
/// # Errors
/// [`LionConfig::build`]: [`Error::InvalidConfig`] if a field is out of range or NaN.
///
/// # Example
/// Only the sign of a gradient matters, not its size; the sign of 0 is 0:
/// ```
/// use burn::{optim::Optimizer, tensor::{Device, Tensor}};
///
/// let lion = optlab_optim::LionConfig::default().build()?;
/// let device = Device::default();
/// let theta = Tensor::<1>::zeros([3], &device);
/// let (theta, _) = lion.step(0.5, theta, Tensor::from_floats([1e6, -1e-6, 0.0], &device), None);
/// assert_eq!(theta.into_data().try_to_vec::<f32>().unwrap(), [-0.5, 0.5, 0.0]);
/// # Ok::<(), optlab_optim::Error>(())
/// ```
///
/// # Differs from
/// No known difference in the formula. A sum that differs from 0 only by rounding has the sign of its 32-bit
/// value.
///
/// # Reference
/// Chen et al., *Symbolic Discovery of Optimization Algorithms*, 2023, <https://arxiv.org/abs/2302.06675>
#[derive(Debug, Clone)]
pub struct Lion {
    config: LionConfig,
}

impl Rule for Lion {
    const STATE: &'static [&'static str] = &["momentum"];
}

impl ElementwiseRule for Lion {
    type Step = LionStep;

    fn at_step(&self, At { lr, .. }: At<'_>) -> LionStep {
        let LionConfig { beta_1, beta_2, weight_decay, cautious_decay } = self.config;
        LionStep { lr, beta_1, beta_2, decay: DecoupledDecay::new(lr, weight_decay, cautious_decay) }
    }
}

burn_optimizer!(Lion);

/// The coefficients of [`Lion`] in one step.
#[derive(Debug, Clone, Copy)]
pub struct LionStep {
    lr: f64,
    beta_1: f64,
    beta_2: f64,
    decay: DecoupledDecay,
}

impl Update for LionStep {
    const BUFFERS: (usize, usize) = (1, 1);

    #[inline(always)]
    fn update<V: Value>(&self, theta: V, grad: V, state: &mut [V], _sums: &[V]) -> V {
        let [momentum] = state else { unreachable!("one buffer") };
        let direction = moving_average(momentum, grad.clone(), self.beta_1).sign();
        *momentum = moving_average(momentum, grad, self.beta_2);
        self.decay.before(theta, &direction) - direction.mul_scalar(self.lr)
    }
}
