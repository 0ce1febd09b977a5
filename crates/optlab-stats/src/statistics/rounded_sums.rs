//! Bounds of the number of subsets with a sum of at most 0, from rounded differences.

use crate::statistics::half_sums::reduced;

/// Returns two numbers between which the share of the subsets of `differences`, including the empty one, is
/// whose sum after subtracting `theta` from each difference is at most 0 (up to
/// rounding, as in [`not_above`](super::half_sums::not_above)).
///
/// Rounds the differences to multiples of their sum of magnitudes over `steps`, and computes the distribution
/// of the sum of a random subset. A rounded sum is off by at most the sum of the roundings.
pub(super) fn not_above_share(differences: &[f64], theta: f64, steps: usize) -> (f64, f64) {
    let reduced: Vec<f64> = differences.iter().map(|&difference| reduced(difference, theta)).collect();
    let step = reduced.iter().map(|value| value.abs()).sum::<f64>() / steps as f64;
    if !(step > 0.0 && step.is_finite()) {
        return (0.0, 1.0);
    }
    // A negative difference in a subset is the sum of all negative ones plus the magnitudes not in it.
    let (mut negative, mut up, mut down) = (0.0, 0.0, 0.0);
    let mut shares = vec![1.0];
    let mut longer = Vec::with_capacity(steps + differences.len());
    for value in reduced {
        let exact = value / step;
        let rounded = exact.round();
        negative += rounded.min(0.0);
        up += (exact - rounded).max(0.0);
        down += (rounded - exact).max(0.0);
        let magnitude = rounded.abs() as usize;
        longer.clear();
        longer.resize(shares.len() + magnitude, 0.0);
        // Multiples of 2⁻ⁿ: exact for up to 53 differences.
        longer.iter_mut().zip(&shares).for_each(|(share, without)| *share = 0.5 * without);
        longer[magnitude..].iter_mut().zip(&shares).for_each(|(share, with)| *share += 0.5 * with);
        std::mem::swap(&mut shares, &mut longer);
    }
    let share_up_to = |sum: f64| match (sum - negative).floor() {
        below if below < 0.0 => 0.0,
        place => shares.iter().take(place as usize + 1).sum::<f64>(),
    };
    // The sums of errors are themselves rounded.
    (share_up_to(-up - 1e-6), share_up_to(down + 1e-6))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::half_sums::not_above;

    #[test]
    fn the_exact_share_is_between_the_bounds_and_near_them() {
        let differences: Vec<f64> = (0..20).map(|i| (f64::from(i * 7 % 20) - 7.0).powi(3) + 0.3).collect();
        for theta in [-400.0, -100.0, 0.0, 30.0, 300.0] {
            let exact = not_above(&differences, theta) as f64 / f64::from(1 << 20);
            for (steps, most) in [(1 << 10, 0.05), (1 << 14, 0.003)] {
                let (low, high) = not_above_share(&differences, theta, steps);
                assert!(low <= exact && exact <= high, "{theta} {steps}: {low} {exact} {high}");
                assert!(high - low < most, "{theta} {steps}: {low} {exact} {high}");
            }
        }
    }

    #[test]
    fn one_large_difference_leaves_wide_bounds_and_none_are_no_bounds() {
        let (low, high) = not_above_share(&[1e12, 1.0, 2.0, 3.0], 0.0, 1 << 10);
        assert!(low <= 1.0 / 16.0 && high >= 1.0 / 16.0);
        assert_eq!(not_above_share(&[0.0; 5], 0.0, 1 << 10), (0.0, 1.0));
    }
}
