//! The choice between the tests of a pair of arms.

use crate::Error;
use crate::statistics::paired::{Paired, difference};
use crate::statistics::signed_ranks::SignedRanks;
use crate::statistics::verdict::Verdict;
use optlab_core::Direction;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// A test of paired differences.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Test {
    /// The sign-flip test of the [mean](Paired); of pairs of arms with a lost run, signed ranks.
    #[default]
    Mean,
    /// [Signed ranks](SignedRanks): find more with heavy tails, and slightly less with normal results.
    Ranks,
}

impl Test {
    /// All tests.
    pub const ALL: [Test; 2] = [Test::Mean, Test::Ranks];

    fn name(self) -> &'static str {
        match self {
            Test::Mean => "mean",
            Test::Ranks => "ranks",
        }
    }
}

impl fmt::Display for Test {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Test {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let known = Test::ALL.map(Test::name);
        let found = Test::ALL.into_iter().find(|test| test.name() == text);
        found.ok_or_else(|| Error::unknown_name("test", text, &known))
    }
}

/// The differences of two arms, prepared for one of the tests.
#[derive(Debug, Clone)]
pub(super) enum PairedTest {
    Mean(Paired),
    /// Signed ranks, and those with infinite differences if runs were lost.
    Ranks(SignedRanks, Option<SignedRanks>),
}

impl PairedTest {
    /// Prepares the test of the metrics of two arms on the same seeds: signed ranks if `test` says so, or if
    /// a run of either arm was lost. This choice does not depend on which arm is which.
    ///
    /// For the p-value, a lost run counts as slightly worse than all finite results of both arms. This too
    /// does not depend on which arm is which, so the test stays valid. An infinite difference would have the
    /// largest rank, as if it were evidence for the size of a difference: one lost run in ten seeds could not
    /// be made up for by any advantage on the others. The estimate is the pseudo-median of the infinite
    /// differences.
    pub(super) fn of(a: &[f64], b: &[f64], direction: Direction, test: Test) -> Result<Self, Error> {
        let refused =
            || Error::Usage("a comparison needs at least one seed, and no NaN in its metrics".into());
        let differences = differences(a, b, direction)?;
        let ranks = |differences: &[f64]| SignedRanks::of(differences).ok_or_else(refused);
        let is_lost = |values: &[f64]| values.iter().any(|value| value.is_infinite());
        if is_lost(a) || is_lost(b) || is_lost(&differences) {
            let (a, b) = finite(a, b);
            return Ok(PairedTest::Ranks(
                ranks(&self::differences(&a, &b, direction)?)?,
                Some(ranks(&differences)?),
            ));
        }
        match test {
            Test::Mean => Paired::of(&differences).map(PairedTest::Mean).ok_or_else(refused),
            Test::Ranks => Ok(PairedTest::Ranks(ranks(&differences)?, None)),
        }
    }

    /// Returns which test it is.
    pub(super) fn test(&self) -> Test {
        match self {
            PairedTest::Mean(_) => Test::Mean,
            PairedTest::Ranks(..) => Test::Ranks,
        }
    }

    /// Returns the estimate of the difference, which belongs to the test: the mean or the pseudo-median.
    pub(super) fn estimate(&self) -> Option<f64> {
        match self {
            PairedTest::Mean(paired) => Some(paired.mean()),
            PairedTest::Ranks(ranks, lost) => lost.as_ref().unwrap_or(ranks).pseudo_median(),
        }
    }

    /// Returns the interval of the difference that misses it with a probability of at most `alpha`.
    pub(super) fn interval_missing(&self, alpha: f64) -> (f64, f64) {
        match self {
            PairedTest::Mean(paired) => paired.interval_missing(alpha),
            PairedTest::Ranks(ranks, lost) => widened(ranks, lost.as_ref(), alpha),
        }
    }

    /// Returns the lower end of that interval.
    pub(super) fn low_missing(&self, alpha: f64) -> f64 {
        match self {
            PairedTest::Mean(paired) => paired.low_missing(alpha),
            PairedTest::Ranks(..) => self.interval_missing(alpha).0,
        }
    }

    /// Returns nearly the lower end of that interval, as if sums of differences were normal, for
    /// `z = z₁₋ₐ⸝₂`; exact for ranks, and infinite only if the end is.
    pub(super) fn normal_low(&self, alpha: f64, z: f64) -> f64 {
        match self {
            PairedTest::Mean(paired) => paired.normal_low(alpha, z),
            PairedTest::Ranks(..) => self.interval_missing(alpha).0,
        }
    }

    /// Returns whether the lower end of that interval is above `theta`, mostly without computing it.
    pub(super) fn low_is_above(&self, theta: f64, alpha: f64) -> bool {
        match self {
            PairedTest::Mean(paired) => paired.low_is_above(theta, alpha),
            PairedTest::Ranks(..) => self.low_missing(alpha) > theta,
        }
    }

    /// Returns the side of 0 on which the differences are, for a p-value that is small enough.
    pub(super) fn side(&self) -> Verdict {
        match self {
            PairedTest::Mean(paired) if paired.mean() > 0.0 => Verdict::Better,
            PairedTest::Mean(paired) if paired.mean() < 0.0 => Verdict::Worse,
            PairedTest::Ranks(ranks, _) => match ranks.sign() {
                sign if sign > 0 => Verdict::Better,
                sign if sign < 0 => Verdict::Worse,
                _ => Verdict::NotShown,
            },
            PairedTest::Mean(_) => Verdict::NotShown,
        }
    }

    /// Returns the verdict of a single comparison at `alpha`, mostly without computing the p-value.
    pub(super) fn verdict(&self, alpha: f64) -> Verdict {
        let is_shown = match self {
            PairedTest::Mean(paired) => paired.p_value_is_at_most(alpha),
            PairedTest::Ranks(ranks, _) => ranks.p_value() <= alpha,
        };
        if is_shown { self.side() } else { Verdict::NotShown }
    }

    /// Returns the two-sided p-value of no difference.
    pub(super) fn p_value(&self) -> f64 {
        match self {
            PairedTest::Mean(paired) => paired.p_value(),
            PairedTest::Ranks(ranks, _) => ranks.p_value(),
        }
    }
}

/// Returns the interval of signed ranks, widened by that with infinite differences as far as it stays on its
/// side of 0.
fn widened(ranks: &SignedRanks, lost: Option<&SignedRanks>, alpha: f64) -> (f64, f64) {
    let (low, high) = ranks.interval_missing(alpha);
    let (lost_low, lost_high) = lost.unwrap_or(ranks).interval_missing(alpha);
    match (low, high) {
        (low, _) if low > 0.0 => (low, high.max(lost_high)),
        (_, high) if high < 0.0 => (low.min(lost_low), high),
        _ => (low.min(lost_low), high.max(lost_high)),
    }
}

/// Returns the results of two arms with numbers for the infinite ones: a thousandth of the range of all
/// finite results beyond them. If none is finite, the range is that of 0.
fn finite(a: &[f64], b: &[f64]) -> (Vec<f64>, Vec<f64>) {
    let known = || a.iter().chain(b).copied().filter(|value| value.is_finite());
    let (least, most) = (known().fold(f64::INFINITY, f64::min), known().fold(f64::NEG_INFINITY, f64::max));
    let (least, most) = if least <= most { (least, most) } else { (0.0, 0.0) };
    let beyond = if most > least { (most - least) / 1000.0 } else { least.abs().max(1.0) / 1000.0 };
    let replaced =
        |values: &[f64]| values.iter().map(|value| value.clamp(least - beyond, most + beyond)).collect();
    (replaced(a), replaced(b))
}

/// Returns how much better `a` is than `b` on each seed.
pub(super) fn differences(a: &[f64], b: &[f64], direction: Direction) -> Result<Vec<f64>, Error> {
    if a.len() != b.len() {
        let (a, b) = (a.len(), b.len());
        return Err(Error::Usage(format!("arms are compared on the same seeds, not on {a} and {b} of them")));
    }
    Ok(a.iter().zip(b).map(|(&a, &b)| difference(a, b, direction)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const INF: f64 = f64::INFINITY;

    #[test]
    fn a_test_is_written_as_it_is_read() {
        for test in Test::ALL {
            assert_eq!(test.to_string().parse::<Test>().unwrap(), test);
            assert_eq!(serde_json::to_value(test).unwrap(), test.to_string());
        }
        let said = "mode".parse::<Test>().unwrap_err().to_string();
        assert!(said.contains("mode") && said.contains("mean") && said.contains("ranks"), "{said}");
        assert_eq!(Test::default(), Test::Mean);
    }

    #[test]
    fn a_lost_run_of_either_arm_is_tested_by_ranks_even_if_both_lost_the_same_seed() {
        let of = |a: &[f64], b: &[f64], test| PairedTest::of(a, b, Direction::Smaller, test).unwrap().test();
        assert_eq!(of(&[1.0, 2.0], &[2.0, 3.0], Test::Mean), Test::Mean);
        assert_eq!(of(&[1.0, 2.0], &[2.0, 3.0], Test::Ranks), Test::Ranks);
        for (a, b) in [([1.0, INF], [1.0, 2.0]), ([1.0, 2.0], [-INF, 2.0]), ([1.0, INF], [2.0, INF])] {
            assert_eq!((of(&a, &b, Test::Mean), of(&b, &a, Test::Mean)), (Test::Ranks, Test::Ranks));
        }
    }

    #[test]
    fn the_estimate_belongs_to_the_test() {
        let of = |test| PairedTest::of(&[1.0, 2.0, 9.0], &[0.0; 3], Direction::Larger, test).unwrap();
        // The Walsh averages 1, 1.5, 2, 5, 5.5, 9.
        assert_eq!((of(Test::Mean).estimate(), of(Test::Ranks).estimate()), (Some(4.0), Some(3.5)));
        for test in Test::ALL {
            let (low, _) = of(test).interval_missing(0.5);
            assert_eq!(of(test).low_missing(0.5), low);
            assert!(of(test).low_is_above(low - 1e-9, 0.5) && !of(test).low_is_above(low, 0.5));
        }
    }
}
