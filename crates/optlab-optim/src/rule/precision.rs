//! Element types: a rule computes and remembers in 32 bits what is trained in 16.

use burn::tensor::{DType, FloatDType, Tensor};

/// The tensor in 32-bit floats if its own have 16, else as it is.
pub(crate) fn in_32_bits_at_least<const D: usize>(tensor: Tensor<D>) -> Tensor<D> {
    match tensor.dtype() {
        DType::F16 | DType::BF16 => tensor.cast(FloatDType::F32),
        _ => tensor,
    }
}

/// The tensor in elements of type `dtype`.
pub(crate) fn in_type<const D: usize>(tensor: Tensor<D>, dtype: DType) -> Tensor<D> {
    if tensor.dtype() == dtype { tensor } else { tensor.cast(FloatDType::from(dtype)) }
}
