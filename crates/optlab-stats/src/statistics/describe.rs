//! The centre and the spread of a few values.
//!
//! Where `+∞` and `−∞` would have to be added or interpolated, the result is undefined: the functions return
//! `None`, never NaN.

use serde::Serialize;

/// The centre and the spread of a few values.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Spread {
    /// The number of values.
    pub count: usize,
    /// Their arithmetic mean.
    pub mean: f64,
    /// Their sample standard deviation, `√(Σ(x − mean)² / (n − 1))`; `None` for a single value, and if a
    /// value is infinite.
    pub deviation: Option<f64>,
}

impl Spread {
    /// Returns the spread of `values`; `None` without values, or if both infinities are among them.
    pub fn of(values: &[f64]) -> Option<Self> {
        let mean = mean(values)?;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        let count = values.len();
        let deviation = (count > 1 && mean.is_finite()).then(|| (squares / (count - 1) as f64).sqrt());
        Some(Spread { count, mean, deviation })
    }

    /// Returns the standard error of the mean, `deviation / √n`.
    pub fn standard_error(&self) -> Option<f64> {
        self.deviation.map(|deviation| deviation / (self.count as f64).sqrt())
    }
}

/// Returns the arithmetic mean; `None` without values, and if both infinities are among them.
pub fn mean(values: &[f64]) -> Option<f64> {
    known(values.iter().sum::<f64>() / values.len() as f64)
}

/// Returns the middle value, or the mean of the two in the middle; `None` without values, and if the two are
/// `−∞` and `+∞`.
pub fn median(values: &[f64]) -> Option<f64> {
    quantile(values, 0.5)
}

/// Returns the value below which a `share` in `[0, 1]` of the values lies, with linear interpolation between
/// neighbours (Hyndman & Fan, 1996, definition 7, as in NumPy); `None` without values, and between `−∞` and
/// `+∞`.
pub fn quantile(values: &[f64], share: f64) -> Option<f64> {
    quantile_in_place(&mut values.to_vec(), share)
}

/// Does the same as [`quantile`], and reorders the values.
pub(super) fn quantile_in_place(values: &mut [f64], share: f64) -> Option<f64> {
    let place = share * values.len().checked_sub(1)? as f64;
    let (_, below, rest) = values.select_nth_unstable_by(place.floor() as usize, f64::total_cmp);
    let weight = place.fract();
    if weight == 0.0 {
        return Some(*below);
    }
    let above = rest.iter().copied().fold(f64::INFINITY, f64::min);
    // Weights of both neighbours rather than `below + (above − below) / 2`, so that the median of two is
    // exactly their mean. Equal neighbours are a separate case, so that rounding does not move the result.
    if *below == above { Some(above) } else { known(*below * (1.0 - weight) + above * weight) }
}

/// Returns the mean of the middle half of the values; `None` without values, and if both infinities are in
/// that half.
///
/// The sorted values `x₁ ≤ … ≤ xₙ` each have a share `1 / n` of the whole, and the shares between a quarter
/// and three quarters of the whole count. A value that contains a quarter point counts with the part that is
/// inside:
///
/// ```text
/// IQM = Σᵢ wᵢ xᵢ / (n / 2)        wᵢ = length of [i − 1, i] ∩ [n / 4, 3n / 4]
/// ```
///
/// Values with `wᵢ = 0` do not count even if they are infinite; an infinite value inside makes the result
/// infinite.
///
/// # Differs from
/// `scipy.stats.trim_mean(values, 0.25)`, and with it rliable, which drop `⌊n / 4⌋` whole values at either
/// end: that gives the same result if 4 divides `n`, and uses more than half of the values otherwise.
///
/// # Reference
/// Agarwal et al., *Deep reinforcement learning at the edge of the statistical precipice*, 2021, section 4.3,
/// <https://arxiv.org/abs/2108.13264>
pub fn interquartile_mean(values: &[f64]) -> Option<f64> {
    interquartile_mean_of_sorted(&sorted(values))
}

/// Returns the [`interquartile_mean`] of values in ascending order.
pub(super) fn interquartile_mean_of_sorted(sorted: &[f64]) -> Option<f64> {
    let (from, to) = (sorted.len() as f64 / 4.0, sorted.len() as f64 * 0.75);
    let (first, end) = (from.floor() as usize, to.ceil() as usize);
    let inside = (first..end).zip(&sorted[first..end]);
    let sum: f64 = inside.map(|(i, value)| (to.min(i as f64 + 1.0) - from.max(i as f64)) * value).sum();
    known(sum / (to - from))
}

/// Returns the values in ascending order.
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
    fn spread_of_four_values_matches_a_hand_computation() {
        // Mean 5; deviations −3, −1, 1, 3; squares 9 + 1 + 1 + 9 = 20; √(20 / 3).
        let spread = Spread::of(&[2.0, 4.0, 6.0, 8.0]).unwrap();
        assert_eq!((spread.count, spread.mean), (4, 5.0));
        assert!((spread.deviation.unwrap() - 2.581_988_897_471_611).abs() < 1e-15);
    }

    #[test]
    fn one_value_has_a_mean_but_no_deviation_and_no_values_have_neither() {
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
    fn quantiles_match_numpy() {
        // numpy.quantile([1, 2, 4, 8], [0, 0.25, 0.5, 0.75, 1])
        let quantiles =
            [0.0, 0.25, 0.5, 0.75, 1.0].map(|share| quantile(&[4.0, 1.0, 8.0, 2.0], share).unwrap());
        assert_eq!(quantiles, [1.0, 1.75, 3.0, 5.0, 8.0]);
        assert_eq!((quantile(&[7.0], 0.25), quantile(&[], 0.5)), (Some(7.0), None));
        // 0.1 · (1 − 0.3) + 0.1 · 0.3 is not 0.1 after rounding.
        assert_eq!(quantile(&[0.1, 0.1], 0.3), Some(0.1));
    }

    #[test]
    fn the_interquartile_mean_weights_the_values_at_the_quarter_points() {
        // 4 divides 8, so scipy.stats.trim_mean([1, 2, 4, 8, 16, 32, 64, 128], 0.25) = 15 is equal.
        let powers = [64.0, 1.0, 8.0, 2.0, 128.0, 4.0, 16.0, 32.0];
        assert_eq!(interquartile_mean(&powers), Some(15.0));
        // With five values the quarters are at 1.25 and 3.75: (0.75 · 2 + 4 + 0.75 · 8) / 2.5.
        assert_eq!(interquartile_mean(&[16.0, 1.0, 8.0, 2.0, 4.0]), Some(4.6));
        // With six they are at 1.5 and 4.5: (0.5 · 2 + 4 + 8 + 0.5 · 16) / 3.
        assert_eq!(interquartile_mean(&[16.0, 1.0, 32.0, 8.0, 2.0, 4.0]), Some(7.0));
        // With one or two values, half of each is inside.
        assert_eq!(interquartile_mean(&[1.0, 4.0]), Some(2.5));
        assert_eq!(interquartile_mean(&[7.0]), Some(7.0));
    }

    #[test]
    fn an_infinite_value_counts_only_inside_the_middle_half() {
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
    fn there_is_no_value_between_both_infinities() {
        let both = [-INF, INF];
        assert_eq!((mean(&both), median(&both), interquartile_mean(&both)), (None, None, None));
        assert_eq!((Spread::of(&both), quantile(&both, 1.0)), (None, Some(INF)));
    }
}
