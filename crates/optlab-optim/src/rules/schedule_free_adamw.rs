//! Schedule-free AdamW: averaged weights instead of a learning-rate schedule.

use crate::Error;
use crate::burn_optimizer;
use crate::rule::{At, Content, ElementwiseRule, Rule, Start};
use crate::rules::parts::moments::{moving_average, power};
use crate::rules::parts::schedule_free::{self, Averaging};
use crate::rules::parts::weight_decay;
use crate::spec::rule_config;
use optlab_core::settings;
use optlab_core::settings::{Search, Settings};
use optlab_kernel::{Update, Value};

settings! {
    /// Settings of [`ScheduleFreeAdamW`].
    pub struct ScheduleFreeAdamWConfig {
        /// Position of the trained point between the fast weights (0) and their average (1).
        beta_1: f64 = 0.9, "β₁", in POSITIVE_BELOW_ONE, search(1, Search::Momentum);
        /// Decay of the second moment.
        beta_2: f64 = 0.999, "β₂", in BELOW_ONE, search(2, Search::Decay);
        /// Constant added to the denominator.
        epsilon: f64 = 1e-8, "ε", in POSITIVE;
        /// Weight decay, kept out of the second moment.
        weight_decay: f64 = 0.0, "λ", in NON_NEGATIVE, search(3, Search::WeightDecay);
        /// Whether to decay only elements that the step does not move away from 0.
        cautious_decay: bool = false, since("2026-11-30");
        /// Power of the step number in the weighting of the average.
        r: f64 = 0.0, "r", in NON_NEGATIVE;
        /// Power of the largest learning rate so far in the weighting of the average.
        weight_lr_power: f64 = 2.0, "p", in NON_NEGATIVE;
        /// Factor of 1 − β₁ in the share of the new fast weights (refined schedule-free); 0 is off.
        decoupling: f64 = 0.0, "C", in NON_NEGATIVE, since("2026-12-01");
        /// Steps over which the learning rate rises linearly; 0 for none.
        warmup_steps: usize = 0, "T", allowed "0…";
    }
}

rule_config!(elementwise ScheduleFreeAdamWConfig, lr 2.5e-3);

impl ScheduleFreeAdamWConfig {
    /// Checks the settings and builds the rule; errors name `owner`.
    pub(crate) fn build_as(&self, owner: &str) -> Result<ScheduleFreeAdamW, Error> {
        self.check(owner)?;
        Ok(ScheduleFreeAdamW { config: self.clone() })
    }
}

/// Schedule-free AdamW: an average of the weights instead of a decaying rate (Defazio et al., 2024).
///
/// ```text
/// z₀ = x₀ = θ₀, v₀ = 0, W₀ = 0
/// ηₜ' = ηₜ min(1, t / T)                          T = 0: ηₜ
/// wₜ = tʳ max(η₁', …, ηₜ')ᵖ,  Wₜ = Wₜ₋₁ + wₜ,  cₜ = wₜ / Wₜ
///                                                 with C > 0: cₜ = min(1, C (1 − β₁) wₜ / Wₜ)
/// vₜ = β₂ vₜ₋₁ + (1 − β₂) gₜ²                      gₜ at θₜ₋₁
/// dₜ = gₜ / (√(vₜ / (1 − β₂ᵗ)) + ε) + λ θₜ₋₁
/// zₜ = zₜ₋₁ − ηₜ' dₜ
/// xₜ = (1 − cₜ) xₜ₋₁ + cₜ zₜ
/// θₜ = (1 − β₁) zₜ + β₁ xₜ
/// ```
///
#[doc = settings_table!()]
///
/// With `cautious_decay`, `λ` is 0 for the elements that the step moves away from 0 (Chen et al., 2025,
/// <https://arxiv.org/abs/2510.12402>).
///
/// `ηₜ` is the `lr` argument of [`step`](burn::optim::Optimizer::step); it should stay constant. The model is
/// trained at `θ` and evaluated at `x`, which
/// [`ModelOptimizer::for_evaluation`](crate::driver::ModelOptimizer::for_evaluation) returns.
///
/// # Shapes
/// `θ`, `g`, `z`, `x`, `v`: `[d₁, …, d_D]`, any rank. State: the step number, `W`, the largest rate and two
/// tensors per parameter; `x` follows from `θ` and `z`.
///
/// # Errors
/// [`ScheduleFreeAdamWConfig::build`]: [`Error::InvalidConfig`] if a field is out of range or NaN.
///
/// # Example
/// Each element's first step has the size of the learning rate for any gradient, as with Adam:
/// ```
/// use burn::{optim::Optimizer, tensor::{Device, Tensor}};
///
/// let rule = optlab_optim::ScheduleFreeAdamWConfig::default().build()?;
/// let device = Device::default();
/// let theta = Tensor::<1>::zeros([1], &device);
/// let (theta, _) = rule.step(0.1, theta, Tensor::from_floats([50.0], &device), None);
/// assert!((theta.into_scalar::<f32>() + 0.1).abs() < 1e-6);
/// # Ok::<(), optlab_optim::Error>(())
/// ```
///
/// # Differs from
/// The authors' code, which switches the model itself between `θ` and `x`; here the trained model is not
/// changed.
///
/// # Reference
/// Defazio et al., *The Road Less Scheduled*, 2024, <https://arxiv.org/abs/2405.15682>; `decoupling`: Song et
/// al., *Through the River: Understanding the Benefit of Schedule-Free Methods for Language Model Training*,
/// 2025, <https://arxiv.org/abs/2507.09846>
#[derive(Debug, Clone)]
pub struct ScheduleFreeAdamW {
    config: ScheduleFreeAdamWConfig,
}

impl Rule for ScheduleFreeAdamW {
    const STATE: &'static [&'static str] = &[schedule_free::FAST, "second_moment"];

    const NUMBERS: &'static [(&'static str, f64)] = schedule_free::NUMBERS;

    fn start(&self, buffer: &str, _shape: &[usize]) -> Option<Start> {
        Some(if buffer == schedule_free::FAST { Start::Parameter } else { Start::Value(0.0) })
    }

    fn content(&self, buffer: &str) -> Content {
        match buffer {
            "second_moment" => Content::PositiveMean,
            _ => Content::Exact,
        }
    }
}

impl ElementwiseRule for ScheduleFreeAdamW {
    type Step = ScheduleFreeAdamWStep;

    fn at_step(&self, At { lr, t, numbers, .. }: At<'_>) -> ScheduleFreeAdamWStep {
        let ScheduleFreeAdamWConfig { beta_1, beta_2, epsilon, weight_decay, cautious_decay, .. } =
            self.config;
        let ScheduleFreeAdamWConfig { r, weight_lr_power, warmup_steps, decoupling, .. } = self.config;
        let averaging = Averaging { beta: beta_1, r, weight_lr_power, warmup_steps, decoupling };
        // g / (√(v / c) + ε) = √c g / (√v + √c ε)
        let correction = (1.0 - power(beta_2, t)).sqrt();
        let step = averaging.at_step(lr, t, numbers);
        let epsilon = epsilon * correction;
        ScheduleFreeAdamWStep { step, beta_2, correction, epsilon, weight_decay, cautious_decay }
    }

    const HAS_EVALUATION: bool = true;

    #[inline(always)]
    fn for_evaluation<V: Value>(&self, theta: V, state: &[V]) -> V {
        schedule_free::average(theta, &state[0], self.config.beta_1)
    }
}

burn_optimizer!(ScheduleFreeAdamW);

/// The coefficients of [`ScheduleFreeAdamW`] in one step.
#[derive(Debug, Clone, Copy)]
pub struct ScheduleFreeAdamWStep {
    step: schedule_free::AveragingStep,
    beta_2: f64,
    /// Factor of the gradient.
    correction: f64,
    epsilon: f64,
    weight_decay: f64,
    cautious_decay: bool,
}

impl Update for ScheduleFreeAdamWStep {
    const BUFFERS: (usize, usize) = (2, 2);

    #[inline(always)]
    fn update<V: Value>(&self, theta: V, grad: V, state: &mut [V], _sums: &[V]) -> V {
        let [fast, second] = state else { unreachable!("two buffers") };
        *second = moving_average(second, grad.clone().square(), self.beta_2);
        let direction = grad.mul_scalar(self.correction) / second.clone().sqrt().add_scalar(self.epsilon);
        let direction = weight_decay::in_step(direction, &theta, self.weight_decay, self.cautious_decay);
        self.step.update(theta, direction, fast)
    }
}
