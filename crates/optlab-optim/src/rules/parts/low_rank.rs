//! Gradients of weights projected along their smaller dimension, and Adam's moments of the projection.

use crate::rule::{Start, TensorMemory};
use crate::rules::parts::moments::{moving_average, power};
use crate::rules::parts::weight_decay;
use burn::tensor::Tensor;

/// The names of the buffers with the moments.
pub(crate) const FIRST: &str = "first_moment";
pub(crate) const SECOND: &str = "second_moment";
/// The name of the buffer with the projection, `[smaller dimension, rank]`.
pub(crate) const PROJECTION: &str = "projection";

/// The smaller dimension of a weight `[inputs, outputs]`; the inputs, if both are equal.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SmallSide {
    dim: usize,
    /// Its size.
    pub size: usize,
    /// The size of the other dimension.
    pub other: usize,
}

impl SmallSide {
    /// Returns the smaller dimension; `None` for a tensor that is not of rank 2.
    pub fn of(shape: &[usize]) -> Option<Self> {
        let [inputs, outputs] = *shape else { return None };
        Some(if inputs <= outputs {
            SmallSide { dim: 0, size: inputs, other: outputs }
        } else {
            SmallSide { dim: 1, size: outputs, other: inputs }
        })
    }

    /// Returns the start of a buffer of this module, for a projection to `rank` dimensions or less.
    pub fn start(self, buffer: &str, rank: usize) -> Start {
        let rank = rank.min(self.size);
        Start::Zeros(if buffer == PROJECTION { vec![self.size, rank] } else { vec![rank, self.other] })
    }

    /// Returns the tensor, of the weight's shape, as `[smaller, larger]`.
    pub fn rows<const D: usize>(self, tensor: Tensor<D>) -> Tensor<2> {
        let shape = tensor.dims();
        let matrix = tensor.reshape([shape[0], shape[1]]);
        if self.dim == 0 { matrix } else { matrix.transpose() }
    }

    /// Inverts [`rows`](Self::rows).
    pub fn restore<const D: usize>(self, rows: Tensor<2>) -> Tensor<D> {
        let matrix = if self.dim == 0 { rows } else { rows.transpose() };
        let shape = matrix.dims();
        matrix.reshape::<D, _>(std::array::from_fn::<_, D, _>(|dim| shape[dim]))
    }
}

/// AdamW whose `ε` is added before the bias correction, as in the code of GaLore and APOLLO.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LowRankAdam {
    pub beta_1: f64,
    pub beta_2: f64,
    pub epsilon: f64,
    pub weight_decay: f64,
}

impl LowRankAdam {
    /// Updates the moments with a gradient, and returns `m / (√v + ε)`.
    pub fn direction<const D: usize>(self, grad: Tensor<D>, memory: &mut TensorMemory<'_>) -> Tensor<D> {
        let square = grad.clone().square();
        let first = memory.update(FIRST, |first| moving_average(&first, grad, self.beta_1));
        let second = memory.update(SECOND, |second| moving_average(&second, square, self.beta_2));
        first / (second.sqrt() + self.epsilon)
    }

    /// Returns the parameter after a step along `direction` and weight decay.
    pub fn moved<const D: usize>(
        self,
        theta: Tensor<D>,
        direction: Tensor<D>,
        lr: f64,
        memory: &TensorMemory<'_>,
    ) -> Tensor<D> {
        let t = memory.t();
        let factor = lr * (1.0 - power(self.beta_2, t)).sqrt() / (1.0 - power(self.beta_1, t));
        weight_decay::decoupled(theta - direction * factor, lr, self.weight_decay)
    }
}
