//! Stochastic rounding to 8 bits: small floats in units of a scale that the numbers of a block share.
//!
//! The scale `s` is the power of 2 that puts the block's largest number just below the top of the codes. Each
//! code is a float with 3 bits of fraction, so codes are as fine for small numbers as for large ones:
//!
//! | numbers      | bits: sign, exponent, fraction | smallest         | largest   | error below 1/8 from |
//! |:-------------|:-------------------------------|-----------------:|----------:|---------------------:|
//! | signed       | 1, 4, 3                        | `2⁻¹⁷ s`         | `1.75 s`  | `2⁻¹⁴ s`             |
//! | not negative | 0, 5, 3                        | `1.125 · 2⁻³¹ s` | `1.625 s` | the smallest         |
//!
//! Below `2⁻¹⁴ s` the codes of signed numbers are `2⁻¹⁷ s` apart, down to 0. A number that is not negative
//! becomes the smallest code if it is smaller, and never 0: a rule divides by its root. Everything else is
//! rounded to one of the two nearest codes, so that the mean is the number itself. Since a scale is a power
//! of 2, a number that does not change keeps its code when the block's scale changes. Zero, infinities and
//! NaN stay as they are. Scales are between 2⁻⁹⁵ and 2¹²⁶: a larger number becomes the largest code.

use crate::memory::compact::STRIP;
use crate::memory::compact::rounding::PieceBits;

/// The codes of numbers with a sign, or of numbers that are not negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sign {
    Signed,
    Positive,
}

const INFINITY: u32 = 0x7F80_0000;
const MAGNITUDE: u32 = 0x7FFF_FFFF;

/// The exponents of the smallest and the largest scale, as the exponent bits of a 32-bit float.
const SCALES: (u32, u32) = (32, 253);

/// The number of bits of a 32-bit float's fraction that a code drops.
const DROPPED: u32 = 20;

/// The number of values that are compared in parallel: enough for the widest vectors.
const LANES: usize = 32;

/// The largest finite code of each kind, and the fraction of a 32-bit float that belongs to it.
const TOP_SIGNED: (u32, u32) = (126, 0x0060_0000);
const TOP_POSITIVE: (u32, u32) = (253, 0x0050_0000);

/// The codes of what is not finite.
const NAN_POSITIVE: u32 = 254;
const INFINITE_POSITIVE: u32 = 255;
/// The code of minus zero, which needs none.
const NAN_SIGNED: u32 = 128;
const INFINITE_SIGNED: u32 = 127;

/// `2⁻¹⁴`, from where on signed codes are floats with a full fraction, and `2⁻¹⁷`, their distance below it.
const SMALLEST_FULL: f32 = 6.103_515_6e-5;
const SMALLEST_SIGNED: f32 = 7.629_394_5e-6;

/// The difference between the upper bits of a 32-bit float and its code.
const OFFSET_SIGNED: u32 = 112 << 3;
const OFFSET_POSITIVE: u32 = 96 << 3;

/// Returns the scale of a block of `values`, whose largest finite number has a code.
#[inline(always)]
fn scale_of(values: &[f32], top_fraction: u32) -> f32 {
    let finite = |value: &f32| {
        let magnitude = value.to_bits() & MAGNITUDE;
        if magnitude < INFINITY { magnitude } else { 0 }
    };
    let mut lanes = [0; LANES];
    let (whole, rest) = values.as_chunks::<LANES>();
    for values in whole {
        for (lane, value) in lanes.iter_mut().zip(values) {
            *lane = finite(value).max(*lane);
        }
    }
    let mut largest = 0;
    for lane in lanes {
        largest = lane.max(largest);
    }
    for value in rest {
        largest = finite(value).max(largest);
    }
    let exponent = (largest >> 23) + u32::from(largest & 0x007F_FFFF > top_fraction);
    f32::from_bits(exponent.clamp(SCALES.0, SCALES.1) << 23)
}

/// Returns 1 divided by a scale.
#[inline(always)]
fn inverse(scale: f32) -> f32 {
    f32::from_bits((254_u32 << 23).wrapping_sub(scale.to_bits()))
}

/// Returns the code of `value`, from its quotient by the scale.
#[inline(always)]
fn signed_code(value: f32, random: u32) -> u32 {
    let bits = value.to_bits();
    let magnitude = bits & MAGNITUDE;
    let sign = (bits >> 24) & 0x80;
    // The sum with 2⁻¹⁴ has a fraction that counts steps of 2⁻¹⁷.
    let small = f32::from_bits(magnitude) < SMALLEST_FULL;
    let raised = (f32::from_bits(magnitude) + SMALLEST_FULL).to_bits();
    let (full, offset) = if small { (raised, OFFSET_SIGNED + 8) } else { (magnitude, OFFSET_SIGNED) };
    let code = (full.wrapping_add(random << (DROPPED - 16)) >> DROPPED).wrapping_sub(offset);
    let code = code.min(TOP_SIGNED.0);
    let code = if code == 0 { 0 } else { code | sign };
    let code = if magnitude == INFINITY { INFINITE_SIGNED | sign } else { code };
    if magnitude > INFINITY { NAN_SIGNED } else { code }
}

/// Does the same as [`signed_code`] for a number that is not negative.
#[inline(always)]
fn positive_code(value: f32, random: u32) -> u32 {
    let bits = value.to_bits();
    let code = (bits.wrapping_add(random << (DROPPED - 16)) >> DROPPED).saturating_sub(OFFSET_POSITIVE);
    let code = code.clamp(1, TOP_POSITIVE.0);
    let code = if value > 0.0 { code } else { 0 };
    let code = if bits == INFINITY { INFINITE_POSITIVE } else { code };
    if bits & MAGNITUDE > INFINITY { NAN_POSITIVE } else { code }
}

/// Returns the number of a code, in units of the scale.
#[inline(always)]
fn signed_value(code: u8) -> f32 {
    let code = u32::from(code);
    let magnitude = code & 0x7F;
    let full = f32::from_bits((magnitude + OFFSET_SIGNED) << DROPPED);
    let value = if magnitude < 8 { magnitude as i32 as f32 * SMALLEST_SIGNED } else { full };
    let value = if magnitude == INFINITE_SIGNED { f32::INFINITY } else { value };
    let value = f32::from_bits(value.to_bits() | (code & 0x80) << 24);
    if code == NAN_SIGNED { f32::NAN } else { value }
}

/// Does the same as [`signed_value`] for a number that is not negative.
#[inline(always)]
fn positive_value(code: u8) -> f32 {
    let code = u32::from(code);
    let value = f32::from_bits((code + OFFSET_POSITIVE) << DROPPED);
    let value = if code == 0 { 0.0 } else { value };
    let value = if code == INFINITE_POSITIVE { f32::INFINITY } else { value };
    if code == NAN_POSITIVE { f32::NAN } else { value }
}

/// Encodes a block, which begins with element `start` of a piece, and returns its scale.
#[inline(always)]
pub(crate) fn encode(sign: Sign, values: &[f32], codes: &mut [u8], bits: PieceBits, start: usize) -> f32 {
    let scale = scale_of(values, if sign == Sign::Signed { TOP_SIGNED.1 } else { TOP_POSITIVE.1 });
    let inverse = inverse(scale);
    for (strip, (values, codes)) in values.chunks(STRIP).zip(codes.chunks_mut(STRIP)).enumerate() {
        let bits = bits.of_strip(start + strip * STRIP);
        match sign {
            Sign::Signed => {
                bits.encode(values, codes, |value, random| signed_code(value * inverse, random) as u8);
            }
            Sign::Positive => {
                bits.encode(values, codes, |value, random| positive_code(value * inverse, random) as u8);
            }
        }
    }
    scale
}

/// Decodes a block.
#[inline(always)]
pub(crate) fn decode(sign: Sign, codes: &[u8], scale: f32, values: &mut [f32]) {
    let elements = values.iter_mut().zip(codes);
    match sign {
        Sign::Signed => elements.for_each(|(value, code)| *value = signed_value(*code) * scale),
        Sign::Positive => elements.for_each(|(value, code)| *value = positive_value(*code) * scale),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::compact::BLOCK;
    use crate::memory::compact::rounding::Rounding;

    const KINDS: [Sign; 2] = [Sign::Signed, Sign::Positive];

    fn bits() -> PieceBits {
        Rounding::new(7, 7).of_piece(0, 0)
    }

    fn round_trip(sign: Sign, values: &[f32], bits: PieceBits) -> (Vec<f32>, f32) {
        let mut codes = vec![0; values.len()];
        let scale = encode(sign, values, &mut codes, bits, 0);
        let mut decoded = vec![0.0; values.len()];
        decode(sign, &codes, scale, &mut decoded);
        (decoded, scale)
    }

    /// Returns a block of numbers of many sizes, the largest of them `largest`.
    fn block(sign: Sign, largest: f32) -> Vec<f32> {
        let size = |i: usize| largest * 2_f32.powf(-(i as f32) * 0.117);
        let is_negative = |i: usize| sign == Sign::Signed && i % 3 == 1;
        (0..BLOCK).map(|i| if is_negative(i) { -size(i) } else { size(i) }).collect()
    }

    #[test]
    fn the_error_of_every_number_stays_within_the_stated_bounds() {
        for sign in KINDS {
            for largest in [1.0, 1.7, 3e-9, 8.3e20, 1e-30, 1.6 * 2_f32.powi(126)] {
                let values = block(sign, largest);
                let (decoded, scale) = round_trip(sign, &values, bits());
                let full = scale * 2_f32.powi(if sign == Sign::Signed { -14 } else { -31 }) * 1.125;
                for (value, decoded) in values.iter().zip(decoded) {
                    let error = (decoded - value).abs();
                    let bound = match sign {
                        _ if value.abs() >= full => value.abs() / 8.0,
                        Sign::Signed => scale * SMALLEST_SIGNED,
                        Sign::Positive => full,
                    };
                    assert!(error <= bound, "{sign:?}: {value} as {decoded}, the scale is {scale}");
                    assert!(*value != 0.0 || decoded == 0.0);
                }
            }
        }
    }

    #[test]
    fn every_code_is_kept_when_it_is_encoded_again_with_another_scale() {
        for (sign, top) in [(Sign::Signed, TOP_SIGNED.0), (Sign::Positive, TOP_POSITIVE.0)] {
            let mut values = vec![0.0; 255];
            let codes: Vec<u8> = (0..255).map(|code| code.min(top) as u8).collect();
            decode(sign, &codes, 1.0, &mut values);
            for random in [0, 0x8000, 0xFFFF] {
                for (value, code) in values.iter().zip(&codes) {
                    let again = match sign {
                        Sign::Signed => signed_code(*value, random),
                        Sign::Positive => positive_code(*value, random),
                    };
                    assert_eq!(again, u32::from(*code), "{sign:?}: {value}");
                }
            }
            // Twice the scale takes the smallest codes away and keeps the others.
            values.push(3.0);
            let (decoded, scale) = round_trip(sign, &values, bits());
            assert_eq!(scale, 2.0);
            let kept = values.iter().zip(&decoded).filter(|(value, _)| **value > 2e-4);
            assert!(kept.clone().count() > 100 && kept.clone().all(|(value, decoded)| value == decoded));
        }
    }

    #[test]
    fn a_number_is_right_on_average() {
        for sign in KINDS {
            let values: Vec<f32> = block(sign, 1.1).into_iter().take(200).collect();
            let mut sums = vec![0.0; values.len()];
            let draws = 20_000;
            let mut scale = 0.0;
            for draw in 0..draws {
                let bits = Rounding::new(draw, 1).of_piece(0, 0);
                let (decoded, of_block) = round_trip(sign, &values, bits);
                scale = of_block;
                sums.iter_mut().zip(decoded).for_each(|(sum, decoded)| *sum += f64::from(decoded));
            }
            for (value, sum) in values.iter().zip(sums) {
                let (mean, value) = (sum / draws as f64, f64::from(*value));
                // The distance of two codes; the standard deviation of a draw is half of it or less.
                let step = (value.abs() / 8.0).max(f64::from(scale * SMALLEST_SIGNED));
                let error = (mean - value).abs();
                assert!(error < 4.5 * step / 2.0 / (draws as f64).sqrt(), "{sign:?}: {value}, mean {mean}");
            }
        }
    }

    #[test]
    fn zero_and_what_is_not_finite_stay_and_do_not_change_their_neighbours() {
        let values = [0.0, f32::INFINITY, f32::NAN, 0.5, f32::NEG_INFINITY, -0.0, 0.25];
        let (decoded, scale) = round_trip(Sign::Signed, &values, bits());
        assert!(decoded[2].is_nan() && scale == 0.5);
        let others = |values: &[f32]| [0, 1, 3, 4, 5, 6].map(|i| values[i]);
        assert_eq!(others(&decoded), others(&values));
        let (decoded, scale) = round_trip(Sign::Positive, &values, bits());
        assert!(decoded[2].is_nan() && scale == 0.5);
        assert_eq!([0, 1, 3, 5, 6].map(|i| decoded[i]), [0.0, f32::INFINITY, 0.5, 0.0, 0.25]);
    }

    #[test]
    fn a_positive_number_never_becomes_zero() {
        let values = [1.0, 1e-12, 1e-30, 1e-45, 0.0];
        for draw in 0..1000 {
            let bits = Rounding::new(draw, 3).of_piece(1, 0);
            let (decoded, _) = round_trip(Sign::Positive, &values, bits);
            assert!(decoded[..4].iter().all(|value| *value > 0.0) && decoded[4] == 0.0);
        }
        let (decoded, _) = round_trip(Sign::Positive, &[0.0, 1e-45], bits());
        assert!(decoded[1] > 0.0 && decoded[1] < 1e-37 && decoded[0] == 0.0);
    }
}
