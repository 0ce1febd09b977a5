//! ScheduleFree+: schedule-free AdamW with a step size that follows from the loss.

use crate::Error;
use crate::rule::{Content, GlobalRule, GlobalStep, Rule, Start};
use crate::rules::parts::model_based::at_least_zero;
use crate::rules::parts::moments::{moving_average, power};
use crate::rules::parts::schedule_free::FAST;
use crate::rules::parts::weight_decay;
use crate::spec::rule_config;
use optlab_core::settings;
use optlab_core::settings::{Search, Settings};
use optlab_kernel::{Update, Value};
use std::f64::consts::FRAC_PI_2;

settings! {
    /// Settings of [`ScheduleFreePlus`].
    pub struct ScheduleFreePlusConfig {
        /// Decay of the first moment.
        beta_1: f64 = 0.9, "β₁", in BELOW_ONE, search(2, Search::Momentum);
        /// Decay of the second moment.
        beta_2: f64 = 0.95, "β₂", in BELOW_ONE, search(3, Search::Decay);
        /// Position of the trained point between the fast weights (0) and their average (1).
        momentum: f64 = 0.9, "β", in BELOW_ONE, search(1, Search::Momentum);
        /// That position after `momentum_steps` steps.
        final_momentum: f64 = 0.965, "β'", in BELOW_ONE;
        /// Steps over which it moves there; 0 to stay.
        momentum_steps: usize = 0, "T", allowed "0…";
        /// Weight decay, kept out of the moments and multiplied by the square of the step size: 5 to 50.
        weight_decay: f64 = 0.0, "λ", in NON_NEGATIVE, search(4, Search::Log(1.0, 100.0));
        /// Whether to decay only elements that the step does not move away from 0.
        cautious_decay: bool = false;
        /// Decay of the mean of the gradients' lengths.
        length_decay: f64 = 0.0, "ρ", in BELOW_ONE;
        /// Steps in which the average is the fast weights.
        average_after: usize = 0, "T₀", allowed "0…";
        /// Power of the step number in the weighting of the average.
        r: f64 = 0.0, "r", in NON_NEGATIVE;
        /// Power of the largest step size so far in the weighting of the average.
        weight_lr_power: f64 = 2.0, "p", in NON_NEGATIVE;
        /// Constant added to the denominator; also the smallest learning rate.
        epsilon: f64 = 1e-8, "ε", in POSITIVE;
    }
}

rule_config!(global ScheduleFreePlusConfig, lr 1.0, lr_search (10.0, 3.0));

impl ScheduleFreePlusConfig {
    /// Checks the settings and builds the rule; errors name `owner`.
    pub(crate) fn build_as(&self, owner: &str) -> Result<ScheduleFreePlus, Error> {
        self.check(owner)?;
        Ok(ScheduleFreePlus { config: self.clone() })
    }
}

/// ScheduleFree+: AdamW whose step size is chosen so that the linearization of the loss reaches 0, and an
/// average of the weights instead of a decaying rate (Defazio, 2026).
///
/// ```text
/// z₀ = x₀ = θ₀, m₀ = 0, v₀ = 0, n₀ = 0, W₀ = 0
/// sₜ = min((t − 1) / T, 1),  βₜ = 1 − (1 − β)^(1 − sₜ) (1 − β')^sₜ        T = 0: β
/// nₜ = (ρ nₜ₋₁ + (1 − ρ) √(π/2) ‖gₜ‖₁) / (1 − ρᵗ)                        gₜ at θₜ₋₁
/// γₜ = max(ηₜ, ε) max(Lₜ + βₜ ⟨gₜ, zₜ₋₁ − xₜ₋₁⟩, 0) / nₜ                 L: the loss of the step's batch
/// wₜ = tʳ max(ε, γ₁, …, γₜ)ᵖ,  Wₜ = Wₜ₋₁ + wₜ,  cₜ = wₜ / Wₜ             t ≤ T₀: Wₜ = 0, cₜ = 1
/// mₜ = β₁ mₜ₋₁ + (1 − β₁) gₜ
/// vₜ = β₂ vₜ₋₁ + (1 − β₂) gₜ²
/// zₜ = zₜ₋₁ − γₜ (mₜ / (1 − β₁ᵗ)) / (√(vₜ / (1 − β₂ᵗ)) + ε) − γₜ² λ θₜ₋₁
/// xₜ = (1 − cₜ) xₜ₋₁ + cₜ zₜ
/// θₜ = (1 − βₜ) zₜ + βₜ xₜ
/// ```
///
/// `⟨·, ·⟩` and `‖·‖₁` are sums over all parameters together. While `nₜ = 0`, nothing moves.
///
#[doc = settings_table!()]
///
/// With `cautious_decay`, `λ` is 0 for the elements that the step moves away from 0 (Chen et al., 2025,
/// <https://arxiv.org/abs/2510.12402>).
///
/// `ηₜ` is the learning rate, 1 unless a schedule changes it: a warm-up, but no decay. The model is trained
/// at `θ` and evaluated at `x`, which
/// [`ModelOptimizer::for_evaluation`](crate::driver::ModelOptimizer::for_evaluation) returns.
///
/// Each step reads the loss from the device, so the rule needs
/// [`ModelOptimizer::step`](crate::driver::ModelOptimizer::step), and a measurement with a
/// [`Loss`](crate::driver::Loss). The smallest possible loss should be near 0: a floor far above it makes the
/// steps too large. If the loss is NaN, the parameters become NaN.
///
/// # Shapes
/// `θ`, `g`, `z`, `x`, `m`, `v`: `[d₁, …, d_D]`, any rank. State: the step number and four tensors per
/// parameter; and once for all parameters the step number, `n`, `W`, `γ`, `c` and the largest `γ`.
///
/// # Errors
/// [`ScheduleFreePlusConfig::build`]: [`Error::InvalidConfig`] if a field is out of range or NaN.
///
/// # Example
/// The first step of every element is the loss, divided by `√(π/2)` times the length of the gradient:
/// ```
/// use burn::{module::Param, optim::GradientsParams, tensor::{Device, Tensor}};
/// use optlab_optim::{ModelOptimizer, ParameterRule, ScheduleFreePlusConfig};
///
/// let rule = ParameterRule::global(ScheduleFreePlusConfig::default().build()?);
/// let mut optimizer = ModelOptimizer::with_rules("schedule_free_plus", vec![rule]);
/// let device = Device::default();
/// let model = Param::from_tensor(Tensor::<1>::full([1], 3.0, &device.clone().autodiff()));
/// let (model, _) = optimizer.step(1.0, model, |model: &Param<Tensor<1>>| {
///     let mut gradients = GradientsParams::new();
///     gradients.register(model.id, Tensor::<1>::from_floats([6.0], &device));
///     (9.0, gradients)
/// });
/// let expected = 3.0 - 9.0 / (6.0 * std::f32::consts::FRAC_PI_2.sqrt());
/// assert!((model.val().into_scalar::<f32>() - expected).abs() < 1e-5);
/// # Ok::<(), optlab_optim::Error>(())
/// ```
///
/// # Differs from
/// The authors' code, which switches the model itself between `θ` and `x`, and divides by zero where `nₜ` is
/// 0. As there, the mean of the lengths goes on from its corrected value.
///
/// # Reference
/// Defazio, *ScheduleFree+: Scaling Learning-Rate-Free Optimizers*, 2026, <https://arxiv.org/abs/2605.19095>;
/// <https://github.com/facebookresearch/schedule_free>
#[derive(Debug, Clone)]
pub struct ScheduleFreePlus {
    config: ScheduleFreePlusConfig,
}

const AVERAGE: &str = "average";

impl ScheduleFreePlus {
    /// Returns the position of the trained point in step `t`.
    fn momentum(&self, t: u64) -> f64 {
        let ScheduleFreePlusConfig { momentum, final_momentum, momentum_steps, .. } = self.config;
        if momentum_steps == 0 {
            return momentum;
        }
        let share = ((t - 1) as f64 / momentum_steps as f64).min(1.0);
        1.0 - (1.0 - momentum).powf(1.0 - share) * (1.0 - final_momentum).powf(share)
    }
}

impl Rule for ScheduleFreePlus {
    const STATE: &'static [&'static str] = &[FAST, AVERAGE, "first_moment", "second_moment"];

    fn start(&self, buffer: &str, _shape: &[usize]) -> Option<Start> {
        Some(if buffer == FAST || buffer == AVERAGE { Start::Parameter } else { Start::Value(0.0) })
    }

    fn evaluated(&self) -> Option<&'static str> {
        Some(AVERAGE)
    }

    fn content(&self, buffer: &str) -> Content {
        match buffer {
            "first_moment" => Content::Mean,
            "second_moment" => Content::PositiveMean,
            _ => Content::Exact,
        }
    }
}

impl GlobalRule for ScheduleFreePlus {
    type Measure = ScheduleFreePlusMeasure;
    type Step = ScheduleFreePlusStep;

    const NEEDS_LOSS: bool = true;

    fn shared(&self) -> Vec<(&'static str, f64)> {
        let largest = ("largest_step_size", self.config.epsilon);
        vec![("length", 0.0), largest, ("weight_sum", 0.0), ("step_size", 0.0), ("share", 1.0)]
    }

    fn measure(&self, _at: GlobalStep<'_>) -> ScheduleFreePlusMeasure {
        ScheduleFreePlusMeasure
    }

    fn estimate(&self, GlobalStep { lr, loss, t, .. }: GlobalStep<'_>, sums: &[f64], shared: &mut [f64]) {
        let ScheduleFreePlusConfig { length_decay, average_after, r, weight_lr_power, epsilon, .. } =
            self.config;
        let [length, inner_product] = sums else { unreachable!("two sums") };
        let [mean_length, largest, weight_sum, step_size, share] = shared else {
            unreachable!("five numbers")
        };
        let new = (1.0 - length_decay) * FRAC_PI_2.sqrt() * length;
        *mean_length = (length_decay * *mean_length + new) / (1.0 - power(length_decay, t));
        let gap = at_least_zero(loss + self.momentum(t) * inner_product);
        *step_size = if *mean_length == 0.0 { 0.0 } else { lr.max(epsilon) * gap / *mean_length };
        *largest = largest.max(*step_size);
        *share = 1.0;
        if t > average_after as u64 {
            let weight = (t as f64).powf(r) * largest.powf(weight_lr_power);
            *weight_sum += weight;
            // A small rate to a high power is 0.
            *share = if *weight_sum == 0.0 { 0.0 } else { weight / *weight_sum };
        }
    }

    fn at_step(&self, GlobalStep { t, shared, .. }: GlobalStep<'_>) -> ScheduleFreePlusStep {
        let ScheduleFreePlusConfig { beta_1, beta_2, weight_decay, cautious_decay, epsilon, .. } =
            self.config;
        let [_, _, _, step_size, share] = shared else { unreachable!("five numbers") };
        // (m / c₁) / (√(v / c₂) + ε) = (√c₂ / c₁) m / (√v + √c₂ ε)
        let root = (1.0 - power(beta_2, t)).sqrt();
        ScheduleFreePlusStep {
            beta_1,
            beta_2,
            correction: root / (1.0 - power(beta_1, t)),
            epsilon: epsilon * root,
            step_size: *step_size,
            share: *share,
            momentum: self.momentum(t),
            weight_decay: step_size * weight_decay,
            cautious_decay,
        }
    }
}

/// The sums of [`ScheduleFreePlus`] over all parameters: `‖g‖₁` and `⟨g, z − x⟩`.
#[derive(Debug, Clone, Copy)]
pub struct ScheduleFreePlusMeasure;

impl Update for ScheduleFreePlusMeasure {
    const SUMS: usize = 2;

    const BUFFERS: (usize, usize) = (4, 4);

    #[inline(always)]
    fn term<V: Value>(&self, index: usize, _theta: V, grad: V, state: &mut [V]) -> V {
        let [fast, average, ..] = state else { unreachable!("four buffers") };
        match index {
            0 => grad.abs(),
            _ => grad * (fast.clone() - average.clone()),
        }
    }

    fn update<V: Value>(&self, theta: V, _grad: V, _state: &mut [V], _sums: &[V]) -> V {
        theta
    }
}

/// The coefficients of [`ScheduleFreePlus`] in one step.
#[derive(Debug, Clone, Copy)]
pub struct ScheduleFreePlusStep {
    beta_1: f64,
    beta_2: f64,
    /// Factor of the first moment.
    correction: f64,
    epsilon: f64,
    step_size: f64,
    /// Share of the average that comes from the new fast weights.
    share: f64,
    momentum: f64,
    /// Weight decay, to be multiplied by the step size.
    weight_decay: f64,
    cautious_decay: bool,
}

impl Update for ScheduleFreePlusStep {
    const BUFFERS: (usize, usize) = (4, 4);

    #[inline(always)]
    fn update<V: Value>(&self, theta: V, grad: V, state: &mut [V], _sums: &[V]) -> V {
        let [fast, average, first, second] = state else { unreachable!("four buffers") };
        *first = moving_average(first, grad.clone(), self.beta_1);
        *second = moving_average(second, grad.square(), self.beta_2);
        let direction =
            first.clone().mul_scalar(self.correction) / second.clone().sqrt().add_scalar(self.epsilon);
        let direction = weight_decay::in_step(direction, &theta, self.weight_decay, self.cautious_decay);
        *fast = fast.clone() - direction.mul_scalar(self.step_size);
        *average = average.clone() + (fast.clone() - average.clone()).mul_scalar(self.share);
        fast.clone() + (average.clone() - fast.clone()).mul_scalar(self.momentum)
    }
}
