//! Adam: the mean gradient divided by the root mean square gradient.

use crate::Error;
use crate::burn_optimizer;
use crate::rule::{At, Content, ElementwiseRule, Rule, Start};
use crate::rules::parts::moments::{self, Moments, MomentsStep};
use crate::rules::parts::weight_decay;
use crate::spec::rule_config;
use optlab_core::settings;
use optlab_core::settings::{Search, Settings};
use optlab_kernel::{Update, Value};

settings! {
    /// Settings of [`Adam`].
    pub struct AdamConfig {
        /// Decay of the first moment.
        beta_1: f64 = 0.9, "β₁", in BELOW_ONE, search(1, Search::Momentum);
        /// Decay of the second moment.
        beta_2: f64 = 0.999, "β₂", in BELOW_ONE, search(2, Search::Decay);
        /// Constant added to the denominator.
        epsilon: f64 = 1e-8, "ε", in POSITIVE, search(3, Search::Epsilon);
        /// Weight decay, added to the gradient.
        weight_decay: f64 = 0.0, "λ", in NON_NEGATIVE;
        /// Whether to divide by the largest second moment so far.
        amsgrad: bool = false;
        /// Whether to correct both moments for starting at 0.
        bias_correction: bool = true;
    }
}

rule_config!(elementwise AdamConfig, lr 1e-3);

impl AdamConfig {
    /// Checks the settings and builds the rule; errors name `owner`.
    pub(crate) fn build_as(&self, owner: &str) -> Result<Adam, Error> {
        self.check(owner)?;
        let moments = Moments {
            beta_1: self.beta_1,
            beta_2: self.beta_2,
            epsilon: self.epsilon,
            amsgrad: self.amsgrad,
            bias_correction: self.bias_correction,
        };
        Ok(Adam { moments, weight_decay: self.weight_decay })
    }
}

/// Adam: steps along the mean of the gradients, divided by the root of the mean of their squares (Kingma &
/// Ba, 2014).
///
/// ```text
/// m₀ = 0, v₀ = 0, u₀ = 0
/// gₜ' = gₜ + λ θₜ₋₁
/// mₜ = β₁ mₜ₋₁ + (1 − β₁) gₜ'
/// vₜ = β₂ vₜ₋₁ + (1 − β₂) gₜ'²
/// uₜ = max(uₜ₋₁, vₜ) with amsgrad, else vₜ
/// c₁ = 1 − β₁ᵗ, c₂ = 1 − β₂ᵗ with bias_correction, else 1
/// θₜ = θₜ₋₁ − ηₜ (mₜ / c₁) / (√(uₜ / c₂) + ε)
/// ```
///
#[doc = settings_table!()]
///
/// `ηₜ` is the `lr` argument of [`step`](burn::optim::Optimizer::step); the schedule sets it.
///
/// # Shapes
/// `θ`, `g`, `m`, `v`, `u`: `[d₁, …, d_D]`, any rank. State: the step number and two tensors per parameter,
/// three with `amsgrad`.
///
/// # Errors
/// [`AdamConfig::build`]: [`Error::InvalidConfig`] if a field is out of range or NaN.
///
/// # Example
/// Each element's first step has the size of the learning rate, however large the gradient:
/// ```
/// use burn::{optim::Optimizer, tensor::{Device, Tensor}};
///
/// let adam = optlab_optim::AdamConfig::default().build()?;
/// let device = Device::default();
/// let theta = Tensor::<1>::zeros([2], &device);
/// let (theta, _) = adam.step(0.5, theta, Tensor::from_floats([100.0, -0.01], &device), None);
/// let moved: Vec<f32> = theta.into_data().try_to_vec().unwrap();
/// assert!((moved[0] + 0.5).abs() < 1e-5 && (moved[1] - 0.5).abs() < 1e-5);
/// # Ok::<(), optlab_optim::Error>(())
/// ```
///
/// # Differs from
/// PyTorch: `ε = 0` is refused, because it would divide 0 by 0 where a gradient has always been 0. Burn: `ε`
/// is 1e-8, not 1e-5, and the powers of `β` are computed in 64 bits.
///
/// # Reference
/// Kingma & Ba, *Adam: A Method for Stochastic Optimization*, 2014, <https://arxiv.org/abs/1412.6980>;
/// `amsgrad`: Reddi, Kale & Kumar, *On the Convergence of Adam and Beyond*, 2018,
/// <https://arxiv.org/abs/1904.09237>
#[derive(Debug, Clone)]
pub struct Adam {
    moments: Moments,
    weight_decay: f64,
}

impl Rule for Adam {
    const STATE: &'static [&'static str] = moments::STATE;

    fn start(&self, buffer: &str, _shape: &[usize]) -> Option<Start> {
        self.moments.start(buffer)
    }

    fn content(&self, buffer: &str) -> Content {
        self.moments.content(buffer)
    }
}

impl ElementwiseRule for Adam {
    type Step = AdamStep;

    fn at_step(&self, At { lr, t, .. }: At<'_>) -> AdamStep {
        AdamStep { moments: self.moments.at_step(lr, t), weight_decay: self.weight_decay }
    }
}

burn_optimizer!(Adam);

/// The coefficients of [`Adam`] in one step.
#[derive(Debug, Clone, Copy)]
pub struct AdamStep {
    moments: MomentsStep,
    weight_decay: f64,
}

impl Update for AdamStep {
    const BUFFERS: (usize, usize) = (2, 3);

    #[inline(always)]
    fn update<V: Value>(&self, theta: V, grad: V, state: &mut [V], _sums: &[V]) -> V {
        let grad = weight_decay::coupled(grad, &theta, self.weight_decay);
        theta - self.moments.update(grad, state)
    }
}
