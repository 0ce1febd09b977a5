//! D-Adapted SGD: gradient descent with the estimated distance to the solution as step size.

use crate::Error;
use crate::rule::{Content, GlobalRule, GlobalStep, Rule, Start};
use crate::rules::parts::weight_decay;
use crate::spec::rule_config;
use optlab_core::settings;
use optlab_core::settings::{Search, Settings};
use optlab_kernel::{Update, Value};

settings! {
    /// Settings of [`DAdaptSgd`].
    pub struct DAdaptSgdConfig {
        /// Share of the parameter that a step keeps.
        momentum: f64 = 0.0, "μ", in BELOW_ONE, search(1, Search::Momentum);
        /// Initial estimate.
        d0: f64 = 1e-6, "d₀", in POSITIVE;
        /// Weight decay, added to the gradient.
        weight_decay: f64 = 0.0, "λ", in NON_NEGATIVE, search(2, Search::WeightDecay);
    }
}

rule_config!(global DAdaptSgdConfig, lr 1.0, lr_search (10.0, 3.0));

impl DAdaptSgdConfig {
    /// Checks the settings and builds the rule; errors name `owner`.
    pub(crate) fn build_as(&self, owner: &str) -> Result<DAdaptSgd, Error> {
        self.check(owner)?;
        Ok(DAdaptSgd { config: self.clone() })
    }
}

/// D-Adapted SGD: gradient descent whose step size is the estimated distance to the solution, divided by the
/// norm of the first gradient (Defazio & Mishchenko, 2023).
///
/// ```text
/// s₀ = 0, r₀ = 0, d₀ given
/// gₜ' = gₜ + λ θₜ₋₁
/// ηₜ' = ηₜ dₜ₋₁ / ‖g₁‖
/// rₜ = rₜ₋₁ + ηₜ' ⟨gₜ', sₜ₋₁⟩
/// sₜ = sₜ₋₁ + ηₜ' gₜ'
/// dₜ = max(dₜ₋₁, 2 rₜ / ‖sₜ‖)
/// θₜ = μ θₜ₋₁ + (1 − μ) (θ₀ − sₜ)          with μ = 0: θₜ₋₁ − ηₜ' gₜ'
/// ```
///
/// `⟨·, ·⟩` and `‖·‖` are sums over all parameters together. Nothing moves before the first gradient other
/// than 0, which is `g₁`.
///
#[doc = settings_table!()]
///
/// `ηₜ` is the learning rate, 1 unless a schedule changes it.
///
/// # Shapes
/// `θ`, `g`, `s`, `θ₀`: `[d₁, …, d_D]`, any rank. State: the step number and one tensor per parameter, two
/// with momentum; and once for all parameters the step number, `d`, `r`, `‖g₁‖` and the rate of the step.
///
/// # Errors
/// [`DAdaptSgdConfig::build`]: [`Error::InvalidConfig`] if a field is out of range or NaN.
///
/// # Example
/// With a constant gradient the estimate, and with it the step, grows:
/// ```
/// use burn::{module::Param, optim::GradientsParams, tensor::{Device, Tensor}};
/// use optlab_optim::{DAdaptSgdConfig, ModelOptimizer, ParameterRule};
///
/// let rule = DAdaptSgdConfig { d0: 0.01, ..DAdaptSgdConfig::default() }.build()?;
/// let mut optimizer = ModelOptimizer::with_rules("dadapt_sgd", vec![ParameterRule::global(rule)]);
/// let device = Device::default();
/// let mut model = Param::from_tensor(Tensor::<1>::zeros([1], &device.clone().autodiff()));
/// for expected in [-0.01, -0.02, -0.03, -0.05] {
///     let mut gradients = GradientsParams::new();
///     gradients.register(model.id, Tensor::<1>::from_floats([300.0], &device));
///     model = optimizer.apply(1.0, model, &mut gradients);
///     let theta: f32 = model.val().into_scalar();
///     assert!((theta - expected).abs() < 1e-6, "{theta}");
/// }
/// # Ok::<(), optlab_optim::Error>(())
/// ```
///
/// # Differs from
/// The authors' code: no bound on the growth of the estimate, and a first gradient of 0 is waited out instead
/// of divided by. Without momentum `θ₀` is not stored.
///
/// # Reference
/// Defazio & Mishchenko, *Learning-Rate-Free Learning by D-Adaptation*, 2023,
/// <https://arxiv.org/abs/2301.07733>
#[derive(Debug, Clone)]
pub struct DAdaptSgd {
    config: DAdaptSgdConfig,
}

const INITIAL: &str = "initial_parameter";

impl Rule for DAdaptSgd {
    const STATE: &'static [&'static str] = &["sum", INITIAL];

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

impl GlobalRule for DAdaptSgd {
    type Measure = DAdaptSgdMeasure;
    type Step = DAdaptSgdStep;

    fn shared(&self) -> Vec<(&'static str, f64)> {
        vec![("estimate", self.config.d0), ("numerator", 0.0), ("first_norm", 0.0), ("rate", 0.0)]
    }

    fn measure(&self, _at: GlobalStep<'_>) -> DAdaptSgdMeasure {
        DAdaptSgdMeasure { weight_decay: self.config.weight_decay }
    }

    fn estimate(&self, at: GlobalStep<'_>, sums: &[f64], shared: &mut [f64]) {
        let [estimate, numerator, first_norm, rate] = shared else { unreachable!("four numbers") };
        let [inner_product, sum_square, decayed_square, square] = sums else { unreachable!("four sums") };
        if *first_norm == 0.0 {
            *first_norm = square.sqrt();
        }
        *rate = if *first_norm == 0.0 { 0.0 } else { at.lr * *estimate / *first_norm };
        *numerator += *rate * inner_product;
        // The square of the norm of `s + η' g'`.
        let sum_square = sum_square + *rate * (2.0 * inner_product + *rate * decayed_square);
        if sum_square > 0.0 && at.lr > 0.0 {
            *estimate = estimate.max(2.0 * *numerator / sum_square.sqrt());
        }
    }

    fn at_step(&self, at: GlobalStep<'_>) -> DAdaptSgdStep {
        let DAdaptSgdConfig { momentum, weight_decay, .. } = self.config;
        let [_, _, first_norm, rate] = at.shared else { unreachable!("four numbers") };
        DAdaptSgdStep { momentum, weight_decay, rate: *rate, moves: *first_norm != 0.0 }
    }
}

/// The sums of [`DAdaptSgd`] over all parameters: `⟨g', s⟩`, `‖s‖²`, `‖g'‖²` and `‖g‖²`, before the step.
#[derive(Debug, Clone, Copy)]
pub struct DAdaptSgdMeasure {
    weight_decay: f64,
}

impl Update for DAdaptSgdMeasure {
    const SUMS: usize = 4;

    const BUFFERS: (usize, usize) = (1, 2);

    #[inline(always)]
    fn term<V: Value>(&self, index: usize, theta: V, grad: V, state: &mut [V]) -> V {
        match index {
            0 => weight_decay::coupled(grad, &theta, self.weight_decay) * state[0].clone(),
            1 => state[0].clone().square(),
            2 => weight_decay::coupled(grad, &theta, self.weight_decay).square(),
            _ => grad.square(),
        }
    }

    fn update<V: Value>(&self, theta: V, _grad: V, _state: &mut [V], _sums: &[V]) -> V {
        theta
    }
}

/// The coefficients of [`DAdaptSgd`] in one step.
#[derive(Debug, Clone, Copy)]
pub struct DAdaptSgdStep {
    momentum: f64,
    weight_decay: f64,
    /// The rate, computed with the estimate before the step.
    rate: f64,
    moves: bool,
}

impl Update for DAdaptSgdStep {
    const BUFFERS: (usize, usize) = (1, 2);

    #[inline(always)]
    fn update<V: Value>(&self, theta: V, grad: V, state: &mut [V], _sums: &[V]) -> V {
        if !self.moves {
            return theta;
        }
        let [sum, initial @ ..] = state else { unreachable!("one buffer or two") };
        let step = weight_decay::coupled(grad, &theta, self.weight_decay).mul_scalar(self.rate);
        *sum = sum.clone() + step.clone();
        match initial {
            [initial] => {
                let end = initial.clone() - sum.clone();
                theta.mul_scalar(self.momentum) + end.mul_scalar(1.0 - self.momentum)
            }
            _ => theta - step,
        }
    }
}
