//! MoMo: momentum whose step size follows from the loss.

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
    /// Settings of [`Momo`].
    pub struct MomoConfig {
        /// Decay of the means of the gradients and losses.
        beta: f64 = 0.9, "β", in BELOW_ONE, search(1, Search::Momentum);
        /// Weight decay, applied after the step.
        weight_decay: f64 = 0.0, "λ", in NON_NEGATIVE, search(2, Search::WeightDecay);
        /// Whether to decay only elements that the step does not move away from 0.
        cautious_decay: bool = false;
        /// Lower bound of the loss.
        lower_bound: f64 = 0.0, "f", in FINITE;
        /// Whether to estimate a larger lower bound.
        adapt_lower_bound: bool = false;
        /// Whether to correct the means for starting at 0; without it they start at the first step.
        bias_correction: bool = false;
    }
}

rule_config!(global MomoConfig, lr 1.0);

impl MomoConfig {
    /// Checks the settings and builds the rule; errors name `owner`.
    pub(crate) fn build_as(&self, owner: &str) -> Result<Momo, Error> {
        self.check(owner)?;
        Ok(Momo { config: self.clone() })
    }
}

/// MoMo: momentum whose step size is chosen so that a model of the loss reaches a lower bound of the loss,
/// but at most the learning rate (Schaipp et al., 2023).
///
/// ```text
/// m₁ = g₁, l₁ = L₁, c₁ = ⟨θ₀, g₁⟩, ρ = 1       with bias_correction m₀ = l₀ = c₀ = 0, ρ = 1 − βᵗ
/// mₜ = β mₜ₋₁ + (1 − β) gₜ
/// lₜ = β lₜ₋₁ + (1 − β) Lₜ                        L: the loss of the step's batch
/// cₜ = β cₜ₋₁ + (1 − β) ⟨θₜ₋₁, gₜ⟩
/// hₜ = (1 + ηₜ λ) (lₜ − cₜ) + ⟨θₜ₋₁, mₜ⟩
/// τₜ = min(ηₜ / ρ, max(hₜ − (1 + ηₜ λ) ρ fₜ, 0) / ‖mₜ‖²)
/// θₜ = (θₜ₋₁ − τₜ mₜ) / (1 + ηₜ λ)
/// ```
///
/// `⟨·, ·⟩` and `‖·‖` are sums over all parameters together. `fₜ` is `f`. With `adapt_lower_bound`, `f₁ = f`,
/// `fₜ₊₁ = max(f, (lₜ − cₜ + ⟨θₜ₋₁, mₜ⟩ − τₜ ‖mₜ‖² / 2) / ρ)`, and before a step with
/// `hₜ < (1 + ηₜ λ) ρ fₜ`, `fₜ` is set to `max(f, hₜ / (2 (1 + ηₜ λ) ρ))`.
///
#[doc = settings_table!()]
///
/// With `cautious_decay`, `λ` is 0 for the elements that the step moves away from 0 (Chen et al., 2025,
/// <https://arxiv.org/abs/2510.12402>).
///
/// `ηₜ` is the learning rate, the largest step size. A rate that is too large for SGD does no harm, as long
/// as `f` is close to the smallest loss.
///
/// Each step reads the loss from the device, so the rule needs
/// [`ModelOptimizer::step`](crate::driver::ModelOptimizer::step), and a measurement with a
/// [`Loss`](crate::driver::Loss). Penalties of wrappers are part of the gradient but not of the loss. If the
/// loss is NaN, the parameters become NaN.
///
/// # Shapes
/// `θ`, `g`, `m`: `[d₁, …, d_D]`, any rank. State: the step number and one tensor per parameter; and once for
/// all parameters the step number, `l`, `c`, `f` and `τ`.
///
/// # Errors
/// [`MomoConfig::build`]: [`Error::InvalidConfig`] if a field is out of range or NaN.
///
/// # Example
/// The linear model of `L = θ²` at 3 is 0 at 1.5, where the step ends, at any larger learning rate:
/// ```
/// use burn::{module::Param, optim::GradientsParams, tensor::{Device, Tensor}};
/// use optlab_optim::{ModelOptimizer, MomoConfig, ParameterRule};
///
/// let rule = MomoConfig::default().build()?;
/// let mut optimizer = ModelOptimizer::with_rules("momo", vec![ParameterRule::global(rule)]);
/// let device = Device::default();
/// let model = Param::from_tensor(Tensor::<1>::full([1], 3.0, &device.clone().autodiff()));
/// let (model, loss) = optimizer.step(100.0, model, |model: &Param<Tensor<1>>| {
///     let mut gradients = GradientsParams::new();
///     gradients.register(model.id, Tensor::<1>::from_floats([6.0], &device));
///     (9.0, gradients)
/// });
/// assert_eq!((model.val().into_scalar::<f32>(), loss), (1.5, 9.0));
/// # Ok::<(), optlab_optim::Error>(())
/// ```
///
/// # Differs from
/// The authors' code: a gradient of 0 gives a step of 0. optax: the bias correction can be switched on.
///
/// # Reference
/// Schaipp, Ohana, Eickenberg, Defazio & Gower, *MoMo: Momentum Models for Adaptive Learning Rates*, 2023,
/// <https://arxiv.org/abs/2305.07583>
#[derive(Debug, Clone)]
pub struct Momo {
    config: MomoConfig,
}

impl Momo {
    /// Returns the decay of the means in step `t`.
    fn beta(&self, t: u64) -> f64 {
        if t == 1 && !self.config.bias_correction { 0.0 } else { self.config.beta }
    }
}

impl Rule for Momo {
    const STATE: &'static [&'static str] = &["mean"];

    fn content(&self, _buffer: &str) -> Content {
        Content::Mean
    }
}

impl GlobalRule for Momo {
    type Measure = MomoMeasure;
    type Step = MomoStep;

    const NEEDS_LOSS: bool = true;

    fn shared(&self) -> Vec<(&'static str, f64)> {
        model_based::shared(self.config.lower_bound)
    }

    fn measure(&self, at: GlobalStep<'_>) -> MomoMeasure {
        MomoMeasure { beta: self.beta(at.t) }
    }

    fn estimate(&self, at: GlobalStep<'_>, sums: &[f64], shared: &mut [f64]) {
        let MomoConfig { beta, weight_decay, lower_bound, adapt_lower_bound, bias_correction, .. } =
            self.config;
        let weights = if bias_correction { 1.0 - power(beta, at.t) } else { 1.0 };
        let model = Model {
            lr: at.lr,
            loss: at.loss,
            beta: self.beta(at.t),
            weights,
            weight_decay,
            lower_bound,
            adapts: adapt_lower_bound,
        };
        model.advance(sums, shared);
    }

    fn at_step(&self, at: GlobalStep<'_>) -> MomoStep {
        let [.., step_size] = at.shared else { unreachable!("four numbers") };
        let kept = 1.0 / (1.0 + at.lr * self.config.weight_decay);
        let decay = DecoupledDecay::by(kept, self.config.cautious_decay);
        MomoStep { beta: self.beta(at.t), step_size: *step_size, decay }
    }
}

/// The sums of [`Momo`] over all parameters: `⟨θ, g⟩`, and `⟨θ, m⟩` and `‖m‖²` with the mean of this step.
#[derive(Debug, Clone, Copy)]
pub struct MomoMeasure {
    beta: f64,
}

impl Update for MomoMeasure {
    const SUMS: usize = 3;

    const BUFFERS: (usize, usize) = (1, 1);

    #[inline(always)]
    fn term<V: Value>(&self, index: usize, theta: V, grad: V, state: &mut [V]) -> V {
        let [mean] = state else { unreachable!("one buffer") };
        match index {
            0 => theta * grad,
            1 => theta * moving_average(mean, grad, self.beta),
            _ => moving_average(mean, grad, self.beta).square(),
        }
    }

    fn update<V: Value>(&self, theta: V, _grad: V, _state: &mut [V], _sums: &[V]) -> V {
        theta
    }
}

/// The coefficients of [`Momo`] in one step.
#[derive(Debug, Clone, Copy)]
pub struct MomoStep {
    beta: f64,
    step_size: f64,
    decay: DecoupledDecay,
}

impl Update for MomoStep {
    const BUFFERS: (usize, usize) = (1, 1);

    #[inline(always)]
    fn update<V: Value>(&self, theta: V, grad: V, state: &mut [V], _sums: &[V]) -> V {
        let [mean] = state else { unreachable!("one buffer") };
        *mean = moving_average(mean, grad, self.beta);
        let step = mean.clone().mul_scalar(self.step_size);
        self.decay.after(&theta, &step, theta.clone() - step.clone())
    }
}
