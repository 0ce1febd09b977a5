//! The beta distribution, from which intervals of shares and of means are computed.

/// Returns the natural logarithm of the gamma function at `x > 0` (Lanczos, with g = 7 and nine terms).
fn ln_gamma(x: f64) -> f64 {
    const TERMS: [f64; 8] = [
        676.520_368_121_885_1,
        -1_259.139_216_722_402_8,
        771.323_428_777_653_1,
        -176.615_029_162_140_6,
        12.507_343_278_686_905,
        -0.138_571_095_265_720_12,
        9.984_369_578_019_572e-6,
        1.505_632_735_149_311_6e-7,
    ];
    let x = x - 1.0;
    let terms = TERMS.iter().zip(1..).map(|(term, i)| term / (x + f64::from(i)));
    let sum = 0.999_999_999_999_809_9 + terms.sum::<f64>();
    let shifted = x + 7.5;
    0.5 * (2.0 * std::f64::consts::PI).ln() + (x + 0.5) * shifted.ln() - shifted + sum.ln()
}

/// Returns the probability that a variable with the beta distribution of `a, b > 0` is at most `x` in
/// `[0, 1]`: the regularized incomplete beta function, to about 12 digits.
///
/// # Reference
/// Press et al., *Numerical recipes*, 2007, section 6.4: a continued fraction, by Lentz's method.
pub(super) fn below(x: f64, a: f64, b: f64) -> f64 {
    if x <= 0.0 || x >= 1.0 {
        return x.clamp(0.0, 1.0);
    }
    if x > (a + 1.0) / (a + b + 2.0) {
        return 1.0 - below(1.0 - x, b, a);
    }
    let factor = (ln_gamma(a + b) - ln_gamma(a) - ln_gamma(b) + a * x.ln() + b * (-x).ln_1p()).exp() / a;
    let apart_from_zero = |value: f64| if value.abs() < 1e-300 { 1e-300 } else { value };
    let mut ratio = 1.0 / apart_from_zero(1.0 - (a + b) * x / (a + 1.0));
    let (mut other, mut fraction) = (1.0, ratio);
    for m in 1..10_000 {
        let m = f64::from(m);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        let mut change = 1.0;
        for term in [even, odd] {
            ratio = 1.0 / apart_from_zero(1.0 + term * ratio);
            other = apart_from_zero(1.0 + term / other);
            change = ratio * other;
            fraction *= change;
        }
        if (change - 1.0).abs() < 1e-15 {
            break;
        }
    }
    factor * fraction
}

/// Returns the value that a variable with the beta distribution of `a, b > 0` exceeds with a probability of
/// `1 − share`. Bisects [`below`].
pub(super) fn quantile(share: f64, a: f64, b: f64) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..100 {
        let middle = (low + high) / 2.0;
        if below(middle, a, b) < share {
            low = middle;
        } else {
            high = middle;
        }
    }
    high
}

/// Returns the value that a variable with Student's distribution of `degrees` degrees of freedom exceeds with
/// the probability `tail` in `(0, 1/2)`.
pub(super) fn student(tail: f64, degrees: usize) -> f64 {
    let degrees = degrees as f64;
    let x = quantile(2.0 * tail, degrees / 2.0, 0.5);
    (degrees * (1.0 - x) / x).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_beta_distribution_matches_scipy() {
        // scipy.stats.beta.cdf(x, a, b); scipy.stats.beta.ppf(cdf, a, b) is x.
        for (x, a, b, expected) in BETA {
            assert!((below(x, a, b) / expected - 1.0).abs() < 1e-11, "{x} {a} {b}: {}", below(x, a, b));
            assert!((quantile(expected, a, b) / x - 1.0).abs() < 1e-10, "{x} {a} {b}");
        }
        assert_eq!((below(0.0, 2.0, 3.0), below(1.0, 2.0, 3.0)), (0.0, 1.0));
    }

    #[test]
    fn quantiles_of_student_match_scipy() {
        // scipy.stats.t.isf(tail, degrees)
        for (tail, degrees, expected) in STUDENT {
            assert!((student(tail, degrees) / expected - 1.0).abs() < 1e-10, "{tail} {degrees}");
        }
    }

    const BETA: [(f64, f64, f64, f64); 7] = [
        (0.3, 2.0, 5.0, 0.5798250000000003),
        (0.9, 0.5, 0.5, 0.7951672353008665),
        (0.01, 3.0, 40.0, 0.008583853799733485),
        (0.5, 1.0, 1.0, 0.5),
        (0.2, 150.0, 400.0, 2.2323107854175833e-05),
        (0.999, 20.0, 1.0, 0.9801888648295347),
        (0.0001, 0.5, 30.0, 0.061487458408771414),
    ];
    const STUDENT: [(f64, usize, f64); 7] = [
        (0.025, 1, 12.706204736174705),
        (0.025, 2, 4.302652729749464),
        (0.025, 5, 2.5705818356363155),
        (0.025, 9, 2.2621571627982053),
        (0.025, 19, 2.09302405440831),
        (0.025, 500, 1.9647198374673678),
        (0.0005, 7, 5.407882520861726),
    ];
}
