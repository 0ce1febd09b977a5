//! AdaDelta: RMSprop scaled by the root mean square of the steps.

use crate::Error;
use crate::burn_optimizer;
use crate::rule::{At, Content, ElementwiseRule, Rule};
use crate::rules::parts::moments::moving_average;
use crate::rules::parts::weight_decay;
use crate::spec::rule_config;
use optlab_core::settings;
use optlab_core::settings::{Search, Settings};
use optlab_kernel::{Update, Value};

settings! {
    /// Settings of [`AdaDelta`].
    pub struct AdaDeltaConfig {
        /// Decay of both means of squares.
        rho: f64 = 0.9, "ρ", in BELOW_ONE, search(1, Search::Decay);
        /// Constant added to both means under their roots.
        epsilon: f64 = 1e-6, "ε", in POSITIVE, search(2, Search::Epsilon);
        /// Weight decay, added to the gradient.
        weight_decay: f64 = 0.0, "λ", in NON_NEGATIVE, search(3, Search::WeightDecay);
    }
}

rule_config!(elementwise AdaDeltaConfig, lr 1.0, lr_search (10.0, 3.0));

impl AdaDeltaConfig {
    /// Checks the settings and builds the rule; errors name `owner`.
    pub(crate) fn build_as(&self, owner: &str) -> Result<AdaDelta, Error> {
        self.check(owner)?;
        Ok(AdaDelta { config: self.clone() })
    }
}

/// AdaDelta: scales the gradient by the root mean square of the steps divided by that of the gradients
/// (Zeiler, 2012).
///
/// ```text
/// s₀ = 0, a₀ = 0
/// gₜ' = gₜ + λ θₜ₋₁
/// sₜ = ρ sₜ₋₁ + (1 − ρ) gₜ'²
/// dₜ = √(aₜ₋₁ + ε) / √(sₜ + ε) gₜ'
/// aₜ = ρ aₜ₋₁ + (1 − ρ) dₜ²
/// θₜ = θₜ₋₁ − ηₜ dₜ
/// ```
///
#[doc = settings_table!()]
///
/// `ηₜ` is the `lr` argument of [`step`](burn::optim::Optimizer::step); the paper has no learning rate, which
/// corresponds to a rate of 1.
///
/// # Shapes
/// `θ`, `g`, `s`, `a`: `[d₁, …, d_D]`, any rank. State: the step number and two tensors per parameter.
///
/// # Errors
/// [`AdaDeltaConfig::build`]: [`Error::InvalidConfig`] if a field is out of range or NaN.
///
/// # Example
/// For any gradient that is large compared to `√ε`, the first step has length `√ε / √(1 − ρ)`:
/// ```
/// use burn::{optim::Optimizer, tensor::{Device, Tensor}};
///
/// let adadelta = optlab_optim::AdaDeltaConfig::default().build()?;
/// let device = Device::default();
/// let theta = Tensor::<1>::zeros([1], &device);
/// let (theta, _) = adadelta.step(1.0, theta, Tensor::from_floats([50.0], &device), None);
/// assert!((theta.into_scalar::<f32>() + 0.001 / 0.1_f32.sqrt()).abs() < 1e-6);
/// # Ok::<(), optlab_optim::Error>(())
/// ```
///
/// # Differs from
/// PyTorch: `ε = 0` is refused, because the parameter would never move.
///
/// # Reference
/// Zeiler, *ADADELTA: An Adaptive Learning Rate Method*, 2012, <https://arxiv.org/abs/1212.5701>
#[derive(Debug, Clone)]
pub struct AdaDelta {
    config: AdaDeltaConfig,
}

impl Rule for AdaDelta {
    const STATE: &'static [&'static str] = &["mean_square", "mean_square_step"];

    fn content(&self, _buffer: &str) -> Content {
        Content::PositiveMean
    }
}

impl ElementwiseRule for AdaDelta {
    type Step = AdaDeltaStep;

    fn at_step(&self, At { lr, .. }: At<'_>) -> AdaDeltaStep {
        let AdaDeltaConfig { rho, epsilon, weight_decay } = self.config;
        AdaDeltaStep { lr, rho, epsilon, weight_decay }
    }
}

burn_optimizer!(AdaDelta);

/// The coefficients of [`AdaDelta`] in one step.
#[derive(Debug, Clone, Copy)]
pub struct AdaDeltaStep {
    lr: f64,
    rho: f64,
    epsilon: f64,
    weight_decay: f64,
}

impl Update for AdaDeltaStep {
    const BUFFERS: (usize, usize) = (2, 2);

    #[inline(always)]
    fn update<V: Value>(&self, theta: V, grad: V, state: &mut [V], _sums: &[V]) -> V {
        let [mean_square, mean_square_step] = state else { unreachable!("two buffers") };
        let grad = weight_decay::coupled(grad, &theta, self.weight_decay);
        *mean_square = moving_average(mean_square, grad.clone().square(), self.rho);
        let root = |square: &V| square.clone().add_scalar(self.epsilon).sqrt();
        let step = root(mean_square_step) / root(mean_square) * grad;
        *mean_square_step = moving_average(mean_square_step, step.clone().square(), self.rho);
        theta - step.mul_scalar(self.lr)
    }
}
