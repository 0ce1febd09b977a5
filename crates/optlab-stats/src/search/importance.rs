//! The importance of each hyper-parameter for the result.

mod density;
mod reason;

use crate::search::sampler::Observation;
use crate::search::space::Space;
use density::Grid;
use optlab_core::random::{Purpose, stream};
use rand::RngExt;
use serde::Serialize;

pub use reason::NoImportance;

/// The influence of one hyper-parameter on whether a trial is good.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Importance {
    /// The name of the dimension.
    pub name: String,
    /// The part of its divergence above `noise`, as a share of the sum of these parts over all dimensions,
    /// `[0, 1]`; 0 if no dimension is above its noise.
    pub share: f64,
    /// The difference between the distributions of the good trials and of all trials, at least 0: the Pearson
    /// divergence.
    pub divergence: f64,
    /// The mean divergence if the same values are shuffled among the trials.
    pub noise: f64,
    /// The probability that any dimension has a difference this unlikely if the values have nothing to do
    /// with the settings, from 0.001 to 1: it is corrected for the number of dimensions.
    pub p_value: f64,
}

impl Importance {
    /// Returns whether the influence is more than chance at the level [`LEVEL`]. If it is not for any
    /// dimension, the shares compare noise with noise.
    pub fn is_shown(&self) -> bool {
        self.p_value <= LEVEL
    }
}

/// With fewer trials no importance is computed.
pub const FEWEST_TRIALS: usize = 20;
/// The probability that pure chance shows an influence of any dimension.
pub const LEVEL: f64 = 0.05;
/// The fewest good trials.
const FEWEST_GOOD: usize = 5;
/// The number of times that the values are shuffled.
const SHUFFLES: usize = 999;

/// Computes PED-ANOVA (Watanabe et al., 2023) and tests it by permutation: a hyper-parameter is important if
/// its values in the good trials differ from its values in all trials, by more than in as many random trials.
///
/// ```text
/// D = Σ_c q_c (p_c / q_c − 1)²
/// share = max(0, D − D̄) / Σ max(0, D − D̄)        D̄ = mean of D over 999 random sets of good trials
/// ```
///
/// `p` and `q` are the densities of the good trials and of all trials on 50 cells, or on the cells of a whole
/// number or a choice. Each trial is a normal density in the middle of its cell with the deviation
/// `1.059 min(IQR / 1.34, s) n^(−1/5)` (Scott, 1992), cut at the ends; one additional trial is spread evenly.
/// The trials of a choice are counted. The good trials are the best tenth, at least 5, including ties with
/// the last of them. A trial without a value is never good.
///
/// `D` is above 0 even if the values have nothing to do with the dimension, and more so for few trials and
/// for choices, which are counted and not smoothed. `D̄` is this part. The p-value is that of Westfall and
/// Young (1993): the share of the sets, with the real one, whose most unlikely dimension is at least as
/// unlikely as this one. At most a fraction [`LEVEL`] of searches in which nothing matters thus show an
/// influence; this is exact if the sampler does not look at the values.
///
/// A dimension with an effect that depends on another dimension, but none on average, has a low share. With
/// a sampler that learns, all trials are closer to the good ones, so fewer effects are shown. The result does
/// not depend on the order of the trials.
///
/// # Errors
/// [`NoImportance`] if there are too few trials, too few with a value, or no differences to explain.
///
/// # Panics
/// If a point has another number of coordinates than the space.
///
/// # References
/// Watanabe, Bansal & Hutter, *PED-ANOVA: Efficiently Quantifying Hyperparameter Importance in Arbitrary
/// Subspaces*, 2023, <https://arxiv.org/abs/2304.10255>. Differs from it: the prior is even, not a wide
/// normal density; the share is of the part above noise; choices are not smoothed. Westfall & Young,
/// *Resampling-Based Multiple Testing*, 1993, section 2.3.
pub fn importance(space: &Space, trials: &[Observation]) -> Result<Vec<Importance>, NoImportance> {
    let mut trials: Vec<&Observation> = trials.iter().collect();
    trials.sort_by_key(|trial| trial.number);
    let good = good(&trials)?;
    let dimensions = space.dimensions().iter().enumerate();
    let grids: Vec<Grid> = dimensions
        .map(|(place, dimension)| {
            Grid::new(&dimension.distribution, trials.iter().map(|trial| trial.point[place]))
        })
        .collect();
    if grids.iter().all(Grid::is_constant) {
        return Err(NoImportance::NoSettingVaried);
    }
    let sets: Vec<Vec<usize>> =
        std::iter::once(good.clone()).chain(random_sets(trials.len(), good.len())).collect();
    // The real divergence of each dimension is first, those of the random sets follow.
    let divergences: Vec<Vec<f64>> =
        grids.iter().map(|grid| sets.iter().map(|set| grid.divergence(set)).collect()).collect();
    let p_values = p_values(&divergences);
    let noise: Vec<f64> =
        divergences.iter().map(|all| all[1..].iter().sum::<f64>() / SHUFFLES as f64).collect();
    let above = |place: usize| (divergences[place][0] - noise[place]).max(0.0);
    let total: f64 = (0..grids.len()).map(above).sum();
    let named = space.dimensions().iter().enumerate().map(|(place, dimension)| Importance {
        name: dimension.name.clone(),
        share: if total > 0.0 { above(place) / total } else { 0.0 },
        divergence: divergences[place][0],
        noise: noise[place],
        p_value: p_values[place],
    });
    Ok(named.collect())
}

/// Returns the places of the good trials.
fn good(trials: &[&Observation]) -> Result<Vec<usize>, NoImportance> {
    if trials.len() < FEWEST_TRIALS {
        return Err(NoImportance::TooFewTrials { trials: trials.len() });
    }
    let mut values: Vec<f64> = trials.iter().map(|trial| trial.rank()).collect();
    values.sort_by(f64::total_cmp);
    let last = values[trials.len().div_ceil(10).max(FEWEST_GOOD) - 1];
    if last == f64::INFINITY {
        let with_value = values.iter().filter(|value| **value < f64::INFINITY).count();
        return Err(NoImportance::TooFewValues { trials: trials.len(), with_value });
    }
    let good: Vec<usize> = (0..trials.len()).filter(|place| trials[*place].rank() <= last).collect();
    if good.len() == trials.len() { Err(NoImportance::EqualValues) } else { Ok(good) }
}

/// Returns as many random sets of `size` among `count` places as there are shuffles.
fn random_sets(count: usize, size: usize) -> impl Iterator<Item = Vec<usize>> {
    let mut random = stream(0, Purpose::Subsets, 1);
    let mut places: Vec<usize> = (0..count).collect();
    (0..SHUFFLES).map(move |_| {
        // The first `size` steps of a shuffle (Durstenfeld, 1964).
        for place in 0..size {
            places.swap(place, random.random_range(place..count));
        }
        places[..size].to_vec()
    })
}

/// Returns the corrected p-value of each dimension from its divergences for all sets, the real one first.
fn p_values(divergences: &[Vec<f64>]) -> Vec<f64> {
    let sets = divergences[0].len();
    // How many sets have at least this set's divergence in a dimension; the fewest over the dimensions.
    let mut fewest = vec![sets; sets];
    let mut real = Vec::new();
    for all in divergences {
        let mut sorted = all.clone();
        sorted.sort_by(f64::total_cmp);
        for (fewest, divergence) in fewest.iter_mut().zip(all) {
            let at_least = sets - sorted.partition_point(|other| other < divergence);
            *fewest = at_least.min(*fewest);
        }
        real.push(sets - sorted.partition_point(|other| *other < all[0]));
    }
    let share = |count: usize| fewest.iter().filter(|fewest| **fewest <= count).count() as f64 / sets as f64;
    real.into_iter().map(share).collect()
}

#[cfg(test)]
mod tests;
