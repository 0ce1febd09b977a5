//! Functions of a single number without branches, so that a loop over a slice can be vectorized.

/// 1.5 · 2²³: adding it rounds a number to an integer, which is then in the lowest bits.
const MAGIC: f32 = 12_582_912.0;

/// Returns `eˣ` to 2 units in the last place, for `x` in [−87, 88]; outside, the value at the nearer end; NaN
/// for NaN.
///
/// `eˣ = 2ⁿ eʳ` with the polynomial of Cephes (Moshier, `expf.c`) for `eʳ`.
#[inline(always)]
pub(super) fn exp(x: f32) -> f32 {
    let x = if x < -87.0 { -87.0 } else { x };
    let x = if x > 88.0 { 88.0 } else { x };
    let shifted = x * std::f32::consts::LOG2_E + MAGIC;
    let n = shifted - MAGIC;
    // ln 2 in two parts; the first has so few bits that its product with n is exact.
    let r = x - n * 0.693_359_4 + n * 2.121_944_4e-4;
    let p = 1.987_569_1e-4;
    let p = p * r + 1.398_2e-3;
    let p = p * r + 8.333_452e-3;
    let p = p * r + 4.166_579_6e-2;
    let p = p * r + 1.666_666_5e-1;
    let p = p * r + 5e-1;
    let power = f32::from_bits(shifted.to_bits().wrapping_add(127) << 23);
    (p * r * r + r + 1.0) * power
}

/// Returns `tanh x` to 4 units in the last place; NaN for NaN.
///
/// Near 0 the polynomial of Cephes (Moshier, `tanhf.c`), elsewhere `1 − 2 / (e²ˣ + 1)`.
#[inline(always)]
pub(super) fn tanh(x: f32) -> f32 {
    let square = x * x;
    let p = -5.704_988_7e-3;
    let p = p * square + 2.063_909e-2;
    let p = p * square - 5.373_971_6e-2;
    let p = p * square + 1.333_144_2e-1;
    let p = p * square - 3.333_328e-1;
    let near = p * square * x + x;
    let size = 1.0 - 2.0 / (exp(2.0 * x.abs()) + 1.0);
    if x.abs() < 0.625 { near } else { size.copysign(x) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the distance of the two in units in the last place of `expected`.
    fn units_apart(value: f32, expected: f64) -> f64 {
        let exponent = (expected.abs() as f32).to_bits() >> 23;
        let unit = 2_f64.powi(exponent as i32 - 127 - 23);
        (f64::from(value) - expected).abs() / unit
    }

    fn worst(function: fn(f32) -> f32, exact: fn(f64) -> f64, from: f32, to: f32) -> f64 {
        let steps = 1_000_000;
        let x = |i| from + (to - from) * i as f32 / steps as f32;
        (0..=steps).map(x).map(|x| units_apart(function(x), exact(f64::from(x)))).fold(0.0, f64::max)
    }

    #[test]
    fn exp_is_exact_to_2_units_in_the_last_place() {
        let worst = worst(exp, f64::exp, -87.0, 88.0);
        assert!(worst <= 2.0, "{worst}");
    }

    #[test]
    fn tanh_is_exact_to_4_units_in_the_last_place() {
        for (from, to) in [(-20.0, 20.0), (-1.0, 1.0), (-1e-3, 1e-3), (-1e-30, 1e-30)] {
            let worst = worst(tanh, f64::tanh, from, to);
            assert!(worst <= 4.0, "{worst} from {from} to {to}");
        }
    }

    #[test]
    fn exp_and_tanh_keep_their_end_values_outside_their_ranges() {
        assert_eq!(exp(-1e9), exp(-87.0));
        assert_eq!(exp(f32::INFINITY), exp(88.0));
        assert_eq!([tanh(f32::INFINITY), tanh(-1e9), tanh(0.0)], [1.0, -1.0, 0.0]);
        assert!(exp(f32::NAN).is_nan() && tanh(f32::NAN).is_nan());
    }
}
