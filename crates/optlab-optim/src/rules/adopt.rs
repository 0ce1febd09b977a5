//! ADOPT: Adam that normalizes each gradient by the previous second moment.

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
    /// Settings of [`Adopt`].
    pub struct AdoptConfig {
        /// Decay of the mean of the normalized gradients.
        beta_1: f64 = 0.9, "β₁", in BELOW_ONE, search(1, Search::Momentum);
        /// Decay of the second moment.
        beta_2: f64 = 0.9999, "β₂", in BELOW_ONE, search(2, Search::Decay);
        /// Lower bound of the denominator.
        epsilon: f64 = 1e-6, "ε", in POSITIVE, search(3, Search::Epsilon);
        /// Decoupled weight decay.
        weight_decay: f64 = 0.0, "λ", in NON_NEGATIVE;
        /// Whether to decay only elements that the step does not move away from 0.
        cautious_decay: bool = false, since("2026-11-30");
    }
}

rule_config!(elementwise AdoptConfig, lr 1e-3);

impl AdoptConfig {
    /// Checks the settings and builds the rule; errors name `owner`.
    pub(crate) fn build_as(&self, owner: &str) -> Result<Adopt, Error> {
        self.check(owner)?;
        Ok(Adopt { config: self.clone() })
    }
}

/// ADOPT: divides each gradient by the second moment of the earlier gradients, then takes the mean (Taniguchi
/// et al., 2024).
///
/// ```text
/// m₁ = 0, v₁ = g₁², θ₁ = θ₀
/// cₜ = (t − 1)^¼
/// nₜ = min(cₜ, max(−cₜ, gₜ / max(√vₜ₋₁, ε)))
/// mₜ = β₁ mₜ₋₁ + (1 − β₁) nₜ
/// θₜ = (1 − ηₜ λ) θₜ₋₁ − ηₜ mₜ
/// vₜ = β₂ vₜ₋₁ + (1 − β₂) gₜ²                            from t = 2 on
/// ```
///
#[doc = settings_table!()]
///
/// With `cautious_decay`, `λ` is 0 for the elements that the step moves away from 0 (Chen et al., 2025,
/// <https://arxiv.org/abs/2510.12402>).
///
/// `ηₜ` is the `lr` argument of [`step`](burn::optim::Optimizer::step); the schedule sets it.
///
/// # Shapes
/// `θ`, `g`, `m`, `v`: `[d₁, …, d_D]`, any rank. State: the step number and two tensors per parameter.
///
/// # Errors
/// [`AdoptConfig::build`]: [`Error::InvalidConfig`] if a field is out of range or NaN.
///
/// # Example
/// The first gradient moves nothing; the second gradient is divided by it:
/// ```
/// use burn::{optim::Optimizer, tensor::{Device, Tensor}};
/// use optlab_optim::AdoptConfig;
///
/// let adopt = AdoptConfig { beta_1: 0.5, ..AdoptConfig::default() }.build()?;
/// let device = Device::default();
/// let theta = Tensor::<1>::zeros([2], &device);
/// let (theta, state) = adopt.step(1.0, theta, Tensor::from_floats([2.0, 2.0], &device), None);
/// assert_eq!(theta.clone().into_data().try_to_vec::<f32>().unwrap(), [0.0, 0.0]);
/// let (theta, _) = adopt.step(1.0, theta, Tensor::from_floats([1.0, 100.0], &device), state);
/// // Half of 1/2, and half of 100/2 clipped to 1.
/// assert_eq!(theta.into_data().try_to_vec::<f32>().unwrap(), [-0.25, -0.5]);
/// # Ok::<(), optlab_optim::Error>(())
/// ```
///
/// # Differs from
/// Its authors' code: weight decay is always decoupled, and `cₜ` cannot be changed. pytorch_optimizer: `cₜ`
/// is `(t − 1)^¼` as in the authors' code, not `t^¼`, and the first step does not decay the parameter either.
/// Both: `ε = 0` is refused.
///
/// # Reference
/// Taniguchi et al., *ADOPT: Modified Adam Can Converge with Any β₂ with the Optimal Rate*, 2024,
/// <https://arxiv.org/abs/2411.02853>
#[derive(Debug, Clone)]
pub struct Adopt {
    config: AdoptConfig,
}

impl Rule for Adopt {
    const STATE: &'static [&'static str] = &["first_moment", "second_moment"];
}

impl ElementwiseRule for Adopt {
    type Step = AdoptStep;

    fn at_step(&self, At { lr, t, .. }: At<'_>) -> AdoptStep {
        let AdoptConfig { beta_1, beta_2, epsilon, weight_decay, cautious_decay } = self.config;
        AdoptStep {
            beta_1,
            beta_2,
            epsilon,
            lr,
            decay: DecoupledDecay::new(lr, weight_decay, cautious_decay),
            largest: ((t - 1) as f64).powf(0.25),
            is_first: t == 1,
        }
    }
}

burn_optimizer!(Adopt);

/// The coefficients of [`Adopt`] in one step.
#[derive(Debug, Clone, Copy)]
pub struct AdoptStep {
    beta_1: f64,
    beta_2: f64,
    epsilon: f64,
    lr: f64,
    decay: DecoupledDecay,
    /// Largest absolute value of a normalized gradient.
    largest: f64,
    is_first: bool,
}

impl Update for AdoptStep {
    const BUFFERS: (usize, usize) = (2, 2);

    #[inline(always)]
    fn update<V: Value>(&self, theta: V, grad: V, state: &mut [V], _sums: &[V]) -> V {
        let [first, second] = state else { unreachable!("two buffers") };
        if self.is_first {
            *second = grad.square();
            return theta;
        }
        let divided = grad.clone() / second.clone().sqrt().at_least(self.epsilon);
        let divided = divided.at_least(-self.largest).at_most(self.largest);
        *first = moving_average(first, divided, self.beta_1);
        *second = moving_average(second, grad.square(), self.beta_2);
        let step = first.clone().mul_scalar(self.lr);
        self.decay.before(theta, &step) - step
    }
}
