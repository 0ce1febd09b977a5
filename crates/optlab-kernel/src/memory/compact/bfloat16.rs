//! Stochastic rounding to bfloat16: the upper half of a 32-bit float.
//!
//! A number between two neighbours becomes either, the nearer one more often, so that its mean is the number
//! itself. Zero, infinities, NaN and every number that bfloat16 holds stay as they are, and a finite number
//! stays finite. The relative error is below 2⁻⁷.

use crate::memory::compact::STRIP;
use crate::memory::compact::rounding::{PieceBits, StripBits};
use burn::tensor::bf16;

/// The largest finite number of bfloat16.
const LARGEST: f32 = f32::from_bits(0x7F7F_0000);

/// Rounds `value` up if the fraction that bfloat16 drops, plus the 16 bits of `random`, reaches 1.
#[inline(always)]
fn rounded(value: f32, random: u32) -> bf16 {
    // A NaN, an infinity and a number close to it are cut off. A NaN that an operation returned has its
    // highest bit of fraction set, so it does not become an infinity.
    let random = if value.abs() <= LARGEST { random } else { 0 };
    bf16::from_bits((value.to_bits().wrapping_add(random) >> 16) as u16)
}

#[inline(always)]
fn exact(code: bf16) -> f32 {
    f32::from_bits(u32::from(code.to_bits()) << 16)
}

/// Encodes a strip.
#[inline(always)]
pub(crate) fn encode(values: &[f32], codes: &mut [bf16], bits: StripBits) {
    bits.encode(values, codes, rounded);
}

#[inline(always)]
pub(crate) fn decode(codes: &[bf16], values: &mut [f32]) {
    for (value, code) in values.iter_mut().zip(codes) {
        *value = exact(*code);
    }
}

/// Rounds the numbers of a piece in place, to 32-bit floats that bfloat16 holds exactly.
#[inline(always)]
pub(crate) fn round_in_place(values: &mut [f32], bits: PieceBits) {
    for (strip, values) in values.chunks_mut(STRIP).enumerate() {
        let mut codes = [bf16::from_bits(0); STRIP];
        encode(values, &mut codes, bits.of_strip(strip * STRIP));
        decode(&codes, values);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_becomes_one_of_its_neighbours_and_is_right_on_average() {
        for value in [1.003_f32, -1.003, 3.7e-20, -0.777, 1.999, 6.6e33] {
            let all = (0..65536).map(|random| f64::from(exact(rounded(value, random))));
            let (mut sum, given) = (0.0, f64::from(value));
            for rounded in all {
                assert!((rounded - given).abs() < 2_f64.powi(-7) * given.abs(), "{value} as {rounded}");
                sum += rounded;
            }
            let error = (sum / 65536.0 - given).abs() / given.abs();
            assert!(error < 1e-7, "{value}: the mean is off by {error}");
        }
    }

    #[test]
    fn what_bfloat16_holds_is_kept_and_what_is_finite_stays_finite() {
        for random in [0, 1, 0x8000, 0xFFFF] {
            for value in [0.0, -0.0, 1.0, -2.5, f32::INFINITY, f32::NEG_INFINITY, 3.389_531_4e38] {
                assert_eq!(exact(rounded(value, random)).to_bits(), value.to_bits());
            }
            for nan in [f32::NAN, -f32::NAN, f32::from_bits(0x7FFF_FFFF), f32::from_bits(0xFFFF_FFFF)] {
                assert!(exact(rounded(nan, random)).is_nan());
            }
            assert!(exact(rounded(f32::MAX, random)).is_finite());
            assert!(exact(rounded(f32::MIN, random)).is_finite());
        }
    }
}
