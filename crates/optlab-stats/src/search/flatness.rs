//! The flatness of the optimum: how far a hyper-parameter can be off with about the same result.

use crate::search::distribution::Distribution;
use crate::search::sampler::Observation;
use crate::search::space::Space;
use crate::statistics::describe::median;
use serde::Serialize;
use serde_json::Value;

/// The trials that are about as good as the best: their number and their range.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Flatness {
    /// The largest allowed distance from the best value, as a share of the distance from the best to the
    /// median.
    pub tolerance: f64,
    /// The number of trials within that distance.
    pub count: usize,
    /// Their share of all trials, including trials without a value, `(0, 1]`.
    pub share: f64,
    /// Their range in each dimension with numbers.
    pub intervals: Vec<Interval>,
}

/// The range of a hyper-parameter over the trials that are about as good as the best.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Interval {
    /// The name of the dimension.
    pub name: String,
    /// The smallest of their values, as it ran: its text has all its digits.
    pub low: Value,
    /// The largest of their values, as it ran.
    pub high: Value,
    /// `high / low`, at least 1; for a [`Complement`](Distribution::Complement) the ratio of 1 − value.
    /// `None` if the denominator is not above 0.
    pub factor: Option<f64>,
}

/// A tenth of the way from the best trial to the median one.
pub const TOLERANCE: f64 = 0.1;

/// Measures the trials with a value of at most `best + tolerance (median − best)`, where the median is over
/// the trials with a finite value: a measure that does not change with the unit of the values. If a
/// hyper-parameter needs no tuning, its search has many of these trials and a wide interval.
///
/// The interval includes everything between these trials, good or not, and nothing outside the tried values.
/// A sampler that learns tries more points near the best, so shares are comparable only between searches with
/// samplers that do not learn.
///
/// Returns `None` if no trial has a finite value.
///
/// # Panics
/// If a point has another number of coordinates than the space.
pub fn flatness(space: &Space, trials: &[Observation], tolerance: f64) -> Option<Flatness> {
    let values: Vec<f64> = trials.iter().map(Observation::rank).filter(|value| value.is_finite()).collect();
    let best = values.iter().copied().fold(f64::INFINITY, f64::min);
    let limit = best + tolerance * (median(&values)? - best);
    let close: Vec<&Observation> = trials.iter().filter(|trial| trial.rank() <= limit).collect();
    let dimensions = space.dimensions().iter().enumerate();
    let intervals = dimensions.filter_map(|(place, dimension)| {
        interval(&dimension.name, &dimension.distribution, close.iter().map(|trial| trial.point[place]))
    });
    Some(Flatness {
        tolerance,
        count: close.len(),
        share: close.len() as f64 / trials.len() as f64,
        intervals: intervals.collect(),
    })
}

/// Returns the interval of the values at these coordinates; `None` for choices.
fn interval(
    name: &str,
    distribution: &Distribution,
    coordinates: impl Iterator<Item = f64>,
) -> Option<Interval> {
    if matches!(distribution, Distribution::Choice(_)) {
        return None;
    }
    // A value rises with its coordinate.
    let (lowest, highest) =
        coordinates.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), u| (low.min(u), high.max(u)));
    let (low, high) = (distribution.at(lowest), distribution.at(highest));
    let (first, last) = (low.as_f64()?, high.as_f64()?);
    let (numerator, denominator) = match distribution {
        Distribution::Complement { .. } => (1.0 - first, 1.0 - last),
        _ => (last, first),
    };
    let factor = (denominator > 0.0).then(|| numerator / denominator);
    Some(Interval { name: name.into(), low, high, factor })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trials(points: &[(&[f64], Option<f64>)]) -> Vec<Observation> {
        let numbered = points.iter().enumerate();
        numbered
            .map(|(number, (point, value))| Observation { number, point: point.to_vec(), value: *value })
            .collect()
    }

    #[test]
    fn trials_within_the_tolerance_are_counted_and_span_an_interval() {
        let space = "lr=log(1e-4,1),beta=complement(0.9,0.999),n=int(0,9),kind=choice(a,b),m=int(1,10)"
            .parse()
            .unwrap();
        // The median of 1, 1.5, 2, 2.1, 11, 12, 13 is 2.1, and a lost trial does not change it. A tolerance
        // of 0.5 reaches up to 1 + 0.5 · 1.1 = 1.55, a tolerance of 1 up to 2.1.
        let all = trials(&[
            (&[0.50, 0.5, 0.05, 0.0, 0.35], Some(1.0)),
            (&[0.25, 0.0, 0.95, 0.9, 0.15], Some(1.5)),
            (&[0.75, 0.5, 0.05, 0.0, 0.95], Some(2.0)),
            (&[0.50, 0.5, 0.05, 0.0, 0.35], Some(2.1)),
            (&[0.00, 0.5, 0.05, 0.0, 0.35], Some(11.0)),
            (&[0.00, 0.5, 0.05, 0.0, 0.35], Some(12.0)),
            (&[0.00, 0.5, 0.05, 0.0, 0.35], Some(13.0)),
            (&[0.00, 0.5, 0.05, 0.0, 0.35], None),
        ]);
        let flat = flatness(&space, &all, 0.5).unwrap();
        assert_eq!((flat.tolerance, flat.count, flat.share), (0.5, 2, 0.25));
        let names: Vec<&str> = flat.intervals.iter().map(|interval| interval.name.as_str()).collect();
        assert_eq!(names, ["lr", "beta", "n", "m"]);
        let ends: Vec<String> =
            flat.intervals.iter().map(|interval| format!("{} {}", interval.low, interval.high)).collect();
        assert_eq!(ends, ["0.001 0.01", "0.9 0.99", "0 9", "2 4"]);
        let factors: Vec<Option<f64>> = flat.intervals.iter().map(|interval| interval.factor).collect();
        for (factor, expected) in factors.iter().zip([Some(10.0), Some(10.0), None, Some(2.0)]) {
            assert_eq!(factor.is_some(), expected.is_some());
            assert!((factor.unwrap_or(0.0) - expected.unwrap_or(0.0)).abs() < 1e-9, "{factor:?}");
        }
        let flat = flatness(&space, &all, 1.0).unwrap();
        assert_eq!((flat.count, flat.share, flat.intervals[0].factor), (4, 0.5, Some(100.0)));
    }

    #[test]
    fn trials_that_are_all_alike_are_all_as_good_as_the_best() {
        let space = "lr=log(1e-4,1)".parse().unwrap();
        let all = trials(&[(&[0.0], Some(3.0)), (&[0.25], Some(3.0)), (&[0.5], Some(3.0))]);
        let flat = flatness(&space, &all, TOLERANCE).unwrap();
        assert_eq!((flat.count, flat.share, flat.intervals[0].factor), (3, 1.0, Some(100.0)));
        let one = flatness(&space, &all[..1], TOLERANCE).unwrap();
        assert_eq!((one.count, one.share, one.intervals[0].factor), (1, 1.0, Some(1.0)));
    }

    #[test]
    fn the_ends_of_an_interval_have_all_their_digits() {
        let space = "n=int(10000,99999),x=uniform(1e6,1000010),beta=complement(0.9,0.9999)".parse().unwrap();
        let close = trials(&[(&[0.5, 0.25, 0.5], Some(1.0)), (&[0.999_999, 0.75, 0.75], Some(1.0))]);
        let flat = flatness(&space, &close, TOLERANCE).unwrap();
        let ends = |place: usize| {
            let Interval { low, high, .. } = &flat.intervals[place];
            format!("{low} {high}")
        };
        // 10000 + 0.5 · 90000; 1e6 + 0.25 · 10 and 0.75 · 10; 1 − 10^−2.5 and 1 − 10^−3.25
        assert_eq!(
            [0, 1, 2].map(ends),
            ["55000 99999", "1000002.5 1000007.5", "0.996838 0.9994377"].map(String::from)
        );
    }

    #[test]
    fn without_a_finite_value_there_is_no_flatness() {
        let space = "lr=log(1e-4,1)".parse().unwrap();
        assert_eq!(flatness(&space, &[], TOLERANCE), None);
        let lost = trials(&[(&[0.0], None), (&[0.0], Some(f64::INFINITY)), (&[0.0], Some(f64::NAN))]);
        assert_eq!(flatness(&space, &lost, TOLERANCE), None);
    }
}
