//! RAdam: Adam that uses its second moment only once it is reliable.

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
    /// Settings of [`RAdam`].
    pub struct RAdamConfig {
        /// Decay of the first moment.
        beta_1: f64 = 0.9, "β₁", in BELOW_ONE, search(1, Search::Momentum);
        /// Decay of the second moment.
        beta_2: f64 = 0.999, "β₂", in BELOW_ONE, search(2, Search::Decay);
        /// Constant added to the denominator.
        epsilon: f64 = 1e-8, "ε", in POSITIVE, search(3, Search::Epsilon);
        /// Weight decay.
        weight_decay: f64 = 0.0, "λ", in NON_NEGATIVE;
        /// Whether the weight decay is decoupled from the gradient.
        decoupled_weight_decay: bool = false;
        /// Whether to decay only elements that the step does not move away from 0.
        cautious_decay: bool = false, since("2026-11-30");
    }
}

rule_config!(elementwise RAdamConfig, lr 1e-3);

impl RAdamConfig {
    /// Checks the settings and builds the rule; errors name `owner`.
    pub(crate) fn build_as(&self, owner: &str) -> Result<RAdam, Error> {
        self.check(owner)?;
        weight_decay::check_cautious(owner, self.cautious_decay, self.decoupled_weight_decay)?;
        Ok(RAdam { config: self.clone() })
    }
}

/// RAdam: Adam that divides by the second moment only after enough steps for it to be reliable (Liu et al.,
/// 2019).
///
/// ```text
/// m₀ = 0, v₀ = 0
/// gₜ' = gₜ + λ θₜ₋₁, and θ' = θₜ₋₁; or with decoupled_weight_decay gₜ' = gₜ, and θ' = (1 − ηₜ λ) θₜ₋₁
/// mₜ = β₁ mₜ₋₁ + (1 − β₁) gₜ'
/// vₜ = β₂ vₜ₋₁ + (1 − β₂) gₜ'²
/// ρ∞ = 2 / (1 − β₂) − 1, ρₜ = ρ∞ − 2 t β₂ᵗ / (1 − β₂ᵗ)
/// rₜ = √((ρₜ − 4) (ρₜ − 2) ρ∞ / ((ρ∞ − 4) (ρ∞ − 2) ρₜ))
/// θₜ = θ' − ηₜ rₜ (mₜ / (1 − β₁ᵗ)) √(1 − β₂ᵗ) / (√vₜ + ε)      where ρₜ > 5
/// θₜ = θ' − ηₜ mₜ / (1 − β₁ᵗ)                                    elsewhere
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
/// `θ`, `g`, `m`, `v`: `[d₁, …, d_D]`, any rank. State: the step number and two tensors per parameter.
///
/// # Errors
/// [`RAdamConfig::build`]: [`Error::InvalidConfig`] if a field is out of range or NaN.
///
/// # Example
/// The first five steps are momentum steps, so the size of a gradient matters:
/// ```
/// use burn::{optim::Optimizer, tensor::{Device, Tensor}};
///
/// let radam = optlab_optim::RAdamConfig::default().build()?;
/// let device = Device::default();
/// let theta = Tensor::<1>::zeros([2], &device);
/// let (theta, _) = radam.step(0.5, theta, Tensor::from_floats([4.0, -0.02], &device), None);
/// let moved: Vec<f32> = theta.into_data().try_to_vec().unwrap();
/// assert!((moved[0] + 2.0).abs() < 1e-5 && (moved[1] - 0.01).abs() < 1e-6);
/// # Ok::<(), optlab_optim::Error>(())
/// ```
///
/// # Differs from
/// Its paper, as PyTorch does: the threshold of `ρₜ` is 5, not 4. PyTorch: `ε = 0` is refused.
///
/// # Reference
/// Liu et al., *On the Variance of the Adaptive Learning Rate and Beyond*, 2019,
/// <https://arxiv.org/abs/1908.03265>
#[derive(Debug, Clone)]
pub struct RAdam {
    config: RAdamConfig,
}

impl Rule for RAdam {
    const STATE: &'static [&'static str] = &["first_moment", "second_moment"];
}

impl ElementwiseRule for RAdam {
    type Step = RAdamStep;

    fn at_step(&self, At { lr, t, .. }: At<'_>) -> RAdamStep {
        let RAdamConfig { beta_1, beta_2, epsilon, .. } = self.config;
        let correction_1 = 1.0 - power(beta_1, t);
        let correction_2 = 1.0 - power(beta_2, t);
        let longest = 2.0 / (1.0 - beta_2) - 1.0;
        let length = longest - 2.0 * t as f64 * power(beta_2, t) / correction_2;
        let is_rectified = length > 5.0;
        let rectification = if is_rectified {
            let of = |length: f64| (length - 4.0) * (length - 2.0) / length;
            (of(length) / of(longest) * correction_2).sqrt()
        } else {
            1.0
        };
        let RAdamConfig { weight_decay, decoupled_weight_decay, cautious_decay, .. } = self.config;
        let (coupled, decoupled) =
            if decoupled_weight_decay { (0.0, weight_decay) } else { (weight_decay, 0.0) };
        let decay = DecoupledDecay::new(lr, decoupled, cautious_decay);
        let factor = lr * rectification / correction_1;
        RAdamStep { beta_1, beta_2, epsilon, coupled, decay, factor, is_rectified }
    }
}

burn_optimizer!(RAdam);

/// The coefficients of [`RAdam`] in one step.
#[derive(Debug, Clone, Copy)]
pub struct RAdamStep {
    beta_1: f64,
    beta_2: f64,
    epsilon: f64,
    /// Weight decay added to the gradient.
    coupled: f64,
    decay: DecoupledDecay,
    /// Factor of the first moment.
    factor: f64,
    /// Whether the first moment is divided by the root of the second.
    is_rectified: bool,
}

impl Update for RAdamStep {
    const BUFFERS: (usize, usize) = (2, 2);

    #[inline(always)]
    fn update<V: Value>(&self, theta: V, grad: V, state: &mut [V], _sums: &[V]) -> V {
        let [first, second] = state else { unreachable!("two buffers") };
        let grad = weight_decay::coupled(grad, &theta, self.coupled);
        *first = moving_average(first, grad.clone(), self.beta_1);
        *second = moving_average(second, grad.square(), self.beta_2);
        let step = first.clone().mul_scalar(self.factor);
        let theta = self.decay.before(theta, &step);
        if self.is_rectified {
            theta - step / second.clone().sqrt().add_scalar(self.epsilon)
        } else {
            theta - step
        }
    }
}
