//! Moving averages, and the two of them that the Adam family divides by one another.

use crate::error::Error;
use crate::kernel::Value;
use crate::optim::Start;
use crate::range::{self, BELOW_ONE, POSITIVE};

/// `β a + (1 − β) x`.
#[inline(always)]
pub(super) fn moving_average<V: Value>(average: &V, value: V, beta: f64) -> V {
    average.clone().mul_scalar(beta) + value.mul_scalar(1.0 - beta)
}

/// `βᵗ`.
pub(super) fn power(beta: f64, t: u64) -> f64 {
    beta.powi(i32::try_from(t).unwrap_or(i32::MAX))
}

/// The names of the buffers that [`MomentsStep::update`] takes.
pub(super) const STATE: &[&str] = &["first_moment", "second_moment", LARGEST];

const LARGEST: &str = "largest_second_moment";

/// How Adam and AdamW turn gradients into a direction.
#[derive(Debug, Clone)]
pub(super) struct Moments {
    pub beta_1: f64,
    pub beta_2: f64,
    pub epsilon: f64,
    pub amsgrad: bool,
    pub bias_correction: bool,
}

impl Moments {
    pub fn check(&self, owner: &str) -> Result<(), Error> {
        range::check(
            owner,
            [
                ("beta_1", self.beta_1, BELOW_ONE),
                ("beta_2", self.beta_2, BELOW_ONE),
                ("epsilon", self.epsilon, POSITIVE),
            ],
        )
    }

    pub fn start(&self, buffer: &str) -> Option<Start> {
        (buffer != LARGEST || self.amsgrad).then_some(Start::Value(0.0))
    }

    pub fn at_step(&self, lr: f64, t: u64) -> MomentsStep {
        // Both bias corrections are numbers, so they go into the two scalars of the quotient and cost nothing for each
        // element: m̂ / (√v̂ + ε) = m (√c₂ / c₁) / (√v + ε √c₂).
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
pub(super) struct MomentsStep {
    beta_1: f64,
    beta_2: f64,
    factor: f64,
    epsilon: f64,
    amsgrad: bool,
}

impl MomentsStep {
    /// `η m̂ / (√v̂ + ε)`, or with `amsgrad` the largest `v` so far in place of `v`; without `bias_correction` `m̂` is `m`,
    /// and `v̂` is `v`.
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
