//! The density of a group of trials over all dimensions.

use crate::search::distribution::Distribution;
use crate::search::sampler::Observation;
use crate::search::space::Space;
use libm::erfc;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;
use std::f64::consts::{PI, SQRT_2};

/// The number of latest trials with full weight.
const FULL_WEIGHT: usize = 25;
/// With this many components or more, the narrowest kernel no longer becomes narrower.
const MOST_COMPONENTS: f64 = 100.0;
/// With more cells than this, a whole number has a density instead of a probability per cell: the difference
/// between two neighbouring cells is below the width of a kernel, and rounding errors would exceed it.
const MOST_CELLS: usize = 1000;

/// A mixture density on the unit cube, with one component per trial and a wide one, the prior.
///
/// ```text
/// p(x) = Σₖ wₖ Πᵢ pₖᵢ(xᵢ)            k = 1 … n and the prior, i = 1 … d
/// ```
///
/// A component is the product of one kernel per dimension, so a draw combines values of a single trial, and
/// the density keeps the correlations between dimensions. With `K = n + 1` components, the kernels are:
///
/// | dimension    | kernel of a trial at `u`                                  | prior                    |
/// |:-------------|:----------------------------------------------------------|:-------------------------|
/// | continuous   | normal density, mean `u`, deviation `σₖᵢ`, cut at 0 and 1 | mean ½, deviation 1, cut |
/// | whole number | this density integrated over each cell, mean in mid-cell  | the same, integrated     |
/// | choice of c  | `(1 + 1/K) / (1 + c/K)`, others `(1/K) / (1 + c/K)`       | `1/c`                    |
///
/// `σₖᵢ` is the distance to the farther of the two neighbouring trials in this dimension, at least
/// `1 / min(100, K + 1)` and at most 1. The lowest and the highest trial have a single neighbour; a single
/// trial uses the distance to the farther end.
///
/// `wₖ` is proportional to 1 for the prior and the latest 25 trials, and rises evenly from `1/n` to 1 over
/// the earlier trials.
pub struct Mixture {
    /// `ln wₖ`, the prior last.
    log_weights: Vec<f64>,
    /// The kernels of each dimension.
    kernels: Vec<Kernels>,
}

/// The kernels of one dimension.
enum Kernels {
    Normal {
        /// The prior last.
        components: Vec<Normal>,
        /// The number of cells of a whole number.
        cells: Option<usize>,
    },
    Choice {
        /// The choice of each trial.
        chosen: Vec<usize>,
        choices: usize,
    },
}

/// A normal density that is cut at 0 and 1.
struct Normal {
    mean: f64,
    deviation: f64,
    /// The logarithm of the uncut density's integral from 0 to 1.
    log_inside: f64,
    /// The logarithm of the cut density at its mean.
    log_peak: f64,
}

impl Mixture {
    /// Creates the density of these trials, which must be sorted by number; the prior alone without trials.
    pub fn new(space: &Space, trials: &[&Observation]) -> Self {
        let weights: Vec<f64> = weights(trials.len()).chain([1.0]).collect();
        let sum: f64 = weights.iter().sum();
        let kernels = space.dimensions().iter().enumerate().map(|(place, dimension)| {
            Kernels::new(&dimension.distribution, trials.iter().map(|trial| trial.point[place]))
        });
        Mixture {
            log_weights: weights.iter().map(|weight| (weight / sum).ln()).collect(),
            kernels: kernels.collect(),
        }
    }

    /// Draws a point; whole numbers and choices are in the middle of their cells.
    pub fn draw(&self, random: &mut ChaCha8Rng) -> Vec<f64> {
        let mut rest: f64 = random.random();
        let is_reached = |log_weight: &f64| {
            rest -= log_weight.exp();
            rest < 0.0
        };
        // Rounding may leave a rest after the last component.
        let prior = self.log_weights.len() - 1;
        let component = self.log_weights.iter().position(is_reached).unwrap_or(prior);
        self.kernels.iter().map(|kernels| kernels.draw(component, random)).collect()
    }

    /// Returns the logarithm of the density at a point; a whole number and a choice contribute the
    /// probability of their cell.
    pub fn log_density(&self, point: &[f64]) -> f64 {
        let mut terms = self.log_weights.clone();
        for (kernels, u) in self.kernels.iter().zip(point) {
            kernels.add_log_densities(*u, &mut terms);
        }
        let largest = terms.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        largest + terms.iter().map(|term| (term - largest).exp()).sum::<f64>().ln()
    }
}

/// Returns the weight of each of `count` trials, the earliest first.
fn weights(count: usize) -> impl Iterator<Item = f64> {
    let rising = count.saturating_sub(FULL_WEIGHT);
    let lowest = 1.0 / count as f64;
    let step = (1.0 - lowest) / rising.saturating_sub(1).max(1) as f64;
    (0..count).map(move |k| if k < rising { lowest + k as f64 * step } else { 1.0 })
}

impl Kernels {
    fn new(distribution: &Distribution, coordinates: impl Iterator<Item = f64>) -> Self {
        if let Distribution::Choice(choices) = distribution {
            let chosen = coordinates.map(|u| distribution.cell(u)).collect();
            return Kernels::Choice { chosen, choices: choices.len() };
        }
        let cells = distribution.cells();
        let means: Vec<f64> = coordinates.map(|u| centred(u, cells)).collect();
        let trials = means.iter().zip(deviations(&means));
        let trials = trials.map(|(mean, deviation)| Normal::new(*mean, deviation));
        Kernels::Normal { components: trials.chain([Normal::new(0.5, 1.0)]).collect(), cells }
    }

    fn draw(&self, component: usize, random: &mut ChaCha8Rng) -> f64 {
        match self {
            Kernels::Normal { components, cells } => centred(components[component].draw(random), *cells),
            Kernels::Choice { chosen, choices } => {
                let (own, other) = choice_probabilities(chosen.len(), *choices);
                // Every choice has the probability `other`, and the trial's own one the rest of it as well.
                match chosen.get(component) {
                    Some(chosen) if random.random::<f64>() < own - other => {
                        (*chosen as f64 + 0.5) / *choices as f64
                    }
                    _ => centred(random.random(), Some(*choices)),
                }
            }
        }
    }

    /// Adds the logarithm of each kernel's density at `u` to the term of its component.
    fn add_log_densities(&self, u: f64, terms: &mut [f64]) {
        match self {
            Kernels::Normal { components, cells: Some(cells) } if *cells <= MOST_CELLS => {
                let half = 0.5 / *cells as f64;
                for (term, normal) in terms.iter_mut().zip(components) {
                    *term += normal.log_probability(u - half, u + half);
                }
            }
            Kernels::Normal { components, .. } => {
                for (term, normal) in terms.iter_mut().zip(components) {
                    *term += normal.log_density(u);
                }
            }
            Kernels::Choice { chosen, choices } => {
                let choice = cell(u, *choices);
                let (own, other) = choice_probabilities(chosen.len(), *choices);
                let (own, other) = (own.ln(), other.ln());
                for (term, chosen) in terms.iter_mut().zip(chosen) {
                    *term += if *chosen == choice { own } else { other };
                }
                terms[chosen.len()] -= (*choices as f64).ln();
            }
        }
    }
}

/// Returns the deviation of each trial's kernel.
fn deviations(means: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..means.len()).collect();
    order.sort_by(|a, b| means[*a].total_cmp(&means[*b]));
    let narrowest = 1.0 / MOST_COMPONENTS.min(means.len() as f64 + 2.0);
    let mut deviations = vec![0.0; means.len()];
    for (place, &k) in order.iter().enumerate() {
        let below = place.checked_sub(1).map(|place| means[k] - means[order[place]]);
        let above = order.get(place + 1).map(|next| means[*next] - means[k]);
        let farther = match (below, above) {
            (None, None) => means[k].max(1.0 - means[k]),
            (below, above) => below.unwrap_or(0.0).max(above.unwrap_or(0.0)),
        };
        deviations[k] = farther.clamp(narrowest, 1.0);
    }
    deviations
}

/// Returns the probability of the trial's own choice, and of each other choice.
fn choice_probabilities(trials: usize, choices: usize) -> (f64, f64) {
    let share = 1.0 / (trials as f64 + 1.0);
    let sum = 1.0 + choices as f64 * share;
    ((1.0 + share) / sum, share / sum)
}

impl Normal {
    fn new(mean: f64, deviation: f64) -> Self {
        let log_inside = probability(-mean / deviation, (1.0 - mean) / deviation).ln();
        Normal { mean, deviation, log_inside, log_peak: -(deviation * (2.0 * PI).sqrt()).ln() - log_inside }
    }

    /// Draws from the cut density. At least a third of the draws from the uncut one are inside: the mean is,
    /// and the deviation is at most 1.
    fn draw(&self, random: &mut ChaCha8Rng) -> f64 {
        loop {
            let u = self.mean + self.deviation * random.sample::<f64, _>(StandardNormal);
            if (0.0..1.0).contains(&u) {
                return u;
            }
        }
    }

    fn log_density(&self, u: f64) -> f64 {
        let z = (u - self.mean) / self.deviation;
        self.log_peak - 0.5 * z * z
    }

    /// Returns the logarithm of the probability between `low` and `high`.
    fn log_probability(&self, low: f64, high: f64) -> f64 {
        let z = |u: f64| (u - self.mean) / self.deviation;
        probability(z(low), z(high)).ln() - self.log_inside
    }
}

/// Returns the probability of a standard normal variable between `low` and `high`.
fn probability(low: f64, high: f64) -> f64 {
    // The tails of the interval's own side are small, so their difference is exact.
    let (low, high) = if low + high < 0.0 { (-high, -low) } else { (low, high) };
    0.5 * (erfc(low / SQRT_2) - erfc(high / SQRT_2))
}

fn cell(u: f64, cells: usize) -> usize {
    ((u * cells as f64) as usize).min(cells - 1)
}

/// Returns the middle of the cell of `u`; `u` itself without cells.
fn centred(u: f64, cells: Option<usize>) -> f64 {
    cells.map_or(u, |cells| (cell(u, cells) as f64 + 0.5) / cells as f64)
}

#[cfg(test)]
mod tests;
