//! Compact buffers as tensors, and tensors of 32-bit floats that 16 bits hold exactly.

use crate::memory::Buffer;
use crate::memory::compact::{CompactBuffer, Rounding, bfloat16};
use crate::memory::source::PIECE;
use crate::vectorize::vectorized;
use crate::with_rank;
use burn::tensor::{Tensor, TensorData};
use rayon::prelude::*;

impl CompactBuffer {
    /// Returns the numbers as a tensor on the device and with the element type of `like`.
    pub fn decoded_like(&self, like: &Buffer) -> Buffer {
        with_elements(self.decode(), self.shape(), like)
    }
}

impl Buffer {
    /// Returns all elements as 32-bit floats, row-major.
    pub fn to_floats(&self) -> Vec<f32> {
        match self {
            Buffer::Host(buffer) => buffer.with_slice(<[f32]>::to_vec),
            Buffer::Device(_) => self.clone().into_data().iter::<f32>().collect(),
            Buffer::Compact(compact) => compact.decode(),
        }
    }

    /// Rounds every element stochastically to a number that bfloat16 holds; `index` is the index of the
    /// buffer among those of its parameter. The element type stays.
    ///
    /// # Panics
    /// If the buffer is compact.
    pub fn rounded_to_bfloat16(mut self, rounding: Rounding, index: usize) -> Self {
        match &mut self {
            Buffer::Host(buffer) => {
                round(buffer.slice_mut(), rounding, index);
                self
            }
            Buffer::Device(_) => {
                let mut values = self.to_floats();
                round(&mut values, rounding, index);
                with_elements(values, &self.shape(), &self)
            }
            Buffer::Compact(_) => panic!("a compact buffer is rounded already"),
        }
    }
}

fn with_elements(values: Vec<f32>, shape: &[usize], like: &Buffer) -> Buffer {
    let like = like.clone().into_tensor::<1>();
    let options = (&like.device(), like.dtype());
    let data = TensorData::new(values, shape);
    with_rank!(shape.len(), D => Buffer::new(Tensor::<D>::from_data(data, options)))
}

fn round(values: &mut [f32], rounding: Rounding, index: usize) {
    values.par_chunks_mut(PIECE).enumerate().for_each(|(piece, values)| {
        let bits = rounding.of_piece(index, piece * PIECE);
        vectorized(
            #[inline(always)]
            || bfloat16::round_in_place(values, bits),
        );
    });
}
