//! Confidence intervals by resampling the seeds.

use crate::statistics::describe::{interquartile_mean_of_sorted, mean, median, quantile_in_place, sorted};
use crate::statistics::draw::below;
use optlab_core::random::{Purpose, stream};
use rand_chacha::ChaCha8Rng;
use serde::Serialize;

/// The number of resamples of an interval.
pub const RESAMPLES: usize = 10_000;

/// The level of the intervals of a [`Description`].
pub const LEVEL: f64 = 0.95;

/// A value with an interval. Infinite numbers are `null` in JSON.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Estimate {
    /// The statistic of the values themselves.
    pub value: f64,
    /// The lower end of the interval.
    pub low: f64,
    /// The upper end of the interval.
    pub high: f64,
}

/// Returns the percentile interval of `statistic` at `level` in `(0, 1)`. Each of [`RESAMPLES`] resamples
/// draws as many values as there are from `values`, with replacement; the interval extends from the
/// `(1 − level) / 2` to the `(1 + level) / 2` quantile (definition 7) of their statistics.
///
/// `statistic` gets the values in ascending order, and must not depend on their order. If it returns NaN (as
/// for `∞ − ∞`), the statistic of that resample is unknown: it counts as `−∞` for the lower end and as `+∞`
/// for the upper.
///
/// The interval depends only on the values and `seed`. Returns `None` without values, for a level out of its
/// range, and if the statistic of the values themselves is NaN.
///
/// With few seeds the interval covers the truth less often than `level`: for 10 seeds of a normal
/// distribution it covers the mean 89 % of the time at a level of 95 %. It describes one arm; to compare two,
/// use [`Paired`](crate::statistics::paired::Paired), which does not have this fault.
///
/// # Reference
/// Efron & Tibshirani, *An introduction to the bootstrap*, 1993, section 13.3; Agarwal et al., *Deep
/// reinforcement learning at the edge of the statistical precipice*, 2021, <https://arxiv.org/abs/2108.13264>
pub fn interval(
    values: &[f64],
    statistic: impl Fn(&[f64]) -> f64,
    level: f64,
    seed: u64,
) -> Option<Estimate> {
    if values.is_empty() || !(level > 0.0 && level < 1.0) {
        return None;
    }
    let sorted = sorted(values);
    let value = statistic(&sorted);
    let mut resamples = Resamples::new(values.len(), seed);
    let statistics: Vec<f64> = (0..RESAMPLES).map(|_| statistic(resamples.draw_ascending(&sorted))).collect();
    Estimate::new(value, &statistics, level)
}

impl Estimate {
    /// Returns `value` with quantiles of the resampled `statistics` as its ends; `None` if it is NaN.
    pub(super) fn new(value: f64, statistics: &[f64], level: f64) -> Option<Self> {
        let end = |share, unknown: f64| {
            let known = |&value: &f64| if value.is_nan() { unknown } else { value };
            let mut statistics: Vec<f64> = statistics.iter().map(known).collect();
            quantile_in_place(&mut statistics, share).unwrap_or(unknown)
        };
        let (low, high) =
            (end((1.0 - level) / 2.0, f64::NEG_INFINITY), end((1.0 + level) / 2.0, f64::INFINITY));
        (!value.is_nan()).then_some(Estimate { value, low, high })
    }
}

/// A source of resamples: indices drawn with replacement, as many as there are values.
pub(super) struct Resamples {
    random: ChaCha8Rng,
    counts: Vec<u32>,
    values: Vec<f64>,
}

impl Resamples {
    /// Creates a source of resamples of `count` indices.
    pub(super) fn new(count: usize, seed: u64) -> Self {
        let random = stream(seed, Purpose::Resamples, 0);
        Resamples { random, counts: vec![0; count], values: Vec::with_capacity(count) }
    }

    /// Draws the next resample and returns how often each index is in it.
    pub(super) fn draw(&mut self) -> &[u32] {
        self.counts.fill(0);
        let bound = self.counts.len() as u32;
        for _ in 0..bound {
            self.counts[below(bound, &mut self.random)] += 1;
        }
        &self.counts
    }

    /// Draws the next resample of `sorted`, also in ascending order.
    fn draw_ascending(&mut self, sorted: &[f64]) -> &[f64] {
        self.draw();
        self.values.clear();
        for (&count, &value) in self.counts.iter().zip(sorted) {
            self.values.extend(std::iter::repeat_n(value, count as usize));
        }
        &self.values
    }
}

type Statistic = fn(&[f64]) -> Option<f64>;

/// The results of an arm over its seeds, with intervals at a level of 95 % from the same resamples.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Description {
    /// The number of seeds.
    pub count: usize,
    /// Their [median].
    pub median: Estimate,
    /// Their [interquartile mean](crate::statistics::describe::interquartile_mean).
    pub interquartile_mean: Estimate,
    /// Their mean.
    pub mean: Estimate,
}

impl Description {
    /// Returns the description of `values`; `None` without values, or if both infinities are among them.
    pub fn of(values: &[f64]) -> Option<Self> {
        let sorted = sorted(values);
        let statistics: [Statistic; 3] = [median, interquartile_mean_of_sorted, mean];
        let mut resampled = [const { Vec::new() }; 3];
        let mut resamples = Resamples::new(values.len(), 0);
        for _ in 0..RESAMPLES {
            let resample = resamples.draw_ascending(&sorted);
            // If a resample has no statistic, it contains both infinities, and so do the values.
            for (resampled, statistic) in resampled.iter_mut().zip(statistics) {
                resampled.push(statistic(resample)?);
            }
        }
        let estimate = |i: usize| Estimate::new(statistics[i](&sorted)?, &resampled[i], LEVEL);
        Some(Description {
            count: values.len(),
            median: estimate(0)?,
            interquartile_mean: estimate(1)?,
            mean: estimate(2)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::describe::interquartile_mean;

    const INF: f64 = f64::INFINITY;

    fn of_mean(values: &[f64]) -> f64 {
        values.iter().sum::<f64>() / values.len() as f64
    }

    /// Returns the statistic of each of the `nⁿ` resamples.
    fn all_resamples(values: &[f64], statistic: impl Fn(&[f64]) -> f64) -> Vec<f64> {
        let n = values.len();
        let digits = |number: usize| (0..n).map(move |place| number / n.pow(place as u32) % n);
        (0..n.pow(n as u32))
            .map(|number| statistic(&digits(number).map(|i| values[i]).collect::<Vec<f64>>()))
            .collect()
    }

    #[test]
    fn the_ends_are_quantiles_of_all_resamples_within_the_error_of_sampling() {
        let values = [1.3, -0.4, 2.2, 7.9, 0.1, 3.05];
        let statistics: [(&str, Statistic); 3] =
            [("mean", mean), ("median", median), ("interquartile mean", interquartile_mean)];
        for (name, statistic) in statistics {
            let statistic = |values: &[f64]| statistic(values).unwrap();
            for n in 2..=6 {
                let exact = all_resamples(&values[..n], statistic);
                for (level, seed) in [(0.95, 1), (0.8, 2), (0.5, 3)] {
                    let estimate = interval(&values[..n], statistic, level, seed).unwrap();
                    assert_eq!(estimate.value, statistic(&sorted(&values[..n])));
                    for (end, share) in
                        [(estimate.low, (1.0 - level) / 2.0), (estimate.high, (1.0 + level) / 2.0)]
                    {
                        let share_of = |test: &dyn Fn(f64) -> bool| {
                            exact.iter().filter(|&&value| test(value)).count() as f64 / exact.len() as f64
                        };
                        // Four standard deviations of a binomial, and rounding between equal statistics.
                        let error = 4.0 * (share * (1.0 - share) / RESAMPLES as f64).sqrt();
                        let below = share_of(&|value| value < end - 1e-9);
                        let up_to = share_of(&|value| value <= end + 1e-9);
                        assert!(
                            below <= share + error && up_to >= share - error,
                            "{name} {n} {level} {share}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn the_intervals_match_scipy_within_the_error_of_sampling() {
        // scipy.stats.bootstrap((x,), statistic, n_resamples=400_000, method='percentile',
        // rng=0).confidence_interval for numpy.mean, numpy.median and, at n = 8, lambda x, axis:
        // scipy.stats.trim_mean(x, 0.25, axis=axis).
        let description = Description::of(&VALUES).unwrap();
        for (estimate, [value, low, high]) in [
            (description.mean, SCIPY[0]),
            (description.median, SCIPY[1]),
            (description.interquartile_mean, SCIPY[2]),
        ] {
            // The values are half a point to several points apart.
            assert!((estimate.value - value).abs() < 1e-12, "{estimate:?}");
            assert!((estimate.low - low).abs() < 0.1 && (estimate.high - high).abs() < 0.1, "{estimate:?}");
        }
    }

    const VALUES: [f64; 8] = [91.2, 92.9, 90.4, 93.3, 95.1, 91.9, 88.7, 92.4];
    const SCIPY: [[f64; 3]; 3] = [[91.9875, 90.725, 93.225], [92.15, 90.4, 93.3], [92.1, 90.55, 93.4]];

    #[test]
    fn a_description_has_the_intervals_of_its_statistics() {
        let description = Description::of(&VALUES).unwrap();
        assert_eq!(description.count, 8);
        assert_eq!(Some(description.mean), interval(&VALUES, of_mean, 0.95, 0));
        assert_eq!(Some(description.median), interval(&VALUES, |values| median(values).unwrap(), 0.95, 0));
        let interquartile_mean = interval(&VALUES, |values| interquartile_mean(values).unwrap(), 0.95, 0);
        assert_eq!(Some(description.interquartile_mean), interquartile_mean);
    }

    #[test]
    fn an_interval_depends_on_the_values_and_the_seed_alone() {
        let values = VALUES.map(f64::sqrt);
        let mut backwards = values;
        backwards.reverse();
        let of = |values: &[f64], seed| interval(values, of_mean, 0.9, seed).unwrap();
        assert_eq!(of(&values, 1), of(&backwards, 1));
        assert_ne!(of(&values, 1), of(&values, 2));
    }

    #[test]
    fn an_interval_of_equal_values_is_that_value() {
        let point = Estimate { value: 2.5, low: 2.5, high: 2.5 };
        assert_eq!(interval(&[2.5; 7], of_mean, 0.95, 0), Some(point));
        let description = Description::of(&[2.5]).unwrap();
        assert_eq!(
            (description.mean, description.median, description.interquartile_mean),
            (point, point, point)
        );
    }

    #[test]
    fn infinite_values_have_infinite_ends_and_no_nan() {
        let description = Description::of(&[1.0, 2.0, 3.0, 4.0, INF]).unwrap();
        assert_eq!((description.mean.value, description.mean.high), (INF, INF));
        // A third of the resamples do not contain the infinite value.
        assert!(description.mean.low < 2.5);
        assert_eq!((description.median.value, description.median.high), (3.0, INF));
        let description = Description::of(&[-INF; 3]).unwrap();
        assert_eq!(description.mean, Estimate { value: -INF, low: -INF, high: -INF });
        // Half of the resamples are `∞ − ∞`, so both ends are unknown.
        let first = |values: &[f64]| if values[0] == values[1] { values[0] } else { f64::NAN };
        assert_eq!(interval(&[1.0, INF], first, 0.95, 0), None);
        let sum_or_zero = |values: &[f64]| if values == [-INF, INF] { 0.0 } else { values[0] - values[1] };
        let estimate = interval(&[-INF, INF], sum_or_zero, 0.95, 0);
        assert_eq!(estimate, Some(Estimate { value: 0.0, low: -INF, high: INF }));
    }

    #[test]
    fn there_is_no_interval_without_values_or_with_an_invalid_level() {
        assert_eq!((interval(&[], of_mean, 0.95, 0), Description::of(&[])), (None, None));
        assert_eq!((Description::of(&[INF, -INF]), Description::of(&[f64::NAN])), (None, None));
        for level in [0.0, 1.0, f64::NAN] {
            assert_eq!(interval(&VALUES, of_mean, level, 0), None);
        }
    }
}
