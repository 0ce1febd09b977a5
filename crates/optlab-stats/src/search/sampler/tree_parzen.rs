//! The tree-structured Parzen estimator (Bergstra et al., 2011) with joint densities of all dimensions.

mod mixture;

use crate::search::sampler::Observation;
use crate::search::space::Space;
use mixture::Mixture;
use optlab_core::random::{Purpose, stream};

/// The number of points from which the best is chosen.
const CANDIDATES: usize = 24;
/// The most good trials.
const MOST_GOOD: usize = 25;

/// Returns the candidate with the largest `l / g` among 24 points drawn from `l`, where `l` is the density of
/// the good trials and `g` the density of all others.
///
/// The good trials are the best tenth of the `finished` trials, rounded up, at most 25; among equal values
/// the earlier trials. Trials without a value are never good. `finished` must be sorted by number.
///
/// The number of candidates, the number of good trials, the weights and the kernels are Optuna's for
/// `TPESampler(multivariate=True)`, described and compared by Watanabe (2023).
///
/// # References
/// Bergstra et al., *Algorithms for Hyper-Parameter Optimization*, 2011; Falkner, Klein & Hutter, *BOHB:
/// Robust and Efficient Hyperparameter Optimization at Scale*, 2018, <https://arxiv.org/abs/1807.01774> (the
/// joint density); Watanabe, *Tree-Structured Parzen Estimator: Understanding Its Algorithm Components and
/// Their Roles for Better Empirical Performance*, 2023, <https://arxiv.org/abs/2304.11127>
pub fn point(seed: u64, space: &Space, number: usize, finished: &[&Observation]) -> Vec<f64> {
    let mut random = stream(seed, Purpose::Points, number as u64);
    let (good, others) = split(finished);
    let (good, others) = (Mixture::new(space, &good), Mixture::new(space, &others));
    let mut best = (f64::NEG_INFINITY, Vec::new());
    for _ in 0..CANDIDATES {
        let candidate = good.draw(&mut random);
        let score = good.log_density(&candidate) - others.log_density(&candidate);
        if best.1.is_empty() || score > best.0 {
            best = (score, candidate);
        }
    }
    best.1
}

/// Returns the good trials and the others, each in the order of `finished`.
fn split<'a>(finished: &[&'a Observation]) -> (Vec<&'a Observation>, Vec<&'a Observation>) {
    let count = finished.len().div_ceil(10).min(MOST_GOOD);
    let mut order: Vec<usize> = (0..finished.len()).collect();
    order.sort_by(|a, b| finished[*a].rank().total_cmp(&finished[*b].rank()));
    let mut is_good = vec![false; finished.len()];
    for place in order.into_iter().take(count) {
        is_good[place] = finished[place].rank() < f64::INFINITY;
    }
    let pick = |good: bool| {
        let trials = finished.iter().zip(&is_good).filter(|(_, is_good)| **is_good == good);
        trials.map(|(trial, _)| *trial).collect()
    };
    (pick(true), pick(false))
}

#[cfg(test)]
mod tests;
