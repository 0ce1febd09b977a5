//! AdaGrad: gradients divided by the root of the sum of all squares so far.

use crate::Error;
use crate::burn_optimizer;
use crate::rule::{At, ElementwiseRule, Rule, Start};
use crate::rules::parts::weight_decay;
use crate::spec::rule_config;
use optlab_core::settings;
use optlab_core::settings::{Search, Settings};
use optlab_kernel::{Update, Value};

settings! {
    /// Settings of [`AdaGrad`].
    pub struct AdaGradConfig {
        /// Constant added to the denominator.
        epsilon: f64 = 1e-10, "ε", in POSITIVE, search(2, Search::Epsilon);
        /// Weight decay, added to the gradient.
        weight_decay: f64 = 0.0, "λ", in NON_NEGATIVE, search(1, Search::WeightDecay);
        /// Decay of the learning rate by the rule itself, per step.
        lr_decay: f64 = 0.0, "κ", in NON_NEGATIVE;
        /// Initial value of the sum of the squares.
        initial_accumulator_value: f64 = 0.0, "s", in NON_NEGATIVE;
    }
}

rule_config!(elementwise AdaGradConfig, lr 1e-2);

impl AdaGradConfig {
    /// Checks the settings and builds the rule; errors name `owner`.
    pub(crate) fn build_as(&self, owner: &str) -> Result<AdaGrad, Error> {
        self.check(owner)?;
        Ok(AdaGrad { config: self.clone() })
    }
}

/// AdaGrad: divides each gradient by the root of the sum of all squares so far (Duchi, Hazan & Singer, 2011).
///
/// ```text
/// s₀ = s
/// gₜ' = gₜ + λ θₜ₋₁
/// sₜ = sₜ₋₁ + gₜ'²
/// θₜ = θₜ₋₁ − ηₜ / (1 + (t − 1) κ) · gₜ' / (√sₜ + ε)
/// ```
///
#[doc = settings_table!()]
///
/// `ηₜ` is the `lr` argument of [`step`](burn::optim::Optimizer::step); the schedule sets it.
///
/// # Shapes
/// `θ`, `g`, `s`: `[d₁, …, d_D]`, any rank. State: the step number and one tensor per parameter.
///
/// # Errors
/// [`AdaGradConfig::build`]: [`Error::InvalidConfig`] if a field is out of range or NaN.
///
/// # Example
/// Under a constant gradient the steps shrink like `1 / √t`:
/// ```
/// use burn::{optim::Optimizer, tensor::{Device, Tensor}};
///
/// let adagrad = optlab_optim::AdaGradConfig::default().build()?;
/// let device = Device::default();
/// let (mut theta, grad) = (Tensor::<1>::zeros([1], &device), Tensor::ones([1], &device));
/// let mut state = None;
/// for _ in 0..4 {
///     (theta, state) = adagrad.step(1.0, theta, grad.clone(), state);
/// }
/// let expected = -(1.0 + 1.0 / 2_f32.sqrt() + 1.0 / 3_f32.sqrt() + 1.0 / 2.0);
/// assert!((theta.into_scalar::<f32>() - expected).abs() < 1e-5);
/// # Ok::<(), optlab_optim::Error>(())
/// ```
///
/// # Differs from
/// PyTorch: `ε = 0` is refused. Burn: `ε` is 1e-10, not 1e-5, and the sum can start above 0.
///
/// # Reference
/// Duchi, Hazan & Singer, *Adaptive Subgradient Methods for Online Learning and Stochastic Optimization*,
/// 2011, <https://jmlr.org/papers/v12/duchi11a.html>
#[derive(Debug, Clone)]
pub struct AdaGrad {
    config: AdaGradConfig,
}

impl Rule for AdaGrad {
    const STATE: &'static [&'static str] = &["sum_of_squares"];

    fn start(&self, _buffer: &str, _shape: &[usize]) -> Option<Start> {
        Some(Start::Value(self.config.initial_accumulator_value))
    }
}

impl ElementwiseRule for AdaGrad {
    type Step = AdaGradStep;

    fn at_step(&self, At { lr, t, .. }: At<'_>) -> AdaGradStep {
        let AdaGradConfig { lr_decay, epsilon, weight_decay, .. } = self.config;
        AdaGradStep { lr: lr / (1.0 + (t - 1) as f64 * lr_decay), epsilon, weight_decay }
    }
}

burn_optimizer!(AdaGrad);

/// The coefficients of [`AdaGrad`] in one step.
#[derive(Debug, Clone, Copy)]
pub struct AdaGradStep {
    lr: f64,
    epsilon: f64,
    weight_decay: f64,
}

impl Update for AdaGradStep {
    const BUFFERS: (usize, usize) = (1, 1);

    #[inline(always)]
    fn update<V: Value>(&self, theta: V, grad: V, state: &mut [V], _sums: &[V]) -> V {
        let [sum_of_squares] = state else { unreachable!("one buffer") };
        let grad = weight_decay::coupled(grad, &theta, self.weight_decay);
        *sum_of_squares = sum_of_squares.clone() + grad.clone().square();
        theta - grad.mul_scalar(self.lr) / sum_of_squares.clone().sqrt().add_scalar(self.epsilon)
    }
}
