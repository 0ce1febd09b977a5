//! An exact interval for paired differences, for any distribution.

use crate::statistics::describe::mean;
use crate::statistics::subsets::{DIMENSIONS, SubsetMeans};
use optlab_core::Direction;

/// The differences of two arms on the same seeds, as a test of the difference `θ` about which they all
/// scatter.
///
/// Let `d₁, …, dₙ` be independent, each of them symmetric about the same `θ`; they need not have the same
/// distribution. This holds with `θ = 0` for any two exchangeable arms, whatever the distribution of their
/// results: if a pair of results is as likely as the swapped pair, then `a − b` is as likely as `b − a`. With
/// `θ ≠ 0` it holds for arms that are exchangeable except for a shift.
///
/// The means of the non-empty subsets of the differences cut the line into pieces. If no two means are equal,
/// `θ` is in each piece with the same probability (Hartigan, 1969). So it is between the `k`-th smallest and
/// the `k`-th largest mean with a probability of exactly
///
/// ```text
/// 1 − 2k / 2^D        D = min(n, 14)
/// ```
///
/// Equal means make it larger, never smaller. Up to 14 differences all subsets are used. For more differences
/// `2¹⁴ − 1` subsets are used, which together with the empty set contain the symmetric difference of any two
/// of them: that is all the theorem needs. They are the same in every call, and include the set of all
/// differences.
///
/// This is the sign-flip test (Fisher, 1935) in another form: there are `2^D` ways to flip the signs of
/// `d₁ − θ, …, dₙ − θ` on one of these sets or on none. The number of them whose sum is at least as large as
/// without a flip is the number of means `≤ θ`, plus one.
///
/// A mean of exactly 0 counts on both sides, so ties are never evidence for a difference. An infinite
/// difference makes the means that include it infinite; a mean with both infinities is unknown, and counts as
/// `−∞` for the lower end and as `+∞` for the upper.
///
/// # Reference
/// Hartigan, *Using subsample values as typical values*, Journal of the American Statistical Association 64,
/// 1969, pages 1303 to 1317; Maritz, *Distribution-free statistical methods*, 1981.
#[derive(Debug, Clone, PartialEq)]
pub struct Paired {
    mean: Option<f64>,
    means: SubsetMeans,
}

impl Paired {
    /// Prepares the test of `differences`, one for each seed; `None` if there are none or one is NaN.
    pub fn of(differences: &[f64]) -> Option<Self> {
        Self::with_dimensions(differences, DIMENSIONS)
    }

    fn with_dimensions(differences: &[f64], dimensions: usize) -> Option<Self> {
        if differences.is_empty() || differences.iter().any(|difference| difference.is_nan()) {
            return None;
        }
        Some(Paired { mean: mean(differences), means: SubsetMeans::new(differences, dimensions) })
    }

    /// Returns the mean difference; `None` if both infinities are among the differences.
    pub fn mean(&self) -> Option<f64> {
        self.mean
    }

    /// Returns the closed interval that contains `θ` with a probability of at least `level` in `[0, 1]`: the
    /// shortest one from a `k`-th smallest to a `k`-th largest mean. It is `(−∞, ∞)` if there are too few
    /// seeds for that level.
    ///
    /// It always contains the [mean](Self::mean), and is the mean (as rounded) at a level of 0 or less.
    pub fn interval(&self, level: f64) -> (f64, f64) {
        self.interval_missing(1.0 - level)
    }

    /// Returns the interval that misses `θ` with a probability of at most `alpha`, which is `1 − level`
    /// without rounding.
    pub(super) fn interval_missing(&self, alpha: f64) -> (f64, f64) {
        let k = ((alpha * self.pieces() / 2.0) as usize).min(self.means.lower.len().div_ceil(2));
        match k.checked_sub(1) {
            None => (f64::NEG_INFINITY, f64::INFINITY),
            Some(place) => (self.means.lower[place], self.means.upper()[self.means.lower.len() - 1 - place]),
        }
    }

    /// Returns the two-sided p-value of `θ = 0`: the smallest `alpha` for which the
    /// [interval](Self::interval) at a level of `1 − alpha` excludes 0, and 1 if every interval contains 0.
    ///
    /// For each `alpha < 1`, the p-value is at most `alpha` exactly if that interval excludes 0.
    pub fn p_value(&self) -> f64 {
        let not_above = self.means.lower.partition_point(|&mean| mean <= 0.0);
        let not_below = self.means.lower.len() - self.means.upper().partition_point(|&mean| mean < 0.0);
        (2.0 * (not_above.min(not_below) + 1) as f64 / self.pieces()).min(1.0)
    }

    /// Returns the number of pieces into which the means cut the line: a power of two.
    fn pieces(&self) -> f64 {
        (self.means.lower.len() + 1) as f64
    }
}

/// Returns the least number of seeds with which a p-value can be at most `alpha`; `None` if no number is
/// enough, as for every `alpha` below `2⁻¹³`.
pub fn least_seeds(alpha: f64) -> Option<u64> {
    (1..=DIMENSIONS as u64).find(|&seeds| 2.0 / (1_u64 << seeds) as f64 <= alpha)
}

/// Returns how much better `a` is than `b` on the same seed; positive is better. Equal infinities, "both
/// diverged", do not differ.
pub fn difference(a: f64, b: f64, direction: Direction) -> f64 {
    match direction {
        _ if a == b => 0.0,
        Direction::Larger => a - b,
        Direction::Smaller => b - a,
    }
}

#[cfg(test)]
mod tests;
