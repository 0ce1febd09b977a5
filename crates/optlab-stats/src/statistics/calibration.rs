//! Checks of the verdict on real runs: whether its false alarms are as rare as it claims, and whether it
//! finds existing differences.
//!
//! One arm is run on many seeds, and its runs are split at random into two arms that do not differ. A verdict
//! on these two arms is a false alarm.
//!
//! All splits use the same runs and so depend on each other: the interval of a [`Proportion`] here covers
//! only the uncertainty from the number of splits, not from other runs of the arm. More splits do not replace
//! more runs: with `S` runs, every answer rests on only `S` numbers.

use crate::Error;
use crate::statistics::draw::{below, shuffle};
use crate::statistics::normal::upper;
use crate::statistics::paired_test::{PairedTest, Test, differences};
use crate::statistics::proportion::Proportion;
use crate::statistics::verdict::Verdict;
use optlab_core::Direction;
use optlab_core::random::{Purpose, stream};
use optlab_core::range::{self, POSITIVE_BELOW_ONE, POSITIVE_UP_TO_ONE};

/// The number of splits whose exact constants are compared.
const FEW: usize = 3;

/// The settings of a calibration. The same numbers give the same splits.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Calibration {
    /// The number of random splits, at least 1.
    pub splits: usize,
    /// The level of each verdict, in `(0, 1)`.
    pub alpha: f64,
    /// The seed of the splits.
    pub seed: u64,
}

impl Calibration {
    /// Returns the share of the random splits in which the verdict is not [`Verdict::NotShown`]. Each split
    /// divides `values`, one for each seed of one arm, into two randomly paired halves; with an odd number
    /// one run is left out each time. The share should be at most `alpha`.
    ///
    /// # Errors
    /// [`Error::InvalidConfig`] for a field out of its range, or fewer than 2 values; [`Error::Usage`] for
    /// NaN.
    pub fn false_alarms(&self, values: &[f64]) -> Result<Proportion, Error> {
        self.check(values.len(), values.len() / 2, 2)?;
        self.share(|split| {
            Ok(self.halves(values, values.len() / 2, split)?.verdict(self.alpha) != Verdict::NotShown)
        })
    }

    /// Returns the smallest constant by which one arm has to be better than the other so that `seeds` seeds
    /// show it in at least a share `power`, in `(0, 1]`, of the random splits: every larger constant is
    /// enough, no smaller one is. In the units of the metric.
    ///
    /// The exact interval moves with its differences, so the constant that a split needs is the distance of
    /// its interval's lower end below 0. Returns `None` if no constant is enough: with too few seeds for
    /// `alpha`, or too many diverged runs.
    ///
    /// # Errors
    /// [`Error::InvalidConfig`] for a field or `power` out of its range, no seeds, or fewer than `2 seeds`
    /// values; [`Error::Usage`] for NaN.
    pub fn smallest_difference(
        &self,
        values: &[f64],
        seeds: usize,
        power: f64,
    ) -> Result<Option<f64>, Error> {
        self.check(values.len(), seeds, 2)?;
        range::check("calibration", [("power", power, POSITIVE_UP_TO_ONE)])?;
        let place = (power * self.splits as f64).ceil() as usize - 1;
        let splits = (0..self.splits).map(|split| self.halves(values, seeds, split));
        let smallest = if values.iter().any(|value| value.is_infinite()) {
            // Ranks: the interval of each split is quick, and their pair means are too many to keep.
            let needed = splits.map(|split| Ok(-split?.low_missing(self.alpha)));
            let mut needed: Vec<f64> = needed.collect::<Result<_, Error>>()?;
            *needed.select_nth_unstable_by(place, f64::total_cmp).1
        } else {
            self.needed(&splits.collect::<Result<Vec<_>, _>>()?, place)
        };
        Ok((smallest < f64::INFINITY).then_some(smallest.max(0.0)))
    }

    /// Returns the constant that is at index `place` in ascending order of the constants that `splits` need.
    ///
    /// Encloses it between numbers, for each of which every split is asked whether it needs less; the exact
    /// constant is computed for the last few splits only.
    fn needed(&self, splits: &[PairedTest], mut place: usize) -> f64 {
        let z = upper(self.alpha / 2.0);
        let key = |split: &PairedTest| -split.normal_low(self.alpha, z);
        let mut left: Vec<(f64, &PairedTest)> = splits.iter().map(|split| (key(split), split)).collect();
        left.sort_by(|a, b| a.0.total_cmp(&b.0));
        let first = left.partition_point(|(key, _)| *key == f64::NEG_INFINITY);
        let end = left.partition_point(|(key, _)| *key < f64::INFINITY);
        if !(first..end).contains(&place) {
            return left[place].0;
        }
        left.truncate(end);
        left.drain(..first);
        place -= first;
        let (mut low, mut high) = (f64::NEG_INFINITY, f64::INFINITY);
        // Nearly the right order: its constant is the first guess, and then the distance is doubled.
        let mut guess = left[place].0;
        let range = left[left.len() - 1].0 - left[0].0;
        let mut stride = (range / 100.0).max(1e-6 * guess.abs()).max(f64::MIN_POSITIVE);
        // Constants this near are equal.
        let tolerance = 1e-10 * range.max(guess.abs());
        while left.len() > FEW && high - low > tolerance && guess > low && guess < high {
            let needs_less = |(_, split): &(f64, &PairedTest)| split.low_is_above(-guess, self.alpha);
            let (less, more): (Vec<_>, Vec<_>) = left.into_iter().partition(needs_less);
            if place < less.len() {
                (left, high) = (less, guess);
            } else {
                place -= less.len();
                (left, low) = (more, guess);
            }
            guess = match (low.is_finite(), high.is_finite()) {
                (true, true) => low + (high - low) * (place as f64 + 0.5) / left.len() as f64,
                (true, false) => low + stride,
                _ => high - stride,
            };
            stride *= if low.is_finite() && high.is_finite() { 1.0 } else { 2.0 };
        }
        let exact = |(_, split): &(f64, &PairedTest)| -split.low_missing(self.alpha);
        if left.len() > FEW {
            return exact(&left[place]);
        }
        let mut needed: Vec<f64> = left.iter().map(exact).collect();
        needed.sort_by(f64::total_cmp);
        needed[place]
    }

    /// Returns the share of the random draws of `seeds` seeds, with replacement, in which the verdict finds
    /// arm
    /// `b` worse than arm `a`, both run on the same seeds. With a difference that was added on purpose, this
    /// is how often a comparison with `seeds` seeds finds it: draws without replacement would differ from
    /// each other less than such comparisons do, and find it too often.
    ///
    /// # Errors
    /// [`Error::InvalidConfig`] for a field out of its range, no seeds, or fewer than `seeds` values;
    /// [`Error::Usage`] for arms of different numbers of seeds, or NaN.
    pub fn found_share(
        &self,
        a: &[f64],
        b: &[f64],
        direction: Direction,
        seeds: usize,
    ) -> Result<Proportion, Error> {
        self.check(a.len(), seeds, 1)?;
        differences(a, b, direction)?;
        self.share(|split| {
            let mut random = stream(self.seed, Purpose::Splits, split as u64);
            let drawn: Vec<usize> = (0..seeds).map(|_| below(a.len() as u32, &mut random)).collect();
            let chosen = |values: &[f64]| drawn.iter().map(|&seed| values[seed]).collect::<Vec<f64>>();
            let paired = PairedTest::of(&chosen(a), &chosen(b), direction, Test::Mean)?;
            Ok(paired.verdict(self.alpha) == Verdict::Better)
        })
    }

    /// Returns the share of the splits for which `happens` returns true.
    fn share(&self, happens: impl Fn(usize) -> Result<bool, Error>) -> Result<Proportion, Error> {
        let mut happened = 0;
        for split in 0..self.splits {
            happened += usize::from(happens(split)?);
        }
        Proportion::of(happened, self.splits)
            .ok_or_else(|| Error::invalid("calibration", "splits", "at least 1", self.splits))
    }

    /// Returns the comparison of `seeds` of the values with as many other values.
    fn halves(&self, values: &[f64], seeds: usize, split: usize) -> Result<PairedTest, Error> {
        let values = self.in_random_order(values, split);
        PairedTest::of(&values[..seeds], &values[seeds..2 * seeds], Direction::Larger, Test::Mean)
    }

    fn in_random_order(&self, values: &[f64], split: usize) -> Vec<f64> {
        let mut values = values.to_vec();
        shuffle(&mut values, &mut stream(self.seed, Purpose::Splits, split as u64));
        values
    }

    fn check(&self, values: usize, seeds: usize, arms: usize) -> Result<(), Error> {
        range::check("calibration", [("alpha", self.alpha, POSITIVE_BELOW_ONE)])?;
        range::check_at_least_one("calibration", [("splits", self.splits)])?;
        let least = arms * seeds.max(1);
        if values < least {
            return Err(Error::invalid("calibration", "runs", &format!("at least {least}"), values));
        }
        range::check_at_least_one("calibration", [("seeds", seeds)])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::verdict::compare;
    use rand::Rng;

    const INF: f64 = f64::INFINITY;
    const CALIBRATION: Calibration = Calibration { splits: 1000, alpha: 0.05, seed: 4 };

    /// Returns skewed numbers: squares of uniform numbers in `[0, 1)`.
    fn runs(count: usize, seed: u64) -> Vec<f64> {
        let mut random = stream(seed, Purpose::Order, 0);
        (0..count).map(|_| (f64::from(random.next_u32()) / 2_f64.powi(32)).powi(2)).collect()
    }

    #[test]
    fn false_alarms_are_as_rare_as_alpha() {
        for count in [24, 41] {
            let alarms = CALIBRATION.false_alarms(&runs(count, 1)).unwrap();
            assert_eq!(alarms.count, 1000);
            // ⌊0.05 · 2¹¹⌋ / 2¹² and so on: nearly 5 %; four standard deviations of a binomial are 2.8 %.
            assert!((0.02..0.08).contains(&alarms.share), "{alarms:?}");
        }
        let alarms = Calibration { alpha: 0.5, ..CALIBRATION }.false_alarms(&runs(24, 1)).unwrap();
        assert!((0.43..0.57).contains(&alarms.share), "{alarms:?}");
        // Five seeds per side cannot show a difference.
        assert_eq!(CALIBRATION.false_alarms(&runs(11, 1)).unwrap().happened, 0);
    }

    #[test]
    fn a_split_has_the_verdict_of_a_comparison() {
        let (values, b) = (runs(30, 1), runs(30, 2));
        let calibration = Calibration { splits: 60, alpha: 0.3, seed: 9 };
        let verdict =
            |a: &[f64], b: &[f64]| compare(&[(a, b)], Direction::Larger, 0.3, Test::Mean).unwrap()[0].verdict;
        let shuffled = |values: &[f64], split| calibration.in_random_order(values, split);
        let alarms = (0..60).filter(|&split| {
            let values = shuffled(&values, split);
            verdict(&values[..15], &values[15..]) != Verdict::NotShown
        });
        let expected = alarms.count();
        assert!(expected > 5);
        assert_eq!(calibration.false_alarms(&values).unwrap().happened, expected);
        let worse = |split: &usize| {
            let mut random = stream(9, Purpose::Splits, *split as u64);
            let drawn: Vec<usize> = (0..8).map(|_| below(30, &mut random)).collect();
            let [a, b] = [&values, &b].map(|values| drawn.iter().map(|&i| values[i]).collect::<Vec<f64>>());
            verdict(&b, &a) == Verdict::Worse
        };
        let expected = (0..60).filter(worse).count();
        let found = calibration.found_share(&values, &b, Direction::Larger, 8).unwrap();
        assert_eq!((found.happened, found.count), (expected, 60));
    }

    #[test]
    fn an_added_difference_is_found_as_often_as_in_comparisons_with_other_runs() {
        // Three differences of four are in favour, so some draws of 8 show it and some do not.
        let differences = [1.0, 1.0, 1.0, -0.9];
        let share = Calibration { splits: 4000, ..CALIBRATION };
        let found = |times: usize| {
            let a: Vec<f64> = differences.iter().copied().cycle().take(4 * times).collect();
            share.found_share(&a, &vec![0.0; 4 * times], Direction::Larger, 8).unwrap().share
        };
        // The same shares of each difference in 8 and in 400 runs: drawn with replacement, both are found
        // alike.
        assert!((found(2) - found(100)).abs() < 0.04, "{} {}", found(2), found(100));
    }

    #[test]
    fn the_smallest_difference_is_found_with_the_given_power_and_a_smaller_one_is_not() {
        let values = runs(30, 3);
        let calibration = Calibration { splits: 200, ..CALIBRATION };
        for (seeds, power) in [(8, 0.8), (15, 0.8), (15, 0.777), (15, 1.0)] {
            let smallest = calibration.smallest_difference(&values, seeds, power).unwrap().unwrap();
            let found = |shift: f64| {
                let found = |&split: &usize| {
                    let values = calibration.in_random_order(&values, split);
                    let a: Vec<f64> = values[..seeds].iter().map(|value| value + shift).collect();
                    let b = &values[seeds..2 * seeds];
                    let paired = PairedTest::of(&a, b, Direction::Larger, Test::Mean).unwrap();
                    paired.p_value() <= 0.05 && paired.side() == Verdict::Better
                };
                (0..200).filter(found).count() as f64 / 200.0
            };
            assert!(found(smallest + 1e-8) >= power, "{seeds} {power}");
            assert!(found(smallest - 1e-8) < power, "{seeds} {power}");
        }
    }

    #[test]
    fn more_seeds_find_smaller_differences_and_too_few_find_none() {
        let values = runs(40, 3);
        let smallest = |seeds| CALIBRATION.smallest_difference(&values, seeds, 0.8).unwrap();
        assert!(smallest(20).unwrap() < smallest(8).unwrap());
        assert_eq!(smallest(5), None);
        // Some splits find a difference even if there is none, or if it is slightly negative.
        assert_eq!(CALIBRATION.smallest_difference(&values, 20, 0.001).unwrap(), Some(0.0));
        let mut lost = values.clone();
        lost[..20].fill(INF);
        assert_eq!(CALIBRATION.smallest_difference(&lost, 20, 0.8).unwrap(), None);
        assert_eq!(CALIBRATION.smallest_difference(&[1.0; 20], 10, 0.8).unwrap(), Some(0.0));
    }

    #[test]
    fn an_added_difference_is_found() {
        let a = runs(20, 5);
        let b: Vec<f64> = a.iter().map(|value| value + 0.1).collect();
        let happened =
            |a: &[f64], b: &[f64], larger| CALIBRATION.found_share(a, b, larger, 8).unwrap().happened;
        assert_eq!((happened(&a, &b, Direction::Smaller), happened(&b, &a, Direction::Larger)), (1000, 1000));
        assert_eq!((happened(&a, &b, Direction::Larger), happened(&a, &a, Direction::Larger)), (0, 0));
        // Another seed or another number of the split gives another order.
        let order = |seed| Calibration { seed, ..CALIBRATION }.in_random_order(&a, 3);
        assert_eq!(order(4), CALIBRATION.in_random_order(&a, 3));
        assert_ne!(order(5), order(4));
        assert_ne!(CALIBRATION.in_random_order(&a, 4), order(4));
    }

    #[test]
    fn an_invalid_calibration_is_refused() {
        let values = runs(10, 1);
        for (calibration, seeds, power, said) in [
            (Calibration { alpha: f64::NAN, ..CALIBRATION }, 5, 0.8, "`alpha` must be in (0, 1)"),
            (Calibration { splits: 0, ..CALIBRATION }, 5, 0.8, "`splits` must be at least 1"),
            (CALIBRATION, 6, 0.8, "`runs` must be at least 12, not 10"),
            (CALIBRATION, 0, 0.8, "`seeds` must be at least 1"),
            (CALIBRATION, 5, 0.0, "`power` must be in (0, 1]"),
            (CALIBRATION, 5, f64::NAN, "`power` must be in (0, 1]"),
        ] {
            let error = calibration.smallest_difference(&values, seeds, power).unwrap_err();
            assert!(error.is_usage() && error.to_string().contains(said), "{error}");
        }
        let said = |result: Result<Proportion, Error>| result.unwrap_err().to_string();
        assert!(said(CALIBRATION.false_alarms(&[1.0])).contains("`runs` must be at least 2, not 1"));
        assert!(said(CALIBRATION.false_alarms(&[1.0, f64::NAN])).contains("no NaN"));
        assert!(
            said(CALIBRATION.found_share(&values, &values[1..], Direction::Larger, 3))
                .contains("not on 10 and 9")
        );
        assert!(
            said(CALIBRATION.found_share(&values, &values, Direction::Larger, 11))
                .contains("at least 11, not 10")
        );
    }
}
