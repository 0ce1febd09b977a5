use crate::error::Error;
use crate::kernel::{Update, Value};
use crate::optim::elementwise::burn_optimizer;
use crate::optim::schedule_free::{self, Averaging};
use crate::optim::{At, ElementwiseRule, ParameterRule, Rule, RuleConfig, Start, weight_decay};
use crate::range::{self, NON_NEGATIVE, POSITIVE_BELOW_ONE};
use serde::{Deserialize, Serialize};

/// Settings of [`ScheduleFreeSgd`], where their ranges are listed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ScheduleFreeSgdConfig {
    /// How far the point that is trained is from the fast weights towards their average.
    pub momentum: f64,
    /// Weight decay, as part of the gradient.
    pub weight_decay: f64,
    /// Power of the step number in the weights of the average.
    pub r: f64,
    /// Power of the largest learning rate so far in the weights of the average.
    pub weight_lr_power: f64,
    /// Steps over which the learning rate rises linearly; 0 for none.
    pub warmup_steps: usize,
}

impl Default for ScheduleFreeSgdConfig {
    fn default() -> Self {
        ScheduleFreeSgdConfig {
            momentum: 0.9,
            weight_decay: 0.0,
            r: 0.0,
            weight_lr_power: 2.0,
            warmup_steps: 0,
        }
    }
}

impl RuleConfig for ScheduleFreeSgdConfig {
    const DEFAULT_LR: f64 = 1.0;

    fn rules(&self, _owner: &str) -> Result<Vec<ParameterRule>, Error> {
        Ok(vec![ParameterRule::elementwise(self.build()?)])
    }
}

impl ScheduleFreeSgdConfig {
    /// The rule by itself, for Burn's `ModuleOptimizer` or one's own loop.
    ///
    /// # Errors
    /// [`Error::InvalidConfig`] for a field out of its range or NaN.
    pub fn build(&self) -> Result<ScheduleFreeSgd, Error> {
        range::check(
            "schedule_free_sgd",
            [
                ("momentum", self.momentum, POSITIVE_BELOW_ONE),
                ("weight_decay", self.weight_decay, NON_NEGATIVE),
                ("r", self.r, NON_NEGATIVE),
                ("weight_lr_power", self.weight_lr_power, NON_NEGATIVE),
            ],
        )?;
        Ok(ScheduleFreeSgd { config: self.clone() })
    }
}

/// Schedule-free gradient descent: an average of the weights in place of a decaying rate (Defazio et al., 2024).
///
/// ```text
/// z₀ = x₀ = θ₀, W₀ = 0
/// ηₜ' = ηₜ min(1, t / T)                          T = 0: ηₜ
/// wₜ = tʳ max(η₁', …, ηₜ')ᵖ,  Wₜ = Wₜ₋₁ + wₜ,  cₜ = wₜ / Wₜ
/// gₜ' = gₜ + λ θₜ₋₁                               gₜ at θₜ₋₁
/// zₜ = zₜ₋₁ − ηₜ' gₜ'
/// xₜ = (1 − cₜ) xₜ₋₁ + cₜ zₜ
/// θₜ = (1 − β) zₜ + β xₜ
/// ```
///
/// | field             | symbol | default | range    |
/// |:------------------|:-------|--------:|:---------|
/// | `momentum`        | `β`    |     0.9 | `(0, 1)` |
/// | `weight_decay`    | `λ`    |       0 | `[0, ∞)` |
/// | `r`               | `r`    |       0 | `[0, ∞)` |
/// | `weight_lr_power` | `p`    |       2 | `[0, ∞)` |
/// | `warmup_steps`    | `T`    |       0 | 0…       |
///
/// `ηₜ` is the `lr` argument of [`step`](burn::optim::Optimizer::step); it is meant to stay constant. The model is trained
/// at `θ` and evaluated at `x`, which [`ModelOptimizer::for_evaluation`](crate::optim::ModelOptimizer::for_evaluation)
/// gives.
///
/// # Shapes
/// `θ`, `g`, `z`, `x`: `[d₁, …, d_D]`, any rank. State: the step number, `W`, the largest rate and one tensor per parameter;
/// `x` follows from `θ` and `z`.
///
/// # Errors
/// [`ScheduleFreeSgdConfig::build`]: [`Error::InvalidConfig`] if a field is out of range or NaN.
///
/// # Example
/// After two steps of 1 along a slope of 1 the average is in the middle between the points after each of them:
/// ```
/// use burn::{module::Param, optim::GradientsParams, tensor::{Device, Tensor}};
/// use optlab::optim::{ModelOptimizer, ScheduleFreeSgdConfig};
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
/// # Ok::<(), optlab::Error>(())
/// ```
///
/// # Differs from
/// The authors' code, which turns the model itself from `θ` to `x` and back: here the trained model stays as it is.
///
/// # Reference
/// Defazio et al., *The Road Less Scheduled*, 2024, <https://arxiv.org/abs/2405.15682>
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
}

impl ElementwiseRule for ScheduleFreeSgd {
    type Step = ScheduleFreeSgdStep;

    fn at_step(&self, At { lr, t, numbers, .. }: At<'_>) -> ScheduleFreeSgdStep {
        let ScheduleFreeSgdConfig { momentum, weight_decay, r, weight_lr_power, warmup_steps } = self.config;
        let averaging = Averaging { beta: momentum, r, weight_lr_power, warmup_steps };
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
    step: schedule_free::Step,
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
