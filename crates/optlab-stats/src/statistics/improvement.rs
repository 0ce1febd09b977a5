//! The probability that one arm is better than another.

use crate::statistics::beta;
use crate::statistics::bootstrap::{Estimate, LEVEL};
use optlab_core::Direction;

/// Returns the probability that arm `a` is better than arm `b` on the same seed, which gives both the same
/// initial weights and the same data, plus half of the probability that they are equal; at 1/2 neither wins
/// more often. With `n` seeds:
///
/// ```text
/// P = (wins + ties / 2) / n
/// ```
///
/// The interval (Clopper & Pearson, 1934) contains the true probability with a probability of at least 95 %,
/// for every number of seeds and every distribution; a tie counts as a loss for its lower end and as a win
/// for its upper end. Equal infinities, "both diverged", are equal.
///
/// Returns `None` without seeds, if the arms have different numbers of seeds, and for NaN.
///
/// # Differs from
/// The probability of improvement of rliable, which compares runs on different seeds, too. This is another
/// probability if a seed has an effect on both arms; and its bootstrap interval covers 87 % with 6 seeds.
///
/// # Reference
/// Clopper & Pearson, *The use of confidence or fiducial limits illustrated in the case of the binomial*,
/// Biometrika 26, 1934; Agarwal et al., *Deep reinforcement learning at the edge of the statistical
/// precipice*, 2021, section 4.3, <https://arxiv.org/abs/2108.13264>
pub fn of(a: &[f64], b: &[f64], direction: Direction) -> Option<Estimate> {
    if a.is_empty() || a.len() != b.len() || a.iter().chain(b).any(|value| value.is_nan()) {
        return None;
    }
    let wins = a.iter().zip(b).filter(|&(&a, &b)| direction.is_better(a, b)).count();
    let ties = a.iter().zip(b).filter(|(a, b)| a == b).count();
    Some(of_counts(wins, ties, a.len()))
}

fn of_counts(wins: usize, ties: usize, count: usize) -> Estimate {
    let (at_least, at_most, n) = (wins as f64, (wins + ties) as f64, count as f64);
    let missed = (1.0 - LEVEL) / 2.0;
    let low = if wins == 0 { 0.0 } else { beta::quantile(missed, at_least, n - at_least + 1.0) };
    let high =
        if wins + ties == count { 1.0 } else { beta::quantile(1.0 - missed, at_most + 1.0, n - at_most) };
    Estimate { value: (at_least + 0.5 * ties as f64) / n, low, high }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: [f64; 6] = [3.0, 5.0, 4.0, 7.0, 6.5, 2.0];
    const B: [f64; 6] = [2.0, 4.5, 4.0, 6.0, 1.0, 2.5];

    #[test]
    fn the_probability_counts_wins_on_the_same_seed_and_half_of_the_ties() {
        // Four wins, a tie, a loss.
        assert_eq!(of(&A, &B, Direction::Larger).unwrap().value, 4.5 / 6.0);
        assert_eq!(of(&A, &B, Direction::Smaller).unwrap().value, 1.5 / 6.0);
        assert_eq!(of(&A, &A, Direction::Larger), Some(Estimate { value: 0.5, low: 0.0, high: 1.0 }));
    }

    #[test]
    fn the_interval_matches_scipy() {
        // scipy.stats.binomtest(wins, n).proportion_ci(method='exact').low, and .high with wins + ties.
        for (wins, ties, count, low, high) in SCIPY {
            let estimate = of_counts(wins, ties, count);
            assert!(
                (estimate.low - low).abs() < 1e-10 && (estimate.high - high).abs() < 1e-10,
                "{estimate:?}"
            );
        }
        let estimate = of(&A, &B, Direction::Larger).unwrap();
        assert_eq!(estimate, of_counts(4, 1, 6));
    }

    #[test]
    fn the_interval_contains_the_probability_in_at_least_its_level_of_the_samples() {
        for count in [1, 2, 3, 6, 10, 20] {
            let estimates: Vec<Vec<Estimate>> = (0..=count)
                .map(|wins| (0..=count - wins).map(|ties| of_counts(wins, ties, count)).collect())
                .collect();
            let choose =
                |n: usize, k: usize| (0..k).map(|i| (n - i) as f64 / (i + 1) as f64).product::<f64>();
            for step in 0..=40 {
                for tied in [0.0, 0.1, 0.5] {
                    let win = f64::from(step) / 40.0 * (1.0 - tied);
                    let truth = win + tied / 2.0;
                    let mut covered = 0.0;
                    for (wins, estimates) in estimates.iter().enumerate() {
                        for (ties, &estimate) in estimates.iter().enumerate() {
                            let Estimate { low, high, .. } = estimate;
                            if low <= truth && truth <= high {
                                covered += choose(count, wins)
                                    * choose(count - wins, ties)
                                    * win.powi(wins as i32)
                                    * tied.powi(ties as i32)
                                    * (1.0 - win - tied).max(0.0).powi((count - wins - ties) as i32);
                            }
                        }
                    }
                    assert!(covered >= 0.95 - 1e-9, "{count} {win} {tied}: {covered}");
                }
            }
        }
    }

    #[test]
    fn a_diverged_run_loses_against_all_runs_but_another_diverged_one() {
        let inf = f64::INFINITY;
        assert_eq!(of(&[1.0, 2.0], &[inf, inf], Direction::Smaller).unwrap().value, 1.0);
        assert_eq!(of(&[1.0, inf], &[inf, inf], Direction::Smaller).unwrap().value, 0.75);
        assert_eq!(of(&[-inf, 1.0], &[2.0, -inf], Direction::Larger).unwrap().value, 0.5);
    }

    #[test]
    fn arms_with_different_numbers_of_seeds_have_no_probability() {
        assert_eq!((of(&[], &[], Direction::Larger), of(&A, &B[1..], Direction::Larger)), (None, None));
        assert_eq!(of(&[1.0], &[f64::NAN], Direction::Larger), None);
    }

    const SCIPY: [(usize, usize, usize, f64, f64); 6] = [
        (4, 1, 6, 0.22277809550354957, 0.9957892554855104),
        (0, 0, 10, 0.0, 0.30849710781876294),
        (10, 0, 10, 0.6915028921812371, 1.0),
        (3, 4, 12, 0.05486064452799241, 0.8483477701915653),
        (1, 0, 1, 0.025000000000000022, 1.0),
        (17, 2, 40, 0.270429031268837, 0.638719864735614),
    ];
}
