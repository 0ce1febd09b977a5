//! Rprop: the sign of the gradient with an adaptive step size per element.

use crate::Error;
use crate::burn_optimizer;
use crate::rule::{At, Content, ElementwiseRule, Rule};
use crate::spec::rule_config;
use optlab_core::range::{self, Range};
use optlab_core::settings;
use optlab_core::settings::{Search, Settings};
use optlab_kernel::{Update, Value};

settings! {
    /// Settings of [`Rprop`].
    pub struct RpropConfig {
        /// Factor of an element's step size where the gradient changed its sign.
        eta_minus: f64 = 0.5, "η₋", in POSITIVE_BELOW_ONE, search(1, Search::Uniform(0.3, 0.8));
        /// Factor of an element's step size where the gradient kept its sign.
        eta_plus: f64 = 1.2, "η₊", in ABOVE_ONE, search(2, Search::Uniform(1.05, 1.5));
        /// Smallest step size.
        step_min: f64 = 1e-6, "δ₋", in NON_NEGATIVE;
        /// Largest step size.
        step_max: f64 = 50.0, "δ₊", in NON_NEGATIVE, allowed "`[step_min, ∞)`";
    }
}

rule_config!(elementwise RpropConfig, lr 1e-2);

impl RpropConfig {
    /// Checks the settings and builds the rule; errors name `owner`.
    pub(crate) fn build_as(&self, owner: &str) -> Result<Rprop, Error> {
        self.check(owner)?;
        range::check(owner, [("step_max", self.step_max, Range::starting_at(self.step_min))])?;
        Ok(Rprop { config: self.clone() })
    }
}

/// Rprop: steps by the sign of the gradient, longer while the sign stays and shorter when it changes
/// (Riedmiller & Braun, 1993).
///
/// ```text
/// δ₀ = η₁, r₀ = 0
/// cₜ = rₜ₋₁ sign(gₜ)                            sign(0) = 0
/// aₜ = η₊ where cₜ > 0, η₋ where cₜ < 0, else 1
/// δₜ = min(δ₊, max(δ₋, aₜ δₜ₋₁))
/// rₜ = 0 where cₜ < 0, else sign(gₜ)
/// θₜ = θₜ₋₁ − δₜ rₜ
/// ```
///
#[doc = settings_table!()]
///
/// `η₁` is the `lr` argument of the first [`step`](burn::optim::Optimizer::step). Later values of `lr` have
/// no effect: the rule then adapts each element's step size by itself. It compares gradients of the same
/// function, so it needs full-batch gradients: the signs of mini-batch gradients change by chance.
///
/// # Shapes
/// `θ`, `g`, `δ`, `r`: `[d₁, …, d_D]`, any rank. State: the step number and two tensors per parameter.
///
/// # Errors
/// [`RpropConfig::build`]: [`Error::InvalidConfig`] if a field is out of range or NaN.
///
/// # Example
/// While the sign stays, each step is 1.2 times as long as the previous one, for any size of the gradient;
/// where the sign changes, the step is skipped:
/// ```
/// use burn::{optim::Optimizer, tensor::{Device, Tensor}};
///
/// let rprop = optlab_optim::RpropConfig::default().build()?;
/// let device = Device::default();
/// let (mut theta, mut state) = (Tensor::<1>::zeros([1], &device), None);
/// for (grad, expected) in [(5.0, -0.1), (100.0, -0.1 - 0.12), (-0.1, -0.22), (-0.1, -0.22 + 0.06)] {
///     (theta, state) = rprop.step(0.1, theta, Tensor::from_floats([grad], &device), state);
///     assert!((theta.clone().into_scalar::<f32>() - expected).abs() < 1e-6);
/// }
/// # Ok::<(), optlab_optim::Error>(())
/// ```
///
/// # Differs from
/// Its paper, as PyTorch does: where the gradient changes its sign, the previous step is not undone (Igel &
/// Hüsken's iRprop⁻). PyTorch: `δ₋ > δ₊` is refused, and signs are multiplied instead of gradients, whose
/// product may underflow. optax: the skipped step is the one of the gradient that changed its sign, not the
/// one before it.
///
/// # Reference
/// Riedmiller & Braun, *A direct adaptive method for faster backpropagation learning: the RPROP algorithm*,
/// 1993, <https://doi.org/10.1109/ICNN.1993.298623>; Igel & Hüsken, *Improving the Rprop Learning Algorithm*,
/// 2000
#[derive(Debug, Clone)]
pub struct Rprop {
    config: RpropConfig,
}

impl Rule for Rprop {
    const STATE: &'static [&'static str] = &["direction", "step_size"];

    fn content(&self, _buffer: &str) -> Content {
        Content::Exact
    }
}

impl ElementwiseRule for Rprop {
    type Step = RpropStep;

    fn at_step(&self, At { lr, t, .. }: At<'_>) -> RpropStep {
        let RpropConfig { eta_minus, eta_plus, step_min, step_max } = self.config;
        // The initial value of a buffer cannot depend on the rate.
        let initial = (t == 1).then_some(lr);
        RpropStep { initial, eta_minus, eta_plus, step_min, step_max }
    }
}

burn_optimizer!(Rprop);

/// The coefficients of [`Rprop`] in one step.
#[derive(Debug, Clone, Copy)]
pub struct RpropStep {
    /// `δ₀` in the first step.
    initial: Option<f64>,
    eta_minus: f64,
    eta_plus: f64,
    step_min: f64,
    step_max: f64,
}

impl Update for RpropStep {
    const BUFFERS: (usize, usize) = (2, 2);

    #[inline(always)]
    fn update<V: Value>(&self, theta: V, grad: V, state: &mut [V], _sums: &[V]) -> V {
        let [direction, step_size] = state else { unreachable!("two buffers") };
        let sign = grad.sign();
        let kept = direction.clone() * sign.clone();
        let turned = -kept.clone();
        let [one, shorter, longer] = [1.0, self.eta_minus, self.eta_plus].map(|factor| sign.constant(factor));
        let factor = kept.if_positive(longer, turned.clone().if_positive(shorter, one));
        let before = match self.initial {
            Some(initial) => sign.constant(initial),
            None => step_size.clone(),
        };
        *step_size = (before * factor).at_least(self.step_min).at_most(self.step_max);
        *direction = turned.if_positive(sign.constant(0.0), sign);
        theta - direction.clone() * step_size.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::optim::Optimizer;
    use burn::tensor::{Device, Tensor};

    #[test]
    fn gradients_whose_product_underflows_still_keep_their_sign() {
        let device = Device::default();
        let rule = RpropConfig::default().build().unwrap();
        let (mut theta, mut state) = (Tensor::<1>::zeros([1], &device), None);
        for expected in [-0.5, -0.5 - 0.6, -1.1 - 0.72] {
            (theta, state) = rule.step(0.5, theta, Tensor::from_floats([1e-30], &device), state);
            assert!((theta.clone().into_scalar::<f32>() - expected).abs() < 1e-6);
        }
    }

    #[test]
    fn a_gradient_of_zero_moves_nothing_and_keeps_the_step_size() {
        let device = Device::default();
        let rule = RpropConfig::default().build().unwrap();
        for sign in [1.0, -1.0] {
            let (mut theta, mut state) = (Tensor::<1>::zeros([1], &device), None);
            for (grad, expected) in [(sign, -0.5), (0.0, -0.5), (0.0, -0.5), (sign, -1.0), (sign, -1.6)] {
                (theta, state) = rule.step(0.5, theta, Tensor::from_floats([grad], &device), state);
                let theta = theta.clone().into_scalar::<f32>();
                assert!((theta - sign * expected).abs() < 1e-6, "{theta}, not {expected}");
            }
        }
    }
}
