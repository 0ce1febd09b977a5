//! Exact counts of subsets by meet in the middle.
//!
//! The differences are split into two halves; a subset is a pair of a subset of either half. With the `2ⁿᐟ²`
//! sums of either half in order, the pairs whose sum is at most 0 are counted by two pointers (Horowitz &
//! Sahni, *Computing partitions with applications to the knapsack problem*, 1974).

use crate::statistics::subsets::ROUNDING;
use std::ops::Add;

/// A sum that is sorted.
trait Sum: Copy + Add<Output = Self> {
    const ZERO: Self;

    fn value(self) -> f64;
}

impl Sum for f64 {
    const ZERO: Self = 0.0;

    fn value(self) -> f64 {
        self
    }
}

/// The sums after subtracting each of two numbers, and the number of terms.
#[derive(Clone, Copy)]
struct Between {
    above_low: f64,
    above_high: f64,
    count: u32,
}

impl Add for Between {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Between {
            above_low: self.above_low + other.above_low,
            above_high: self.above_high + other.above_high,
            count: self.count + other.count,
        }
    }
}

impl Sum for Between {
    const ZERO: Self = Between { above_low: 0.0, above_high: 0.0, count: 0 };

    fn value(self) -> f64 {
        self.above_low
    }
}

/// Subtracts `theta`, and then a small part of the magnitude: `Σ x ≤ r Σ |x|` is the same as
/// `Σ (x − r |x|) ≤ 0`.
pub(super) fn reduced(difference: f64, theta: f64) -> f64 {
    (difference - theta) - ROUNDING * (difference - theta).abs()
}

/// Returns the number of subsets of `differences`, including the empty one, whose sum after subtracting
/// `theta` from each difference is at most 0. A sum of at most [`ROUNDING`] times the magnitudes in it counts
/// as 0.
pub(super) fn not_above(differences: &[f64], theta: f64) -> u64 {
    let (left, right) = halves(differences.iter().map(|&difference| reduced(difference, theta)));
    // Two independent walks at once are nearly as fast as one.
    let (first, second) = left.split_at(left.len() / 2);
    let mut walks = [Walk::new(first, &right), Walk::new(second, &right)];
    while walks[0].is_on() && walks[1].is_on() {
        walks.iter_mut().for_each(Walk::step);
    }
    for walk in &mut walks {
        while walk.is_on() {
            walk.step();
        }
    }
    walks[0].count + walks[1].count
}

/// Counts the pairs of sums that are at most 0.
struct Walk<'a> {
    left: &'a [f64],
    right: &'a [f64],
    i: usize,
    /// The sums of `right` from here on are too large for all that are left.
    j: usize,
    count: u64,
}

impl<'a> Walk<'a> {
    fn new(left: &'a [f64], right: &'a [f64]) -> Self {
        let j = left.first().map_or(0, |least| right.partition_point(|sum| least + sum <= 0.0));
        Walk { left, right, i: 0, j, count: 0 }
    }

    fn is_on(&self) -> bool {
        self.i < self.left.len() && self.j > 0
    }

    /// Without branches, since the outcomes are unpredictable.
    fn step(&mut self) {
        let is_inside = usize::from(self.left[self.i] + self.right[self.j - 1] <= 0.0);
        self.count += (self.j * is_inside) as u64;
        self.i += is_inside;
        self.j -= 1 - is_inside;
    }
}

/// Returns means of subsets that are above `low` and not above `high`, in the sense of [`not_above`], in
/// ascending order, and whether they are all of them: otherwise they are at most `most`, at equal distances
/// in an order by their sums.
pub(super) fn means_between(differences: &[f64], low: f64, high: f64, most: usize) -> (Vec<f64>, bool) {
    let (left, right) = halves(differences.iter().map(|&difference| {
        let (above_low, above_high) = (reduced(difference, low), reduced(difference, high));
        Between { above_low, above_high, count: 1 }
    }));
    // The two sums of a subset differ by at most this.
    let width = (high - low) * differences.len() as f64 * (1.0 + 2.0 * ROUNDING);
    let (left, right) = (&left[..], &right[..]);
    let windows = || {
        let (mut from, mut to) = (right.len(), right.len());
        left.iter().map(move |&sum| {
            while from > 0 && right[from - 1].above_low + sum.above_low > 0.0 {
                from -= 1;
            }
            while to > 0 && right[to - 1].above_low + sum.above_low > width {
                to -= 1;
            }
            (sum, from, to.max(from))
        })
    };
    let total: usize = windows().map(|(_, from, to)| to - from).sum();
    let step = total.div_ceil(most).max(1);
    let (mut means, mut next) = (Vec::with_capacity(total / step + 1), step / 2);
    for (sum, from, to) in windows() {
        while next < to - from {
            let whole = sum + right[from + next];
            if whole.count > 0 && whole.above_high <= 0.0 {
                means.push(low + whole.above_low / f64::from(whole.count));
            }
            next += step;
        }
        next -= to - from;
    }
    means.sort_unstable_by(f64::total_cmp);
    (means, step == 1)
}

/// Returns the sums of all subsets of every other term, and of the remaining terms, in order.
fn halves<T: Sum>(terms: impl Iterator<Item = T> + Clone) -> (Vec<T>, Vec<T>) {
    (sums(terms.clone().step_by(2)), sums(terms.skip(1).step_by(2)))
}

fn sums<T: Sum>(terms: impl Iterator<Item = T>) -> Vec<T> {
    let (mut sums, mut merged) = (vec![T::ZERO], vec![T::ZERO]);
    for term in terms {
        merged.resize(2 * sums.len(), T::ZERO);
        merge(&sums, term, &mut merged);
        std::mem::swap(&mut sums, &mut merged);
    }
    sums
}

/// Merges `sums` and the same with `term` added, from both ends at once: two independent walks.
fn merge<T: Sum>(sums: &[T], term: T, merged: &mut [T]) {
    let count = sums.len();
    let (front, back) = merged.split_at_mut(count);
    // Neither walk takes more than `count` sums, so none passes the end of `sums`.
    let (mut i, mut j, mut last, mut last_with) = (0, 0, count, count);
    for (least, most) in front.iter_mut().zip(back.iter_mut().rev()) {
        let (without, with) = (sums[i], sums[j] + term);
        let is_without = without.value() <= with.value();
        *least = if is_without { without } else { with };
        i += usize::from(is_without);
        j += usize::from(!is_without);
        let (without, with) = (sums[last - 1], sums[last_with - 1] + term);
        // The order of equal sums is the same from either end.
        let is_with = without.value() <= with.value();
        *most = if is_with { with } else { without };
        last_with -= usize::from(is_with);
        last -= usize::from(!is_with);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIFFERENCES: [f64; 11] = [0.31, -1.7, 0.023, 4.9, 2.2, -0.83, 13.1, 0.57, -7.3, 1.19, 0.107];

    /// Returns the mean of each non-empty subset in ascending order, one by one.
    fn means(differences: &[f64]) -> Vec<f64> {
        let of = |set: usize| {
            let inside = differences.iter().enumerate().filter(|(i, _)| set >> i & 1 == 1);
            inside.map(|(_, difference)| difference).sum::<f64>() / f64::from(set.count_ones())
        };
        let mut means: Vec<f64> = (1..1 << differences.len()).map(of).collect();
        means.sort_unstable_by(f64::total_cmp);
        means
    }

    #[test]
    fn counts_match_the_subsets_one_by_one() {
        for count in 1..=DIFFERENCES.len() {
            let means = means(&DIFFERENCES[..count]);
            for theta in [-8.0, -7.2, -0.5, 0.0, 0.3, 1.0, 1.3, 4.0, 13.2] {
                let expected = means.partition_point(|&mean| mean <= theta) as u64 + 1;
                assert_eq!(not_above(&DIFFERENCES[..count], theta), expected, "{count} {theta}");
            }
        }
        // C(4, 0) + C(4, 1) + …: with two of each sign, half of the ties and more.
        assert_eq!(not_above(&[1.0, -1.0, 1.0, -1.0], 0.0), 1 + 4 + 6);
    }

    #[test]
    fn sums_within_rounding_count_as_zero_and_small_ones_next_to_a_large_one_do_not() {
        assert_eq!(not_above(&[0.8172 - 0.8169, 0.6762 - 0.6765], 0.0), 3);
        assert_eq!(not_above(&[0.6765 - 0.6762, 0.8169 - 0.8172], 0.0), 3);
        assert_eq!(not_above(&[1e12, 1.0, 3.0, 2.0], 0.0), 1);
        assert_eq!(not_above(&[-1e12, 1.0, 3.0, 2.0], 0.0), 9);
    }

    #[test]
    fn means_between_two_numbers_are_all_of_them_or_a_sample() {
        let means = means(&DIFFERENCES);
        for (low, high) in [(-8.0, 14.0), (-0.5, 0.7), (0.3, 0.30001), (13.2, 15.0)] {
            let inside: Vec<f64> = means.iter().copied().filter(|&mean| mean > low && mean <= high).collect();
            let (all, is_all) = means_between(&DIFFERENCES, low, high, 1 << 20);
            assert!(is_all);
            assert_eq!(all.len(), inside.len());
            assert!(all.iter().zip(&inside).all(|(a, b)| (a - b).abs() < 1e-7));
            let (sample, is_all) = means_between(&DIFFERENCES, low, high, 100);
            assert!(is_all == (sample.len() == inside.len()) && sample.len() <= 100);
            assert!(sample.iter().all(|mean| inside.iter().any(|inside| (inside - mean).abs() < 1e-7)));
        }
        let (sample, _) = means_between(&DIFFERENCES, -0.5, 0.7, 100);
        let middle = sample[sample.len() / 2];
        let share = means.iter().filter(|&&mean| mean > -0.5 && mean <= middle).count() as f64
            / means.iter().filter(|&&mean| mean > -0.5 && mean <= 0.7).count() as f64;
        assert!((0.3..0.7).contains(&share), "{share}");
    }
}
