//! An exact interval for paired differences, whatever their distribution.

use crate::statistics::describe::mean;
use crate::statistics::subsets::{DIMENSIONS, SubsetMeans};

/// The differences of two arms on the same seeds, and what they say about the difference `θ` that they all scatter
/// about.
///
/// Let `d₁, …, dₙ` be independent, each of them symmetric about the same `θ`; they need not have the same distribution.
/// That holds with `θ = 0` for any two arms that are exchangeable, whatever the distribution of their results: if a
/// pair of results is as likely as the swapped pair, then so is `a − b` as `b − a`. With `θ ≠ 0` it holds for arms that
/// are exchangeable but for a shift.
///
/// The means of the non-empty subsets of the differences cut the line into pieces. If no two means are equal, `θ` is in
/// each piece with the same probability (Hartigan, 1969), so that between the `k`-th smallest and the `k`-th largest
/// mean it is with the probability
///
/// ```text
/// 1 − 2k / 2^D        D = min(n, 14)
/// ```
///
/// exactly. Equal means make it larger, never smaller. Up to 14 differences all subsets are taken. Of more, `2¹⁴ − 1`
/// are taken which hold, with the empty set, the symmetric difference of any two among them: that is all the theorem
/// needs. They are the same in every call, and the set of all differences is among them.
///
/// Everything here is the test of flipped signs (Fisher, 1935) in another form: of the `2^D` ways to flip the signs of
/// `d₁ − θ, …, dₙ − θ` on one of these sets or on none, the sum is at least as large as without a flip in as many as
/// there are means `≤ θ`, and one more.
///
/// A mean of exactly 0 counts on both sides, so that ties never speak for a difference. An infinite difference makes
/// the means it is in infinite; a mean of both infinities is unknown, and counts as `−∞` for the lower end and as `+∞`
/// for the upper.
///
/// # Reference
/// Hartigan, *Using subsample values as typical values*, Journal of the American Statistical Association 64, 1969,
/// pages 1303 to 1317; Maritz, *Distribution-free statistical methods*, 1981.
#[derive(Debug, Clone, PartialEq)]
pub struct Paired {
    mean: Option<f64>,
    means: SubsetMeans,
}

impl Paired {
    /// What `differences`, one for each seed, say; none if there are none or one is NaN.
    pub fn of(differences: &[f64]) -> Option<Self> {
        Self::with_dimensions(differences, DIMENSIONS)
    }

    fn with_dimensions(differences: &[f64], dimensions: usize) -> Option<Self> {
        if differences.is_empty() || differences.iter().any(|difference| difference.is_nan()) {
            return None;
        }
        Some(Paired { mean: mean(differences), means: SubsetMeans::new(differences, dimensions) })
    }

    /// The mean difference; none if both infinities are among the differences.
    pub fn mean(&self) -> Option<f64> {
        self.mean
    }

    /// The closed interval that holds `θ` with a probability of at least `level` in `[0, 1]`: the shortest between a
    /// `k`-th smallest and a `k`-th largest mean that does. `(−∞, ∞)` if there are too few seeds for that level.
    ///
    /// It always holds the [mean](Self::mean), and is the mean (as rounded) at a level of 0 or less.
    pub fn interval(&self, level: f64) -> (f64, f64) {
        self.interval_missing(1.0 - level)
    }

    /// The interval that does not hold `θ` with a probability of at most `alpha`; `1 − level` without its rounding.
    pub(super) fn interval_missing(&self, alpha: f64) -> (f64, f64) {
        let k = ((alpha * self.pieces() / 2.0) as usize).min(self.means.lower.len().div_ceil(2));
        match k.checked_sub(1) {
            None => (f64::NEG_INFINITY, f64::INFINITY),
            Some(place) => (self.means.lower[place], self.means.upper()[self.means.lower.len() - 1 - place]),
        }
    }

    /// The two-sided p-value of `θ = 0`: the least `alpha` whose [interval](Self::interval) at a level of `1 − alpha`
    /// does not hold 0, and 1 if every interval does.
    ///
    /// For each `alpha < 1`, the p-value is at most `alpha` exactly if that interval does not hold 0.
    pub fn p_value(&self) -> f64 {
        let not_above = self.means.lower.partition_point(|&mean| mean <= 0.0);
        let not_below = self.means.lower.len() - self.means.upper().partition_point(|&mean| mean < 0.0);
        (2.0 * (not_above.min(not_below) + 1) as f64 / self.pieces()).min(1.0)
    }

    /// How many pieces the means cut the line into: a power of two.
    fn pieces(&self) -> f64 {
        (self.means.lower.len() + 1) as f64
    }
}

/// The least number of seeds with which a p-value can be `alpha` or less at all; none if no number is enough, which is
/// so below `2⁻¹³`.
pub fn least_seeds(alpha: f64) -> Option<u64> {
    (1..=DIMENSIONS as u64).find(|&seeds| 2.0 / (1_u64 << seeds) as f64 <= alpha)
}

/// How much better `a` is than `b`, of the same seed; positive is better. Equal infinities, "both diverged", do not
/// differ.
pub fn difference(a: f64, b: f64, larger_is_better: bool) -> f64 {
    match larger_is_better {
        _ if a == b => 0.0,
        true => a - b,
        false => b - a,
    }
}

#[cfg(test)]
mod tests;
