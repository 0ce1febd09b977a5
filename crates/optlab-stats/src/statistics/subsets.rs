//! Lists of the means of subsets: of all subsets of a few differences, of random ones of many.

use optlab_core::random::{Purpose, stream};
use rand::Rng;

/// A sum of at most this fraction of the magnitudes in it is 0. Differences of rounded numbers, 0.8172 −
/// 0.8169 and 0.6762 − 0.6765, have to cancel: rounding must not turn a tie into evidence.
pub(super) const ROUNDING: f64 = 1e-9;

/// The number of random subsets of more differences than can be counted exactly.
pub(super) const RANDOM_SUBSETS: usize = (1 << 18) - 1;

/// The subsets per step of [`random_not_above_is_below`].
const CHUNK: usize = 1 << 12;

/// The sum of some of the differences.
#[derive(Clone, Copy, Default)]
struct Part {
    sum: f64,
    /// The sum of the absolute values.
    magnitude: f64,
    count: u32,
}

impl Part {
    fn of(difference: f64) -> Self {
        Part { sum: difference, magnitude: difference.abs(), count: 1 }
    }

    fn and(self, other: Part) -> Self {
        Part {
            sum: self.sum + other.sum,
            magnitude: self.magnitude + other.magnitude,
            count: self.count + other.count,
        }
    }

    fn mean(self) -> f64 {
        if self.sum.abs() <= ROUNDING * self.magnitude { 0.0 } else { self.sum / f64::from(self.count) }
    }
}

/// Returns the sums of all subsets; bit `i` of the index says whether difference `i` is in it.
fn parts(differences: &[f64]) -> Vec<Part> {
    let mut parts = vec![Part::default()];
    for &difference in differences {
        let half = parts.len();
        parts.extend_from_within(..);
        parts[half..].iter_mut().for_each(|part| *part = part.and(Part::of(difference)));
    }
    parts
}

/// Returns the means of the `2ⁿ − 1` non-empty subsets of `n` differences in ascending order.
pub(super) fn all_means(differences: &[f64]) -> Vec<f64> {
    in_order(parts(differences)[1..].iter().map(|part| part.mean()).collect())
}

/// Returns the means of [`RANDOM_SUBSETS`] random subsets in ascending order. Each subset contains each
/// difference with probability 1/2, independently. The subsets are the same in every call.
pub(super) fn random_means(differences: &[f64]) -> Vec<f64> {
    let mut subsets = RandomSubsets::new(differences);
    in_order((0..RANDOM_SUBSETS).map(|_| subsets.draw().mean()).collect())
}

/// Returns whether fewer than `k` of the [`RANDOM_SUBSETS`] subsets have a mean of at most `theta`. Stops
/// early where the subsets so far are six standard deviations away from `k`, so about one answer in 10⁹ is
/// wrong.
pub(super) fn random_not_above_is_below(differences: &[f64], theta: f64, k: usize) -> bool {
    let shifted: Vec<f64> = differences.iter().map(|difference| difference - theta).collect();
    let mut subsets = RandomSubsets::new(&shifted);
    let share = k as f64 / RANDOM_SUBSETS as f64;
    let (mut drawn, mut not_above) = (0, 0);
    while drawn < RANDOM_SUBSETS && not_above < k {
        let chunk = CHUNK.min(RANDOM_SUBSETS - drawn);
        not_above += (0..chunk).filter(|_| subsets.draw().mean() <= 0.0).count();
        drawn += chunk;
        let expected = share * drawn as f64;
        // The variance of a count of rare events; at least 6 of them, since it is skewed.
        if (not_above as f64 - expected).abs() > 6.0 * (expected.max(6.0)).sqrt() {
            return (not_above as f64) < expected;
        }
    }
    not_above < k
}

fn in_order(mut means: Vec<f64>) -> Vec<f64> {
    means.sort_unstable_by(f64::total_cmp);
    means
}

/// A source of random subsets.
struct RandomSubsets<R> {
    /// The sums of all subsets of each eight differences.
    blocks: Vec<Vec<Part>>,
    random: R,
}

impl RandomSubsets<rand_chacha::ChaCha8Rng> {
    fn new(differences: &[f64]) -> Self {
        RandomSubsets {
            blocks: differences.chunks(8).map(parts).collect(),
            random: stream(0, Purpose::Subsets, 0),
        }
    }
}

impl<R: Rng> RandomSubsets<R> {
    /// Draws the next non-empty subset.
    fn draw(&mut self) -> Part {
        let mut whole = Part::default();
        while whole.count == 0 {
            for blocks in self.blocks.chunks(8) {
                let mut bits = self.random.next_u64();
                for block in blocks {
                    whole = whole.and(block[bits as usize & (block.len() - 1)]);
                    bits >>= 8;
                }
            }
        }
        whole
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_means_match_the_subsets_one_by_one() {
        // Powers of two: sums are exact, and different for different subsets.
        for count in [1, 3, 9, 13] {
            let differences: Vec<f64> = (0..count).map(|i| (1 << i) as f64).collect();
            let mean = |set: u64| set as f64 / f64::from(set.count_ones());
            let mut expected: Vec<f64> = (1..1 << count).map(mean).collect();
            expected.sort_unstable_by(f64::total_cmp);
            assert_eq!(all_means(&differences), expected);
        }
    }

    #[test]
    fn random_subsets_hold_half_of_the_differences_each_independently() {
        // The digits of the sum in base 2 are the subset.
        let differences: Vec<f64> = (0..45).map(|i| (1_u64 << i) as f64).collect();
        let mut subsets = RandomSubsets::new(&differences);
        let mut counts = vec![0; 45];
        let mut together = 0;
        for _ in 0..10_000 {
            let part = subsets.draw();
            let set = part.sum as u64;
            assert_eq!(set.count_ones(), part.count);
            counts.iter_mut().enumerate().for_each(|(i, count)| *count += set >> i & 1);
            together += set >> 3 & set >> 20 & 1;
        }
        // Five standard deviations of a binomial.
        assert!(counts.iter().all(|count| (4750..5250).contains(count)), "{counts:?}");
        assert!((2284..2716).contains(&together), "{together}");
    }

    #[test]
    fn an_early_answer_equals_the_count_of_all_random_subsets() {
        let differences: Vec<f64> = (0..50).map(|i| (f64::from(i * 37 % 50) - 20.0).powi(3)).collect();
        let means = random_means(&differences);
        for theta in [-4000.0, 0.0, 500.0, 2500.0] {
            let not_above = means.partition_point(|&mean| mean <= theta);
            for k in [1, 15, not_above, not_above + 1, not_above * 2, RANDOM_SUBSETS / 2] {
                let is_below = random_not_above_is_below(&differences, theta, k);
                assert_eq!(is_below, not_above < k, "{theta} {k}");
            }
        }
    }

    #[test]
    fn rounding_does_not_turn_a_tie_into_a_difference() {
        let (a, b) = (0.8172 - 0.8169, 0.6762 - 0.6765);
        assert_ne!(a + b, 0.0);
        assert_eq!(all_means(&[a, b]), [b, 0.0, a]);
        // Small differences next to a large one keep their values.
        assert_eq!(all_means(&[1e12, 1.0, 3.0])[..3], [1.0, 2.0, 3.0]);
    }
}
