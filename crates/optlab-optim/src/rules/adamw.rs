//! AdamW: Adam with decoupled weight decay.

use crate::Error;
use crate::burn_optimizer;
use crate::rule::{At, ElementwiseRule, Rule, Start};
use crate::rules::parts::moments::{self, Moments, MomentsStep};
use crate::rules::parts::weight_decay::DecoupledDecay;
use crate::spec::rule_config;
use optlab_core::settings;
use optlab_core::settings::{Search, Settings};
use optlab_kernel::{Update, Value};

settings! {
    /// Settings of [`AdamW`].
    pub struct AdamWConfig {
        /// Decay of the first moment.
        beta_1: f64 = 0.9, "β₁", in BELOW_ONE, search(1, Search::Momentum);
        /// Decay of the second moment.
        beta_2: f64 = 0.999, "β₂", in BELOW_ONE, search(2, Search::Decay);
        /// Constant added to the denominator.
        epsilon: f64 = 1e-8, "ε", in POSITIVE;
        /// Decoupled weight decay.
        weight_decay: f64 = 0.01, "λ", in NON_NEGATIVE, search(3, Search::WeightDecay);
        /// Whether to decay only elements that the step does not move away from 0.
        cautious_decay: bool = false, since("2026-11-30");
        /// Whether to divide by the largest second moment so far.
        amsgrad: bool = false;
        /// Whether to correct both moments for starting at 0.
        bias_correction: bool = true;
    }
}

rule_config!(elementwise AdamWConfig, lr 1e-3);

impl AdamWConfig {
    /// Checks the settings and builds the rule; errors name `owner`.
    pub(crate) fn build_as(&self, owner: &str) -> Result<AdamW, Error> {
        self.check(owner)?;
        let moments = Moments {
            beta_1: self.beta_1,
            beta_2: self.beta_2,
            epsilon: self.epsilon,
            amsgrad: self.amsgrad,
            bias_correction: self.bias_correction,
        };
        Ok(AdamW { moments, weight_decay: self.weight_decay, cautious_decay: self.cautious_decay })
    }
}

/// AdamW: [Adam](crate::rules::Adam) with decoupled weight decay (Loshchilov & Hutter, 2017).
///
/// ```text
/// m₀ = 0, v₀ = 0, u₀ = 0
/// mₜ = β₁ mₜ₋₁ + (1 − β₁) gₜ
/// vₜ = β₂ vₜ₋₁ + (1 − β₂) gₜ²
/// uₜ = max(uₜ₋₁, vₜ) with amsgrad, else vₜ
/// c₁ = 1 − β₁ᵗ, c₂ = 1 − β₂ᵗ with bias_correction, else 1
/// θₜ = (1 − ηₜ λ) θₜ₋₁ − ηₜ (mₜ / c₁) / (√(uₜ / c₂) + ε)
/// ```
///
#[doc = settings_table!()]
///
/// With `cautious_decay`, `λ` is 0 for the elements that the step moves away from 0 (Chen et al., 2025,
/// <https://arxiv.org/abs/2510.12402>).
///
/// `ηₜ` is the `lr` argument of [`step`](burn::optim::Optimizer::step); the schedule sets it.
///
/// # Shapes
/// `θ`, `g`, `m`, `v`, `u`: `[d₁, …, d_D]`, any rank. State: the step number and two tensors per parameter,
/// three with `amsgrad`.
///
/// # Errors
/// [`AdamWConfig::build`]: [`Error::InvalidConfig`] if a field is out of range or NaN.
///
/// # Example
/// With a gradient of 0 a parameter is multiplied by exactly `1 − η λ`; Adam would divide the decay by the
/// root of the second moment:
/// ```
/// use burn::{optim::Optimizer, tensor::{Device, Tensor}};
/// use optlab_optim::AdamWConfig;
///
/// let adamw = AdamWConfig { weight_decay: 0.5, ..AdamWConfig::default() }.build()?;
/// let device = Device::default();
/// let theta = Tensor::<1>::ones([1], &device);
/// let (theta, _) = adamw.step(0.5, theta, Tensor::zeros([1], &device), None);
/// assert_eq!(theta.into_scalar::<f32>(), 0.75);
/// # Ok::<(), optlab_optim::Error>(())
/// ```
///
/// # Differs from
/// Its paper, as PyTorch does: the decay is multiplied by the learning rate. PyTorch: `ε = 0` is refused.
/// Burn: `ε` is 1e-8, not 1e-5, `λ` is 0.01, not 1e-4, and the powers of `β` are computed in 64 bits.
/// Burn's and heavyball's cautious decay compare signs in which 0 is positive, so a negative element with a
/// step of 0 does not decay there; here it does, as in the paper.
///
/// # Reference
/// Loshchilov & Hutter, *Decoupled Weight Decay Regularization*, 2017, <https://arxiv.org/abs/1711.05101>
#[derive(Debug, Clone)]
pub struct AdamW {
    moments: Moments,
    weight_decay: f64,
    cautious_decay: bool,
}

impl Rule for AdamW {
    const STATE: &'static [&'static str] = moments::STATE;

    fn start(&self, buffer: &str, _shape: &[usize]) -> Option<Start> {
        self.moments.start(buffer)
    }
}

impl ElementwiseRule for AdamW {
    type Step = AdamWStep;

    fn at_step(&self, At { lr, t, .. }: At<'_>) -> AdamWStep {
        let decay = DecoupledDecay::new(lr, self.weight_decay, self.cautious_decay);
        AdamWStep { moments: self.moments.at_step(lr, t), decay }
    }
}

burn_optimizer!(AdamW);

/// The coefficients of [`AdamW`] in one step.
#[derive(Debug, Clone, Copy)]
pub struct AdamWStep {
    moments: MomentsStep,
    decay: DecoupledDecay,
}

impl Update for AdamWStep {
    const BUFFERS: (usize, usize) = (2, 3);

    #[inline(always)]
    fn update<V: Value>(&self, theta: V, grad: V, state: &mut [V], _sums: &[V]) -> V {
        let step = self.moments.update(grad, state);
        self.decay.before(theta, &step) - step
    }
}
