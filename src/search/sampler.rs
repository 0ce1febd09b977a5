//! Which point of the space a trial takes.

mod cma_es;
mod halton;
mod tree_parzen;

use super::space::Space;
use crate::error::Error;
use crate::random::{Purpose, stream};
use rand::{Rng, RngExt};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// How the points of a search are chosen.
///
/// | sampler | points | looks at the trials so far |
/// |:--------|:-------|:---------------------------|
/// | `random` | independent (Bergstra & Bengio, 2012) | no |
/// | `halton` | evenly spread, digits shuffled (Owen, 2017) | no |
/// | `sobol`  | more evenly spread, above all 2ᵏ of them (Owen, 1995; Burley, 2020) | no |
/// | `tpe`    | likely among the good and unlikely among the bad (Bergstra et al., 2011) | after 10 of them |
/// | `cma-es` | normal around where the good ones are (Hansen, 2016) | after each generation |
///
/// The first three depend on the seed and on the number of the trial alone: a larger budget has all points of a smaller one.
///
/// # References
/// Bergstra & Bengio, *Random Search for Hyper-Parameter Optimization*, 2012; Owen, *A randomized Halton algorithm in R*,
/// 2017, <https://arxiv.org/abs/1706.02808>; Owen, *Randomly permuted (t,m,s)-nets and (t,s)-sequences*, 1995; Burley,
/// *Practical Hash-based Owen Scrambling*, 2020; Bergstra et al., *Algorithms for Hyper-Parameter Optimization*, 2011;
/// Hansen, *The CMA Evolution Strategy: A Tutorial*, 2016, <https://arxiv.org/abs/1604.00772>
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

/// A trial of which a sampler knows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Observation {
    /// The number of the trial, from 0.
    pub number: usize,
    /// Its point, as the sampler gave it.
    pub point: Vec<f64>,
    /// What came out, smaller is better; none if the trial was lost or stopped before there was a value.
    pub value: Option<f64>,
}

impl Observation {
    /// The value by which trials are compared: those without one come last.
    pub(super) fn rank(&self) -> f64 {
        self.value.filter(|value| !value.is_nan()).unwrap_or(f64::INFINITY)
    }
}

/// Trials that `tpe` waits for before it looks at them (Optuna's default as well).
const STARTUP_TRIALS: usize = 10;
/// The sequence has so many points.
const SOBOL_POINTS: usize = 1 << 16;

impl Sampler {
    /// All samplers.
    pub const ALL: [Sampler; 5] =
        [Sampler::Random, Sampler::Halton, Sampler::Sobol, Sampler::Tpe, Sampler::CmaEs];

    /// The point of trial `number`: `d` coordinates in `[0, 1)`, where `d` is the number of dimensions.
    ///
    /// A pure function: the order of the `history` does not matter, and the trial itself and later ones may be in it for the
    /// samplers that do not look at them. Trials that run at the same time are left out of it. `tpe` then gives other points
    /// than one after another would, `cma-es` does so only if it starts a generation before the last one is complete.
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
                    .unwrap_or_else(|| sobol(seed, dimensions, number))
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

/// Point `number` of an Owen-scrambled Sobol sequence.
fn sobol(seed: u64, dimensions: usize, number: usize) -> Vec<f64> {
    let block = number / SOBOL_POINTS;
    // Beyond the points and the dimensions of one sequence, another goes on that has nothing to do with it.
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
