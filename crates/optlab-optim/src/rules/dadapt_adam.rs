//! D-Adapt Adam: Adam with the estimated distance to the solution as step size.

use crate::Error;
use crate::rule::{GlobalRule, GlobalStep, Rule};
use crate::rules::parts::moments::moving_average;
use crate::rules::parts::weight_decay::DecoupledDecay;
use crate::spec::rule_config;
use optlab_core::settings;
use optlab_core::settings::{Search, Settings};
use optlab_kernel::{Update, Value};

settings! {
    /// Settings of [`DAdaptAdam`].
    pub struct DAdaptAdamConfig {
        /// Decay of the first moment.
        beta_1: f64 = 0.9, "β₁", in BELOW_ONE, search(1, Search::Momentum);
        /// Decay of the second moment; its root is the decay of the estimate's sums.
        beta_2: f64 = 0.999, "β₂", in BELOW_ONE, search(2, Search::Decay);
        /// Initial estimate of the distance.
        d0: f64 = 1e-6, "d₀", in POSITIVE;
        /// Decoupled weight decay.
        weight_decay: f64 = 0.0, "λ", in NON_NEGATIVE, search(3, Search::WeightDecay);
        /// Whether to decay only elements that the step does not move away from 0.
        cautious_decay: bool = false, since("2026-11-30");
        /// Constant added to the denominator.
        epsilon: f64 = 1e-8, "ε", in POSITIVE;
    }
}

rule_config!(global DAdaptAdamConfig, lr 1.0, lr_search (10.0, 3.0));

impl DAdaptAdamConfig {
    /// Checks the settings and builds the rule; errors name `owner`.
    pub(crate) fn build_as(&self, owner: &str) -> Result<DAdaptAdam, Error> {
        self.check(owner)?;
        Ok(DAdaptAdam { config: self.clone() })
    }
}

/// D-Adaptation for Adam: the step size is an estimate of the distance to the solution (Defazio & Mishchenko,
/// 2023).
///
/// ```text
/// m₀ = 0, v₀ = 0, s₀ = 0, r₀ = 0, d₀ given, β₃ = √β₂
/// ηₜ' = ηₜ dₜ₋₁
/// rₜ = β₃ rₜ₋₁ + (1 − β₃) ηₜ' ⟨gₜ, sₜ₋₁ / (√vₜ₋₁ + ε)⟩
/// mₜ = β₁ mₜ₋₁ + (1 − β₁) ηₜ' gₜ
/// vₜ = β₂ vₜ₋₁ + (1 − β₂) gₜ²
/// sₜ = β₃ sₜ₋₁ + (1 − β₃) ηₜ' gₜ
/// dₜ = max(dₜ₋₁, rₜ / ((1 − β₃) ‖sₜ‖₁))
/// θₜ = (1 − ηₜ' λ) θₜ₋₁ − mₜ / (√vₜ + ε)
/// ```
///
/// `⟨·, ·⟩` and `‖·‖₁` are sums over all parameters together. While `‖sₜ‖₁ = 0`, nothing moves and `r` does
/// not change.
///
#[doc = settings_table!()]
///
/// With `cautious_decay`, `λ` is 0 for the elements that the step moves away from 0 (Chen et al., 2025,
/// <https://arxiv.org/abs/2510.12402>).
///
/// `ηₜ` is the learning rate, 1 unless a schedule changes it.
///
/// # Shapes
/// `θ`, `g`, `m`, `v`, `s`: `[d₁, …, d_D]`, any rank. State: the step number and three tensors per parameter;
/// and once for all parameters the step number, `d` and `r`.
///
/// # Errors
/// [`DAdaptAdamConfig::build`]: [`Error::InvalidConfig`] if a field is out of range or NaN.
///
/// # Example
/// The first step moves every element by `d₀ (1 − β₁) / √(1 − β₂)`, for any gradient:
/// ```
/// use burn::{module::Param, optim::GradientsParams, tensor::{Device, Tensor}};
/// use optlab_optim::{DAdaptAdamConfig, ModelOptimizer, ParameterRule};
///
/// let rule = DAdaptAdamConfig { d0: 1e-3, ..DAdaptAdamConfig::default() }.build()?;
/// let mut optimizer = ModelOptimizer::with_rules("dadapt_adam", vec![ParameterRule::global(rule)]);
/// let device = Device::default();
/// let model = Param::from_tensor(Tensor::<1>::zeros([1], &device.clone().autodiff()));
/// let mut gradients = GradientsParams::new();
/// gradients.register(model.id, Tensor::<1>::from_floats([50.0], &device));
/// let moved: f32 = optimizer.apply(1.0, model, &mut gradients).val().into_scalar();
/// assert!((moved + 1e-3 * 0.1 / 0.001_f32.sqrt()).abs() < 1e-8);
/// # Ok::<(), optlab_optim::Error>(())
/// ```
///
/// # Differs from
/// The authors' code: no bound on the growth of the estimate, and no bias correction of the moments.
///
/// # Reference
/// Defazio & Mishchenko, *Learning-Rate-Free Learning by D-Adaptation*, 2023,
/// <https://arxiv.org/abs/2301.07733>
#[derive(Debug, Clone)]
pub struct DAdaptAdam {
    config: DAdaptAdamConfig,
}

impl DAdaptAdam {
    fn coefficients(&self, lr: f64, estimate: f64, moves: bool) -> DAdaptAdamStep {
        let DAdaptAdamConfig { beta_1, beta_2, weight_decay, cautious_decay, epsilon, .. } = self.config;
        DAdaptAdamStep {
            beta_1,
            beta_2,
            beta_3: beta_2.sqrt(),
            rate: lr * estimate,
            epsilon,
            decay: DecoupledDecay::new(lr * estimate, weight_decay, cautious_decay),
            moves,
        }
    }
}

impl Rule for DAdaptAdam {
    const STATE: &'static [&'static str] = &["first_moment", "second_moment", "sum"];
}

impl GlobalRule for DAdaptAdam {
    type Measure = DAdaptAdamMeasure;
    type Step = DAdaptAdamStep;

    fn shared(&self) -> Vec<(&'static str, f64)> {
        let d0 = self.config.d0;
        vec![("estimate", d0), ("numerator", 0.0), ("previous_estimate", d0), ("moves", 0.0)]
    }

    fn measure(&self, at: GlobalStep<'_>) -> DAdaptAdamMeasure {
        DAdaptAdamMeasure { step: self.coefficients(at.lr, at.shared[0], true) }
    }

    fn estimate(&self, at: GlobalStep<'_>, sums: &[f64], shared: &mut [f64]) {
        let [estimate, numerator, previous, moves] = shared else { unreachable!("four numbers") };
        let [inner_product, length] = sums else { unreachable!("two sums") };
        let beta_3 = self.config.beta_2.sqrt();
        *previous = *estimate;
        *moves = if *length == 0.0 { 0.0 } else { 1.0 };
        if *length != 0.0 {
            *numerator = beta_3 * *numerator + (1.0 - beta_3) * at.lr * *estimate * inner_product;
            *estimate = estimate.max(*numerator / ((1.0 - beta_3) * length));
        }
    }

    fn at_step(&self, at: GlobalStep<'_>) -> DAdaptAdamStep {
        let [_, _, previous, moves] = at.shared else { unreachable!("four numbers") };
        self.coefficients(at.lr, *previous, *moves != 0.0)
    }
}

/// The coefficients of [`DAdaptAdam`] in one step.
#[derive(Debug, Clone, Copy)]
pub struct DAdaptAdamStep {
    beta_1: f64,
    beta_2: f64,
    beta_3: f64,
    /// The rate, computed with the estimate before the step.
    rate: f64,
    epsilon: f64,
    decay: DecoupledDecay,
    moves: bool,
}

/// The sums of [`DAdaptAdam`] over all parameters: `⟨g, s / (√v + ε)⟩` before the step and `‖s‖₁` after it.
#[derive(Debug, Clone, Copy)]
pub struct DAdaptAdamMeasure {
    step: DAdaptAdamStep,
}

impl Update for DAdaptAdamMeasure {
    const SUMS: usize = 2;

    const BUFFERS: (usize, usize) = (3, 3);

    #[inline(always)]
    fn term<V: Value>(&self, index: usize, _theta: V, grad: V, state: &mut [V]) -> V {
        let [_, second, sum] = state else { unreachable!("three buffers") };
        match index {
            0 => grad * sum.clone() / second.clone().sqrt().add_scalar(self.step.epsilon),
            _ => moving_average(sum, grad.mul_scalar(self.step.rate), self.step.beta_3).abs(),
        }
    }

    fn update<V: Value>(&self, theta: V, _grad: V, _state: &mut [V], _sums: &[V]) -> V {
        theta
    }
}

impl Update for DAdaptAdamStep {
    const BUFFERS: (usize, usize) = (3, 3);

    #[inline(always)]
    fn update<V: Value>(&self, theta: V, grad: V, state: &mut [V], _sums: &[V]) -> V {
        let [first, second, sum] = state else { unreachable!("three buffers") };
        *second = moving_average(second, grad.clone().square(), self.beta_2);
        let grad = grad.mul_scalar(self.rate);
        *first = moving_average(first, grad.clone(), self.beta_1);
        *sum = moving_average(sum, grad, self.beta_3);
        if !self.moves {
            return theta;
        }
        self.decay.before(theta, first) - first.clone() / second.clone().sqrt().add_scalar(self.epsilon)
    }
}
