//! Buffers in fewer than 32 bits: 32-bit floats are rounded stochastically to 16 or 8 bits when they are
//! stored, and are exact again when they are read.

pub(crate) mod bfloat16;
mod buffer;
pub(crate) mod float8;
pub(crate) mod rounding;
mod tensors;

pub(crate) use buffer::{CodesMut, CodesRef};
pub use buffer::{CompactBuffer, Format};
pub use rounding::Rounding;

/// The number of neighbouring elements that share a scale in 8 bits; a whole number of them in a piece.
pub(crate) const BLOCK: usize = 256;

/// The number of neighbouring elements in 16 bits that are decoded, updated and encoded together; a whole
/// number of them in a block. It is so small that a processor begins with the next strip while it still
/// divides in the one before.
pub(crate) const STRIP: usize = 64;
