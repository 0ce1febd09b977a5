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

/// Returns the error function to 8 units in the last place; NaN for NaN.
///
/// A rational function of `x` for |x| below 4, as Eigen and XLA compute it; ±1 beyond.
#[inline(always)]
pub(super) fn erf(x: f32) -> f32 {
    let x = if x < -4.0 { -4.0 } else { x };
    let x = if x > 4.0 { 4.0 } else { x };
    let square = x * x;
    let p = -2.726_142_3e-10;
    let p = p * square + 2.770_681_4e-8;
    let p = p * square - 2.101_024e-6;
    let p = p * square - 5.692_506_4e-5;
    let p = p * square - 7.349_906_3e-4;
    let p = p * square - 2.954_6e-3;
    let p = p * square - 1.609_603_3e-2;
    let q = -1.456_607_2e-5;
    let q = q * square - 2.133_740_5e-4;
    let q = q * square - 1.682_827e-3;
    let q = q * square - 7.373_329e-3;
    let q = q * square - 1.426_473_9e-2;
    x * p / q
}

/// Returns `1 / (1 + e⁻ˣ)`; NaN for NaN.
#[inline(always)]
pub(super) fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
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

    /// The error function in 64 bits, by its series.
    fn exact_erf(x: f64) -> f64 {
        let (mut term, mut sum) = (x, x);
        for n in 1..200 {
            term *= -x * x / f64::from(n);
            sum += term / f64::from(2 * n + 1);
        }
        sum * std::f64::consts::FRAC_2_SQRT_PI
    }

    #[test]
    fn erf_is_exact_to_8_units_in_the_last_place() {
        for (from, to) in [(-3.9, 3.9), (-1.0, 1.0), (-1e-3, 1e-3), (-1e-30, 1e-30)] {
            let worst = worst(erf, exact_erf, from, to);
            assert!(worst <= 8.0, "{worst} from {from} to {to}");
        }
        assert!(
            (f64::from(erf(1e9)) - 1.0).abs() < 2e-7
                && (f64::from(erf(f32::NEG_INFINITY)) + 1.0).abs() < 2e-7
        );
        assert!(erf(f32::NAN).is_nan());
    }

    #[test]
    fn exp_and_tanh_keep_their_end_values_outside_their_ranges() {
        assert_eq!(exp(-1e9), exp(-87.0));
        assert_eq!(exp(f32::INFINITY), exp(88.0));
        assert_eq!([tanh(f32::INFINITY), tanh(-1e9), tanh(0.0)], [1.0, -1.0, 0.0]);
        assert!(exp(f32::NAN).is_nan() && tanh(f32::NAN).is_nan());
    }
}
