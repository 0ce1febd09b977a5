//! The decision whether one arm is better than another.

use crate::Error;
use crate::statistics::bootstrap::Estimate;
use crate::statistics::describe::Spread;
use crate::statistics::intervals::LEAST;
use crate::statistics::paired::least_seeds;
use crate::statistics::paired_test::{PairedTest, Test, differences};
use crate::statistics::{holm, improvement, power};
use optlab_core::Direction;
use serde::Serialize;

/// The power for which [`Comparison::seeds_to_settle`] is computed.
const POWER: f64 = 0.8;

/// The result of a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The first arm is better.
    Better,
    /// The first arm is worse.
    Worse,
    /// The seeds do not show a difference. This does not mean that there is none.
    NotShown,
}

/// Arm `a` against arm `b` on the same seeds. Positive differences mean that `a` is better, for both
/// directions of the metric. Infinite numbers are `null` in JSON.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Comparison {
    /// The test of this pair: signed ranks if they were asked for, or if a run of either arm was lost.
    pub test: Test,
    /// How much better `a` is: the mean of the differences, or with ranks their
    /// [pseudo-median](crate::statistics::signed_ranks::SignedRanks::pseudo_median), which may be infinite;
    /// `None` if that is between both infinities.
    pub difference: Option<f64>,
    /// The lower end of the interval of the difference at `level`; `−∞` if there is no interval, or if lost
    /// runs leave it open.
    pub low: f64,
    /// The upper end of that interval; `∞` if there is no interval: with fewer than three seeds, too few
    /// seeds for `level`, and equal differences.
    pub high: f64,
    /// The level of the interval, `1 − alpha / c` for `c` comparisons: all intervals of the family together
    /// contain their differences with a probability of at least `1 − alpha`. An interval that excludes 0
    /// implies the verdict; but Holm's method may decide more, so that a verdict's interval may contain 0.
    pub level: f64,
    /// The two-sided p-value of this comparison by itself.
    pub p_value: f64,
    /// The p-value corrected by Holm's method for the number of comparisons.
    pub adjusted_p: f64,
    /// Cohen's d of paired differences, their mean divided by their sample standard deviation; `None` for a
    /// single seed, for equal differences, and if one is infinite.
    pub effect: Option<f64>,
    /// The probability that `a` is better than `b` on the same seed, at a level of 95 %.
    pub improvement: Estimate,
    /// Which arm is better.
    pub verdict: Verdict,
    /// The number of seeds.
    pub seeds: usize,
    /// The least number of seeds with which a p-value of at most `1 − level` is possible; `None` if no number
    /// is enough, because `alpha / c` is below 10⁻¹¹.
    pub least_seeds: Option<u64>,
    /// The number of seeds that would show a difference at `level` four times in five, if the observed effect
    /// were the true one; see [`power::seeds`]. `None` if `effect` is 0 or `None`, and if more than 10,000
    /// would be needed.
    pub seeds_to_settle: Option<u64>,
}

/// Compares pairs of arms, each given as the metric of `a` and of `b` on the same seeds, as one family. The
/// probability that any arm is called better or worse than an arm it is exchangeable with (as with the same
/// rule under another name) is at most `alpha`.
///
/// Two arms are exchangeable if swapping their names changes nothing in the distribution of their results. An
/// arm with the same mean but another distribution is a different arm; see
/// [`Paired`](crate::statistics::paired::Paired#what-is-tested).
///
/// Each pair is tested by `test`, with [signed ranks](crate::statistics::signed_ranks::SignedRanks) in place
/// of the mean if a run of either arm was lost; the family is corrected by [Holm's method](holm::held). A
/// metric may be infinite if a seed diverged: it ranks below all results of both arms, and if both diverged
/// there is no difference.
///
/// # How often it is right
/// Shares of verdicts between equal arms at an `alpha` of 5 %, in percent, for `Mean` and `Ranks` (40,000
/// samples each; standard error 0.1):
///
/// | results of each arm        | 6 seeds    | 10 seeds   | 20 seeds   |
/// |:---------------------------|-----------:|-----------:|-----------:|
/// | normal                     | 3.0, 3.0   | 4.9, 4.9   | 5.1, 4.9   |
/// | exponential                | 3.2, 3.2   | 5.0, 5.0   | 5.0, 4.9   |
/// | Student's, 2 degrees       | 3.1, 3.1   | 4.9, 4.8   | 4.8, 4.7   |
/// | normal, 5 % lost           | 3.2, 3.2   | 4.7, 4.7   | 4.8, 4.8   |
///
/// Shares of verdicts for an arm that is better by a multiple of the standard deviation of a (normal) result
/// (4000 samples each; for the other distributions, of their scale):
///
/// | results of each arm  | by 2, 10 seeds | by 2, 20 seeds | by 2√2, 10 seeds | by 1.25, 40 seeds |
/// |:---------------------|---------------:|---------------:|-----------------:|------------------:|
/// | normal               |     97.8, 97.2 |       100, 100 |         100, 100 |          100, 100 |
/// | exponential          |     95.3, 93.7 |       100, 100 |       99.4, 98.9 |         99.9, 100 |
/// | Student's, 2 degrees |     58.8, 58.1 |     77.9, 89.7 |       78.7, 77.5 |        68.3, 88.8 |
/// | normal, 5 % lost     |     88.0, 87.8 |     99.3, 99.3 |       96.7, 96.7 |        99.4, 99.4 |
///
/// `cargo test --release -p optlab-stats verdict_table -- --ignored --nocapture` prints these numbers.
///
/// # Errors
/// [`Error::InvalidConfig`] for an `alpha` outside `(0, 1)`; [`Error::Usage`] for a pair without seeds, with
/// different numbers of seeds, or with NaN.
pub fn compare(
    pairs: &[(&[f64], &[f64])],
    direction: Direction,
    alpha: f64,
    test: Test,
) -> Result<Vec<Comparison>, Error> {
    let tests: Vec<PairedTest> =
        pairs.iter().map(|(a, b)| PairedTest::of(a, b, direction, test)).collect::<Result<_, _>>()?;
    let p_values: Vec<f64> = tests.iter().map(PairedTest::p_value).collect();
    let held = holm::held(&p_values, alpha)?;
    let interval_alpha = alpha / pairs.len() as f64;
    let mut comparisons = Vec::with_capacity(pairs.len());
    for ((&(a, b), tested), (p_value, held)) in pairs.iter().zip(&tests).zip(p_values.into_iter().zip(held)) {
        let effect = effect(&differences(a, b, direction)?);
        let (low, high) = shown(tested.interval_missing(interval_alpha), a.len());
        let unnamed =
            || Error::Usage("a comparison needs at least one seed, and no NaN in its metrics".into());
        comparisons.push(Comparison {
            test: tested.test(),
            // The median of pair means may be infinite where the interval, which is of lost runs as the worst
            // finite ones, is not.
            difference: tested.estimate().map(|estimate| estimate.clamp(low, high)),
            low,
            high,
            level: 1.0 - interval_alpha,
            p_value,
            adjusted_p: held.adjusted_p,
            effect,
            improvement: improvement::of(a, b, direction).ok_or_else(unnamed)?,
            verdict: if held.rejected { tested.side() } else { Verdict::NotShown },
            seeds: a.len(),
            least_seeds: least_seeds(interval_alpha),
            seeds_to_settle: effect.and_then(|effect| power::seeds(effect, interval_alpha, POWER)),
        });
    }
    Ok(comparisons)
}

/// Returns an interval, or `(−∞, ∞)` for fewer than three seeds and for one without a width (as rounded).
fn shown((low, high): (f64, f64), seeds: usize) -> (f64, f64) {
    let is_wide =
        high - low > 1e-12 * low.abs().max(high.abs()) || (low < high && (high - low).is_infinite());
    if seeds >= LEAST && is_wide { (low, high) } else { (f64::NEG_INFINITY, f64::INFINITY) }
}

/// Returns the mean of the differences divided by their sample standard deviation, if it is a number.
fn effect(differences: &[f64]) -> Option<f64> {
    let Spread { mean, deviation, .. } = Spread::of(differences)?;
    // Equal differences have, after rounding, a deviation of about 10⁻¹⁶ of their size.
    deviation.filter(|deviation| *deviation > 1e-12 * mean.abs()).map(|it| mean / it)
}

#[cfg(test)]
mod tests;
