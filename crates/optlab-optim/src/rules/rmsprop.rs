//! RMSprop: gradients divided by their running root mean square.

use crate::Error;
use crate::burn_optimizer;
use crate::rule::{At, Content, ElementwiseRule, Rule, Start};
use crate::rules::parts::moments::moving_average;
use crate::rules::parts::weight_decay;
use crate::spec::rule_config;
use optlab_core::settings;
use optlab_core::settings::{Search, Settings};
use optlab_kernel::{Update, Value};

settings! {
    /// Settings of [`RmsProp`].
    pub struct RmsPropConfig {
        /// Decay of the mean of the squares.
        alpha: f64 = 0.99, "α", in BELOW_ONE, search(2, Search::Decay);
        /// Constant added to the denominator.
        epsilon: f64 = 1e-8, "ε", in POSITIVE, search(3, Search::Epsilon);
        /// Weight decay, added to the gradient.
        weight_decay: f64 = 0.0, "λ", in NON_NEGATIVE;
        /// Share of the velocity kept per step.
        momentum: f64 = 0.0, "μ", in BELOW_ONE, search(1, Search::Momentum);
        /// Whether to divide by the root of the variance instead of the root mean square.
        centered: bool = false;
        /// Whether to add `epsilon` under the root instead of to the root.
        epsilon_inside_sqrt: bool = false;
    }
}

rule_config!(elementwise RmsPropConfig, lr 1e-2);

impl RmsPropConfig {
    /// Checks the settings and builds the rule; errors name `owner`.
    pub(crate) fn build_as(&self, owner: &str) -> Result<RmsProp, Error> {
        self.check(owner)?;
        Ok(RmsProp { config: self.clone() })
    }
}

/// RMSprop: divides the gradient by the root of the mean of its squares (Tieleman & Hinton, 2012).
///
/// ```text
/// s₀ = 0, a₀ = 0, b₀ = 0
/// gₜ' = gₜ + λ θₜ₋₁
/// sₜ = α sₜ₋₁ + (1 − α) gₜ'²
/// aₜ = α aₜ₋₁ + (1 − α) gₜ' with centered, else 0
/// cₜ = max(0, sₜ − aₜ²)
/// bₜ = μ bₜ₋₁ + gₜ' / (√cₜ + ε)                     or, with epsilon_inside_sqrt, μ bₜ₋₁ + gₜ' / √(cₜ + ε)
/// θₜ = θₜ₋₁ − ηₜ bₜ
/// ```
///
#[doc = settings_table!()]
///
/// `ηₜ` is the `lr` argument of [`step`](burn::optim::Optimizer::step); the schedule sets it.
///
/// # Shapes
/// `θ`, `g`, `s`, `a`, `b`: `[d₁, …, d_D]`, any rank. State: one tensor per parameter, one more with
/// `centered`, and one more with `momentum`.
///
/// # Errors
/// [`RmsPropConfig::build`]: [`Error::InvalidConfig`] if a field is out of range or NaN.
///
/// # Example
/// The mean starts at 0 and is not bias-corrected, so the first step is `1 / √(1 − α)` times the learning
/// rate:
/// ```
/// use burn::{optim::Optimizer, tensor::{Device, Tensor}};
///
/// let rmsprop = optlab_optim::RmsPropConfig::default().build()?;
/// let device = Device::default();
/// let theta = Tensor::<1>::zeros([1], &device);
/// let (theta, _) = rmsprop.step(0.1, theta, Tensor::from_floats([3.0], &device), None);
/// assert!((theta.into_scalar::<f32>() + 1.0).abs() < 1e-5);
/// # Ok::<(), optlab_optim::Error>(())
/// ```
///
/// # Differs from
/// PyTorch: a variance that is negative due to rounding is treated as 0 instead of giving NaN; `ε = 0` is
/// refused. Burn: the momentum is 0, not 0.9, and `ε` is 1e-8, not 1e-5. TensorFlow, and optax by default,
/// add `ε` under the root, as `epsilon_inside_sqrt` does.
///
/// # Reference
/// Tieleman & Hinton, *Lecture 6.5*, Coursera: Neural Networks for Machine Learning, 2012,
/// <https://www.cs.toronto.edu/~tijmen/csc321/slides/lecture_slides_lec6.pdf>; `centered`: Graves, 2013,
/// <https://arxiv.org/abs/1308.0850>
#[derive(Debug, Clone)]
pub struct RmsProp {
    config: RmsPropConfig,
}

impl Rule for RmsProp {
    const STATE: &'static [&'static str] = &["mean_square", "mean", "velocity"];

    fn start(&self, buffer: &str, _shape: &[usize]) -> Option<Start> {
        let is_used = match buffer {
            "mean" => self.config.centered,
            "velocity" => self.config.momentum != 0.0,
            _ => true,
        };
        is_used.then_some(Start::Value(0.0))
    }

    fn content(&self, buffer: &str) -> Content {
        match buffer {
            // The variance is a small difference of the two.
            "mean" | "mean_square" if self.config.centered => Content::Exact,
            "mean_square" => Content::PositiveMean,
            _ => Content::Mean,
        }
    }
}

impl ElementwiseRule for RmsProp {
    type Step = RmsPropStep;

    fn at_step(&self, At { lr, .. }: At<'_>) -> RmsPropStep {
        let RmsPropConfig { alpha, epsilon, weight_decay, momentum, centered, epsilon_inside_sqrt } =
            self.config;
        RmsPropStep { lr, alpha, epsilon, weight_decay, momentum, centered, epsilon_inside_sqrt }
    }
}

burn_optimizer!(RmsProp);

/// The coefficients of [`RmsProp`] in one step.
#[derive(Debug, Clone, Copy)]
pub struct RmsPropStep {
    lr: f64,
    alpha: f64,
    epsilon: f64,
    weight_decay: f64,
    momentum: f64,
    centered: bool,
    epsilon_inside_sqrt: bool,
}

impl Update for RmsPropStep {
    const BUFFERS: (usize, usize) = (1, 3);

    #[inline(always)]
    fn update<V: Value>(&self, theta: V, grad: V, state: &mut [V], _sums: &[V]) -> V {
        let [mean_square, further @ ..] = state else { unreachable!("one buffer or more") };
        let grad = weight_decay::coupled(grad, &theta, self.weight_decay);
        *mean_square = moving_average(mean_square, grad.clone().square(), self.alpha);
        let (spread, further) = match further {
            [mean, further @ ..] if self.centered => {
                *mean = moving_average(mean, grad.clone(), self.alpha);
                // With a constant gradient the two are equal up to rounding, so the difference may be
                // slightly negative.
                let variance = mean_square.clone() - mean.clone().square();
                (variance.at_least(0.0), further)
            }
            further => (mean_square.clone(), further),
        };
        let denominator = if self.epsilon_inside_sqrt {
            spread.add_scalar(self.epsilon).sqrt()
        } else {
            spread.sqrt().add_scalar(self.epsilon)
        };
        let update = grad / denominator;
        let direction = match further {
            [velocity] => {
                *velocity = velocity.clone().mul_scalar(self.momentum) + update;
                velocity.clone()
            }
            _ => update,
        };
        theta - direction.mul_scalar(self.lr)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::optim::Optimizer;
    use burn::tensor::{Device, Tensor};

    #[test]
    fn a_constant_gradient_never_makes_the_centered_rule_nan() {
        let device = Device::default();
        let rule = RmsPropConfig { alpha: 0.5, centered: true, ..RmsPropConfig::default() }.build().unwrap();
        let gradients: Vec<f32> = (1..=1000).map(|i| i as f32 / 7.0).collect();
        let mut theta = Tensor::<1>::zeros([1000], &device);
        let mut state = None;
        for _ in 0..60 {
            let grad = Tensor::from_floats(gradients.as_slice(), &device);
            (theta, state) = rule.step(1e-9, theta, grad, state);
        }
        let theta: Vec<f32> = theta.into_data().try_to_vec().unwrap();
        assert!(theta.iter().all(|value| value.is_finite()));
    }
}
