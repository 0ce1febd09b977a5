//! The standard normal distribution.

use std::f64::consts::PI;

/// Returns the probability of a standard normal variable above `x`, to 12 digits for `|x| ≤ 37`.
///
/// ```text
/// 1 / 2 − φ(x) (x + x³ / 3 + x⁵ / (3 · 5) + x⁷ / (3 · 5 · 7) + …)        0 ≤ x < 2
/// φ(x) / (x + 1 / (x + 2 / (x + 3 / (x + …))))                           x ≥ 2
/// ```
///
/// # Reference
/// Abramowitz & Stegun, *Handbook of mathematical functions*, 1964, equations 26.2.11 and 26.2.14.
pub fn tail(x: f64) -> f64 {
    if x < 0.0 {
        return 1.0 - tail(-x);
    }
    let density = (-x * x / 2.0).exp() / (2.0 * PI).sqrt();
    if x < 2.0 {
        let terms = (1..40).scan(x, |term, i| {
            *term *= x * x / f64::from(2 * i + 1);
            Some(*term)
        });
        return 0.5 - density * (x + terms.sum::<f64>());
    }
    density / (1..200).rev().fold(x, |rest, i| x + f64::from(i) / rest)
}

/// Returns the `x` that a standard normal variable exceeds with the probability `tail` in `[0, 1]`: `z₁₋ₐ` is
/// `upper(a)`.
///
/// Bisects [`tail`] until there is no number between the ends.
pub fn upper(tail: f64) -> f64 {
    if tail > 0.5 {
        return -upper(1.0 - tail);
    }
    if tail == 0.0 {
        return f64::INFINITY;
    }
    let (mut low, mut high) = (0.0, 40.0);
    loop {
        let middle = (low + high) / 2.0;
        if middle == low || middle == high {
            return middle;
        }
        if self::tail(middle) > tail {
            low = middle;
        } else {
            high = middle;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tails_match_scipy() {
        // scipy.stats.norm.sf(x)
        for (x, expected) in [
            (0.0, 0.5),
            (0.5, 0.308_537_538_725_986_9),
            (1.2345, 0.108_508_323_362_670_19),
            (1.999_999, 0.0227501859391997),
            (2.0, 0.022750131948179195),
            (2.9, 0.001_865_813_300_384_037_5),
            (3.5, 0.000_232_629_079_035_525_04),
            (6.0, 9.865_876_450_376_946e-10),
            (10.0, 7.619_853_024_160_47e-24),
            (37.0, 5.7255712225239266e-300),
            (-1.0, 0.841_344_746_068_542_9),
            (-4.0, 0.999_968_328_758_166_9),
        ] {
            assert!((tail(x) / expected - 1.0).abs() < 1e-12, "{x}: {}", tail(x));
        }
    }

    #[test]
    fn quantiles_match_scipy() {
        // scipy.stats.norm.isf(tail)
        for (tail, expected) in [
            (0.5, 0.0),
            (0.2, 0.841_621_233_572_914_2),
            (0.025, 1.959_963_984_540_054_5),
            (0.05 / 80.0, 3.227_218_425_963_156_4),
            (1e-4, 3.719_016_485_455_680_4),
            (1e-10, 6.361_340_902_404_056),
            (1e-30, 11.464_024_688_443_613),
            (0.9, -1.281_551_565_544_600_4),
            (0.0, f64::INFINITY),
            (1.0, f64::NEG_INFINITY),
        ] {
            let x = upper(tail);
            assert!(x == expected || (x - expected).abs() < 1e-12, "{tail}: {x}");
        }
    }
}
