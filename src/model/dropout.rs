//! Dropout whose mask is a pure function of seed, step and layer.

use crate::random::{Purpose, stream};
use burn::tensor::{Tensor, TensorData};
use rand::Rng;

/// What a forward pass is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Step `step` of the training that `seed` decides: dropout is on.
    Train {
        /// The trial's seed.
        seed: u64,
        /// The step, from 0.
        step: u64,
    },
    /// Evaluation: dropout is off.
    Evaluate,
}

/// Sets a share of the elements to 0 while training and scales the rest so that the mean stays (Srivastava et al., 2014).
///
/// ```text
/// y = x · m / (1 − p)        m ~ Bernoulli(1 − p), drawn from (seed, step, layer)
/// ```
///
/// Burn draws its masks from one generator per process, whose state cannot be saved. These masks need no state: they are
/// the same on every backend, for any number of threads, and in a resumed run.
///
/// # Reference
/// Srivastava et al., *Dropout: A Simple Way to Prevent Neural Networks from Overfitting*, 2014.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Dropout {
    /// The share `p` set to 0, `[0, 1)`, to a precision of 1/65536.
    pub probability: f64,
    /// The number of the layer in its model: layers of different numbers draw different masks.
    pub layer: u64,
}

impl Dropout {
    /// Applies the mask of `mode` to `x`, of any shape.
    pub fn forward<const D: usize>(&self, x: Tensor<D>, mode: Mode) -> Tensor<D> {
        let Mode::Train { seed, step } = mode else { return x };
        if self.probability == 0.0 {
            return x;
        }
        let shape = x.dims();
        let mask = self.mask(shape.iter().product(), seed, step);
        let device = x.device();
        x * Tensor::from_data(TensorData::new(mask, shape), &device)
    }

    fn mask(&self, elements: usize, seed: u64, step: u64) -> Vec<f32> {
        let mut random = stream(seed, Purpose::Dropout, step);
        random.set_stream(self.layer);
        let mut draws = vec![0_u8; 2 * elements];
        random.fill_bytes(&mut draws);
        let threshold = (self.probability * 65536.0).round() as u32;
        let kept = (1.0 / (1.0 - self.probability)) as f32;
        let draw = |pair: &[u8]| u32::from(pair[0]) | u32::from(pair[1]) << 8;
        draws.chunks_exact(2).map(|pair| if draw(pair) < threshold { 0.0 } else { kept }).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mask_drops_its_share_and_keeps_the_mean() {
        for probability in [0.25, 0.5, 0.9] {
            let mask = Dropout { probability, layer: 0 }.mask(100_000, 7, 3);
            let dropped = mask.iter().filter(|value| **value == 0.0).count() as f64 / 1e5;
            let mean = mask.iter().map(|value| f64::from(*value)).sum::<f64>() / 1e5;
            assert!((dropped - probability).abs() < 0.01, "{dropped} dropped for p = {probability}");
            assert!((mean - 1.0).abs() < 0.04, "mean {mean} for p = {probability}");
        }
    }

    #[test]
    fn a_mask_depends_on_seed_step_and_layer_and_on_nothing_else() {
        let mask = |layer, seed, step| Dropout { probability: 0.5, layer }.mask(64, seed, step);
        assert_eq!(mask(1, 2, 3), mask(1, 2, 3));
        assert_ne!(mask(1, 2, 3), mask(0, 2, 3));
        assert_ne!(mask(1, 2, 3), mask(1, 0, 3));
        assert_ne!(mask(1, 2, 3), mask(1, 2, 0));
    }
}
