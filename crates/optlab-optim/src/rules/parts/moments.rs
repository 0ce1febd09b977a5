//! Moving averages, and the first and second moment of the Adam family.

use crate::rule::{Content, Start};
use optlab_kernel::Value;

/// Returns `β a + (1 − β) x`.
#[inline(always)]
pub(crate) fn moving_average<V: Value>(average: &V, value: V, beta: f64) -> V {
    average.clone().mul_scalar(beta) + value.mul_scalar(1.0 - beta)
}

/// Returns `βᵗ`.
pub(crate) fn power(beta: f64, t: u64) -> f64 {
    beta.powi(i32::try_from(t).unwrap_or(i32::MAX))
}

/// The names of the buffers that [`MomentsStep::update`] uses.
pub(crate) const STATE: &[&str] = &["first_moment", "second_moment", LARGEST];

const LARGEST: &str = "largest_second_moment";

/// The part of Adam and AdamW that turns gradients into a direction.
#[derive(Debug, Clone)]
pub(crate) struct Moments {
    pub beta_1: f64,
    pub beta_2: f64,
    pub epsilon: f64,
    pub amsgrad: bool,
    pub bias_correction: bool,
}

impl Moments {
    pub fn start(&self, buffer: &str) -> Option<Start> {
        (buffer != LARGEST || self.amsgrad).then_some(Start::Value(0.0))
    }

    pub fn content(&self, buffer: &str) -> Content {
        match buffer {
            "first_moment" => Content::Mean,
            // The largest of numbers that were rounded up and down is too large.
            _ if self.amsgrad => Content::Accumulator,
            _ => Content::PositiveMean,
        }
    }

    pub fn at_step(&self, lr: f64, t: u64) -> MomentsStep {
        // Both bias corrections are scalars, so they are merged into the two scalars of the quotient and cost
        // nothing per element: m̂ / (√v̂ + ε) = m (√c₂ / c₁) / (√v + ε √c₂).
        let correction = |beta: f64| if self.bias_correction { 1.0 - power(beta, t) } else { 1.0 };
        let correction_1 = correction(self.beta_1);
        let correction_2 = correction(self.beta_2).sqrt();
        MomentsStep {
            beta_1: self.beta_1,
            beta_2: self.beta_2,
            factor: lr * correction_2 / correction_1,
            epsilon: self.epsilon * correction_2,
            amsgrad: self.amsgrad,
        }
    }
}

/// The coefficients of [`Moments`] in one step.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MomentsStep {
    beta_1: f64,
    beta_2: f64,
    factor: f64,
    epsilon: f64,
    amsgrad: bool,
}

impl MomentsStep {
    /// Returns `η m̂ / (√v̂ + ε)`; with `amsgrad` the largest `v` so far replaces `v`; without
    /// `bias_correction`, `m̂` is `m` and `v̂` is `v`.
    #[inline(always)]
    pub fn update<V: Value>(&self, grad: V, state: &mut [V]) -> V {
        let [first, second, largest @ ..] = state else { unreachable!("two buffers or three") };
        *first = moving_average(first, grad.clone(), self.beta_1);
        *second = moving_average(second, grad.square(), self.beta_2);
        let square = match largest {
            [largest] if self.amsgrad => {
                *largest = largest.clone().max(second.clone());
                largest.clone()
            }
            _ => second.clone(),
        };
        first.clone().mul_scalar(self.factor) / square.sqrt().add_scalar(self.epsilon)
    }
}

#[cfg(test)]
mod tests {
    use crate::rules::AdamConfig;
    use burn::optim::Optimizer;
    use burn::tensor::{Device, Tensor};

    #[test]
    fn without_amsgrad_the_latest_second_moment_is_used() {
        let adam = |amsgrad| AdamConfig { beta_2: 0.5, amsgrad, ..AdamConfig::default() }.build().unwrap();
        let grad = |value: f32| Tensor::<1>::full([1], value, &Device::default());
        let (_, state) = adam(true).step(0.1, grad(0.0), grad(4.0), None);
        let (theta, _) = adam(false).step(0.1, grad(0.0), grad(1.0), state);
        // The first second moment, 0.5 · 4², is larger than this.
        let mean: f64 = (0.9 * 0.1 * 4.0 + 0.1 * 1.0) / (1.0 - 0.81);
        let square: f64 = (0.5 * 0.5 * 16.0 + 0.5 * 1.0) / (1.0 - 0.25);
        assert!((f64::from(theta.into_scalar::<f32>()) + 0.1 * mean / square.sqrt()).abs() < 1e-6);
    }
}
