//! The choice of each trial's point in the space.

mod cma_es;
mod halton;
mod tree_parzen;

use crate::Error;
use crate::search::space::Space;
use optlab_core::random::{Purpose, stream};
use rand::{Rng, RngExt};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// The method by which the points of a search are chosen.
///
/// | sampler | points | looks at the trials so far |
/// |:--------|:-------|:---------------------------|
/// | `random` | independent (Bergstra & Bengio, 2012) | no |
/// | `halton` | evenly spread, digits shuffled (Owen, 2017) | no |
/// | `sobol`  | more evenly spread, especially the first 2ᵏ (Owen, 1995; Burley, 2020) | no |
/// | `tpe`    | likely among the good, unlikely among the others (Bergstra et al., 2011) | after 10 of them |
/// | `cma-es` | normal distribution around the good ones (Hansen, 2016) | after each generation |
///
/// The first three depend only on the seed and on the number of the trial: a larger budget has all points of
/// a smaller one.
///
/// # References
/// Bergstra & Bengio, *Random Search for Hyper-Parameter Optimization*, 2012; Owen, *A randomized Halton
/// algorithm in R*, 2017, <https://arxiv.org/abs/1706.02808>; Owen, *Randomly permuted (t,m,s)-nets and
/// (t,s)-sequences*, 1995; Burley, *Practical Hash-based Owen Scrambling*, 2020; Bergstra et al., *Algorithms
/// for Hyper-Parameter Optimization*, 2011; Hansen, *The CMA Evolution Strategy: A Tutorial*, 2016,
/// <https://arxiv.org/abs/1604.00772>
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sampler {
    /// Independent points.
    Random,
    /// Scrambled Halton points.
    Halton,
    /// Scrambled Sobol points.
    Sobol,
    /// The tree-structured Parzen estimator.
    Tpe,
    /// The covariance matrix adaptation evolution strategy.
    CmaEs,
}

/// A trial that a sampler learns from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Observation {
    /// The number of the trial, from 0.
    pub number: usize,
    /// Its point, as the sampler gave it.
    pub point: Vec<f64>,
    /// The result, smaller is better; `None` if the trial was lost or stopped before it had a value.
    pub value: Option<f64>,
}

impl Observation {
    /// Returns the value by which trials are compared: trials without a value are last.
    pub(super) fn rank(&self) -> f64 {
        self.value.filter(|value| !value.is_nan()).unwrap_or(f64::INFINITY)
    }
}

/// The number of trials before `tpe` uses them (Optuna's default as well).
const STARTUP_TRIALS: usize = 10;
/// The number of points of one Sobol sequence.
const SOBOL_POINTS: usize = 1 << 16;

impl Sampler {
    /// All samplers.
    pub const ALL: [Sampler; 5] =
        [Sampler::Random, Sampler::Halton, Sampler::Sobol, Sampler::Tpe, Sampler::CmaEs];

    /// Returns the point of trial `number`: `d` coordinates in `[0, 1)`, where `d` is the number of
    /// dimensions.
    ///
    /// This is a pure function: the order of the `history` does not matter, and it may contain the trial
    /// itself and later ones, which are ignored. Leave out trials that are still running. `tpe` then gives
    /// other points than in a sequential search; `cma-es` does so only if it starts a generation before the
    /// last one is complete.
    ///
    /// # Panics
    /// If a point of the history has another number of coordinates than the space.
    pub fn point(self, seed: u64, space: &Space, number: usize, history: &[Observation]) -> Vec<f64> {
        let dimensions = space.dimensions().len();
        assert!(
            history.iter().all(|trial| trial.point.len() == dimensions),
            "a point of another search space"
        );
        match self {
            Sampler::Random => {
                let mut random = stream(seed, Purpose::Points, number as u64);
                (0..dimensions).map(|_| random.random()).collect()
            }
            Sampler::Halton => halton::point(seed, dimensions, number),
            Sampler::Sobol => sobol(seed, dimensions, number),
            Sampler::Tpe => {
                let finished = history.iter().filter(|trial| trial.number < number);
                let mut finished: Vec<&Observation> = finished.collect();
                if finished.len() < STARTUP_TRIALS {
                    return sobol(seed, dimensions, number);
                }
                finished.sort_by_key(|trial| trial.number);
                tree_parzen::point(seed, space, number, &finished)
            }
            Sampler::CmaEs => cma_es::point(seed, dimensions, number, history),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Sampler::Random => "random",
            Sampler::Halton => "halton",
            Sampler::Sobol => "sobol",
            Sampler::Tpe => "tpe",
            Sampler::CmaEs => "cma-es",
        }
    }
}

/// Returns point `number` of an Owen-scrambled Sobol sequence.
fn sobol(seed: u64, dimensions: usize, number: usize) -> Vec<f64> {
    let block = number / SOBOL_POINTS;
    // Beyond the points and dimensions of one sequence, an independent sequence continues.
    let mut seeds = stream(seed, Purpose::Scramble, block as u64);
    let place = (number % SOBOL_POINTS) as u32;
    let sets: Vec<u32> =
        (0..=dimensions as u32 / sobol_burley::NUM_DIMENSIONS).map(|_| seeds.next_u32()).collect();
    let coordinate = |dimension: u32| {
        let set = sets[(dimension / sobol_burley::NUM_DIMENSIONS) as usize];
        f64::from(sobol_burley::sample(place, dimension % sobol_burley::NUM_DIMENSIONS, set))
    };
    (0..dimensions as u32).map(coordinate).collect()
}

impl fmt::Display for Sampler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Sampler {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let known = Sampler::ALL.map(Sampler::name);
        let found = Sampler::ALL.into_iter().find(|sampler| sampler.name() == text);
        found.ok_or_else(|| Error::unknown_name("sampler", text, &known))
    }
}

#[cfg(test)]
mod tests;
