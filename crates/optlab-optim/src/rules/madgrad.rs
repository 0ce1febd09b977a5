//! MADGRAD: dual averaging of gradients, divided by the cube root of the sum of their squares.

use crate::Error;
use crate::burn_optimizer;
use crate::rule::{At, Content, ElementwiseRule, Rule, Start};
use crate::rules::parts::weight_decay;
use crate::spec::rule_config;
use optlab_core::settings;
use optlab_core::settings::{Search, Settings};
use optlab_kernel::{Update, Value};

settings! {
    /// Settings of [`Madgrad`].
    pub struct MadgradConfig {
        /// Share of the parameter that a step keeps.
        momentum: f64 = 0.9, "μ", in BELOW_ONE, search(1, Search::Momentum);
        /// Constant added to the denominator, and to a learning rate other than 0.
        epsilon: f64 = 1e-6, "ε", in POSITIVE;
        /// Weight decay.
        weight_decay: f64 = 0.0, "λ", in NON_NEGATIVE, search(2, Search::WeightDecay);
        /// Whether the weight decay is decoupled from the gradient.
        decoupled_weight_decay: bool = false;
        /// Whether to decay only elements that the step does not move away from 0.
        cautious_decay: bool = false;
    }
}

rule_config!(elementwise MadgradConfig, lr 1e-2);

impl MadgradConfig {
    /// Checks the settings and builds the rule; errors name `owner`.
    pub(crate) fn build_as(&self, owner: &str) -> Result<Madgrad, Error> {
        self.check(owner)?;
        weight_decay::check_cautious(owner, self.cautious_decay, self.decoupled_weight_decay)?;
        Ok(Madgrad { config: self.clone() })
    }
}

/// MADGRAD: dual averaging of the gradients, divided by the cube root of the sum of their squares, with
/// momentum (Defazio & Jelassi, 2021).
///
/// ```text
/// s₀ = 0, ν₀ = 0, θ₀ given
/// ηₜ' = ηₜ + ε, or 0 where ηₜ = 0
/// wₜ = ηₜ' √t
/// gₜ' = gₜ + λ θₜ₋₁                     with decoupled_weight_decay gₜ' = gₜ
/// sₜ = sₜ₋₁ + wₜ gₜ'
/// νₜ = νₜ₋₁ + wₜ gₜ'²
/// zₜ = θ₀ − sₜ / (∛νₜ + ε)
/// θₜ = μ θₜ₋₁ + (1 − μ) zₜ              with decoupled_weight_decay, minus ηₜ' λ θₜ₋₁
/// ```
///
/// With `μ = 0`, `θ₀` is not stored: `θₜ₋₁ + sₜ₋₁ / (∛νₜ₋₁ + ε)` takes its place.
///
#[doc = settings_table!()]
///
/// With `cautious_decay`, `λ` is 0 for the elements that the step moves away from 0 (Chen et al., 2025,
/// <https://arxiv.org/abs/2510.12402>).
///
/// `ηₜ` is the `lr` argument of [`step`](burn::optim::Optimizer::step); the schedule sets it. A good rate and
/// a good weight decay differ from those of SGD and of Adam; the weight decay is often 0.
///
/// # Shapes
/// `θ`, `g`, `s`, `ν`, `θ₀`: `[d₁, …, d_D]`, any rank. State: the step number and three tensors per
/// parameter, two without momentum.
///
/// # Errors
/// [`MadgradConfig::build`]: [`Error::InvalidConfig`] if a field is out of range or NaN, or for
/// `cautious_decay` without `decoupled_weight_decay`.
///
/// # Example
/// The first step has the length `η^⅔ |g|^⅓`, apart from `ε` and momentum:
/// ```
/// use burn::{optim::Optimizer, tensor::{Device, Tensor}};
/// use optlab_optim::MadgradConfig;
///
/// let madgrad = MadgradConfig { momentum: 0.0, epsilon: 1e-12, ..MadgradConfig::default() }.build()?;
/// let device = Device::default();
/// let theta = Tensor::<1>::zeros([2], &device);
/// let (theta, _) = madgrad.step(0.125, theta, Tensor::from_floats([8.0, -64.0], &device), None);
/// let theta: Vec<f32> = theta.into_data().try_to_vec()?;
/// assert!((theta[0] + 0.5).abs() < 1e-6 && (theta[1] - 1.0).abs() < 1e-6);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Differs from
/// The authors' code: `ε = 0` is refused; there are no sparse gradients.
///
/// # Reference
/// Defazio & Jelassi, *Adaptivity without Compromise: A Momentumized, Adaptive, Dual Averaged Gradient Method
/// for Stochastic Optimization*, 2021, <https://arxiv.org/abs/2101.11075>
#[derive(Debug, Clone)]
pub struct Madgrad {
    config: MadgradConfig,
}

const INITIAL: &str = "initial_parameter";

impl Rule for Madgrad {
    const STATE: &'static [&'static str] = &["sum", "sum_of_squares", INITIAL];

    fn start(&self, buffer: &str, _shape: &[usize]) -> Option<Start> {
        match buffer {
            INITIAL => (self.config.momentum != 0.0).then_some(Start::Parameter),
            _ => Some(Start::Value(0.0)),
        }
    }

    fn content(&self, _buffer: &str) -> Content {
        Content::Exact
    }
}

impl ElementwiseRule for Madgrad {
    type Step = MadgradStep;

    fn at_step(&self, At { lr, t, .. }: At<'_>) -> MadgradStep {
        let MadgradConfig { momentum, epsilon, weight_decay, decoupled_weight_decay, cautious_decay } =
            self.config;
        let rate = if lr == 0.0 { 0.0 } else { lr + epsilon };
        let (coupled, decoupled) =
            if decoupled_weight_decay { (0.0, rate * weight_decay) } else { (weight_decay, 0.0) };
        MadgradStep {
            momentum,
            epsilon,
            coupled,
            decoupled,
            cautious_decay,
            weight: rate * (t as f64).sqrt(),
        }
    }
}

burn_optimizer!(Madgrad);

/// The coefficients of [`Madgrad`] in one step.
#[derive(Debug, Clone, Copy)]
pub struct MadgradStep {
    momentum: f64,
    epsilon: f64,
    /// Weight decay added to the gradient.
    coupled: f64,
    /// Share of the parameter that decoupled decay subtracts.
    decoupled: f64,
    cautious_decay: bool,
    /// Weight of the gradient in the sums.
    weight: f64,
}

impl MadgradStep {
    /// Returns `s / (∛ν + ε)`.
    #[inline(always)]
    fn distance<V: Value>(&self, sum: &V, squares: &V) -> V {
        sum.clone() / squares.clone().pow_scalar(1.0 / 3.0).add_scalar(self.epsilon)
    }
}

impl Update for MadgradStep {
    const BUFFERS: (usize, usize) = (2, 3);

    #[inline(always)]
    fn update<V: Value>(&self, theta: V, grad: V, state: &mut [V], _sums: &[V]) -> V {
        let [sum, squares, initial @ ..] = state else { unreachable!("two buffers or three") };
        let grad = weight_decay::coupled(grad, &theta, self.coupled);
        let start = match initial {
            [initial] => initial.clone(),
            _ => theta.clone() + self.distance(sum, squares),
        };
        *sum = sum.clone() + grad.clone().mul_scalar(self.weight);
        *squares = squares.clone() + grad.square().mul_scalar(self.weight);
        let averaged = start - self.distance(sum, squares);
        let moved = if self.momentum == 0.0 {
            averaged
        } else {
            theta.clone().mul_scalar(self.momentum) + averaged.mul_scalar(1.0 - self.momentum)
        };
        weight_decay::subtracted(&theta, moved, self.decoupled, self.cautious_decay)
    }
}
