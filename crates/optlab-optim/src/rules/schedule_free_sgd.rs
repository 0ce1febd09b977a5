//! Schedule-free SGD: averaged weights instead of a learning-rate schedule.

use crate::Error;
use crate::burn_optimizer;
use crate::rule::{At, Content, ElementwiseRule, Rule, Start};
use crate::rules::parts::schedule_free::{self, Averaging};
use crate::rules::parts::weight_decay;
use crate::spec::rule_config;
use optlab_core::settings;
use optlab_core::settings::{Search, Settings};
use optlab_kernel::{Update, Value};

settings! {
    /// Settings of [`ScheduleFreeSgd`].
    pub struct ScheduleFreeSgdConfig {
        /// Position of the trained point between the fast weights (0) and their average (1).
        momentum: f64 = 0.9, "β", in POSITIVE_BELOW_ONE, search(1, Search::Momentum);
        /// Weight decay, added to the gradient.
        weight_decay: f64 = 0.0, "λ", in NON_NEGATIVE, search(2, Search::WeightDecay);
        /// Power of the step number in the weighting of the average.
        r: f64 = 0.0, "r", in NON_NEGATIVE;
        /// Power of the largest learning rate so far in the weighting of the average.
        weight_lr_power: f64 = 2.0, "p", in NON_NEGATIVE;
        /// Factor of 1 − β in the share of the new fast weights (refined schedule-free); 0 is off.
        decoupling: f64 = 0.0, "C", in NON_NEGATIVE, since("2026-12-01");
        /// Steps over which the learning rate rises linearly; 0 for none.
        warmup_steps: usize = 0, "T", allowed "0…";
    }
}

rule_config!(elementwise ScheduleFreeSgdConfig, lr 1.0);

impl ScheduleFreeSgdConfig {
    /// Checks the settings and builds the rule; errors name `owner`.
    pub(crate) fn build_as(&self, owner: &str) -> Result<ScheduleFreeSgd, Error> {
        self.check(owner)?;
        Ok(ScheduleFreeSgd { config: self.clone() })
    }
}

/// Schedule-free gradient descent: an average of the weights instead of a decaying rate (Defazio et al.,
/// 2024).
///
/// ```text
/// z₀ = x₀ = θ₀, W₀ = 0
/// ηₜ' = ηₜ min(1, t / T)                          T = 0: ηₜ
/// wₜ = tʳ max(η₁', …, ηₜ')ᵖ,  Wₜ = Wₜ₋₁ + wₜ,  cₜ = wₜ / Wₜ
///                                                 with C > 0: cₜ = min(1, C (1 − β) wₜ / Wₜ)
/// gₜ' = gₜ + λ θₜ₋₁                               gₜ at θₜ₋₁
/// zₜ = zₜ₋₁ − ηₜ' gₜ'
/// xₜ = (1 − cₜ) xₜ₋₁ + cₜ zₜ
/// θₜ = (1 − β) zₜ + β xₜ
/// ```
///
#[doc = settings_table!()]
///
/// `ηₜ` is the `lr` argument of [`step`](burn::optim::Optimizer::step); it should stay constant. The model is
/// trained at `θ` and evaluated at `x`, which
/// [`ModelOptimizer::for_evaluation`](crate::driver::ModelOptimizer::for_evaluation) returns.
///
/// # Shapes
/// `θ`, `g`, `z`, `x`: `[d₁, …, d_D]`, any rank. State: the step number, `W`, the largest rate and one tensor
/// per parameter; `x` follows from `θ` and `z`.
///
/// # Errors
/// [`ScheduleFreeSgdConfig::build`]: [`Error::InvalidConfig`] if a field is out of range or NaN.
///
/// # Example
/// After two steps of length 1 along a slope of 1, the average is halfway between the points after each step:
/// ```
/// use burn::{module::Param, optim::GradientsParams, tensor::{Device, Tensor}};
/// use optlab_optim::{ModelOptimizer, ScheduleFreeSgdConfig};
///
/// let rule = ScheduleFreeSgdConfig::default().build()?;
/// let mut optimizer = ModelOptimizer::elementwise("schedule_free_sgd", rule);
/// let device = Device::default();
/// let mut model = Param::from_tensor(Tensor::<1>::zeros([1], &device.clone().autodiff()));
/// for _ in 0..2 {
///     let mut gradients = GradientsParams::new();
///     gradients.register(model.id, Tensor::<1>::ones([1], &device));
///     model = optimizer.apply(1.0, model, &mut gradients);
/// }
/// let evaluated: f32 = optimizer.for_evaluation(&model).val().into_scalar();
/// assert!((evaluated + 1.5).abs() < 1e-6);
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
pub struct ScheduleFreeSgd {
    config: ScheduleFreeSgdConfig,
}

impl Rule for ScheduleFreeSgd {
    const STATE: &'static [&'static str] = &[schedule_free::FAST];

    const NUMBERS: &'static [(&'static str, f64)] = schedule_free::NUMBERS;

    fn start(&self, _buffer: &str, _shape: &[usize]) -> Option<Start> {
        Some(Start::Parameter)
    }

    fn content(&self, _buffer: &str) -> Content {
        Content::Exact
    }
}

impl ElementwiseRule for ScheduleFreeSgd {
    type Step = ScheduleFreeSgdStep;

    fn at_step(&self, At { lr, t, numbers, .. }: At<'_>) -> ScheduleFreeSgdStep {
        let ScheduleFreeSgdConfig { momentum: beta, weight_decay, decoupling, .. } = self.config;
        let ScheduleFreeSgdConfig { r, weight_lr_power, warmup_steps, .. } = self.config;
        let averaging = Averaging { beta, r, weight_lr_power, warmup_steps, decoupling };
        ScheduleFreeSgdStep { step: averaging.at_step(lr, t, numbers), weight_decay }
    }

    const HAS_EVALUATION: bool = true;

    #[inline(always)]
    fn for_evaluation<V: Value>(&self, theta: V, state: &[V]) -> V {
        schedule_free::average(theta, &state[0], self.config.momentum)
    }
}

burn_optimizer!(ScheduleFreeSgd);

/// The coefficients of [`ScheduleFreeSgd`] in one step.
#[derive(Debug, Clone, Copy)]
pub struct ScheduleFreeSgdStep {
    step: schedule_free::AveragingStep,
    weight_decay: f64,
}

impl Update for ScheduleFreeSgdStep {
    const BUFFERS: (usize, usize) = (1, 1);

    #[inline(always)]
    fn update<V: Value>(&self, theta: V, grad: V, state: &mut [V], _sums: &[V]) -> V {
        let [fast] = state else { unreachable!("one buffer") };
        let grad = weight_decay::coupled(grad, &theta, self.weight_decay);
        self.step.update(theta, grad, fast)
    }
}
