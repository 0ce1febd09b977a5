use crate::RecordState;
use crate::error::Error;
use crate::optim::moments::moving_average;
use crate::optim::{ModelOptimizer, RuleConfig, weight_decay};
use crate::range::{self, BELOW_ONE, NON_NEGATIVE, POSITIVE};
use burn::optim::Optimizer;
use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};

/// Settings of [`RmsProp`], where their ranges are listed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RmsPropConfig {
    /// Decay of the mean of the squares.
    pub alpha: f64,
    /// Added to the denominator.
    pub epsilon: f64,
    /// Weight decay, as part of the gradient.
    pub weight_decay: f64,
    /// How much of the velocity stays from step to step.
    pub momentum: f64,
    /// Whether the variance divides instead of the mean of the squares.
    pub centered: bool,
}

impl Default for RmsPropConfig {
    fn default() -> Self {
        RmsPropConfig { alpha: 0.99, epsilon: 1e-8, weight_decay: 0.0, momentum: 0.0, centered: false }
    }
}

impl RuleConfig for RmsPropConfig {
    const DEFAULT_LR: f64 = 1e-2;

    fn build_for_model(&self, name: &str) -> Result<ModelOptimizer, Error> {
        Ok(ModelOptimizer::new(name, self.build()?))
    }
}

impl RmsPropConfig {
    /// The rule by itself, for Burn's `ModuleOptimizer` or one's own loop.
    ///
    /// # Errors
    /// [`Error::InvalidConfig`] for a field out of its range or NaN.
    pub fn build(&self) -> Result<RmsProp, Error> {
        range::check(
            "rmsprop",
            [
                ("alpha", self.alpha, BELOW_ONE),
                ("epsilon", self.epsilon, POSITIVE),
                ("weight_decay", self.weight_decay, NON_NEGATIVE),
                ("momentum", self.momentum, BELOW_ONE),
            ],
        )?;
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
/// bₜ = μ bₜ₋₁ + gₜ' / (√max(0, sₜ − aₜ²) + ε)
/// θₜ = θₜ₋₁ − ηₜ bₜ
/// ```
///
/// | field          | symbol | default | range           |
/// |:---------------|:-------|--------:|:----------------|
/// | `alpha`        | `α`    |    0.99 | `[0, 1)`        |
/// | `epsilon`      | `ε`    |    1e-8 | `(0, ∞)`        |
/// | `weight_decay` | `λ`    |       0 | `[0, ∞)`        |
/// | `momentum`     | `μ`    |       0 | `[0, 1)`        |
/// | `centered`     |        |   false | true or false   |
///
/// `ηₜ` is the `lr` argument of [`step`](Optimizer::step); the schedule owns it.
///
/// # Shapes
/// `θ`, `g`, `s`, `a`, `b`: `[d₁, …, d_D]`, any rank. State: one tensor per parameter, one more with `centered`, one
/// more with `momentum`.
///
/// # Errors
/// [`RmsPropConfig::build`]: [`Error::InvalidConfig`] if a field is out of range or NaN.
///
/// # Example
/// The mean starts at 0 and is not corrected for it, so the first step is `1 / √(1 − α)` times the learning rate:
/// ```
/// use burn::{optim::Optimizer, tensor::{Device, Tensor}};
///
/// let rmsprop = optlab::optim::RmsPropConfig::default().build()?;
/// let device = Device::default();
/// let theta = Tensor::<1>::zeros([1], &device);
/// let (theta, _) = rmsprop.step(0.1, theta, Tensor::from_floats([3.0], &device), None);
/// assert!((theta.into_scalar::<f32>() + 1.0).abs() < 1e-5);
/// # Ok::<(), optlab::Error>(())
/// ```
///
/// # Differs from
/// PyTorch: a variance that rounding makes negative counts as 0 instead of NaN; `ε = 0` is refused. Burn: the momentum
/// is 0, not 0.9, and `ε` is 1e-8, not 1e-5. TensorFlow puts `ε` under the root.
///
/// # Reference
/// Tieleman & Hinton, *Lecture 6.5*, Coursera: Neural Networks for Machine Learning, 2012,
/// <https://www.cs.toronto.edu/~tijmen/csc321/slides/lecture_slides_lec6.pdf>; `centered`: Graves, 2013,
/// <https://arxiv.org/abs/1308.0850>
#[derive(Debug, Clone)]
pub struct RmsProp {
    config: RmsPropConfig,
}

/// What [`RmsProp`] remembers of a parameter.
#[derive(Debug, Clone, RecordState)]
pub struct RmsPropState<const D: usize> {
    /// The mean of the squares, `s`.
    pub mean_square: Tensor<D>,
    /// With `centered`, the mean of the gradients, `a`.
    pub mean: Option<Tensor<D>>,
    /// With `momentum`, the decaying sum of the updates, `b`.
    pub velocity: Option<Tensor<D>>,
}

impl Optimizer for RmsProp {
    type State<const D: usize> = RmsPropState<D>;

    fn step<const D: usize>(
        &self,
        lr: f64,
        theta: Tensor<D>,
        grad: Tensor<D>,
        state: Option<Self::State<D>>,
    ) -> (Tensor<D>, Option<Self::State<D>>) {
        let RmsPropConfig { alpha, epsilon, weight_decay, momentum, centered } = self.config;
        let (mean_square, mean, velocity) = match state {
            Some(state) => (Some(state.mean_square), state.mean, state.velocity),
            None => (None, None, None),
        };
        let grad = weight_decay::coupled(grad, &theta, weight_decay);
        let mean_square = moving_average(mean_square, grad.clone().square(), alpha);
        let mean = centered.then(|| moving_average(mean, grad.clone(), alpha));
        let spread = match &mean {
            // With a constant gradient the two are equal but for rounding, which must not take a root of less than 0.
            Some(mean) => (mean_square.clone() - mean.clone().square()).clamp_min(0.0),
            None => mean_square.clone(),
        };
        let update = grad / spread.sqrt().add_scalar(epsilon);
        let (update, velocity) = if momentum == 0.0 {
            (update, None)
        } else {
            let velocity = match velocity {
                Some(velocity) => velocity.mul_scalar(momentum) + update,
                None => update,
            };
            (velocity.clone(), Some(velocity))
        };
        let state = RmsPropState { mean_square, mean, velocity };
        (theta - update.mul_scalar(lr), Some(state))
    }

    fn to_device<const D: usize>(state: Self::State<D>, device: &Device) -> Self::State<D> {
        RmsPropState {
            mean_square: state.mean_square.to_device(device),
            mean: state.mean.map(|mean| mean.to_device(device)),
            velocity: state.velocity.map(|velocity| velocity.to_device(device)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
