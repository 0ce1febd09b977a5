//! Reproducible random numbers: the same on every backend, machine and number of threads.
//!
//! A stream is a pure function of the trial's seed, a purpose and an index, so nothing has to be stored to
//! resume from a checkpoint, and two trials in one process cannot disturb each other.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// The purpose of a stream of random numbers. Streams of different purposes are independent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Initial weights; the index is 0.
    Weights = 1,
    /// The choice of examples: of training examples for validation (index 0), of rows or pictures for the
    /// final test (index 1), and of any examples for the test part of a recipe's `split` (index 2).
    Split = 2,
    /// The order of the examples; the index is the epoch.
    Order = 3,
    /// Changes of training images: shifts, rotations, flips, crops, colours; the index is the step.
    Augmentation = 4,
    /// The random numbers that a backend draws itself; the index is the step.
    Backend = 6,
    /// The directions in which a curvature is measured; the index counts them over all steps.
    Curvature = 5,
    /// Labels that a model draws from its own predictions; the index is the step.
    Labels = 7,
    /// The values that a bootstrap draws; the index is 0.
    Resamples = 10,
    /// The choice of subsets of many paired differences; seed and index are 0.
    Subsets = 11,
    /// The side of a calibration's split that each run is on; the index is the split.
    Splits = 12,
    /// A point of a search; the index is the number of its trial.
    Points = 13,
    /// The scrambling of a search's low-discrepancy points; the index is the dimension or the block of
    /// trials.
    Scramble = 14,
    /// The seed of a replicate's search; the index is the number of the replicate.
    Replicates = 15,
    /// Stochastic rounding of an optimizer's state and of parameters; the index is a hash of the path.
    Rounding = 17,
    /// Random perturbations and draws of an explanation; the index is 0.
    Explanation = 16,
}

/// Returns the generator of `seed` for `purpose` at `index`.
///
/// ChaCha with 8 rounds (Bernstein, 2008), keyed by the three numbers.
pub fn stream(seed: u64, purpose: Purpose, index: u64) -> ChaCha8Rng {
    let mut key = [0; 32];
    key[..8].copy_from_slice(&seed.to_le_bytes());
    key[8..16].copy_from_slice(&(purpose as u64).to_le_bytes());
    key[16..24].copy_from_slice(&index.to_le_bytes());
    ChaCha8Rng::from_seed(key)
}

/// Returns the first word of a [`stream`], as a key for other random bits.
pub fn word(seed: u64, purpose: Purpose, index: u64) -> u64 {
    stream(seed, purpose, index).next_u64()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_depends_on_seed_purpose_and_index_and_on_nothing_else() {
        let first = |seed, purpose, index| stream(seed, purpose, index).next_u64();
        let here = first(1, Purpose::Order, 2);
        assert_eq!(here, first(1, Purpose::Order, 2));
        assert_ne!(here, first(2, Purpose::Order, 2));
        assert_ne!(here, first(1, Purpose::Backend, 2));
        assert_ne!(here, first(1, Purpose::Order, 3));
    }
}
