//! Whether one arm is better than another.

use crate::error::Error;
use crate::statistics::bootstrap::Estimate;
use crate::statistics::describe::Spread;
use crate::statistics::holm;
use crate::statistics::paired::{Paired, difference, least_seeds};
use crate::statistics::{improvement, power};
use serde::Serialize;

/// The power that [`Comparison::seeds_to_settle`] is for.
const POWER: f64 = 0.8;

/// What a comparison comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The first arm is better.
    Better,
    /// The first arm is worse.
    Worse,
    /// The seeds do not show a difference. That is not to say that there is none.
    NotShown,
}

impl Verdict {
    /// The verdict of one comparison by itself, held to `alpha`: on which side of 0 its interval lies.
    pub(super) fn of(paired: &Paired, alpha: f64) -> Self {
        match paired.interval_missing(alpha) {
            (low, _) if low > 0.0 => Verdict::Better,
            (_, high) if high < 0.0 => Verdict::Worse,
            _ => Verdict::NotShown,
        }
    }
}

/// Arm `a` against arm `b` on the same seeds. Positive differences say that `a` is better, whichever direction of the
/// metric is. An infinite number is `null` in JSON.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Comparison {
    /// How much better `a` is, the mean over the seeds; infinite where an arm diverged on a seed, none where each did
    /// on one that the other survived.
    pub difference: Option<f64>,
    /// The lower end of the exact interval of the difference at `level`.
    pub low: f64,
    /// The upper end of that interval.
    pub high: f64,
    /// The level that Holm's method holds this comparison to: the interval excludes 0 exactly if there is a verdict.
    pub level: f64,
    /// The two-sided p-value of this comparison by itself.
    pub p_value: f64,
    /// The p-value corrected by Holm's method for the number of comparisons.
    pub adjusted_p: f64,
    /// Cohen's d of paired differences, their mean by their sample standard deviation; none for a single seed, for
    /// equal differences, and where one is infinite.
    pub effect: Option<f64>,
    /// The probability that a run of `a` is better than a run of `b`, at a level of 95 %.
    pub improvement: Estimate,
    /// Which arm is better.
    pub verdict: Verdict,
    /// The number of seeds.
    pub seeds: usize,
    /// The least number of seeds with which there could be a verdict at `level`; none if no number is enough, because
    /// there are too many comparisons.
    pub least_seeds: Option<u64>,
    /// How many seeds would show a difference at `level` four times in five, if the effect observed were the true one;
    /// see [`power::seeds`]. None where `effect` is 0 or none, and where more than 10,000 would be needed.
    pub seeds_to_settle: Option<u64>,
}

/// Compares pairs of arms, each given as the metric of `a` and of `b` on the same seeds, as one family: the probability
/// that any arm is called better or worse than an arm it is exchangeable with, as a rule with another name would be, is
/// at most `alpha`.
///
/// The test of each pair is that of [`Paired`]; the family is corrected by [Holm's method](holm::held). A metric may be
/// infinite where a seed diverged: both diverged is no difference.
///
/// # Errors
/// [`Error::InvalidConfig`] for an `alpha` outside of `(0, 1)`; [`Error::Usage`] for a pair of no seeds, of different
/// numbers of seeds, or with NaN in it.
pub fn compare(
    pairs: &[(&[f64], &[f64])],
    larger_is_better: bool,
    alpha: f64,
) -> Result<Vec<Comparison>, Error> {
    let mut tests = Vec::with_capacity(pairs.len());
    for &(a, b) in pairs {
        let differences = differences(a, b, larger_is_better)?;
        let refused =
            || Error::Usage("a comparison needs at least one seed, and no NaN in its metrics".into());
        let paired = Paired::of(&differences).ok_or_else(refused)?;
        let improvement = improvement::of(a, b, larger_is_better, 0).ok_or_else(refused)?;
        tests.push((paired, effect(&differences), improvement, differences.len()));
    }
    let p_values: Vec<f64> = tests.iter().map(|(paired, ..)| paired.p_value()).collect();
    let held = holm::held(&p_values, alpha)?;
    let comparisons = tests.iter().zip(held).map(|((paired, effect, improvement, seeds), held)| {
        let (low, high) = paired.interval_missing(held.interval_alpha);
        Comparison {
            difference: paired.mean(),
            low,
            high,
            level: 1.0 - held.interval_alpha,
            p_value: paired.p_value(),
            adjusted_p: held.adjusted_p,
            effect: *effect,
            improvement: *improvement,
            // Holm's method rejects exactly what is excluded at that level.
            verdict: Verdict::of(paired, held.interval_alpha),
            seeds: *seeds,
            least_seeds: least_seeds(held.interval_alpha),
            seeds_to_settle: effect.and_then(|effect| power::seeds(effect, held.interval_alpha, POWER)),
        }
    });
    Ok(comparisons.collect())
}

/// How much better `a` is than `b` on each seed.
pub(super) fn differences(a: &[f64], b: &[f64], larger_is_better: bool) -> Result<Vec<f64>, Error> {
    if a.len() != b.len() {
        let (a, b) = (a.len(), b.len());
        return Err(Error::Usage(format!("arms are compared on the same seeds, not on {a} and {b} of them")));
    }
    Ok(a.iter().zip(b).map(|(&a, &b)| difference(a, b, larger_is_better)).collect())
}

/// The mean of the differences by their sample standard deviation, where it is a number.
fn effect(differences: &[f64]) -> Option<f64> {
    let Spread { mean, deviation, .. } = Spread::of(differences)?;
    // Equal differences that were rounded have a deviation of about 10⁻¹⁶ of their size.
    deviation.filter(|deviation| *deviation > 1e-12 * mean.abs()).map(|it| mean / it)
}

#[cfg(test)]
mod tests;
