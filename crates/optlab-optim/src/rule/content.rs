//! What the buffers of a rule hold, and the number of bits that they are stored in.

use optlab_kernel::Format;
use serde::{Deserialize, Serialize};

/// What a buffer holds, which decides how few bits it can be stored in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// A mean over some hundreds of steps or fewer, of any sign, such as a first moment: 8 bits with a sign.
    Mean,
    /// The same of numbers that are not negative, such as a second moment, whose root is divided by: 8 bits
    /// without a sign, in which a positive number never becomes 0.
    PositiveMean,
    /// Numbers that change by small shares of themselves, such as the sum of all squares, or of which small
    /// differences are used: 16 bits.
    Accumulator,
    /// Numbers on which a rounding error has a lasting effect, such as the sums that weights are computed
    /// from: 32 bits.
    Exact,
}

/// The number of bits in which the state of element-wise rules is stored.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StateBits {
    /// 32-bit floats, or the type of the parameters if that has more bits.
    #[default]
    F32,
    /// bfloat16.
    Bf16,
    /// 8-bit codes with a scale for each 256 numbers; [`Content::Accumulator`] in bfloat16.
    Int8,
}

impl StateBits {
    /// Returns the format of a buffer; `None` for a tensor of the parameter's type.
    pub(crate) fn format(self, content: Content) -> Option<Format> {
        match (self, content) {
            (StateBits::F32, _) | (_, Content::Exact) => None,
            (StateBits::Bf16, _) | (_, Content::Accumulator) => Some(Format::BFloat16),
            (StateBits::Int8, Content::Mean) => Some(Format::Signed8),
            (StateBits::Int8, Content::PositiveMean) => Some(Format::Positive8),
        }
    }
}
