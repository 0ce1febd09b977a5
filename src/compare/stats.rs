//! Statistics over seeds, in f64.

use serde::Serialize;

/// The middle and the width of a handful of values.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Spread {
    /// How many values there are.
    pub count: usize,
    /// Their arithmetic mean.
    pub mean: f64,
    /// Their sample standard deviation, `√(Σ(x − mean)² / (n − 1))`; none for a single value.
    pub deviation: Option<f64>,
}

impl Spread {
    /// The spread of `values`; none if there are none.
    pub fn of(values: &[f64]) -> Option<Self> {
        let mean = mean(values)?;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        let count = values.len();
        Some(Spread { count, mean, deviation: (count > 1).then(|| (squares / (count - 1) as f64).sqrt()) })
    }
}

/// The arithmetic mean; none of no values.
pub fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// The middle value, or the mean of the two in the middle; none of no values.
pub fn median(values: &[f64]) -> Option<f64> {
    quantile(values, 0.5)
}

/// The value below which a `share` in `[0, 1]` of the values lies, with a straight line between neighbours (Hyndman & Fan,
/// 1996, definition 7, which is NumPy's); none of no values.
pub fn quantile(values: &[f64], share: f64) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let place = share * sorted.len().checked_sub(1)? as f64;
    let (below, above) = (sorted[place.floor() as usize], sorted[place.ceil() as usize]);
    // Two halves rather than `below + (above − below) / 2`, so that the median of two is exactly their mean.
    let weight = place.fract();
    Some(if weight == 0.0 { below } else { below * (1.0 - weight) + above * weight })
}

#[cfg(test)]
mod tests {
    use super::*;

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
    }
}
