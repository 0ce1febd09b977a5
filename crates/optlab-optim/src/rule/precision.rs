//! Element types: for parameters in 16 bits, a rule computes and keeps its state in 32 bits.

use burn::tensor::{DType, FloatDType, Tensor};

/// Converts a tensor of 16-bit floats to 32-bit floats; returns any other tensor unchanged.
pub(crate) fn in_32_bits_at_least<const D: usize>(tensor: Tensor<D>) -> Tensor<D> {
    match tensor.dtype() {
        DType::F16 | DType::BF16 => tensor.cast(FloatDType::F32),
        _ => tensor,
    }
}

/// Converts the tensor to elements of type `dtype`.
pub(crate) fn in_type<const D: usize>(tensor: Tensor<D>, dtype: DType) -> Tensor<D> {
    if tensor.dtype() == dtype { tensor } else { tensor.cast(FloatDType::from(dtype)) }
}
