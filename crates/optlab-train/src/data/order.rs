//! A shuffle whose result stays the same across versions of `rand`.

use optlab_core::random::{Purpose, stream};
use rand::Rng;

/// Shuffles `items`, all orders being equally likely (Fisher and Yates; Durstenfeld, 1964).
///
/// Written out rather than taken from `rand`, whose way of drawing an index may change with a version: the
/// order of a trial's examples must not change with it. An index is the high half of a 64 × 64 bit product,
/// which favours some indices by less than one in 2³² for any set that fits in memory.
pub(super) fn shuffle<T>(items: &mut [T], random: &mut impl Rng) {
    for i in (1..items.len()).rev() {
        let j = (u128::from(random.next_u64()) * (i as u128 + 1)) >> 64;
        items.swap(i, j as usize);
    }
}

/// Returns the random numbers that draw a test part: the fixed one, which is a part of the data, or that of a
/// recipe's `split`.
pub(super) fn test_draw(split: Option<u64>) -> impl Rng {
    match split {
        None => stream(0, Purpose::Split, 1),
        Some(split) => stream(split, Purpose::Split, 2),
    }
}

/// Returns the numbers of `n` rows in the order in which the test part of rows without classes is drawn.
pub(crate) fn shuffled_rows(n: usize, split: Option<u64>) -> Vec<usize> {
    let mut rows: Vec<usize> = (0..n).collect();
    shuffle(&mut rows, &mut test_draw(split));
    rows
}

#[cfg(test)]
mod tests {
    use super::*;
    use optlab_core::random::{Purpose, stream};

    #[test]
    fn every_order_of_three_is_equally_likely() {
        let mut random = stream(1, Purpose::Order, 0);
        let mut counts = std::collections::BTreeMap::new();
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
