//! FTRL-Proximal: follow the regularized leader, with exact zeros under an L1 penalty.

use crate::Error;
use crate::burn_optimizer;
use crate::rule::{At, Content, ElementwiseRule, Rule};
use crate::spec::rule_config;
use optlab_core::settings;
use optlab_core::settings::{Search, Settings};
use optlab_kernel::{Update, Value};

settings! {
    /// Settings of [`Ftrl`].
    pub struct FtrlConfig {
        /// Power of the sum of squares by which an element's rate decays.
        lr_power: f64 = (-0.5), "p", in NEGATIVE;
        /// Constant added to the root of the sum of squares.
        beta: f64 = 0.0, "β", in NON_NEGATIVE;
        /// Strength of the penalty on absolute values.
        l1: f64 = 0.0, "λ₁", in NON_NEGATIVE, search(1, Search::Log(1e-4, 10.0));
        /// Strength of the penalty on squares.
        l2: f64 = 0.0, "λ₂", in NON_NEGATIVE, search(2, Search::Log(1e-4, 10.0));
    }
}

rule_config!(elementwise FtrlConfig, lr 1e-3);

impl FtrlConfig {
    /// Checks the settings and builds the rule; errors name `owner`.
    pub(crate) fn build_as(&self, owner: &str) -> Result<Ftrl, Error> {
        self.check(owner)?;
        Ok(Ftrl { config: self.clone() })
    }
}

/// FTRL-Proximal: the minimizer for all gradients so far under L1 and L2 penalties, exactly 0 where the L1
/// penalty dominates (McMahan et al., 2013).
///
/// ```text
/// z₀ = 0, n₀ = 0
/// nₜ = nₜ₋₁ + gₜ²
/// zₜ = zₜ₋₁ + gₜ − (nₜ⁻ᵖ − nₜ₋₁⁻ᵖ) / ηₜ θₜ₋₁
/// θₜ = −sign(zₜ) (|zₜ| − λ₁) / ((β + √nₜ) / ηₜ + λ₂)      where |zₜ| > λ₁
/// θₜ = 0                                                   elsewhere
/// ```
///
#[doc = settings_table!()]
///
/// `ηₜ` is the `lr` argument of [`step`](burn::optim::Optimizer::step); the schedule sets it. A rate of 0
/// changes nothing. Penalties are weighed against the sum of all gradients, not against a single one, and an
/// element that has never had a gradient becomes 0 in the first step.
///
/// The rate should stay constant: `z` holds terms that were divided by the rates of their steps, but `θ` is
/// computed from it with the current rate, so a falling rate pulls all parameters towards 0.
///
/// # Shapes
/// `θ`, `g`, `z`, `n`: `[d₁, …, d_D]`, any rank. State: the step number and two tensors per parameter.
///
/// # Errors
/// [`FtrlConfig::build`]: [`Error::InvalidConfig`] if a field is out of range or NaN.
///
/// # Example
/// An element is exactly 0 while the sum of its gradients does not exceed `λ₁`:
/// ```
/// use burn::{optim::Optimizer, tensor::{Device, Tensor}};
/// use optlab_optim::FtrlConfig;
///
/// let ftrl = FtrlConfig { l1: 1.0, ..FtrlConfig::default() }.build()?;
/// let device = Device::default();
/// let theta = Tensor::<1>::zeros([3], &device);
/// let (theta, _) = ftrl.step(0.6, theta, Tensor::from_floats([0.9, -1.0, 3.0], &device), None);
/// let theta: Vec<f32> = theta.into_data().try_to_vec().unwrap();
/// assert_eq!(theta[..2], [0.0, 0.0]);
/// assert!((theta[2] + (3.0 - 1.0) / (3.0 / 0.6)).abs() < 1e-6);
/// # Ok::<(), optlab_optim::Error>(())
/// ```
///
/// # Differs from
/// Its paper, which has no `p` and always uses −0.5. TensorFlow, as pytorch_optimizer does: for another `p`
/// the denominator keeps `√nₜ`, where TensorFlow has `nₜ⁻ᵖ`; `λ₂` is added once, not twice.
/// pytorch_optimizer: `p = 0` is refused, because all elements would lose their initial values; and a rate of
/// 0 does not lead to a division by 0.
///
/// # Reference
/// McMahan et al., *Ad Click Prediction: a View from the Trenches*, 2013,
/// <https://doi.org/10.1145/2487575.2488200>
#[derive(Debug, Clone)]
pub struct Ftrl {
    config: FtrlConfig,
}

impl Rule for Ftrl {
    const STATE: &'static [&'static str] = &["linear", "sum_of_squares"];

    fn content(&self, _buffer: &str) -> Content {
        Content::Exact
    }
}

impl ElementwiseRule for Ftrl {
    type Step = FtrlStep;

    fn at_step(&self, At { lr, .. }: At<'_>) -> FtrlStep {
        let FtrlConfig { lr_power, beta, l1, l2 } = self.config;
        FtrlStep { lr, power: -lr_power, beta, l1, l2 }
    }
}

burn_optimizer!(Ftrl);

/// The coefficients of [`Ftrl`] in one step.
#[derive(Debug, Clone, Copy)]
pub struct FtrlStep {
    lr: f64,
    /// `−p`.
    power: f64,
    beta: f64,
    l1: f64,
    l2: f64,
}

impl FtrlStep {
    /// Returns `n⁻ᵖ`; the usual case, a root, is the fast one.
    #[inline(always)]
    fn powered<V: Value>(&self, sum: &V) -> V {
        if self.power == 0.5 { sum.clone().sqrt() } else { sum.clone().pow_scalar(self.power) }
    }
}

impl Update for FtrlStep {
    const BUFFERS: (usize, usize) = (2, 2);

    #[inline(always)]
    fn update<V: Value>(&self, theta: V, grad: V, state: &mut [V], _sums: &[V]) -> V {
        let [linear, sum_of_squares] = state else { unreachable!("two buffers") };
        if self.lr == 0.0 {
            return theta;
        }
        let before = self.powered(sum_of_squares);
        *sum_of_squares = sum_of_squares.clone() + grad.clone().square();
        let growth = self.powered(sum_of_squares) - before;
        *linear = linear.clone() + grad - growth.mul_scalar(1.0 / self.lr) * theta;
        let excess = linear.clone().abs().add_scalar(-self.l1);
        let slope = sum_of_squares.clone().sqrt().add_scalar(self.beta).mul_scalar(1.0 / self.lr);
        let theta = linear.clone().sign() * excess.clone() / slope.add_scalar(self.l2);
        // Selects instead of multiplying, so that a 0 / 0 has no effect.
        let zero = excess.constant(0.0);
        excess.if_positive(-theta, zero)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::optim::Optimizer;
    use burn::tensor::{Device, Tensor};

    fn values(theta: &Tensor<1>) -> Vec<f32> {
        theta.clone().into_data().try_to_vec().unwrap()
    }

    #[test]
    fn a_strong_l1_penalty_makes_most_elements_exactly_zero_and_keeps_the_others() {
        let device = Device::default();
        let rule = FtrlConfig { l1: 2.0, ..FtrlConfig::default() }.build().unwrap();
        // The gradients of Σ(θ − target)²/2: while they add up to less than 2, an element stays at 0.
        let target = Tensor::<1>::from_floats([0.02, -0.05, 5.0, 0.09, -4.0], &device);
        let (mut theta, mut state) = (Tensor::<1>::zeros([5], &device), None);
        for _ in 0..20 {
            let grad = theta.clone() - target.clone();
            (theta, state) = rule.step(0.1, theta, grad, state);
        }
        let theta = values(&theta);
        assert!([0, 1, 3].iter().all(|&still: &usize| theta[still].to_bits() == 0), "{theta:?}");
        assert!(theta[2] > 0.5 && theta[4] < -0.5, "{theta:?}");
    }

    #[test]
    fn an_element_without_a_gradient_is_zero_and_not_nan() {
        let device = Device::default();
        let rule = FtrlConfig::default().build().unwrap();
        let (theta, _) = rule.step(0.1, Tensor::<1>::ones([2], &device), Tensor::zeros([2], &device), None);
        assert_eq!(values(&theta), [0.0, 0.0]);
    }

    #[test]
    fn a_rate_of_zero_changes_nothing_now_or_later() {
        let device = Device::default();
        let rule = FtrlConfig { l1: 0.1, ..FtrlConfig::default() }.build().unwrap();
        let theta = Tensor::<1>::from_floats([1.0, -2.0], &device);
        let grad = || Tensor::<1>::from_floats([0.3, 0.2], &device);
        let (still, state) = rule.step(0.0, theta.clone(), grad(), None);
        assert_eq!(values(&still), values(&theta));
        let (after, _) = rule.step(0.1, still, grad(), state);
        let (alone, _) = rule.step(0.1, theta, grad(), None);
        assert_eq!(values(&after), values(&alone));
    }
}
