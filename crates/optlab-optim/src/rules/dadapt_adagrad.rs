//! D-Adapted AdaGrad: AdaGrad with the estimated distance to the solution as step size.

use crate::Error;
use crate::rule::{Content, GlobalRule, GlobalStep, Rule, Start};
use crate::rules::parts::weight_decay;
use crate::spec::rule_config;
use optlab_core::settings;
use optlab_core::settings::{Search, Settings};
use optlab_kernel::{Update, Value};

settings! {
    /// Settings of [`DAdaptAdaGrad`].
    pub struct DAdaptAdaGradConfig {
        /// Share of the parameter that a step keeps.
        momentum: f64 = 0.0, "μ", in BELOW_ONE, search(1, Search::Momentum);
        /// Initial estimate.
        d0: f64 = 1e-6, "d₀", in POSITIVE;
        /// Weight decay, added to the gradient.
        weight_decay: f64 = 0.0, "λ", in NON_NEGATIVE, search(2, Search::WeightDecay);
        /// Constant added to the denominator.
        epsilon: f64 = 1e-6, "ε", in POSITIVE;
    }
}

rule_config!(global DAdaptAdaGradConfig, lr 1.0, lr_search (10.0, 3.0));

impl DAdaptAdaGradConfig {
    /// Checks the settings and builds the rule; errors name `owner`.
    pub(crate) fn build_as(&self, owner: &str) -> Result<DAdaptAdaGrad, Error> {
        self.check(owner)?;
        Ok(DAdaptAdaGrad { config: self.clone() })
    }
}

/// D-Adapted AdaGrad: the sum of all gradients, each weighted with the estimated distance to the solution at
/// that step, divided by the root of the sum of their squares (Defazio & Mishchenko, 2023).
///
/// ```text
/// s₀ = 0, a₀ = 1e-6, q₀ = 0, d₀ given
/// gₜ' = gₜ + λ θₜ₋₁
/// ηₜ' = ηₜ dₜ₋₁
/// aₜ = aₜ₋₁ + gₜ'²
/// sₜ = sₜ₋₁ + ηₜ' gₜ'
/// qₜ = qₜ₋₁ + ηₜ'² Σ gₜ'² / (√aₜ + ε)
/// dₜ = max(dₜ₋₁, (Σ sₜ² / (√aₜ + ε) − qₜ) / ‖sₜ‖₁)
/// θₜ = μ θₜ₋₁ + (1 − μ) (θ₀ − sₜ / (√aₜ + ε))
/// ```
///
/// The sums and `‖·‖₁` are over all parameters together. While `‖sₜ‖₁ = 0`, nothing moves. With `μ = 0`, `θ₀`
/// is not stored: `θₜ₋₁ + sₜ₋₁ / (√aₜ₋₁ + ε)` takes its place.
///
#[doc = settings_table!()]
///
/// `ηₜ` is the learning rate, 1 unless a schedule changes it. The authors recommend
/// [`DAdaptAdam`](crate::rules::DAdaptAdam) or [`DAdaptSgd`](crate::rules::DAdaptSgd) for most problems,
/// since the estimate grows more slowly here.
///
/// # Shapes
/// `θ`, `g`, `s`, `a`, `θ₀`: `[d₁, …, d_D]`, any rank. State: the step number and two tensors per parameter,
/// three with momentum; and once for all parameters the step number, `d`, `q` and the rate of the step.
///
/// # Errors
/// [`DAdaptAdaGradConfig::build`]: [`Error::InvalidConfig`] if a field is out of range or NaN.
///
/// # Example
/// The first step has the length `d₀`, for any gradient that is not small:
/// ```
/// use burn::{module::Param, optim::GradientsParams, tensor::{Device, Tensor}};
/// use optlab_optim::{DAdaptAdaGradConfig, ModelOptimizer, ParameterRule};
///
/// let rule = DAdaptAdaGradConfig { d0: 0.5, ..DAdaptAdaGradConfig::default() }.build()?;
/// let mut optimizer = ModelOptimizer::with_rules("dadapt_adagrad", vec![ParameterRule::global(rule)]);
/// let device = Device::default();
/// let model = Param::from_tensor(Tensor::<1>::zeros([1], &device.clone().autodiff()));
/// let mut gradients = GradientsParams::new();
/// gradients.register(model.id, Tensor::<1>::from_floats([300.0], &device));
/// let moved: f32 = optimizer.apply(1.0, model, &mut gradients).val().into_scalar();
/// assert!((moved + 0.5).abs() < 1e-6);
/// # Ok::<(), optlab_optim::Error>(())
/// ```
///
/// # Differs from
/// The authors' code: no bound on the growth of the estimate, no sparse gradients, and the sums cover the
/// parameters that have a gradient in the step.
///
/// # Reference
/// Defazio & Mishchenko, *Learning-Rate-Free Learning by D-Adaptation*, 2023,
/// <https://arxiv.org/abs/2301.07733>
#[derive(Debug, Clone)]
pub struct DAdaptAdaGrad {
    config: DAdaptAdaGradConfig,
}

impl DAdaptAdaGrad {
    fn coefficients(&self, rate: f64, moves: bool) -> DAdaptAdaGradStep {
        let DAdaptAdaGradConfig { momentum, weight_decay, epsilon, .. } = self.config;
        DAdaptAdaGradStep { momentum, weight_decay, epsilon, rate, moves }
    }
}

const SQUARES: &str = "sum_of_squares";
const INITIAL: &str = "initial_parameter";

/// Initial value of the sum of the squared gradients.
const INITIAL_SQUARES: f64 = 1e-6;

impl Rule for DAdaptAdaGrad {
    const STATE: &'static [&'static str] = &["sum", SQUARES, INITIAL];

    fn start(&self, buffer: &str, _shape: &[usize]) -> Option<Start> {
        match buffer {
            SQUARES => Some(Start::Value(INITIAL_SQUARES)),
            INITIAL => (self.config.momentum != 0.0).then_some(Start::Parameter),
            _ => Some(Start::Value(0.0)),
        }
    }

    fn content(&self, _buffer: &str) -> Content {
        Content::Exact
    }
}

impl GlobalRule for DAdaptAdaGrad {
    type Measure = DAdaptAdaGradMeasure;
    type Step = DAdaptAdaGradStep;

    fn shared(&self) -> Vec<(&'static str, f64)> {
        vec![("estimate", self.config.d0), ("weighted_squares", 0.0), ("rate", 0.0), ("moves", 0.0)]
    }

    fn measure(&self, at: GlobalStep<'_>) -> DAdaptAdaGradMeasure {
        DAdaptAdaGradMeasure { step: self.coefficients(at.lr * at.shared[0], true) }
    }

    fn estimate(&self, at: GlobalStep<'_>, sums: &[f64], shared: &mut [f64]) {
        let [estimate, weighted_squares, rate, moves] = shared else { unreachable!("four numbers") };
        let [sum_square, square, length] = sums else { unreachable!("three sums") };
        *rate = at.lr * *estimate;
        *moves = if *length == 0.0 { 0.0 } else { 1.0 };
        if *length != 0.0 {
            *weighted_squares += *rate * *rate * square;
            if at.lr > 0.0 {
                *estimate = estimate.max((sum_square - *weighted_squares) / length);
            }
        }
    }

    fn at_step(&self, at: GlobalStep<'_>) -> DAdaptAdaGradStep {
        let [_, _, rate, moves] = at.shared else { unreachable!("four numbers") };
        self.coefficients(*rate, *moves != 0.0)
    }
}

/// The coefficients of [`DAdaptAdaGrad`] in one step.
#[derive(Debug, Clone, Copy)]
pub struct DAdaptAdaGradStep {
    momentum: f64,
    weight_decay: f64,
    epsilon: f64,
    /// The rate, computed with the estimate before the step.
    rate: f64,
    moves: bool,
}

impl DAdaptAdaGradStep {
    /// Returns the decayed gradient, and updates both sums with it.
    #[inline(always)]
    fn add<V: Value>(&self, theta: &V, grad: V, state: &mut [V]) -> V {
        let [sum, squares, ..] = state else { unreachable!("two buffers or three") };
        let grad = weight_decay::coupled(grad, theta, self.weight_decay);
        *sum = sum.clone() + grad.clone().mul_scalar(self.rate);
        *squares = squares.clone() + grad.clone().square();
        grad
    }

    /// Returns `x / (√a + ε)`.
    #[inline(always)]
    fn divided<V: Value>(&self, value: V, state: &[V]) -> V {
        value / state[1].clone().sqrt().add_scalar(self.epsilon)
    }
}

/// The sums of [`DAdaptAdaGrad`] over all parameters after the step: `Σ s² / (√a + ε)`, `Σ g'² / (√a + ε)`
/// and `‖s‖₁`.
#[derive(Debug, Clone, Copy)]
pub struct DAdaptAdaGradMeasure {
    step: DAdaptAdaGradStep,
}

impl Update for DAdaptAdaGradMeasure {
    const SUMS: usize = 3;

    const BUFFERS: (usize, usize) = (2, 3);

    #[inline(always)]
    fn term<V: Value>(&self, index: usize, theta: V, grad: V, state: &mut [V]) -> V {
        let grad = self.step.add(&theta, grad, state);
        match index {
            0 => state[0].clone() * self.step.divided(state[0].clone(), state),
            1 => grad.clone() * self.step.divided(grad, state),
            _ => state[0].clone().abs(),
        }
    }

    fn update<V: Value>(&self, theta: V, _grad: V, _state: &mut [V], _sums: &[V]) -> V {
        theta
    }
}

impl Update for DAdaptAdaGradStep {
    const BUFFERS: (usize, usize) = (2, 3);

    #[inline(always)]
    fn update<V: Value>(&self, theta: V, grad: V, state: &mut [V], _sums: &[V]) -> V {
        let before = self.divided(state[0].clone(), state);
        self.add(&theta, grad, state);
        if !self.moves {
            return theta;
        }
        let distance = self.divided(state[0].clone(), state);
        match &state[2..] {
            [initial] => {
                let end = initial.clone() - distance;
                theta.mul_scalar(self.momentum) + end.mul_scalar(1.0 - self.momentum)
            }
            _ => theta + (before - distance),
        }
    }
}
