//! MoMo-Adam: Adam whose step size follows from the loss.

use crate::Error;
use crate::rule::{Content, GlobalRule, GlobalStep, Rule};
use crate::rules::parts::model_based::{self, Model};
use crate::rules::parts::moments::{moving_average, power};
use crate::rules::parts::weight_decay::DecoupledDecay;
use crate::spec::rule_config;
use optlab_core::settings;
use optlab_core::settings::{Search, Settings};
use optlab_kernel::{Update, Value};

settings! {
    /// Settings of [`MomoAdam`].
    pub struct MomoAdamConfig {
        /// Decay of the first moment and of the mean loss.
        beta_1: f64 = 0.9, "β₁", in BELOW_ONE, search(1, Search::Momentum);
        /// Decay of the second moment.
        beta_2: f64 = 0.999, "β₂", in BELOW_ONE, search(2, Search::Decay);
        /// Constant added to the denominator.
        epsilon: f64 = 1e-8, "ε", in POSITIVE;
        /// Decoupled weight decay.
        weight_decay: f64 = 0.0, "λ", in NON_NEGATIVE, search(3, Search::WeightDecay);
        /// Whether to decay only elements that the step does not move away from 0.
        cautious_decay: bool = false;
        /// Whether the decay is a proximal step after the rule; without it, AdamW's decay before the rule.
        proximal_decay: bool = true;
        /// Lower bound of the loss.
        lower_bound: f64 = 0.0, "f", in FINITE;
        /// Whether to estimate a larger lower bound.
        adapt_lower_bound: bool = false;
    }
}

rule_config!(global MomoAdamConfig, lr 1e-2);

impl MomoAdamConfig {
    /// Checks the settings and builds the rule; errors name `owner`.
    pub(crate) fn build_as(&self, owner: &str) -> Result<MomoAdam, Error> {
        self.check(owner)?;
        Ok(MomoAdam { config: self.clone() })
    }
}

/// MoMo-Adam: [Adam](crate::rules::Adam) whose step size is chosen so that a model of the loss reaches a
/// lower bound of the loss, but at most the learning rate (Schaipp et al., 2023).
///
/// ```text
/// m₀ = 0, v₀ = 0, l₀ = 0, c₀ = 0, ρ = 1 − β₁ᵗ
/// mₜ = β₁ mₜ₋₁ + (1 − β₁) gₜ
/// vₜ = β₂ vₜ₋₁ + (1 − β₂) gₜ²
/// Dₜ = √(vₜ / (1 − β₂ᵗ)) + ε
/// lₜ = β₁ lₜ₋₁ + (1 − β₁) Lₜ                      L: the loss of the step's batch
/// cₜ = β₁ cₜ₋₁ + (1 − β₁) ⟨θₜ₋₁, gₜ⟩
/// hₜ = (1 + ηₜ λ) (lₜ − cₜ) + ⟨θₜ₋₁, mₜ⟩
/// τₜ = min(ηₜ / ρ, max(hₜ − (1 + ηₜ λ) ρ fₜ, 0) / Σ mₜ² / Dₜ)
/// θₜ = (θₜ₋₁ − τₜ mₜ / Dₜ) / (1 + ηₜ λ)           without proximal_decay: (1 − ηₜ λ) θₜ₋₁ − τₜ mₜ / Dₜ
/// ```
///
/// The products and the sum are over all parameters together. `fₜ` is `f`; with `adapt_lower_bound` it
/// follows from `hₜ` as in [`Momo`](crate::rules::Momo), with `Σ mₜ² / Dₜ` in place of `‖mₜ‖²`.
///
#[doc = settings_table!()]
///
/// With `cautious_decay`, `λ` is 0 for the elements that the step moves away from 0 (Chen et al., 2025,
/// <https://arxiv.org/abs/2510.12402>).
///
/// `ηₜ` is the learning rate, the largest step size. A rate that is too large for Adam does less harm, as
/// long as `f` is close to the smallest loss.
///
/// Each step reads the loss from the device, so the rule needs
/// [`ModelOptimizer::step`](crate::driver::ModelOptimizer::step), and a measurement with a
/// [`Loss`](crate::driver::Loss). Penalties of wrappers are part of the gradient but not of the loss. If the
/// loss is NaN, the parameters become NaN.
///
/// # Shapes
/// `θ`, `g`, `m`, `v`: `[d₁, …, d_D]`, any rank. State: the step number and two tensors per parameter; and
/// once for all parameters the step number, `l`, `c`, `f` and `τ`.
///
/// # Errors
/// [`MomoAdamConfig::build`]: [`Error::InvalidConfig`] if a field is out of range or NaN.
///
/// # Example
/// The linear model of `L = θ²` at 3 is 0 at 1.5, where the first step ends, at any larger learning rate:
/// ```
/// use burn::{module::Param, optim::GradientsParams, tensor::{Device, Tensor}};
/// use optlab_optim::{ModelOptimizer, MomoAdamConfig, ParameterRule};
///
/// let rule = MomoAdamConfig::default().build()?;
/// let mut optimizer = ModelOptimizer::with_rules("momo_adam", vec![ParameterRule::global(rule)]);
/// let device = Device::default();
/// let model = Param::from_tensor(Tensor::<1>::full([1], 3.0, &device.clone().autodiff()));
/// let (model, _) = optimizer.step(100.0, model, |model: &Param<Tensor<1>>| {
///     let mut gradients = GradientsParams::new();
///     gradients.register(model.id, Tensor::<1>::from_floats([6.0], &device));
///     (9.0, gradients)
/// });
/// assert!((model.val().into_scalar::<f32>() - 1.5).abs() < 1e-5);
/// # Ok::<(), optlab_optim::Error>(())
/// ```
///
/// # Differs from
/// The authors' code: `ε = 0` is refused, and a gradient of 0 gives a step of 0. optax decays by
/// `proximal_decay` only.
///
/// # Reference
/// Schaipp, Ohana, Eickenberg, Defazio & Gower, *MoMo: Momentum Models for Adaptive Learning Rates*, 2023,
/// <https://arxiv.org/abs/2305.07583>
#[derive(Debug, Clone)]
pub struct MomoAdam {
    config: MomoAdamConfig,
}

impl MomoAdam {
    fn coefficients(&self, GlobalStep { lr, t, .. }: GlobalStep<'_>, step_size: f64) -> MomoAdamStep {
        let MomoAdamConfig { beta_1, beta_2, epsilon, weight_decay, cautious_decay, proximal_decay, .. } =
            self.config;
        let kept = if proximal_decay { 1.0 / (1.0 + lr * weight_decay) } else { 1.0 - lr * weight_decay };
        // m / (√(v / c) + ε) = √c m / (√v + √c ε)
        let correction = (1.0 - power(beta_2, t)).sqrt();
        let decay = DecoupledDecay::by(kept, cautious_decay);
        MomoAdamStep {
            beta_1,
            beta_2,
            correction,
            epsilon: epsilon * correction,
            step_size,
            decay,
            proximal_decay,
        }
    }
}

impl Rule for MomoAdam {
    const STATE: &'static [&'static str] = &["first_moment", "second_moment"];

    fn content(&self, buffer: &str) -> Content {
        if buffer == "first_moment" { Content::Mean } else { Content::PositiveMean }
    }
}

impl GlobalRule for MomoAdam {
    type Measure = MomoAdamMeasure;
    type Step = MomoAdamStep;

    const NEEDS_LOSS: bool = true;

    fn shared(&self) -> Vec<(&'static str, f64)> {
        model_based::shared(self.config.lower_bound)
    }

    fn measure(&self, at: GlobalStep<'_>) -> MomoAdamMeasure {
        MomoAdamMeasure { step: self.coefficients(at, 0.0) }
    }

    fn estimate(&self, at: GlobalStep<'_>, sums: &[f64], shared: &mut [f64]) {
        let MomoAdamConfig { beta_1, weight_decay, lower_bound, adapt_lower_bound, .. } = self.config;
        let model = Model {
            lr: at.lr,
            loss: at.loss,
            beta: beta_1,
            weights: 1.0 - power(beta_1, at.t),
            weight_decay,
            lower_bound,
            adapts: adapt_lower_bound,
        };
        model.advance(sums, shared);
    }

    fn at_step(&self, at: GlobalStep<'_>) -> MomoAdamStep {
        let [.., step_size] = at.shared else { unreachable!("four numbers") };
        self.coefficients(at, *step_size)
    }
}

/// The coefficients of [`MomoAdam`] in one step.
#[derive(Debug, Clone, Copy)]
pub struct MomoAdamStep {
    beta_1: f64,
    beta_2: f64,
    /// Root of the sum of the weights of the second moment.
    correction: f64,
    epsilon: f64,
    step_size: f64,
    decay: DecoupledDecay,
    proximal_decay: bool,
}

impl MomoAdamStep {
    /// Updates both moments, and returns the mean divided by `D`.
    #[inline(always)]
    fn direction<V: Value>(&self, grad: V, state: &mut [V]) -> V {
        let [first, second] = state else { unreachable!("two buffers") };
        *first = moving_average(first, grad.clone(), self.beta_1);
        *second = moving_average(second, grad.square(), self.beta_2);
        first.clone().mul_scalar(self.correction) / second.clone().sqrt().add_scalar(self.epsilon)
    }
}

/// The sums of [`MomoAdam`] over all parameters: `⟨θ, g⟩`, and `⟨θ, m⟩` and `Σ m² / D` with the moments of
/// this step.
#[derive(Debug, Clone, Copy)]
pub struct MomoAdamMeasure {
    step: MomoAdamStep,
}

impl Update for MomoAdamMeasure {
    const SUMS: usize = 3;

    const BUFFERS: (usize, usize) = (2, 2);

    #[inline(always)]
    fn term<V: Value>(&self, index: usize, theta: V, grad: V, state: &mut [V]) -> V {
        match index {
            0 => theta * grad,
            1 => theta * moving_average(&state[0], grad, self.step.beta_1),
            _ => {
                let direction = self.step.direction(grad, state);
                direction * state[0].clone()
            }
        }
    }

    fn update<V: Value>(&self, theta: V, _grad: V, _state: &mut [V], _sums: &[V]) -> V {
        theta
    }
}

impl Update for MomoAdamStep {
    const BUFFERS: (usize, usize) = (2, 2);

    #[inline(always)]
    fn update<V: Value>(&self, theta: V, grad: V, state: &mut [V], _sums: &[V]) -> V {
        let step = self.direction(grad, state).mul_scalar(self.step_size);
        if self.proximal_decay {
            self.decay.after(&theta, &step, theta.clone() - step.clone())
        } else {
            self.decay.before(theta, &step) - step
        }
    }
}
