//! The middle and the width of a handful of values.
//!
//! Where `+∞` and `−∞` would have to be added or interpolated, there is no answer: the functions return none, never
//! NaN.

use serde::Serialize;

/// The middle and the width of a handful of values.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Spread {
    /// How many values there are.
    pub count: usize,
    /// Their arithmetic mean.
    pub mean: f64,
    /// Their sample standard deviation, `√(Σ(x − mean)² / (n − 1))`; none for a single value, and where a value is
    /// infinite.
    pub deviation: Option<f64>,
}

impl Spread {
    /// The spread of `values`; none if there are none, or both infinities are among them.
    pub fn of(values: &[f64]) -> Option<Self> {
        let mean = mean(values)?;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        let count = values.len();
        let deviation = (count > 1 && mean.is_finite()).then(|| (squares / (count - 1) as f64).sqrt());
        Some(Spread { count, mean, deviation })
    }
}

/// The arithmetic mean; none of no values, and of values with both infinities among them.
pub fn mean(values: &[f64]) -> Option<f64> {
    known(values.iter().sum::<f64>() / values.len() as f64)
}

/// The middle value, or the mean of the two in the middle; none of no values, and of `−∞` and `+∞` in the middle.
pub fn median(values: &[f64]) -> Option<f64> {
    quantile(values, 0.5)
}

/// The value below which a `share` in `[0, 1]` of the values lies, with a straight line between neighbours (Hyndman &
/// Fan, 1996, definition 7, which is NumPy's); none of no values, and between `−∞` and `+∞`.
pub fn quantile(values: &[f64], share: f64) -> Option<f64> {
    quantile_in_place(&mut values.to_vec(), share)
}

/// [`quantile`], which leaves the values in another order.
pub(super) fn quantile_in_place(values: &mut [f64], share: f64) -> Option<f64> {
    let place = share * values.len().checked_sub(1)? as f64;
    let (_, below, rest) = values.select_nth_unstable_by(place.floor() as usize, f64::total_cmp);
    let weight = place.fract();
    if weight == 0.0 {
        return Some(*below);
    }
    let above = rest.iter().copied().fold(f64::INFINITY, f64::min);
    // Two halves rather than `below + (above − below) / 2`, so that the median of two is exactly their mean; and equal
    // neighbours apart, so that rounding does not move what lies between them.
    if *below == above { Some(above) } else { known(*below * (1.0 - weight) + above * weight) }
}

/// The mean of the middle half of the values; none of no values, and where both infinities are in that half.
///
/// Of the sorted values `x₁ ≤ … ≤ xₙ`, each holds a share `1 / n` of the whole, and those shares between a quarter and
/// three quarters of the whole count. A value that a quarter falls into counts by the part of it that is inside:
///
/// ```text
/// IQM = Σᵢ wᵢ xᵢ / (n / 2)        wᵢ = length of [i − 1, i] ∩ [n / 4, 3n / 4]
/// ```
///
/// Values with `wᵢ = 0` do not count even if they are infinite; one infinite value inside makes the result infinite.
///
/// # Differs from
/// `scipy.stats.trim_mean(values, 0.25)`, and with it rliable, which drop `⌊n / 4⌋` whole values at either end: the
/// same where 4 divides `n`, and more than half of the values otherwise.
///
/// # Reference
/// Agarwal et al., *Deep reinforcement learning at the edge of the statistical precipice*, 2021, section 4.3,
/// <https://arxiv.org/abs/2108.13264>
pub fn interquartile_mean(values: &[f64]) -> Option<f64> {
    interquartile_mean_of_sorted(&sorted(values))
}

/// [`interquartile_mean`] of values in ascending order.
pub(super) fn interquartile_mean_of_sorted(sorted: &[f64]) -> Option<f64> {
    let (from, to) = (sorted.len() as f64 / 4.0, sorted.len() as f64 * 0.75);
    let (first, end) = (from.floor() as usize, to.ceil() as usize);
    let inside = (first..end).zip(&sorted[first..end]);
    let sum: f64 = inside.map(|(i, value)| (to.min(i as f64 + 1.0) - from.max(i as f64)) * value).sum();
    known(sum / (to - from))
}

/// The values in ascending order.
pub(super) fn sorted(values: &[f64]) -> Vec<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    sorted
}

fn known(value: f64) -> Option<f64> {
    (!value.is_nan()).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    const INF: f64 = f64::INFINITY;

    #[test]
    fn spread_of_four_values_is_what_one_computes_by_hand() {
        // Mean 5; deviations −3, −1, 1, 3; squares 9 + 1 + 1 + 9 = 20; √(20 / 3).
        let spread = Spread::of(&[2.0, 4.0, 6.0, 8.0]).unwrap();
        assert_eq!((spread.count, spread.mean), (4, 5.0));
        assert!((spread.deviation.unwrap() - 2.581_988_897_471_611).abs() < 1e-15);
    }

    #[test]
    fn one_value_has_a_mean_and_no_deviation_and_none_has_nothing() {
        let spread = Spread::of(&[3.5]).unwrap();
        assert_eq!((spread.mean, spread.deviation), (3.5, None));
        assert_eq!((Spread::of(&[]), mean(&[]), median(&[])), (None, None, None));
        assert_eq!(interquartile_mean(&[]), None);
    }

    #[test]
    fn median_is_the_middle_of_the_sorted_values() {
        assert_eq!(median(&[9.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[10.0, 1.0, 2.0, 4.0]), Some(3.0));
    }

    #[test]
    fn quantiles_are_those_of_numpy() {
        // numpy.quantile([1, 2, 4, 8], [0, 0.25, 0.5, 0.75, 1])
        let quantiles =
            [0.0, 0.25, 0.5, 0.75, 1.0].map(|share| quantile(&[4.0, 1.0, 8.0, 2.0], share).unwrap());
        assert_eq!(quantiles, [1.0, 1.75, 3.0, 5.0, 8.0]);
        assert_eq!((quantile(&[7.0], 0.25), quantile(&[], 0.5)), (Some(7.0), None));
        // 0.1 · (1 − 0.3) + 0.1 · 0.3 is not 0.1 after rounding.
        assert_eq!(quantile(&[0.1, 0.1], 0.3), Some(0.1));
    }

    #[test]
    fn the_interquartile_mean_weighs_the_values_that_a_quarter_falls_into() {
        // 4 divides 8, so scipy.stats.trim_mean([1, 2, 4, 8, 16, 32, 64, 128], 0.25) = 15 is the same.
        let powers = [64.0, 1.0, 8.0, 2.0, 128.0, 4.0, 16.0, 32.0];
        assert_eq!(interquartile_mean(&powers), Some(15.0));
        // Of five the quarters are at 1.25 and 3.75: (0.75 · 2 + 4 + 0.75 · 8) / 2.5.
        assert_eq!(interquartile_mean(&[16.0, 1.0, 8.0, 2.0, 4.0]), Some(4.6));
        // Of six they are at 1.5 and 4.5: (0.5 · 2 + 4 + 8 + 0.5 · 16) / 3.
        assert_eq!(interquartile_mean(&[16.0, 1.0, 32.0, 8.0, 2.0, 4.0]), Some(7.0));
        // Of two and one all that is inside is half of each.
        assert_eq!(interquartile_mean(&[1.0, 4.0]), Some(2.5));
        assert_eq!(interquartile_mean(&[7.0]), Some(7.0));
    }

    #[test]
    fn an_infinite_value_counts_only_where_it_is_inside() {
        assert_eq!(interquartile_mean(&[1.0, 2.0, 4.0, INF]), Some(3.0));
        assert_eq!(interquartile_mean(&[1.0, 2.0, 4.0, 5.0, INF]), Some((1.5 + 4.0 + 3.75) / 2.5));
        assert_eq!(interquartile_mean(&[1.0, 2.0, INF]), Some(INF));
        assert_eq!(interquartile_mean(&[-INF, 1.0, 2.0, 4.0, 5.0]), Some((0.75 + 2.0 + 3.0) / 2.5));
        assert_eq!((median(&[1.0, 2.0, INF]), median(&[2.0, INF])), (Some(2.0), Some(INF)));
        assert_eq!((mean(&[1.0, -INF]), median(&[INF, INF])), (Some(-INF), Some(INF)));
        let spread = Spread::of(&[1.0, INF]).unwrap();
        assert_eq!((spread.mean, spread.deviation), (INF, None));
    }

    #[test]
    fn there_is_nothing_between_both_infinities() {
        let both = [-INF, INF];
        assert_eq!((mean(&both), median(&both), interquartile_mean(&both)), (None, None, None));
        assert_eq!((Spread::of(&both), quantile(&both, 1.0)), (None, Some(INF)));
    }
}
