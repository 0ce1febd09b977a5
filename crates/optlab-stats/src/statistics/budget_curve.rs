//! The result that tuning with fewer trials would have given.

use crate::statistics::describe::sorted;
use optlab_core::Direction;
use serde::Serialize;

/// The best result of `trials` trials out of all trials. Infinite numbers are `null` in JSON.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct BestOf {
    /// The number of trials that are drawn.
    pub trials: usize,
    /// The expected best result; `None` if the best may be a lost trial, which is infinitely bad.
    pub mean: Option<f64>,
    /// With bad luck: in at least a quarter of the draws the best is no better than this result.
    pub unlucky: f64,
    /// In at least half of the draws the best is no better than this result.
    pub median: f64,
    /// With good luck: in at least three quarters of the draws the best is no better than this result.
    pub lucky: f64,
}

/// The tolerance for a probability that is slightly below a quarter because of rounding.
const ROUNDING: f64 = 1e-12;

/// Returns the best result of each number of trials from 1 to the length of `results`, over all ways to draw
/// that many of them. A lost trial is `+∞` if smaller is better, and `−∞` if larger is.
///
/// The draws are without replacement: with `N` trials the best is the best of the whole search. With
/// `x₁, …, x_N` from the worst to the best, and binomial coefficients:
///
/// ```text
/// P(best of k is no better than xᵢ) = C(i, k) / C(N, k)
/// P(best of k is the trial i)       = C(i − 1, k − 1) / C(N, k)
/// ```
///
/// The quartiles are results of trials, never between two of them. They are ordered by quality: `unlucky` is
/// the largest of the three if smaller is better.
///
/// # Differs from
/// Dodge et al., who draw with replacement: a trial may then be drawn twice, the best result can be missed
/// even with `N` draws, and the result of fresh trials is underestimated (Tang et al., 2020).
///
/// # Reference
/// Dodge et al., *Show your work: improved reporting of experimental results*, 2019,
/// <https://arxiv.org/abs/1909.03004>; Tang et al., *Showing your work doesn't always work*, 2020,
/// <https://arxiv.org/abs/2004.13705>
pub fn of(results: &[f64], direction: Direction) -> Vec<BestOf> {
    let mut ranked = sorted(results);
    if direction == Direction::Smaller {
        ranked.reverse();
    }
    let count = ranked.len();
    let mut no_better = vec![1.0; count];
    (1..=count)
        .map(|trials| {
            for (i, probability) in no_better.iter_mut().enumerate() {
                // C(i, k) / C(N, k) from the value for k − 1; it stays 0 once there are fewer than k results.
                *probability *= (i + 2).saturating_sub(trials) as f64 / (count + 1 - trials) as f64;
            }
            best_of(trials, &ranked, &no_better)
        })
        .collect()
}

fn best_of(trials: usize, ranked: &[f64], no_better: &[f64]) -> BestOf {
    let share = |(i, probability): (usize, &f64)| probability * trials as f64 / (i + 1) as f64;
    let shares = no_better.iter().enumerate().map(share);
    let mean: f64 =
        shares.zip(ranked).filter(|(share, _)| *share > 0.0).map(|(share, result)| share * result).sum();
    let quantile =
        |share: f64| ranked[no_better.partition_point(|&probability| probability < share - ROUNDING)];
    BestOf {
        trials,
        mean: mean.is_finite().then_some(mean),
        unlucky: quantile(0.25),
        median: quantile(0.5),
        lucky: quantile(0.75),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INF: f64 = f64::INFINITY;

    /// Returns the best of each subset of `trials` results, from the worst to the best.
    fn bests(results: &[f64], trials: usize, direction: Direction) -> Vec<f64> {
        let subsets = (0_u32..1 << results.len()).filter(|set| set.count_ones() as usize == trials);
        let worst = direction.worst();
        let better = |a: f64, b: f64| if direction.is_larger() { a.max(b) } else { a.min(b) };
        let inside = |set: u32| (0..results.len()).filter(move |i| set >> i & 1 == 1).map(|i| results[i]);
        let mut bests: Vec<f64> = subsets.map(|set| inside(set).fold(worst, better)).collect();
        bests.sort_by(f64::total_cmp);
        if direction == Direction::Smaller {
            bests.reverse();
        }
        bests
    }

    #[test]
    fn the_curve_matches_all_subsets() {
        for (results, direction) in [
            (&[0.3, 2.5, 1.1, 1.7, 0.9, 4.0, 3.3, 0.2][..], Direction::Larger),
            (&[0.3, 2.5, 1.1, 1.7, 0.9, 4.0, 3.3, 0.2], Direction::Smaller),
            (&[1.0, 2.0, 2.0, 2.0, 3.0, 3.0, 7.0], Direction::Larger),
            (&[INF, 2.0, INF, 5.0, 3.0, INF], Direction::Smaller),
            (&[-INF, 2.0, -4.0, -INF], Direction::Larger),
            // In exactly half of the draws of 6 the best is no better than the second best: 1/2 − 10⁻¹⁶ in
            // f64.
            (&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 11.0, 12.0], Direction::Larger),
            (&[4.0], Direction::Smaller),
        ] {
            let curve = of(results, direction);
            assert_eq!(curve.len(), results.len());
            for (best, trials) in curve.iter().zip(1..) {
                let bests = bests(results, trials, direction);
                let mean = bests.iter().sum::<f64>() / bests.len() as f64;
                match best.mean {
                    Some(value) => assert!((value - mean).abs() < 1e-12, "{best:?} {mean}"),
                    None => assert!(mean.is_infinite()),
                }
                // The ⌈n share⌉-th from the worst; the shares are whole numbers of quarters.
                let quantile = |quarters: usize| bests[(bests.len() * quarters).div_ceil(4) - 1];
                assert_eq!((best.trials, best.unlucky, best.median), (trials, quantile(1), quantile(2)));
                assert_eq!(best.lucky, quantile(3));
            }
        }
    }

    #[test]
    fn the_best_of_two_of_four_matches_a_hand_computation() {
        // Of the six pairs of 1, 2, 4, 8 the best is 2, 4, 4, 8, 8, 8.
        let best = of(&[4.0, 1.0, 8.0, 2.0], Direction::Larger)[1];
        assert_eq!((best.unlucky, best.median, best.lucky), (4.0, 4.0, 8.0));
        assert!((best.mean.unwrap() - 34.0 / 6.0).abs() < 1e-12);
    }

    #[test]
    fn there_is_no_mean_while_a_draw_can_contain_only_lost_trials() {
        let curve = of(&[INF, 1.0, INF, 2.0, 3.0], Direction::Smaller);
        let has_mean: Vec<bool> = curve.iter().map(|best| best.mean.is_some()).collect();
        assert_eq!(has_mean, [false, false, true, true, true]);
        assert_eq!((curve[0].unlucky, curve[0].median, curve[4].mean), (INF, 3.0, Some(1.0)));
        assert!(of(&[], Direction::Larger).is_empty());
    }

    #[test]
    fn hundreds_of_trials_neither_overflow_nor_underflow() {
        let results: Vec<f64> = (1..=600).map(f64::from).collect();
        for best in of(&results, Direction::Larger) {
            // The expected largest of k of 1, …, N is k (N + 1) / (k + 1).
            let expected = best.trials as f64 * 601.0 / (best.trials + 1) as f64;
            assert!((best.mean.unwrap() / expected - 1.0).abs() < 1e-10, "{best:?}");
        }
    }
}
