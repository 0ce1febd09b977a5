//! Targets drawn from a model's own prediction.

use crate::data::BatchTargets;
use crate::objective::LossSpec;
use burn::tensor::{Tensor, TensorData};
use rand::Rng;
use std::f64::consts::TAU;

/// See [`LossSpec::draw`].
pub(super) fn draw(loss: &LossSpec, outputs: Tensor<2>, random: &mut impl Rng) -> Option<BatchTargets> {
    let [rows, columns] = outputs.dims();
    let like_outputs = (&outputs.device(), outputs.dtype());
    let noise = match loss {
        LossSpec::CrossEntropy(_) => Noise::Gumbel,
        LossSpec::BinaryCrossEntropy(_) | LossSpec::MultiLabel => Noise::Logistic,
        LossSpec::Mse => Noise::Normal { factor: (columns as f64).sqrt() },
        LossSpec::L1 | LossSpec::Huber(_) | LossSpec::Quantile(_) | LossSpec::Hinge => return None,
    };
    let noise: Vec<f32> = (0..rows * columns).map(|_| noise.draw(random) as f32).collect();
    let noisy = outputs + Tensor::from_data(TensorData::new(noise, [rows, columns]), like_outputs);
    Some(match loss {
        LossSpec::CrossEntropy(_) => BatchTargets::Classes(noisy.argmax(1).squeeze_dim(1)),
        LossSpec::BinaryCrossEntropy(_) => {
            BatchTargets::Classes(noisy.greater_elem(0.0).int().squeeze_dim(1))
        }
        LossSpec::MultiLabel => BatchTargets::Values(noisy.greater_elem(0.0).float()),
        _ => BatchTargets::Values(noisy),
    })
}

/// What is added to an output to draw a target.
enum Noise {
    /// The index of the largest logit after adding it is a draw from their softmax.
    Gumbel,
    /// A logit is above 0 after adding it with the probability of its sigmoid.
    Logistic,
    /// A normal draw around the predicted number, with the standard deviation `factor · √½`.
    Normal { factor: f64 },
}

impl Noise {
    fn draw(&self, random: &mut impl Rng) -> f64 {
        // In (0, 1), so that its logarithm is finite.
        let mut uniform = || (f64::from(random.next_u32()) + 0.5) / 2_f64.powi(32);
        match self {
            Noise::Gumbel => -(-uniform().ln()).ln(),
            Noise::Logistic => {
                let share = uniform();
                (share / (1.0 - share)).ln()
            }
            // The method of Box and Muller.
            Noise::Normal { factor } => (-uniform().ln()).sqrt() * (TAU * uniform()).cos() * factor,
        }
    }
}
