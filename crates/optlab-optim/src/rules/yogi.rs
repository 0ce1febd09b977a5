//! Yogi: Adam whose second moment changes additively.

use crate::Error;
use crate::burn_optimizer;
use crate::rule::{At, Content, ElementwiseRule, Rule, Start};
use crate::rules::parts::moments::{moving_average, power};
use crate::spec::rule_config;
use optlab_core::settings;
use optlab_core::settings::{Search, Settings};
use optlab_kernel::{Update, Value};

settings! {
    /// Settings of [`Yogi`].
    pub struct YogiConfig {
        /// Decay of the first moment.
        beta_1: f64 = 0.9, "β₁", in BELOW_ONE, search(1, Search::Momentum);
        /// Decay of the second moment.
        beta_2: f64 = 0.999, "β₂", in BELOW_ONE, search(2, Search::Decay);
        /// Constant added to the denominator.
        epsilon: f64 = 1e-3, "ε", in POSITIVE, search(3, Search::Epsilon);
        /// Initial value of both moments.
        initial_accumulator_value: f64 = 1e-6, "a", in NON_NEGATIVE;
    }
}

rule_config!(elementwise YogiConfig, lr 1e-2);

impl YogiConfig {
    /// Checks the settings and builds the rule; errors name `owner`.
    pub(crate) fn build_as(&self, owner: &str) -> Result<Yogi, Error> {
        self.check(owner)?;
        Ok(Yogi { config: self.clone() })
    }
}

/// Yogi: Adam whose second moment changes by a share of each squared gradient, not by a share of the distance
/// to it (Zaheer et al., 2018).
///
/// ```text
/// m₀ = a, v₀ = a
/// mₜ = β₁ mₜ₋₁ + (1 − β₁) gₜ
/// vₜ = vₜ₋₁ − (1 − β₂) sign(vₜ₋₁ − gₜ²) gₜ²
/// θₜ = θₜ₋₁ − ηₜ (mₜ / (1 − β₁ᵗ)) / (√(vₜ / (1 − β₂ᵗ)) + ε)
/// ```
///
#[doc = settings_table!()]
///
/// `ηₜ` is the `lr` argument of [`step`](burn::optim::Optimizer::step); the schedule sets it.
///
/// # Shapes
/// `θ`, `g`, `m`, `v`: `[d₁, …, d_D]`, any rank. State: the step number and two tensors per parameter.
///
/// # Errors
/// [`YogiConfig::build`]: [`Error::InvalidConfig`] if a field is out of range or NaN.
///
/// # Example
/// A small gradient reduces the second moment only by a share of its own square, where Adam removes a share
/// of the moment:
/// ```
/// use burn::{optim::Optimizer, tensor::{Device, Tensor}};
/// use optlab_optim::YogiConfig;
///
/// let config = YogiConfig { beta_2: 0.9, initial_accumulator_value: 1.0, ..YogiConfig::default() };
/// let device = Device::default();
/// let theta = Tensor::<1>::zeros([1], &device);
/// let (_, state) = config.build()?.step(0.1, theta, Tensor::from_floats([0.5], &device), None);
/// let second = state.unwrap().buffer::<1>("second_moment").unwrap();
/// // 0.9 · 1 + 0.1 · 0.25 = 0.925 in Adam.
/// assert!((second.into_scalar::<f32>() - (1.0 - 0.1 * 0.25)).abs() < 1e-6);
/// # Ok::<(), optlab_optim::Error>(())
/// ```
///
/// # Differs from
/// Its paper, as optax does: the moments are divided by `1 − βᵗ` as if they had started at 0. With `a > 0`
/// that moves a parameter even where its gradients have always been 0.
///
/// # Reference
/// Zaheer et al., *Adaptive Methods for Nonconvex Optimization*, 2018,
/// <https://papers.nips.cc/paper/8186-adaptive-methods-for-nonconvex-optimization>
#[derive(Debug, Clone)]
pub struct Yogi {
    config: YogiConfig,
}

impl Rule for Yogi {
    const STATE: &'static [&'static str] = &["first_moment", "second_moment"];

    fn start(&self, _buffer: &str, _shape: &[usize]) -> Option<Start> {
        Some(Start::Value(self.config.initial_accumulator_value))
    }

    fn content(&self, buffer: &str) -> Content {
        match buffer {
            "first_moment" => Content::Mean,
            _ => Content::PositiveMean,
        }
    }
}

impl ElementwiseRule for Yogi {
    type Step = YogiStep;

    fn at_step(&self, At { lr, t, .. }: At<'_>) -> YogiStep {
        let YogiConfig { beta_1, beta_2, epsilon, .. } = self.config;
        let correction_2 = (1.0 - power(beta_2, t)).sqrt();
        YogiStep {
            beta_1,
            beta_2,
            epsilon: epsilon * correction_2,
            factor: lr * correction_2 / (1.0 - power(beta_1, t)),
        }
    }
}

burn_optimizer!(Yogi);

/// The coefficients of [`Yogi`] in one step.
#[derive(Debug, Clone, Copy)]
pub struct YogiStep {
    beta_1: f64,
    beta_2: f64,
    epsilon: f64,
    /// Factor of the first moment.
    factor: f64,
}

impl Update for YogiStep {
    const BUFFERS: (usize, usize) = (2, 2);

    #[inline(always)]
    fn update<V: Value>(&self, theta: V, grad: V, state: &mut [V], _sums: &[V]) -> V {
        let [first, second] = state else { unreachable!("two buffers") };
        let square = grad.clone().square();
        *first = moving_average(first, grad, self.beta_1);
        let side = (second.clone() - square.clone()).sign();
        *second = second.clone() - side * square.mul_scalar(1.0 - self.beta_2);
        theta - first.clone().mul_scalar(self.factor) / second.clone().sqrt().add_scalar(self.epsilon)
    }
}
