//! Random indices, implemented here because the method of `rand` may change with a version.

use rand::Rng;

/// Draws an index below `bound`, all equally likely (Lemire, *Fast random integer generation in an interval*,
/// 2019, algorithm 5).
///
/// # Panics
/// If `bound` is 0.
pub(super) fn below(bound: u32, random: &mut impl Rng) -> usize {
    let mut product = u64::from(random.next_u32()) * u64::from(bound);
    if (product as u32) < bound {
        // Some indices would get one product too many, so the first 2³² mod `bound` products are rejected.
        let refused = bound.wrapping_neg() % bound;
        while (product as u32) < refused {
            product = u64::from(random.next_u32()) * u64::from(bound);
        }
    }
    (product >> 32) as usize
}

/// Shuffles `items`, all orders equally likely (Fisher and Yates; Durstenfeld, 1964).
pub(super) fn shuffle<T>(items: &mut [T], random: &mut impl Rng) {
    for i in (1..items.len()).rev() {
        items.swap(i, below(i as u32 + 1, random));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use optlab_core::random::{Purpose, stream};
    use std::collections::BTreeMap;

    #[test]
    fn every_index_is_equally_likely() {
        let mut random = stream(1, Purpose::Resamples, 0);
        // With a modulus or without the rejections, the lower half would be drawn twice as often as the
        // upper.
        let bound = 3 << 30;
        let low = (0..30_000).filter(|_| below(bound, &mut random) < 1 << 30).count();
        // 10,000 expected; five standard deviations of a binomial are 408.
        assert!((9_592..10_408).contains(&low), "{low}");
        let low = (0..30_000).filter(|_| below(bound, &mut random) % 3 == 0).count();
        assert!((9_592..10_408).contains(&low), "{low}");
    }

    #[test]
    fn every_order_of_three_is_equally_likely() {
        let mut random = stream(1, Purpose::Splits, 0);
        let mut counts = BTreeMap::new();
        for _ in 0..6000 {
            let mut items = [0, 1, 2];
            shuffle(&mut items, &mut random);
            *counts.entry(items).or_insert(0) += 1;
        }
        assert_eq!(counts.len(), 6);
        // 1000 expected; five standard deviations of a binomial are 144.
        assert!(counts.values().all(|count| (856..1144).contains(count)), "{counts:?}");
    }
}
