//! The properties of a parameter's tensor that a step restores.

use crate::rule::precision::{in_32_bits_at_least, in_type};
use burn::tensor::{DType, GradientCheckpointingStrategy, Tensor};
use optlab_kernel::{Buffer, MAX_BUFFERS, Rounding};

/// The properties of a parameter's tensor apart from its numbers.
pub(crate) struct Tracking {
    dtype: DType,
    require_grad: bool,
    checkpointing: Option<GradientCheckpointingStrategy>,
    /// The key of the random bits with which a parameter in bfloat16 is rounded; `None` rounds to nearest.
    pub rounding: Option<Rounding>,
}

impl Tracking {
    /// Returns the tensor in at least 32 bits without gradient tracking, and the properties to restore.
    pub fn strip<const D: usize>(tensor: Tensor<D>) -> (Tensor<D>, Self) {
        let tracking = Tracking {
            dtype: tensor.dtype(),
            require_grad: tensor.is_require_grad(),
            checkpointing: tensor.gradient_checkpointing_strategy(),
            rounding: None,
        };
        (in_32_bits_at_least(tensor.inner()), tracking)
    }

    /// Returns the moved parameter, rounded stochastically if it is to be.
    pub fn rounded(&self, theta: Buffer) -> Buffer {
        match self.rounding.filter(|_| self.dtype == DType::BF16) {
            // The index after the last buffer of a rule.
            Some(rounding) => theta.rounded_to_bfloat16(rounding, MAX_BUFFERS),
            None => theta,
        }
    }

    pub fn restore<const D: usize>(self, tensor: Tensor<D>) -> Tensor<D> {
        let mut tensor = Tensor::from_inner(in_type(tensor, self.dtype));
        if let Some(strategy) = self.checkpointing {
            tensor = tensor.with_gradient_checkpointing_strategy(strategy);
        }
        if self.require_grad { tensor.require_grad() } else { tensor }
    }
}
