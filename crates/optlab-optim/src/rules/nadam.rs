//! NAdam: Adam with Nesterov momentum.

use crate::Error;
use crate::burn_optimizer;
use crate::rule::{At, ElementwiseRule, Rule};
use crate::rules::parts::moments::{moving_average, power};
use crate::rules::parts::weight_decay::{self, DecoupledDecay};
use crate::spec::rule_config;
use optlab_core::settings;
use optlab_core::settings::{Search, Settings};
use optlab_kernel::{Update, Value};

settings! {
    /// Settings of [`NAdam`].
    pub struct NAdamConfig {
        /// Decay of the first moment.
        beta_1: f64 = 0.9, "β₁", in BELOW_ONE, search(1, Search::Momentum);
        /// Decay of the second moment.
        beta_2: f64 = 0.999, "β₂", in BELOW_ONE, search(2, Search::Decay);
        /// Constant added to the denominator.
        epsilon: f64 = 1e-8, "ε", in POSITIVE, search(3, Search::Epsilon);
        /// Weight decay.
        weight_decay: f64 = 0.0, "λ", in NON_NEGATIVE;
        /// Speed at which the momentum grows from half of `beta_1` towards `beta_1`.
        momentum_decay: f64 = 4e-3, "ψ", in NON_NEGATIVE;
        /// Whether the weight decay is decoupled from the gradient.
        decoupled_weight_decay: bool = false;
        /// Whether to decay only elements that the step does not move away from 0.
        cautious_decay: bool = false, since("2026-11-30");
    }
}

rule_config!(elementwise NAdamConfig, lr 2e-3);

impl NAdamConfig {
    /// Checks the settings and builds the rule; errors name `owner`.
    pub(crate) fn build_as(&self, owner: &str) -> Result<NAdam, Error> {
        self.check(owner)?;
        weight_decay::check_cautious(owner, self.cautious_decay, self.decoupled_weight_decay)?;
        Ok(NAdam { config: self.clone() })
    }
}

/// NAdam: Adam with Nesterov momentum that grows over the steps (Dozat, 2016).
///
/// ```text
/// m₀ = 0, v₀ = 0, P₀ = 1
/// gₜ' = gₜ + λ θₜ₋₁, and θ' = θₜ₋₁; or with decoupled_weight_decay gₜ' = gₜ, and θ' = (1 − ηₜ λ) θₜ₋₁
/// mₜ = β₁ mₜ₋₁ + (1 − β₁) gₜ'
/// vₜ = β₂ vₜ₋₁ + (1 − β₂) gₜ'²
/// μₜ = β₁ (1 − ½ · 0.96^(t ψ)), Pₜ = Pₜ₋₁ μₜ
/// nₜ = μₜ₊₁ mₜ / (1 − Pₜ μₜ₊₁) + (1 − μₜ) gₜ' / (1 − Pₜ)
/// θₜ = θ' − ηₜ nₜ / (√(vₜ / (1 − β₂ᵗ)) + ε)
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
/// `θ`, `g`, `m`, `v`: `[d₁, …, d_D]`, any rank. State: the step number, the product `P` and two tensors per
/// parameter.
///
/// # Errors
/// [`NAdamConfig::build`]: [`Error::InvalidConfig`] if a field is out of range or NaN.
///
/// # Example
/// The first step is longer than Adam's by the contribution of the second step's momentum:
/// ```
/// use burn::{optim::Optimizer, tensor::{Device, Tensor}};
/// use optlab_optim::NAdamConfig;
///
/// let nadam = NAdamConfig { momentum_decay: 0.0, ..NAdamConfig::default() }.build()?;
/// let device = Device::default();
/// let theta = Tensor::<1>::zeros([1], &device);
/// let (theta, _) = nadam.step(1.0, theta, Tensor::from_floats([8.0], &device), None);
/// // With `momentum_decay = 0`, μ is β₁ / 2.
/// let expected = -(1.0 + 0.45 * 0.1 / (1.0 - 0.45 * 0.45));
/// assert!((theta.into_scalar::<f32>() - expected).abs() < 1e-5);
/// # Ok::<(), optlab_optim::Error>(())
/// ```
///
/// # Differs from
/// PyTorch: `ε = 0` is refused. optax: its `nadam` has a constant momentum, which is `μₜ = β₁` here.
///
/// # Reference
/// Dozat, *Incorporating Nesterov Momentum into Adam*, 2016,
/// <https://openreview.net/forum?id=OM0jvwB8jIp57ZJjtNEZ>
#[derive(Debug, Clone)]
pub struct NAdam {
    config: NAdamConfig,
}

impl Rule for NAdam {
    const STATE: &'static [&'static str] = &["first_moment", "second_moment"];
    const NUMBERS: &'static [(&'static str, f64)] = &[("momentum_product", 1.0)];
}

impl ElementwiseRule for NAdam {
    type Step = NAdamStep;

    fn at_step(&self, At { lr, t, numbers, .. }: At<'_>) -> NAdamStep {
        let [momentum_product] = numbers else { unreachable!("one number") };
        let NAdamConfig { beta_1, beta_2, epsilon, momentum_decay, .. } = self.config;
        let momentum_at = |t: u64| beta_1 * (1.0 - 0.5 * 0.96_f64.powf(t as f64 * momentum_decay));
        let (momentum, next) = (momentum_at(t), momentum_at(t + 1));
        *momentum_product *= momentum;
        let correction_2 = (1.0 - power(beta_2, t)).sqrt();
        let NAdamConfig { weight_decay, decoupled_weight_decay, cautious_decay, .. } = self.config;
        let (coupled, decoupled) =
            if decoupled_weight_decay { (0.0, weight_decay) } else { (weight_decay, 0.0) };
        NAdamStep {
            beta_1,
            beta_2,
            epsilon: epsilon * correction_2,
            coupled,
            decay: DecoupledDecay::new(lr, decoupled, cautious_decay),
            of_first: lr * correction_2 * next / (1.0 - *momentum_product * next),
            of_grad: lr * correction_2 * (1.0 - momentum) / (1.0 - *momentum_product),
        }
    }
}

burn_optimizer!(NAdam);

/// The coefficients of [`NAdam`] in one step.
#[derive(Debug, Clone, Copy)]
pub struct NAdamStep {
    beta_1: f64,
    beta_2: f64,
    epsilon: f64,
    /// Weight decay added to the gradient.
    coupled: f64,
    decay: DecoupledDecay,
    /// Factor of the first moment.
    of_first: f64,
    /// Factor of the gradient.
    of_grad: f64,
}

impl Update for NAdamStep {
    const BUFFERS: (usize, usize) = (2, 2);

    #[inline(always)]
    fn update<V: Value>(&self, theta: V, grad: V, state: &mut [V], _sums: &[V]) -> V {
        let [first, second] = state else { unreachable!("two buffers") };
        let grad = weight_decay::coupled(grad, &theta, self.coupled);
        *first = moving_average(first, grad.clone(), self.beta_1);
        *second = moving_average(second, grad.clone().square(), self.beta_2);
        let ahead = first.clone().mul_scalar(self.of_first) + grad.mul_scalar(self.of_grad);
        self.decay.before(theta, &ahead) - ahead / second.clone().sqrt().add_scalar(self.epsilon)
    }
}
