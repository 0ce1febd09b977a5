//! The probability that one arm is better than another.

use crate::statistics::bootstrap::{Estimate, LEVEL, RESAMPLES, Resamples};
use optlab_core::Direction;

/// Returns the probability that a run of arm `a` is better than a run of arm `b`, plus half of the
/// probability that they are equal; at 1/2 neither wins more often. The percentile interval is at a level of
/// 95 %.
///
/// ```text
/// P = (1 / n²) Σᵢ Σⱼ w(aᵢ, bⱼ)        w = 1 if aᵢ is better, 1/2 if they are equal, 0 otherwise
/// ```
///
/// All pairs count, not only those with the same seed. Both arms ran on the same `n` seeds, so a resample
/// draws the same seeds for both: an effect of a seed on both arms does not widen the interval. Equal
/// infinities, "both diverged", are equal.
///
/// Returns `None` without seeds, if the arms have different numbers of seeds, and for NaN.
///
/// # Reference
/// Mann & Whitney, *On a test of whether one of two random variables is stochastically larger than the
/// other*, 1947; Agarwal et al., *Deep reinforcement learning at the edge of the statistical precipice*,
/// 2021, section 4.3, <https://arxiv.org/abs/2108.13264>. rliable resamples the seeds of each arm separately.
pub fn of(a: &[f64], b: &[f64], direction: Direction, seed: u64) -> Option<Estimate> {
    if a.is_empty() || a.len() != b.len() || a.iter().chain(b).any(|value| value.is_nan()) {
        return None;
    }
    let wins: Vec<f64> = a.iter().flat_map(|&a| b.iter().map(move |&b| win(a, b, direction))).collect();
    let probability = |weights: &[f64]| {
        let rows = wins.chunks(weights.len()).zip(weights);
        let sum: f64 = rows.map(|(row, weight)| weight * dot(row, weights)).sum();
        sum / (weights.len() * weights.len()) as f64
    };
    let mut resamples = Resamples::new(a.len(), seed);
    let mut weights = vec![1.0; a.len()];
    let value = probability(&weights);
    let resampled: Vec<f64> = (0..RESAMPLES)
        .map(|_| {
            for (weight, &count) in weights.iter_mut().zip(resamples.draw()) {
                *weight = f64::from(count);
            }
            probability(&weights)
        })
        .collect();
    Estimate::new(value, &resampled, LEVEL)
}

fn win(a: f64, b: f64, direction: Direction) -> f64 {
    if a == b {
        0.5
    } else if direction.is_better(a, b) {
        1.0
    } else {
        0.0
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: [f64; 6] = [3.0, 5.0, 4.0, 7.0, 6.5, 2.0];
    const B: [f64; 6] = [2.0, 4.5, 4.0, 6.0, 1.0, 2.5];

    #[test]
    fn the_probability_matches_mann_and_whitney() {
        // scipy.stats.mannwhitneyu(A, B).statistic / 36
        assert_eq!(of(&A, &B, Direction::Larger, 0).unwrap().value, 25.0 / 36.0);
        assert_eq!(of(&A, &B, Direction::Smaller, 0).unwrap().value, 11.0 / 36.0);
        assert_eq!(of(&A, &A, Direction::Larger, 0).unwrap().value, 0.5);
    }

    #[test]
    fn the_interval_matches_resampled_seeds() {
        // numpy.quantile([mannwhitneyu(A[i], B[i]).statistic / 36 for i in rng.integers(0, 6, (200_000, 6))],
        // [.025, .975])
        let estimate = of(&A, &B, Direction::Larger, 0).unwrap();
        assert!(
            (estimate.low - 0.45833).abs() < 0.02 && (estimate.high - 0.93056).abs() < 0.02,
            "{estimate:?}"
        );
    }

    #[test]
    fn an_effect_of_the_seed_on_both_arms_does_not_widen_the_interval() {
        let estimate = of(&A, &A, Direction::Larger, 0).unwrap();
        assert_eq!((estimate.low, estimate.high), (0.5, 0.5));
    }

    #[test]
    fn a_diverged_run_loses_against_all_runs_but_another_diverged_one() {
        let inf = f64::INFINITY;
        assert_eq!(of(&[1.0, 2.0], &[inf, inf], Direction::Smaller, 0).unwrap().value, 1.0);
        assert_eq!(of(&[1.0, inf], &[inf, inf], Direction::Smaller, 0).unwrap().value, 0.75);
        assert_eq!(of(&[-inf, 1.0], &[2.0, -inf], Direction::Larger, 0).unwrap().value, 0.375);
    }

    #[test]
    fn arms_with_different_numbers_of_seeds_have_no_probability() {
        assert_eq!((of(&[], &[], Direction::Larger, 0), of(&A, &B[1..], Direction::Larger, 0)), (None, None));
        assert_eq!(of(&[1.0], &[f64::NAN], Direction::Larger, 0), None);
    }
}
