//! AdamC: AdamW whose weight decay follows the square of the learning rate.

use crate::Error;
use crate::burn_optimizer;
use crate::rule::{At, Content, ElementwiseRule, Rule, Start};
use crate::rules::parts::moments::{self, Moments, MomentsStep};
use crate::rules::parts::weight_decay::DecoupledDecay;
use crate::spec::rule_config;
use optlab_core::settings;
use optlab_core::settings::{Search, Settings};
use optlab_kernel::{Update, Value};

settings! {
    /// Settings of [`AdamC`].
    pub struct AdamCConfig {
        /// Decay of the first moment.
        beta_1: f64 = 0.9, "β₁", in BELOW_ONE, search(1, Search::Momentum);
        /// Decay of the second moment.
        beta_2: f64 = 0.999, "β₂", in BELOW_ONE, search(2, Search::Decay);
        /// Constant added to the denominator.
        epsilon: f64 = 1e-8, "ε", in POSITIVE;
        /// Decoupled weight decay at the largest learning rate.
        weight_decay: f64 = 0.01, "λ", in NON_NEGATIVE, search(3, Search::WeightDecay);
        /// Whether to decay only elements that the step does not move away from 0.
        cautious_decay: bool = false;
        /// The largest learning rate of the schedule; without it, the largest one so far.
        max_lr: Option<f64> = None, "η_max", in POSITIVE;
    }
}

rule_config!(elementwise AdamCConfig, lr 1e-3);

impl AdamCConfig {
    /// Checks the settings and builds the rule; errors name `owner`.
    pub(crate) fn build_as(&self, owner: &str) -> Result<AdamC, Error> {
        self.check(owner)?;
        let moments = Moments {
            beta_1: self.beta_1,
            beta_2: self.beta_2,
            epsilon: self.epsilon,
            amsgrad: false,
            bias_correction: true,
        };
        Ok(AdamC { moments, config: self.clone() })
    }
}

/// AdamC: [AdamW](crate::rules::AdamW) with its weight decay scaled by the learning rate, relative to the
/// largest one of the schedule (Defazio, 2025).
///
/// ```text
/// m₀ = 0, v₀ = 0
/// mₜ = β₁ mₜ₋₁ + (1 − β₁) gₜ
/// vₜ = β₂ vₜ₋₁ + (1 − β₂) gₜ²
/// η̂ₜ = η_max, or max(η₁, …, ηₜ) without it
/// θₜ = (1 − ηₜ² λ / η̂ₜ) θₜ₋₁ − ηₜ (mₜ / (1 − β₁ᵗ)) / (√(vₜ / (1 − β₂ᵗ)) + ε)
/// ```
///
/// The norm of weights that a normalization follows tends to a value at which decay and steps balance. With
/// AdamW that value depends on `ηₜ`, so gradients grow while a schedule lowers the rate; here it does not.
///
#[doc = settings_table!()]
///
/// With `cautious_decay`, `λ` is 0 for the elements that the step moves away from 0 (Chen et al., 2025,
/// <https://arxiv.org/abs/2510.12402>).
///
/// `ηₜ` is the `lr` argument of [`step`](burn::optim::Optimizer::step); the schedule sets it. Without
/// `max_lr` the decay is AdamW's while a warm-up raises the rate. With a constant rate the whole rule is
/// AdamW.
///
/// The paper corrects the decay of weights that a normalization follows, and leaves other parameters to
/// AdamW: `group:parameters=head.*,other=adamw,base=adamc`.
///
/// # Shapes
/// `θ`, `g`, `m`, `v`: `[d₁, …, d_D]`, any rank. State per parameter: the step number, the largest rate so
/// far, and two tensors.
///
/// # Errors
/// [`AdamCConfig::build`]: [`Error::InvalidConfig`] if a field is out of range or NaN.
///
/// # Example
/// At half of the largest rate a parameter decays by a quarter of the amount:
/// ```
/// use burn::{optim::Optimizer, tensor::{Device, Tensor}};
/// use optlab_optim::AdamCConfig;
///
/// let adamc = AdamCConfig { weight_decay: 0.5, max_lr: Some(0.5), ..AdamCConfig::default() }.build()?;
/// let device = Device::default();
/// for (lr, expected) in [(0.5, 0.75), (0.25, 0.9375)] {
///     let theta = Tensor::<1>::ones([1], &device);
///     let (theta, _) = adamc.step(lr, theta, Tensor::zeros([1], &device), None);
///     assert_eq!(theta.into_scalar::<f32>(), expected);
/// }
/// # Ok::<(), optlab_optim::Error>(())
/// ```
///
/// # Differs from
/// pytorch_optimizer and heavyball: without `max_lr` the largest rate so far takes its place, not the first
/// one, which a warm-up exceeds. pytorch_optimizer: every parameter is treated as normalized, `λ` is not 0 by
/// default, and `ε = 0` is refused. heavyball: `ε` is added to the root instead of bounding it.
///
/// # Reference
/// Defazio, *Why Gradients Rapidly Increase Near the End of Training*, 2025,
/// <https://arxiv.org/abs/2506.02285>
#[derive(Debug, Clone)]
pub struct AdamC {
    moments: Moments,
    config: AdamCConfig,
}

impl Rule for AdamC {
    const STATE: &'static [&'static str] = moments::STATE;

    const NUMBERS: &'static [(&'static str, f64)] = &[("largest_lr", 0.0)];

    fn start(&self, buffer: &str, _shape: &[usize]) -> Option<Start> {
        self.moments.start(buffer)
    }

    fn content(&self, buffer: &str) -> Content {
        self.moments.content(buffer)
    }
}

impl ElementwiseRule for AdamC {
    type Step = AdamCStep;

    fn at_step(&self, At { lr, t, numbers, .. }: At<'_>) -> AdamCStep {
        let [largest_lr] = numbers else { unreachable!("one number") };
        *largest_lr = largest_lr.max(lr);
        let highest = self.config.max_lr.unwrap_or(*largest_lr);
        let share = if highest == 0.0 { 0.0 } else { lr / highest };
        let decay = DecoupledDecay::new(lr * share, self.config.weight_decay, self.config.cautious_decay);
        AdamCStep { moments: self.moments.at_step(lr, t), decay }
    }
}

burn_optimizer!(AdamC);

/// The coefficients of [`AdamC`] in one step.
#[derive(Debug, Clone, Copy)]
pub struct AdamCStep {
    moments: MomentsStep,
    decay: DecoupledDecay,
}

impl Update for AdamCStep {
    const BUFFERS: (usize, usize) = (2, 2);

    #[inline(always)]
    fn update<V: Value>(&self, theta: V, grad: V, state: &mut [V], _sums: &[V]) -> V {
        let step = self.moments.update(grad, state);
        self.decay.before(theta, &step) - step
    }
}
