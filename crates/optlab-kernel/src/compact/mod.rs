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

/// The number of neighbouring elements that are decoded and encoded together, and that share a scale in 8
/// bits: small enough for the fastest cache, and a whole number of times in a piece.
pub(crate) const BLOCK: usize = 256;
