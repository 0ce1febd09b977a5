//! Moving averages, and the two of them that the Adam family divides by one another.

use crate::RecordState;
use crate::error::Error;
use crate::range::{self, BELOW_ONE, POSITIVE};
use burn::tensor::{Device, Tensor};

/// `β a + (1 − β) x`, where an average that does not exist yet is zero.
pub(super) fn moving_average<const D: usize>(
    average: Option<Tensor<D>>,
    value: Tensor<D>,
    beta: f64,
) -> Tensor<D> {
    let new = value.mul_scalar(1.0 - beta);
    match average {
        Some(average) => average.mul_scalar(beta) + new,
        None => new,
    }
}

/// How Adam and AdamW turn gradients into a direction.
#[derive(Debug, Clone)]
pub(super) struct Moments {
    pub beta_1: f64,
    pub beta_2: f64,
    pub epsilon: f64,
    pub amsgrad: bool,
}

/// What [`Adam`](super::Adam) and [`AdamW`](super::AdamW) remember of a parameter.
#[derive(Debug, Clone, RecordState)]
pub struct MomentsState<const D: usize> {
    /// Steps made, `t`.
    pub step: u64,
    /// The mean of the gradients, `m`.
    pub first_moment: Tensor<D>,
    /// The mean of their squares, `v`.
    pub second_moment: Tensor<D>,
    /// With `amsgrad`, the largest `v` so far.
    pub largest_second_moment: Option<Tensor<D>>,
}

impl Moments {
    pub(super) fn check(&self, owner: &str) -> Result<(), Error> {
        range::check(
            owner,
            [
                ("beta_1", self.beta_1, BELOW_ONE),
                ("beta_2", self.beta_2, BELOW_ONE),
                ("epsilon", self.epsilon, POSITIVE),
            ],
        )
    }

    /// `η m̂ / (√v̂ + ε)` and the moments it comes from.
    pub(super) fn update<const D: usize>(
        &self,
        lr: f64,
        grad: Tensor<D>,
        state: Option<MomentsState<D>>,
    ) -> (Tensor<D>, MomentsState<D>) {
        let (step, first, second, largest) = match state {
            Some(state) => (
                state.step + 1,
                Some(state.first_moment),
                Some(state.second_moment),
                state.largest_second_moment,
            ),
            None => (1, None, None, None),
        };
        let second_moment = moving_average(second, grad.clone().square(), self.beta_2);
        let first_moment = moving_average(first, grad, self.beta_1);
        let largest_second_moment = self.amsgrad.then(|| match largest {
            Some(largest) => largest.max_pair(second_moment.clone()),
            None => second_moment.clone(),
        });
        let denominator = largest_second_moment.as_ref().unwrap_or(&second_moment);

        // Both bias corrections are numbers, so they go into the two scalars of the quotient and cost no pass of their
        // own: m̂ / (√v̂ + ε) = m (√c₂ / c₁) / (√v + ε √c₂).
        let steps = step as f64;
        let correction_1 = 1.0 - self.beta_1.powf(steps);
        let correction_2 = (1.0 - self.beta_2.powf(steps)).sqrt();
        let update = first_moment.clone().mul_scalar(lr * correction_2 / correction_1)
            / denominator.clone().sqrt().add_scalar(self.epsilon * correction_2);
        let state = MomentsState { step, first_moment, second_moment, largest_second_moment };
        (update, state)
    }
}

impl<const D: usize> MomentsState<D> {
    pub(super) fn to_device(&self, device: &Device) -> Self {
        MomentsState {
            step: self.step,
            first_moment: self.first_moment.clone().to_device(device),
            second_moment: self.second_moment.clone().to_device(device),
            largest_second_moment: self.largest_second_moment.clone().map(|moment| moment.to_device(device)),
        }
    }
}
