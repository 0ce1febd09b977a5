//! The decision whether one arm is better than another.

use crate::Error;
use crate::statistics::bootstrap::Estimate;
use crate::statistics::describe::Spread;
use crate::statistics::paired::{Paired, difference, least_seeds};
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

impl Verdict {
    /// Returns the verdict of a single comparison at `alpha`: the side of 0 on which its interval lies.
    pub(super) fn of(paired: &Paired, alpha: f64) -> Self {
        match paired.interval_missing(alpha) {
            (low, _) if low > 0.0 => Verdict::Better,
            (_, high) if high < 0.0 => Verdict::Worse,
            _ => Verdict::NotShown,
        }
    }
}

/// Arm `a` against arm `b` on the same seeds. Positive differences mean that `a` is better, for both
/// directions of the metric. Infinite numbers are `null` in JSON.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Comparison {
    /// How much better `a` is, the mean over the seeds; infinite if an arm diverged on a seed, `None` if each
    /// arm diverged on a seed that the other survived.
    pub difference: Option<f64>,
    /// The lower end of the exact interval of the difference at `level`.
    pub low: f64,
    /// The upper end of that interval.
    pub high: f64,
    /// The level of this comparison by Holm's method: the interval excludes 0 exactly if there is a verdict.
    pub level: f64,
    /// The two-sided p-value of this comparison by itself.
    pub p_value: f64,
    /// The p-value corrected by Holm's method for the number of comparisons.
    pub adjusted_p: f64,
    /// Cohen's d of paired differences, their mean divided by their sample standard deviation; `None` for a
    /// single seed, for equal differences, and if one is infinite.
    pub effect: Option<f64>,
    /// The probability that a run of `a` is better than a run of `b`, at a level of 95 %.
    pub improvement: Estimate,
    /// Which arm is better.
    pub verdict: Verdict,
    /// The number of seeds.
    pub seeds: usize,
    /// The least number of seeds with which a verdict at `level` is possible; `None` if no number is enough,
    /// because there are too many comparisons.
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
/// Each pair is tested by [`Paired`]; the family is corrected by [Holm's method](holm::held). A metric may be
/// infinite if a seed diverged: if both diverged there is no difference.
///
/// # Errors
/// [`Error::InvalidConfig`] for an `alpha` outside `(0, 1)`; [`Error::Usage`] for a pair without seeds, with
/// different numbers of seeds, or with NaN.
pub fn compare(
    pairs: &[(&[f64], &[f64])],
    direction: Direction,
    alpha: f64,
) -> Result<Vec<Comparison>, Error> {
    let mut tests = Vec::with_capacity(pairs.len());
    for &(a, b) in pairs {
        let differences = differences(a, b, direction)?;
        let refused =
            || Error::Usage("a comparison needs at least one seed, and no NaN in its metrics".into());
        let paired = Paired::of(&differences).ok_or_else(refused)?;
        let improvement = improvement::of(a, b, direction, 0).ok_or_else(refused)?;
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
            // Holm's method rejects exactly the hypotheses that are excluded at that level.
            verdict: Verdict::of(paired, held.interval_alpha),
            seeds: *seeds,
            least_seeds: least_seeds(held.interval_alpha),
            seeds_to_settle: effect.and_then(|effect| power::seeds(effect, held.interval_alpha, POWER)),
        }
    });
    Ok(comparisons.collect())
}

/// Returns how much better `a` is than `b` on each seed.
pub(super) fn differences(a: &[f64], b: &[f64], direction: Direction) -> Result<Vec<f64>, Error> {
    if a.len() != b.len() {
        let (a, b) = (a.len(), b.len());
        return Err(Error::Usage(format!("arms are compared on the same seeds, not on {a} and {b} of them")));
    }
    Ok(a.iter().zip(b).map(|(&a, &b)| difference(a, b, direction)).collect())
}

/// Returns the mean of the differences divided by their sample standard deviation, if it is a number.
fn effect(differences: &[f64]) -> Option<f64> {
    let Spread { mean, deviation, .. } = Spread::of(differences)?;
    // Equal differences have, after rounding, a deviation of about 10⁻¹⁶ of their size.
    deviation.filter(|deviation| *deviation > 1e-12 * mean.abs()).map(|it| mean / it)
}

#[cfg(test)]
mod tests;
