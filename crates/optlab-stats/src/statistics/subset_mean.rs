//! The `k`-th smallest mean of a subset, without listing the subsets.

use crate::statistics::half_sums::{means_between, not_above};
use crate::statistics::normal::upper;
use crate::statistics::subsets::ROUNDING;

/// The most means that are listed.
const LISTED: usize = 1 << 15;

/// The size of a sample of the means.
const SAMPLE: usize = 1 << 12;

/// The number of counts before the search uses samples.
const PATIENCE: usize = 8;

/// Returns the `k`-th smallest mean of the non-empty subsets of `differences`, which are in ascending order;
/// `k` is at least 1 and below half of the number of subsets.
///
/// `at_zero` is the number of these subsets with a mean of at most 0, if it is known: the result is above 0
/// exactly if that is less than `k`.
///
/// The mean of all differences is above. The search counts the means up to a guess, as by
/// [`not_above`], and encloses the `k`-th: first by secants in `√(−ln share)`, in which the tail of a normal
/// distribution is nearly a line; then, where many subsets have equal means, between means of a sample of the
/// enclosed subsets (Floyd & Rivest, *Expected time bounds for selection*, 1975). It ends when the enclosed
/// means can be listed, or are equal up to rounding.
pub(super) fn kth_smallest(differences: &[f64], k: u64, at_zero: Option<u64>) -> f64 {
    let (least, greatest) = (differences[0], differences[differences.len() - 1]);
    if least == greatest {
        return least;
    }
    let (k, subsets) = (k as f64, (differences.len() as f64).exp2());
    let mean = differences.iter().sum::<f64>() / differences.len() as f64;
    let tolerance = (2.0 * ROUNDING * (greatest - least)).max(4.0 * f64::EPSILON * greatest.max(-least));
    let (low, high) = ((least - tolerance, 0.0), (mean, subsets / 2.0));
    let mut search = Search { differences, k, tolerance, low, high };
    if let Some(count) = at_zero {
        search.enclose((0.0, count as f64));
    }
    search.approach(mean, subsets);
    loop {
        match search.kth() {
            Some(mean) => return mean,
            None => search.narrow(),
        }
    }
}

/// A number, and how many subsets have a mean of at most that number.
type Counted = (f64, f64);

/// The side of the `k`-th mean.
enum Side {
    Low,
    High,
}

struct Search<'a> {
    differences: &'a [f64],
    k: f64,
    /// Means at this distance are equal.
    tolerance: f64,
    /// Fewer than `k` subsets have a mean of at most this number.
    low: Counted,
    /// At least `k` do.
    high: Counted,
}

impl Search<'_> {
    /// Narrows the ends by secants in `√(−ln share)`, each from the last point to a twentieth beyond the
    /// root, so that they come near from either side.
    fn approach(&mut self, mean: f64, subsets: f64) {
        let bend = |count: f64| (-((count + 0.5) / subsets).ln()).max(0.0).sqrt();
        let aim = bend(self.k - 0.5);
        let distance = normal_distance(self.differences, mean, upper(self.k / subsets));
        // Towards the mean, the bend falls from the aim to about that of one half.
        let mut slope = (aim - bend(subsets / 2.0)) / -distance;
        let mut theta = mean - distance;
        let mut last: Option<(f64, f64)> = None;
        for _ in 0..PATIENCE {
            if self.is_done() || !theta.is_finite() {
                return;
            }
            let (low, width) = (self.low.0, self.high.0 - self.low.0);
            if !(theta > low && theta < self.high.0) {
                theta = low + width / 2.0;
            }
            let found = self.count(theta);
            self.enclose(found);
            let value = bend(found.1) - aim;
            if let Some((before, value_before)) = last.filter(|(_, before)| *before != value) {
                slope = (value - value_before) / (theta - before);
            }
            last = Some((theta, value));
            theta -= 1.05 * value / slope;
        }
    }

    fn is_done(&self) -> bool {
        self.high.1 - self.low.1 <= LISTED as f64 || self.high.0 - self.low.0 <= self.tolerance
    }

    fn count(&self, theta: f64) -> Counted {
        (theta, (not_above(self.differences, theta) - 1) as f64)
    }

    /// Replaces the end on whose side `found` is, unless that is nearer; returns the side.
    fn enclose(&mut self, found: Counted) -> Side {
        if found.1 < self.k {
            if found.0 > self.low.0 {
                self.low = found;
            }
            Side::Low
        } else {
            if found.0 < self.high.0 {
                self.high = found;
            }
            Side::High
        }
    }

    /// Moves the ends to the means of a sample between which the `k`-th mean probably is, or at least halves
    /// their distance.
    fn narrow(&mut self) {
        let (low, high) = (self.low.0, self.high.0);
        let (sample, _) = means_between(self.differences, low, high, SAMPLE);
        let size = sample.len() as f64;
        let place = size * (self.k - self.low.1) / (self.high.1 - self.low.1);
        for (deviations, beyond) in [(-2.0, -self.tolerance / 4.0), (2.0, self.tolerance / 4.0)] {
            let place = (place + deviations * size.sqrt()).clamp(0.0, (size - 1.0).max(0.0));
            if let Some(mean) = sample.get(place as usize) {
                self.count_between(mean + beyond);
            }
        }
        if self.high.0 - self.low.0 > (high - low) / 2.0 {
            self.count_between(self.low.0 + (self.high.0 - self.low.0) / 2.0);
        }
    }

    fn count_between(&mut self, theta: f64) {
        if theta > self.low.0 && theta < self.high.0 {
            let found = self.count(theta);
            self.enclose(found);
        }
    }

    /// Returns the `k`-th mean, if the enclosed means can be listed or are equal.
    fn kth(&self) -> Option<f64> {
        if !self.is_done() {
            return None;
        }
        let (low, high) = (self.low.0, self.high.0);
        let (means, is_all) = means_between(self.differences, low, high, 4 * LISTED);
        let place = match (self.k - self.low.1) as usize - 1 {
            place if is_all => place.min(means.len().saturating_sub(1)),
            _ if high - low <= self.tolerance => means.len() / 2,
            _ => return None,
        };
        let found = means.get(place).copied().unwrap_or(high);
        Some(match found {
            below if below <= low => low.next_up(),
            // An end at 0 is 0, not nearly 0.
            above if above >= high || (high == 0.0 && above > -self.tolerance) => high,
            between => between,
        })
    }
}

/// Returns by how much `theta` is below the mean of all, if a share of the subsets that a normal variable
/// exceeds `z` with has a mean of at most `theta`, and sums of subsets were normal:
/// `Σ (d − theta) = z √Σ (d − theta)²`.
pub(super) fn normal_distance(differences: &[f64], mean: f64, z: f64) -> f64 {
    let n = differences.len() as f64;
    let squares: f64 = differences.iter().map(|difference| (difference - mean).powi(2)).sum();
    z * (squares / (n * n - n * z * z).max(n)).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::subsets::all_means;

    /// Returns skewed differences, with ties if `levels` is small.
    fn differences(count: usize, levels: u64) -> Vec<f64> {
        let mut state = 12345_u64;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            state >> 33
        };
        let mut all: Vec<f64> = (0..count)
            .map(|_| (next() % levels) as f64 / levels as f64)
            .map(|u| 10.0 * u.powi(3) - 1.0)
            .collect();
        all.sort_unstable_by(f64::total_cmp);
        all
    }

    #[test]
    fn the_kth_mean_matches_a_sorted_list_of_all_means() {
        for (count, levels) in [(18, 1 << 30), (18, 6), (17, 2), (19, 40)] {
            let differences = differences(count, levels);
            let means = all_means(&differences);
            for share in [1e-5, 0.001, 0.025, 0.2, 0.4, 0.499] {
                let k = (means.len() as f64 * share) as usize;
                let found = kth_smallest(&differences, k as u64, None);
                let expected = means[k - 1];
                assert!((found - expected).abs() < 1e-7, "{count} {levels} {k}: {found} {expected}");
            }
        }
    }

    #[test]
    fn the_kth_mean_is_on_its_side_of_zero() {
        for (count, levels) in [(16, 1 << 30), (16, 4), (18, 6)] {
            let differences = differences(count, levels);
            let at_zero = not_above(&differences, 0.0) - 1;
            assert!(at_zero > 2);
            for (k, is_above) in [(at_zero - 1, false), (at_zero, false), (at_zero + 1, true)] {
                let found = kth_smallest(&differences, k, Some(at_zero));
                assert_eq!(found > 0.0, is_above, "{count} {levels} {k}: {found}");
            }
        }
    }
}
