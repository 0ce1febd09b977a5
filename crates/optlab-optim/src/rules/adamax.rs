//! Adamax: the mean gradient divided by a decaying maximum of the gradients.

use crate::Error;
use crate::burn_optimizer;
use crate::rule::{At, Content, ElementwiseRule, Rule};
use crate::rules::parts::moments::{moving_average, power};
use crate::rules::parts::weight_decay;
use crate::spec::rule_config;
use optlab_core::settings;
use optlab_core::settings::{Search, Settings};
use optlab_kernel::{Update, Value};

settings! {
    /// Settings of [`Adamax`].
    pub struct AdamaxConfig {
        /// Decay of the first moment.
        beta_1: f64 = 0.9, "β₁", in BELOW_ONE, search(1, Search::Momentum);
        /// Decay of the maximum of the gradients.
        beta_2: f64 = 0.999, "β₂", in BELOW_ONE, search(2, Search::Decay);
        /// Constant added to each absolute gradient.
        epsilon: f64 = 1e-8, "ε", in POSITIVE, search(3, Search::Epsilon);
        /// Weight decay, added to the gradient.
        weight_decay: f64 = 0.0, "λ", in NON_NEGATIVE;
    }
}

rule_config!(elementwise AdamaxConfig, lr 2e-3);

impl AdamaxConfig {
    /// Checks the settings and builds the rule; errors name `owner`.
    pub(crate) fn build_as(&self, owner: &str) -> Result<Adamax, Error> {
        self.check(owner)?;
        Ok(Adamax { config: self.clone() })
    }
}

/// Adamax: the mean gradient divided by a decaying maximum of the absolute gradients (Kingma & Ba, 2014).
///
/// ```text
/// m₀ = 0, u₀ = 0
/// gₜ' = gₜ + λ θₜ₋₁
/// mₜ = β₁ mₜ₋₁ + (1 − β₁) gₜ'
/// uₜ = max(β₂ uₜ₋₁, |gₜ'| + ε)
/// θₜ = θₜ₋₁ − ηₜ (mₜ / (1 − β₁ᵗ)) / uₜ
/// ```
///
#[doc = settings_table!()]
///
/// `ηₜ` is the `lr` argument of [`step`](burn::optim::Optimizer::step); the schedule sets it.
///
/// # Shapes
/// `θ`, `g`, `m`, `u`: `[d₁, …, d_D]`, any rank. State: the step number and two tensors per parameter.
///
/// # Errors
/// [`AdamaxConfig::build`]: [`Error::InvalidConfig`] if a field is out of range or NaN.
///
/// # Example
/// Each element's first step has the size of the learning rate, however large the gradient:
/// ```
/// use burn::{optim::Optimizer, tensor::{Device, Tensor}};
///
/// let adamax = optlab_optim::AdamaxConfig::default().build()?;
/// let device = Device::default();
/// let theta = Tensor::<1>::zeros([2], &device);
/// let (theta, _) = adamax.step(0.5, theta, Tensor::from_floats([100.0, -0.01], &device), None);
/// let moved: Vec<f32> = theta.into_data().try_to_vec().unwrap();
/// assert!((moved[0] + 0.5).abs() < 1e-5 && (moved[1] - 0.5).abs() < 1e-5);
/// # Ok::<(), optlab_optim::Error>(())
/// ```
///
/// # Differs from
/// Its paper, as PyTorch does: `ε` is added to the absolute value, so that a gradient of 0 does not lead to a
/// division by 0. PyTorch: `ε = 0` is refused.
///
/// # Reference
/// Kingma & Ba, *Adam: A Method for Stochastic Optimization*, 2014, section 7.1,
/// <https://arxiv.org/abs/1412.6980>
#[derive(Debug, Clone)]
pub struct Adamax {
    config: AdamaxConfig,
}

impl Rule for Adamax {
    const STATE: &'static [&'static str] = &["first_moment", "largest_gradient"];

    fn content(&self, buffer: &str) -> Content {
        match buffer {
            "first_moment" => Content::Mean,
            _ => Content::PositiveMean,
        }
    }
}

impl ElementwiseRule for Adamax {
    type Step = AdamaxStep;

    fn at_step(&self, At { lr, t, .. }: At<'_>) -> AdamaxStep {
        let AdamaxConfig { beta_1, beta_2, epsilon, weight_decay } = self.config;
        let lr = lr / (1.0 - power(beta_1, t));
        AdamaxStep { beta_1, beta_2, epsilon, weight_decay, lr }
    }
}

burn_optimizer!(Adamax);

/// The coefficients of [`Adamax`] in one step.
#[derive(Debug, Clone, Copy)]
pub struct AdamaxStep {
    beta_1: f64,
    beta_2: f64,
    epsilon: f64,
    weight_decay: f64,
    /// `η / (1 − β₁ᵗ)`.
    lr: f64,
}

impl Update for AdamaxStep {
    const BUFFERS: (usize, usize) = (2, 2);

    #[inline(always)]
    fn update<V: Value>(&self, theta: V, grad: V, state: &mut [V], _sums: &[V]) -> V {
        let [first, largest] = state else { unreachable!("two buffers") };
        let grad = weight_decay::coupled(grad, &theta, self.weight_decay);
        *largest = largest.clone().mul_scalar(self.beta_2).max(grad.clone().abs().add_scalar(self.epsilon));
        *first = moving_average(first, grad, self.beta_1);
        theta - first.clone().mul_scalar(self.lr) / largest.clone()
    }
}
