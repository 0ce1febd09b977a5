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
    /// The random projections of gradients by a rule; the index counts the projections of a parameter.
    Projection = 18,
    /// The random directions in which a rule probes its preconditioner; the index is the step of a parameter.
    Probe = 19,
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

/// Draws a number of the standard normal distribution: the method of Box and Muller, 1958, with the cosine of
/// the second of two uniform numbers.
pub fn normal(random: &mut ChaCha8Rng) -> f64 {
    let mut unit = || (random.next_u64() >> 11) as f64 / (1_u64 << 53) as f64;
    // In (0, 1], so that its logarithm is finite.
    let radius = (-2.0 * (1.0 - unit()).ln()).sqrt();
    radius * (std::f64::consts::TAU * unit()).cos()
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

    #[test]
    fn normal_numbers_have_the_moments_of_their_distribution() {
        let mut random = stream(3, Purpose::Projection, 0);
        let numbers: Vec<f64> = (0..40_000).map(|_| normal(&mut random)).collect();
        // The deviations of the means are √(1, 2, 15, 96) / 200.
        for (power, expected, deviation) in [(1, 0.0, 0.005), (2, 1.0, 0.007), (3, 0.0, 0.02), (4, 3.0, 0.05)]
        {
            let mean = numbers.iter().map(|number| number.powi(power)).sum::<f64>() / 40_000.0;
            assert!((mean - expected).abs() < 4.0 * deviation, "moment {power}: {mean}");
        }
    }
}
