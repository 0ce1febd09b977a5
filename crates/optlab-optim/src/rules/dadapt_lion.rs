//! D-Adapted Lion: Lion with the estimated distance to the solution as step size.

use crate::Error;
use crate::rule::{Content, GlobalRule, GlobalStep, Rule};
use crate::rules::parts::moments::moving_average;
use crate::rules::parts::weight_decay::DecoupledDecay;
use crate::spec::rule_config;
use optlab_core::settings;
use optlab_core::settings::{Search, Settings};
use optlab_kernel::{Update, Value};

settings! {
    /// Settings of [`DAdaptLion`].
    pub struct DAdaptLionConfig {
        /// Weight of the momentum, relative to the gradient, in the direction of a step.
        beta_1: f64 = 0.9, "β₁", in BELOW_ONE, search(1, Search::Momentum);
        /// Decay of the momentum; its root is the decay of the estimate's sums.
        beta_2: f64 = 0.99, "β₂", in BELOW_ONE, search(2, Search::Decay);
        /// Initial estimate.
        d0: f64 = 1e-6, "d₀", in POSITIVE;
        /// Decoupled weight decay.
        weight_decay: f64 = 0.0, "λ", in NON_NEGATIVE, search(3, Search::WeightDecay);
        /// Whether to decay only elements that the step does not move away from 0.
        cautious_decay: bool = false;
    }
}

rule_config!(global DAdaptLionConfig, lr 1.0, lr_search (10.0, 3.0));

impl DAdaptLionConfig {
    /// Checks the settings and builds the rule; errors name `owner`.
    pub(crate) fn build_as(&self, owner: &str) -> Result<DAdaptLion, Error> {
        self.check(owner)?;
        Ok(DAdaptLion { config: self.clone() })
    }
}

/// D-Adapted Lion: [Lion](crate::rules::Lion) whose step size is the estimated distance to the solution
/// (Defazio & Mishchenko, 2023).
///
/// ```text
/// m₀ = 0, s₀ = 0, r₀ = 0, d₀ given, β₃ = √β₂
/// ηₜ' = ηₜ dₜ₋₁
/// uₜ = sign(β₁ mₜ₋₁ + (1 − β₁) gₜ)          sign(0) = 0
/// θₜ = (1 − ηₜ' λ) θₜ₋₁ − ηₜ' uₜ
/// mₜ = β₂ mₜ₋₁ + (1 − β₂) ηₜ' gₜ
/// rₜ = β₃ rₜ₋₁ + (1 − β₃) ηₜ' ⟨uₜ, sₜ₋₁⟩
/// sₜ = β₃ sₜ₋₁ + (1 − β₃) ηₜ' uₜ
/// dₜ = max(dₜ₋₁, rₜ / ((1 − β₃) ‖sₜ‖₁))
/// ```
///
/// `⟨·, ·⟩` and `‖·‖₁` are sums over all parameters together.
///
#[doc = settings_table!()]
///
/// With `cautious_decay`, `λ` is 0 for the elements that the step moves away from 0 (Chen et al., 2025,
/// <https://arxiv.org/abs/2510.12402>).
///
/// `ηₜ` is the learning rate, 1 unless a schedule changes it. The authors call this rule experimental.
///
/// # Shapes
/// `θ`, `g`, `m`, `s`: `[d₁, …, d_D]`, any rank. State: the step number and two tensors per parameter; and
/// once for all parameters the step number, `d`, `r` and the rate of the step.
///
/// # Errors
/// [`DAdaptLionConfig::build`]: [`Error::InvalidConfig`] if a field is out of range or NaN.
///
/// # Example
/// The first step of every element has the length `d₀`:
/// ```
/// use burn::{module::Param, optim::GradientsParams, tensor::{Device, Tensor}};
/// use optlab_optim::{DAdaptLionConfig, ModelOptimizer, ParameterRule};
///
/// let rule = DAdaptLionConfig { d0: 0.5, ..DAdaptLionConfig::default() }.build()?;
/// let mut optimizer = ModelOptimizer::with_rules("dadapt_lion", vec![ParameterRule::global(rule)]);
/// let device = Device::default();
/// let model = Param::from_tensor(Tensor::<1>::zeros([2], &device.clone().autodiff()));
/// let mut gradients = GradientsParams::new();
/// gradients.register(model.id, Tensor::<1>::from_floats([300.0, -1e-3], &device));
/// let moved = optimizer.apply(1.0, model, &mut gradients).val();
/// assert_eq!(moved.into_data().try_to_vec::<f32>().unwrap(), [-0.5, 0.5]);
/// # Ok::<(), optlab_optim::Error>(())
/// ```
///
/// # Differs from
/// The authors' code: no difference in the formula.
///
/// # Reference
/// Defazio & Mishchenko, *Learning-Rate-Free Learning by D-Adaptation*, 2023,
/// <https://arxiv.org/abs/2301.07733>; the rule itself is part of
/// <https://github.com/facebookresearch/dadaptation>
#[derive(Debug, Clone)]
pub struct DAdaptLion {
    config: DAdaptLionConfig,
}

impl DAdaptLion {
    fn coefficients(&self, rate: f64) -> DAdaptLionStep {
        let DAdaptLionConfig { beta_1, beta_2, weight_decay, cautious_decay, .. } = self.config;
        let decay = DecoupledDecay::new(rate, weight_decay, cautious_decay);
        DAdaptLionStep { beta_1, beta_2, beta_3: beta_2.sqrt(), rate, decay }
    }
}

impl Rule for DAdaptLion {
    const STATE: &'static [&'static str] = &["momentum", "sum"];

    fn content(&self, buffer: &str) -> Content {
        if buffer == "momentum" { Content::Mean } else { Content::Exact }
    }
}

impl GlobalRule for DAdaptLion {
    type Measure = DAdaptLionMeasure;
    type Step = DAdaptLionStep;

    fn shared(&self) -> Vec<(&'static str, f64)> {
        vec![("estimate", self.config.d0), ("numerator", 0.0), ("rate", 0.0)]
    }

    fn measure(&self, at: GlobalStep<'_>) -> DAdaptLionMeasure {
        DAdaptLionMeasure { step: self.coefficients(at.lr * at.shared[0]) }
    }

    fn estimate(&self, at: GlobalStep<'_>, sums: &[f64], shared: &mut [f64]) {
        let [estimate, numerator, rate] = shared else { unreachable!("three numbers") };
        let [inner_product, length] = sums else { unreachable!("two sums") };
        let beta_3 = self.config.beta_2.sqrt();
        *rate = at.lr * *estimate;
        if *length != 0.0 {
            *numerator = beta_3 * *numerator + (1.0 - beta_3) * *rate * inner_product;
            if at.lr > 0.0 {
                *estimate = estimate.max(*numerator / ((1.0 - beta_3) * length));
            }
        }
    }

    fn at_step(&self, at: GlobalStep<'_>) -> DAdaptLionStep {
        let [_, _, rate] = at.shared else { unreachable!("three numbers") };
        self.coefficients(*rate)
    }
}

/// The coefficients of [`DAdaptLion`] in one step.
#[derive(Debug, Clone, Copy)]
pub struct DAdaptLionStep {
    beta_1: f64,
    beta_2: f64,
    beta_3: f64,
    /// The rate, computed with the estimate before the step.
    rate: f64,
    decay: DecoupledDecay,
}

impl DAdaptLionStep {
    #[inline(always)]
    fn direction<V: Value>(&self, momentum: &V, grad: V) -> V {
        moving_average(momentum, grad, self.beta_1).sign()
    }

    #[inline(always)]
    fn sum<V: Value>(&self, sum: &V, direction: V) -> V {
        moving_average(sum, direction.mul_scalar(self.rate), self.beta_3)
    }
}

/// The sums of [`DAdaptLion`] over all parameters: `⟨u, s⟩` before the step and `‖s‖₁` after it.
#[derive(Debug, Clone, Copy)]
pub struct DAdaptLionMeasure {
    step: DAdaptLionStep,
}

impl Update for DAdaptLionMeasure {
    const SUMS: usize = 2;

    const BUFFERS: (usize, usize) = (2, 2);

    #[inline(always)]
    fn term<V: Value>(&self, index: usize, _theta: V, grad: V, state: &mut [V]) -> V {
        let [momentum, sum] = state else { unreachable!("two buffers") };
        let direction = self.step.direction(momentum, grad);
        match index {
            0 => direction * sum.clone(),
            _ => self.step.sum(sum, direction).abs(),
        }
    }

    fn update<V: Value>(&self, theta: V, _grad: V, _state: &mut [V], _sums: &[V]) -> V {
        theta
    }
}

impl Update for DAdaptLionStep {
    const BUFFERS: (usize, usize) = (2, 2);

    #[inline(always)]
    fn update<V: Value>(&self, theta: V, grad: V, state: &mut [V], _sums: &[V]) -> V {
        let [momentum, sum] = state else { unreachable!("two buffers") };
        let direction = self.direction(momentum, grad.clone());
        *momentum = moving_average(momentum, grad.mul_scalar(self.rate), self.beta_2);
        *sum = self.sum(sum, direction.clone());
        self.decay.before(theta, &direction) - direction.mul_scalar(self.rate)
    }
}
