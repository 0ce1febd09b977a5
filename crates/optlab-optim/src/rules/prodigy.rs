//! Prodigy: Adam with a step size estimated from the distance travelled.

use crate::Error;
use crate::rule::{GlobalRule, GlobalStep, Rule, Start};
use crate::rules::parts::moments::{moving_average, power};
use crate::rules::parts::weight_decay::DecoupledDecay;
use crate::spec::rule_config;
use optlab_core::settings;
use optlab_core::settings::{Search, Settings};
use optlab_kernel::{Update, Value};

settings! {
    /// Settings of [`Prodigy`].
    pub struct ProdigyConfig {
        /// Decay of the first moment.
        beta_1: f64 = 0.9, "β₁", in BELOW_ONE, search(1, Search::Momentum);
        /// Decay of the second moment; its root is the decay of the estimate's sums.
        beta_2: f64 = 0.999, "β₂", in BELOW_ONE, search(2, Search::Decay);
        /// Initial estimate.
        d0: f64 = 1e-6, "d₀", in POSITIVE;
        /// Factor of the estimate.
        d_coef: f64 = 1.0, "γ", in POSITIVE;
        /// Decoupled weight decay.
        weight_decay: f64 = 0.0, "λ", in NON_NEGATIVE, search(3, Search::WeightDecay);
        /// Whether to decay only elements that the step does not move away from 0.
        cautious_decay: bool = false, since("2026-11-30");
        /// Constant added to the denominator, multiplied by the estimate.
        epsilon: f64 = 1e-8, "ε", in POSITIVE;
        /// Whether to correct the moments for starting at 0.
        bias_correction: bool = false;
    }
}

rule_config!(global ProdigyConfig, lr 1.0, lr_search (10.0, 3.0));

impl ProdigyConfig {
    /// Checks the settings and builds the rule; errors name `owner`.
    pub(crate) fn build_as(&self, owner: &str) -> Result<Prodigy, Error> {
        self.check(owner)?;
        Ok(Prodigy { config: self.clone() })
    }
}

/// Prodigy: Adam with a step size estimated from the distance travelled by the parameters (Mishchenko &
/// Defazio, 2023).
///
/// ```text
/// m₀ = 0, v₀ = 0, s₀ = 0, r₀ = 0, d₀ given, β₃ = √β₂
/// ηₜ' = ηₜ dₜ₋₁ √(1 − β₂ᵗ) / (1 − β₁ᵗ)              without bias_correction: ηₜ dₜ₋₁
/// mₜ = β₁ mₜ₋₁ + (1 − β₁) dₜ₋₁ gₜ
/// vₜ = β₂ vₜ₋₁ + (1 − β₂) dₜ₋₁² gₜ²
/// sₜ = β₃ sₜ₋₁ + (dₜ₋₁ / d₀) ηₜ' gₜ
/// rₜ = β₃ rₜ₋₁ + (dₜ₋₁ / d₀) ηₜ' ⟨gₜ, θ₀ − θₜ₋₁⟩
/// dₜ = max(dₜ₋₁, γ rₜ / ‖sₜ‖₁)
/// θₜ = (1 − ηₜ' λ) θₜ₋₁ − ηₜ' mₜ / (√vₜ + dₜ ε)
/// ```
///
/// `⟨·, ·⟩` and `‖·‖₁` are sums over all parameters together. While `‖sₜ‖₁ = 0`, nothing moves.
///
#[doc = settings_table!()]
///
/// With `cautious_decay`, `λ` is 0 for the elements that the step moves away from 0 (Chen et al., 2025,
/// <https://arxiv.org/abs/2510.12402>).
///
/// `ηₜ` is the learning rate, 1 unless a schedule changes it.
///
/// # Shapes
/// `θ`, `g`, `m`, `v`, `s`, `θ₀`: `[d₁, …, d_D]`, any rank. State: the step number and four tensors per
/// parameter; and once for all parameters the step number, `d` and `r`.
///
/// # Errors
/// [`ProdigyConfig::build`]: [`Error::InvalidConfig`] if a field is out of range or NaN.
///
/// # Example
/// The first step moves every element by `d₀ (1 − β₁) / √(1 − β₂)`, for any gradient:
/// ```
/// use burn::{module::Param, optim::GradientsParams, tensor::{Device, Tensor}};
/// use optlab_optim::{ModelOptimizer, ParameterRule, ProdigyConfig};
///
/// let rule = ProdigyConfig { d0: 1e-3, ..ProdigyConfig::default() }.build()?;
/// let mut optimizer = ModelOptimizer::with_rules("prodigy", vec![ParameterRule::global(rule)]);
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
/// The authors' code: no option that freezes the estimate or bounds its growth.
///
/// # Reference
/// Mishchenko & Defazio, *Prodigy: An Expeditiously Adaptive Parameter-Free Learner*, 2023,
/// <https://arxiv.org/abs/2306.06101>
#[derive(Debug, Clone)]
pub struct Prodigy {
    config: ProdigyConfig,
}

impl Prodigy {
    /// Returns the rate of a step; `d` is the estimate before the step.
    fn rate(&self, lr: f64, t: u64, d: f64) -> f64 {
        if !self.config.bias_correction {
            return lr * d;
        }
        let ProdigyConfig { beta_1, beta_2, .. } = self.config;
        lr * d * (1.0 - power(beta_2, t)).sqrt() / (1.0 - power(beta_1, t))
    }

    fn coefficients(&self, GlobalStep { lr, t, .. }: GlobalStep<'_>, before: f64) -> ProdigyStep {
        let ProdigyConfig { beta_1, beta_2, d0, weight_decay, cautious_decay, .. } = self.config;
        let rate = self.rate(lr, t, before);
        let weight = before / d0 * rate;
        // The measure does not need `ε`, which depends on the estimate after the step and is not known yet.
        let epsilon = 0.0;
        let decay = DecoupledDecay::new(rate, weight_decay, cautious_decay);
        ProdigyStep { beta_1, beta_2, estimate: before, weight, rate, epsilon, decay, moves: true }
    }
}

impl Rule for Prodigy {
    const STATE: &'static [&'static str] = &["first_moment", "second_moment", "sum", INITIAL];

    fn start(&self, buffer: &str, _shape: &[usize]) -> Option<Start> {
        Some(if buffer == INITIAL { Start::Parameter } else { Start::Value(0.0) })
    }
}

const INITIAL: &str = "initial_parameter";

impl GlobalRule for Prodigy {
    type Measure = ProdigyMeasure;
    type Step = ProdigyStep;

    fn shared(&self) -> Vec<(&'static str, f64)> {
        let d0 = self.config.d0;
        vec![("estimate", d0), ("numerator", 0.0), ("previous_estimate", d0), ("moves", 0.0)]
    }

    fn measure(&self, at: GlobalStep<'_>) -> ProdigyMeasure {
        ProdigyMeasure { step: self.coefficients(at, at.shared[0]) }
    }

    fn estimate(&self, at: GlobalStep<'_>, sums: &[f64], shared: &mut [f64]) {
        let [estimate, numerator, previous, moves] = shared else { unreachable!("four numbers") };
        let [inner_product, length] = sums else { unreachable!("two sums") };
        let ProdigyStep { weight, .. } = self.coefficients(at, *estimate);
        *numerator = self.config.beta_2.sqrt() * *numerator + weight * inner_product;
        *previous = *estimate;
        *moves = if *length == 0.0 { 0.0 } else { 1.0 };
        if *length != 0.0 {
            *estimate = estimate.max(self.config.d_coef * *numerator / length);
        }
    }

    fn at_step(&self, at: GlobalStep<'_>) -> ProdigyStep {
        let [estimate, _, previous, moves] = at.shared else { unreachable!("four numbers") };
        let epsilon = estimate * self.config.epsilon;
        ProdigyStep { epsilon, moves: *moves != 0.0, ..self.coefficients(at, *previous) }
    }
}

/// The coefficients of [`Prodigy`] in one step.
#[derive(Debug, Clone, Copy)]
pub struct ProdigyStep {
    beta_1: f64,
    beta_2: f64,
    /// The estimate before the step.
    estimate: f64,
    /// Weight of the gradient in the sums.
    weight: f64,
    rate: f64,
    epsilon: f64,
    decay: DecoupledDecay,
    moves: bool,
}

impl ProdigyStep {
    #[inline(always)]
    fn sum<V: Value>(&self, sum: &V, grad: V) -> V {
        sum.clone().mul_scalar(self.beta_2.sqrt()) + grad.mul_scalar(self.weight)
    }
}

/// The sums of [`Prodigy`] over all parameters: `⟨g, θ₀ − θ⟩` and `‖s‖₁`.
#[derive(Debug, Clone, Copy)]
pub struct ProdigyMeasure {
    step: ProdigyStep,
}

impl Update for ProdigyMeasure {
    const SUMS: usize = 2;

    const BUFFERS: (usize, usize) = (4, 4);

    #[inline(always)]
    fn term<V: Value>(&self, index: usize, theta: V, grad: V, state: &mut [V]) -> V {
        let [_, _, sum, initial] = state else { unreachable!("four buffers") };
        match index {
            0 => grad * (initial.clone() - theta),
            _ => self.step.sum(sum, grad).abs(),
        }
    }

    fn update<V: Value>(&self, theta: V, _grad: V, _state: &mut [V], _sums: &[V]) -> V {
        theta
    }
}

impl Update for ProdigyStep {
    const BUFFERS: (usize, usize) = (4, 4);

    #[inline(always)]
    fn update<V: Value>(&self, theta: V, grad: V, state: &mut [V], _sums: &[V]) -> V {
        let [first, second, sum, _] = state else { unreachable!("four buffers") };
        *sum = self.sum(sum, grad.clone());
        let grad = grad.mul_scalar(self.estimate);
        *first = moving_average(first, grad.clone(), self.beta_1);
        *second = moving_average(second, grad.square(), self.beta_2);
        if !self.moves {
            return theta;
        }
        self.decay.before(theta, first)
            - first.clone().mul_scalar(self.rate) / second.clone().sqrt().add_scalar(self.epsilon)
    }
}
