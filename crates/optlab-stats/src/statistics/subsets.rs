//! The means of subsets, from which an exact interval is made.
//!
//! A collection of subsets that contains the symmetric difference of any two of its subsets is a linear
//! subspace of `GF(2)ⁿ`. It is given here by one column of bits for each difference: subset `g` contains
//! difference `i` if `g` and column `i` have an odd number of bits in common. If each difference has a column
//! with its own single bit, the collection contains all subsets.

use crate::statistics::draw::below;
use optlab_core::random::{Purpose, stream};

/// The most dimensions of the collection: it has at most `2¹⁴` subsets, including the empty one.
pub(super) const DIMENSIONS: usize = 14;

/// A sum below this fraction of the magnitudes in it is 0. Differences of rounded numbers, 0.8172 − 0.8169
/// and 0.6762 − 0.6765, have to cancel: rounding must not turn a tie into evidence.
const ROUNDING: f64 = 1e-9;

/// The mean of every non-empty subset, in ascending order.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct SubsetMeans {
    /// The means, with `−∞` for a subset that contains both infinities.
    pub lower: Vec<f64>,
    /// The means, with `+∞` for a subset that contains both infinities; `None` if there is no such subset,
    /// since this would equal `lower`.
    pub upper: Option<Vec<f64>>,
}

impl SubsetMeans {
    /// Computes the means of the `2^dimensions − 1` non-empty subsets of `differences`, or of all subsets if
    /// there are fewer.
    pub(super) fn new(differences: &[f64], dimensions: usize) -> Self {
        let dimensions = dimensions.min(differences.len());
        let columns = columns(differences.len(), dimensions);
        let blocks: Vec<Block> = differences
            .chunks(8)
            .zip(columns.chunks(8))
            .map(|(part, columns)| Block::new(part, columns))
            .collect();
        let mut picked = vec![0_u8; blocks.len()];
        let (mut lower, mut upper) = (Vec::with_capacity(1 << dimensions), Vec::new());
        for step in 1..1_usize << dimensions {
            // Gray code: every step adds or removes one generator, and every combination occurs once.
            let generator = step.trailing_zeros() as usize;
            let mut whole = SubsetPart::default();
            for (picked, block) in picked.iter_mut().zip(&blocks) {
                *picked ^= block.generators[generator];
                whole = whole.and(block.parts[*picked as usize]);
            }
            if whole.has_plus && whole.has_minus {
                lower.push(f64::NEG_INFINITY);
                upper.push(f64::INFINITY);
            } else {
                lower.push(whole.mean());
            }
        }
        lower.sort_unstable_by(f64::total_cmp);
        let upper = (!upper.is_empty()).then(|| {
            let mut means = lower[upper.len()..].to_vec();
            means.append(&mut upper);
            means
        });
        SubsetMeans { lower, upper }
    }

    /// Returns the means in ascending order, with `+∞` for a subset that contains both infinities.
    pub(super) fn upper(&self) -> &[f64] {
        self.upper.as_deref().unwrap_or(&self.lower)
    }
}

/// Returns a column for each of `count` differences: first the single bits, then others. All have an odd
/// number of bits, so that the set of all differences is among the subsets. They are distinct as long as
/// possible.
fn columns(count: usize, dimensions: usize) -> Vec<u16> {
    let mut columns: Vec<u16> = (0..dimensions).map(|i| 1 << i).collect();
    let mut random = stream(0, Purpose::Subsets, 0);
    let distinct = 1 << (dimensions - 1);
    while columns.len() < count.min(distinct) {
        let column = below(1 << dimensions, &mut random) as u16;
        if column.count_ones() % 2 == 1 && !columns.contains(&column) {
            columns.push(column);
        }
    }
    columns.iter().copied().cycle().take(count).collect()
}

/// At most eight of the differences.
struct Block {
    /// The sum of each subset of them; bit `i` of the index says whether difference `i` is in it.
    parts: Vec<SubsetPart>,
    /// The differences that each generator of the subspace contains, as bits.
    generators: [u8; DIMENSIONS],
}

impl Block {
    fn new(differences: &[f64], columns: &[u16]) -> Self {
        let mut parts = vec![SubsetPart::default()];
        for &difference in differences {
            let single = SubsetPart::of(difference);
            parts.extend_from_within(..);
            let half = parts.len() / 2;
            parts[half..].iter_mut().for_each(|part| *part = part.and(single));
        }
        let generators = std::array::from_fn(|generator| {
            let bits = columns.iter().enumerate().map(|(i, column)| ((column >> generator & 1) as u8) << i);
            bits.fold(0, |bits, bit| bits | bit)
        });
        Block { parts, generators }
    }
}

/// The sum of some of the differences.
#[derive(Clone, Copy, Default)]
struct SubsetPart {
    /// The sum of the finite ones.
    sum: f64,
    /// The sum of their absolute values.
    magnitude: f64,
    count: u32,
    has_plus: bool,
    has_minus: bool,
}

impl SubsetPart {
    fn of(difference: f64) -> Self {
        let finite = if difference.is_finite() { difference } else { 0.0 };
        SubsetPart {
            sum: finite,
            magnitude: finite.abs(),
            count: 1,
            has_plus: difference == f64::INFINITY,
            has_minus: difference == f64::NEG_INFINITY,
        }
    }

    fn and(self, other: SubsetPart) -> Self {
        SubsetPart {
            sum: self.sum + other.sum,
            magnitude: self.magnitude + other.magnitude,
            count: self.count + other.count,
            has_plus: self.has_plus || other.has_plus,
            has_minus: self.has_minus || other.has_minus,
        }
    }

    /// Returns the mean, unless both infinities are in it.
    fn mean(self) -> f64 {
        match self {
            SubsetPart { has_plus: true, .. } => f64::INFINITY,
            SubsetPart { has_minus: true, .. } => f64::NEG_INFINITY,
            SubsetPart { sum, magnitude, .. } if sum.abs() <= ROUNDING * magnitude => 0.0,
            SubsetPart { sum, count, .. } => sum / f64::from(count),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the subsets as bit sets, one by one.
    fn subsets(count: usize, dimensions: usize) -> Vec<u64> {
        let columns = columns(count, dimensions);
        let holds = |g: u16, column: u16| (g & column).count_ones() % 2 == 1;
        let bits = |g| (0..count).filter(|&i| holds(g, columns[i])).map(|i| 1 << i).sum();
        (1..1_u32 << dimensions).map(|g| bits(g as u16)).collect()
    }

    #[test]
    fn the_subsets_are_closed_under_symmetric_difference_and_hold_the_whole() {
        for (count, dimensions) in [(4, 4), (9, 6), (12, 5), (40, 6)] {
            let mut subsets = subsets(count, dimensions);
            subsets.sort_unstable();
            subsets.dedup();
            assert_eq!(subsets.len(), (1 << dimensions) - 1);
            assert!(subsets.contains(&((1 << count) - 1)));
            for (a, b) in subsets.iter().flat_map(|a| subsets.iter().map(move |b| (a, b))) {
                assert!(a == b || subsets.binary_search(&(a ^ b)).is_ok());
            }
        }
    }

    #[test]
    fn columns_are_distinct_as_long_as_possible() {
        // 32 numbers of 6 bits have an odd number of ones.
        for (count, dimensions) in [(100, DIMENSIONS), (32, 6)] {
            let mut columns = columns(count, dimensions);
            assert!(columns.iter().all(|&column| column != 0 && column < 1 << dimensions));
            columns.sort_unstable();
            columns.dedup();
            assert_eq!(columns.len(), count);
        }
        assert_eq!(columns(40, 6).len(), 40);
    }

    #[test]
    fn the_means_match_the_subsets_one_by_one() {
        // Powers of two: sums are exact, and different for different subsets.
        for (count, dimensions) in [(3, 14), (9, 9), (19, 10), (17, 14)] {
            let differences: Vec<f64> = (0..count).map(|i| (1 << i) as f64).collect();
            let dimensions_there = dimensions.min(count);
            let mean = |set: &u64| *set as f64 / f64::from(set.count_ones());
            let mut expected: Vec<f64> = subsets(count, dimensions_there).iter().map(mean).collect();
            expected.sort_unstable_by(f64::total_cmp);
            assert_eq!(
                SubsetMeans::new(&differences, dimensions),
                SubsetMeans { lower: expected, upper: None }
            );
        }
    }

    #[test]
    fn a_subset_with_both_infinities_counts_on_both_sides() {
        let inf = f64::INFINITY;
        // {∞}, {−∞}, {6}, {∞, 6}, {−∞, 6}, and two subsets with both infinities.
        let means = SubsetMeans::new(&[inf, -inf, 6.0], DIMENSIONS);
        assert_eq!(means.lower, [-inf, -inf, -inf, -inf, 6.0, inf, inf]);
        assert_eq!(means.upper(), [-inf, -inf, 6.0, inf, inf, inf, inf]);
    }

    #[test]
    fn rounding_does_not_turn_a_tie_into_a_difference() {
        let (a, b) = (0.8172 - 0.8169, 0.6762 - 0.6765);
        assert_ne!(a + b, 0.0);
        assert_eq!(SubsetMeans::new(&[a, b], DIMENSIONS).lower, [b, 0.0, a]);
        // Small differences next to a large one keep their values.
        let lower = SubsetMeans::new(&[1e12, 1.0, 3.0], DIMENSIONS).lower;
        assert_eq!(lower[..3], [1.0, 2.0, 3.0]);
    }
}
