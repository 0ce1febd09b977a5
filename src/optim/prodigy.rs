use crate::error::Error;
use crate::kernel::{Update, Value};
use crate::optim::moments::{moving_average, power};
use crate::optim::{GlobalRule, ParameterRule, Rule, RuleConfig, Start, Together, weight_decay};
use crate::range::{self, BELOW_ONE, NON_NEGATIVE, POSITIVE};
use serde::{Deserialize, Serialize};

/// Settings of [`Prodigy`], where their ranges are listed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ProdigyConfig {
    /// Decay of the first moment.
    pub beta_1: f64,
    /// Decay of the second moment; its root is that of the estimate's sums.
    pub beta_2: f64,
    /// The estimate to begin with.
    pub d0: f64,
    /// What the estimate is multiplied by.
    pub d_coef: f64,
    /// Weight decay, apart from the gradient.
    pub weight_decay: f64,
    /// Added to the denominator, in units of the estimate.
    pub epsilon: f64,
    /// Whether the moments are corrected for their start at 0.
    pub bias_correction: bool,
}

impl Default for ProdigyConfig {
    fn default() -> Self {
        ProdigyConfig {
            beta_1: 0.9,
            beta_2: 0.999,
            d0: 1e-6,
            d_coef: 1.0,
            weight_decay: 0.0,
            epsilon: 1e-8,
            bias_correction: false,
        }
    }
}

impl RuleConfig for ProdigyConfig {
    const DEFAULT_LR: f64 = 1.0;

    fn rules(&self, _owner: &str) -> Result<Vec<ParameterRule>, Error> {
        Ok(vec![ParameterRule::global(self.build()?)])
    }
}

impl ProdigyConfig {
    /// The rule by itself, for a [`ParameterRule::global`].
    ///
    /// # Errors
    /// [`Error::InvalidConfig`] for a field out of its range or NaN.
    pub fn build(&self) -> Result<Prodigy, Error> {
        range::check(
            "prodigy",
            [
                ("beta_1", self.beta_1, BELOW_ONE),
                ("beta_2", self.beta_2, BELOW_ONE),
                ("d0", self.d0, POSITIVE),
                ("d_coef", self.d_coef, POSITIVE),
                ("weight_decay", self.weight_decay, NON_NEGATIVE),
                ("epsilon", self.epsilon, POSITIVE),
            ],
        )?;
        Ok(Prodigy { config: self.clone() })
    }
}

/// Prodigy: Adam with a learning rate that it estimates from how far the parameters came (Mishchenko & Defazio, 2023).
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
/// `⟨·, ·⟩` and `‖·‖₁` are sums over all parameters together. While `‖sₜ‖₁ = 0` nothing moves.
///
/// | field             | symbol | default | range         |
/// |:------------------|:-------|--------:|:--------------|
/// | `beta_1`          | `β₁`   |     0.9 | `[0, 1)`      |
/// | `beta_2`          | `β₂`   |   0.999 | `[0, 1)`      |
/// | `d0`              | `d₀`   |    1e-6 | `(0, ∞)`      |
/// | `d_coef`          | `γ`    |       1 | `(0, ∞)`      |
/// | `weight_decay`    | `λ`    |       0 | `[0, ∞)`      |
/// | `epsilon`         | `ε`    |    1e-8 | `(0, ∞)`      |
/// | `bias_correction` |        |   false | true or false |
///
/// `ηₜ` is the learning rate, 1 unless a schedule changes it.
///
/// # Shapes
/// `θ`, `g`, `m`, `v`, `s`, `θ₀`: `[d₁, …, d_D]`, any rank. State: the step number and four tensors per parameter, and for
/// all together the step number, `d` and `r`.
///
/// # Errors
/// [`ProdigyConfig::build`]: [`Error::InvalidConfig`] if a field is out of range or NaN.
///
/// # Example
/// The first step moves every element by `d₀ (1 − β₁) / √(1 − β₂)`, whatever the gradient:
/// ```
/// use burn::{module::Param, optim::GradientsParams, tensor::{Device, Tensor}};
/// use optlab::optim::{ModelOptimizer, ParameterRule, ProdigyConfig};
///
/// let rule = ProdigyConfig { d0: 1e-3, ..ProdigyConfig::default() }.build()?;
/// let mut optimizer = ModelOptimizer::with_rules("prodigy", vec![ParameterRule::global(rule)]);
/// let device = Device::default();
/// let model = Param::from_tensor(Tensor::<1>::zeros([1], &device.clone().autodiff()));
/// let mut gradients = GradientsParams::new();
/// gradients.register(model.id, Tensor::<1>::from_floats([50.0], &device));
/// let moved: f32 = optimizer.apply(1.0, model, &mut gradients).val().into_scalar();
/// assert!((moved + 1e-3 * 0.1 / 0.001_f32.sqrt()).abs() < 1e-8);
/// # Ok::<(), optlab::Error>(())
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
    /// The rate of a step, in which `d` is the estimate before it.
    fn rate(&self, lr: f64, t: u64, d: f64) -> f64 {
        if !self.config.bias_correction {
            return lr * d;
        }
        let ProdigyConfig { beta_1, beta_2, .. } = self.config;
        lr * d * (1.0 - power(beta_2, t)).sqrt() / (1.0 - power(beta_1, t))
    }

    fn coefficients(&self, Together { lr, t, .. }: Together<'_>, before: f64) -> ProdigyStep {
        let ProdigyConfig { beta_1, beta_2, d0, weight_decay, .. } = self.config;
        let rate = self.rate(lr, t, before);
        let weight = before / d0 * rate;
        // Nothing of the moments is known yet of the estimate after the step, nor needed to measure by.
        let epsilon = 0.0;
        ProdigyStep { beta_1, beta_2, estimate: before, weight, rate, epsilon, weight_decay, moves: true }
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

    fn measure(&self, at: Together<'_>) -> ProdigyMeasure {
        ProdigyMeasure { step: self.coefficients(at, at.shared[0]) }
    }

    fn estimate(&self, at: Together<'_>, sums: &[f64], shared: &mut [f64]) {
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

    fn at_step(&self, at: Together<'_>) -> ProdigyStep {
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
    /// Before the step.
    estimate: f64,
    /// Of the gradient in the sums.
    weight: f64,
    rate: f64,
    epsilon: f64,
    weight_decay: f64,
    moves: bool,
}

impl ProdigyStep {
    #[inline(always)]
    fn sum<V: Value>(&self, sum: &V, grad: V) -> V {
        sum.clone().mul_scalar(self.beta_2.sqrt()) + grad.mul_scalar(self.weight)
    }
}

/// What [`Prodigy`] sums up over all parameters: `⟨g, θ₀ − θ⟩` and `‖s‖₁`.
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
        let theta = weight_decay::decoupled(theta, self.rate, self.weight_decay);
        theta - first.clone().mul_scalar(self.rate) / second.clone().sqrt().add_scalar(self.epsilon)
    }
}
