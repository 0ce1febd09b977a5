//! Dropout whose mask is a pure function of seed, step, layer and element.

use burn::tensor::{Tensor, TensorData};
use optlab_kernel as kernel;
use optlab_kernel::DropoutMask;

/// The purpose of a forward pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Training step `step` of the trial with `seed`: dropout is on.
    Train {
        /// The trial's seed.
        seed: u64,
        /// The step, from 0.
        step: u64,
    },
    /// Evaluation: dropout is off.
    Evaluate,
}

/// Dropout: sets a share of the elements to 0 during training and scales the rest to preserve the mean
/// (Srivastava et al., 2014).
///
/// ```text
/// y = x · m / (1 − p)        m ~ Bernoulli(1 − p), drawn from (seed, step, layer, element)
/// ```
///
/// Burn draws its masks from one generator per process, whose state cannot be saved. These masks need no
/// state: they are the same on every backend, for any number of threads, and in a resumed run.
///
/// # Reference
/// Srivastava et al., *Dropout: A Simple Way to Prevent Neural Networks from Overfitting*, 2014.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Dropout {
    /// The share `p` set to 0, `[0, 1)`, to a precision of 1/65536.
    pub probability: f64,
    /// The number of the layer in its model; layers with different numbers draw different masks.
    pub layer: u32,
}

impl Dropout {
    /// Applies the mask of `mode` to `x`, of any shape.
    pub fn forward<const D: usize>(&self, x: Tensor<D>, mode: Mode) -> Tensor<D> {
        let Mode::Train { seed, step } = mode else { return x };
        if self.probability == 0.0 {
            return x;
        }
        let mask = DropoutMask { probability: self.probability, seed, step, layer: self.layer };
        if kernel::is_on_host(&x) {
            return kernel::dropout(x, mask);
        }
        let (shape, device) = (x.dims(), x.device());
        let options = (&device, x.dtype());
        let factors = mask.factors(shape.iter().product());
        // The elements of images are numbered with channels last.
        let factors = match shape[..] {
            [batch, channels, height, width] => {
                let factors = TensorData::new(factors, [batch, height, width, channels]);
                Tensor::<4>::from_data(factors, options).permute([0, 3, 1, 2]).reshape(shape)
            }
            _ => Tensor::from_data(TensorData::new(factors, shape), options),
        };
        x * factors
    }
}
