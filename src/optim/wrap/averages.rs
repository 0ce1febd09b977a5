use super::{Wrapper, base, twice};
use crate::error::Error;
use crate::optim::{Assembly, OptimizerSpec, WeightAverage};
use serde::{Deserialize, Serialize};

/// An exponential moving average of the weights, which is evaluated: `a ← δ a + (1 − δ) θ` after each step, `a₀ = θ₀`.
///
/// | field   | symbol | default | range    |
/// |:--------|:-------|--------:|:---------|
/// | `decay` | `δ`    |   0.999 | `[0, 1)` |
///
/// Training goes on with `θ`. One more tensor per parameter.
///
/// # Errors
/// [`assemble`](crate::optim::RuleConfig::assemble): [`Error::InvalidConfig`] if the decay is out of range; [`Error::Usage`] if the base has an
/// average already.
///
/// # Reference
/// Polyak & Juditsky, *Acceleration of Stochastic Approximation by Averaging*, 1992, <https://doi.org/10.1137/0330046>
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EmaConfig {
    /// What it is put around.
    pub base: Box<OptimizerSpec>,
    /// How much of the average stays from step to step, `[0, 1)`.
    pub decay: f64,
}

impl Default for EmaConfig {
    fn default() -> Self {
        EmaConfig { base: base(), decay: 0.999 }
    }
}

impl Wrapper for EmaConfig {
    fn base(&self) -> &OptimizerSpec {
        &self.base
    }

    fn check(&self, owner: &str) -> Result<(), Error> {
        self.average().check(owner)
    }

    fn wrap(&self, owner: &str, assembly: Assembly) -> Result<Assembly, Error> {
        with_average(owner, assembly, self.average())
    }
}

impl EmaConfig {
    fn average(&self) -> WeightAverage {
        WeightAverage::Exponential { decay: self.decay }
    }
}

/// Stochastic weight averaging: the mean of the weights after step `start` and every `every`-th from there, which is evaluated.
///
/// | field   | default | range |
/// |:--------|--------:|:------|
/// | `start` |       1 | 1…    |
/// | `every` |       1 | 1…    |
///
/// Before step `start` the weights themselves are evaluated. One more tensor per parameter. The running statistics of
/// normalization layers are those of the model that is trained.
///
/// # Errors
/// [`assemble`](crate::optim::RuleConfig::assemble): [`Error::InvalidConfig`] if a field is 0; [`Error::Usage`] if the base has an average
/// already.
///
/// # Reference
/// Izmailov et al., *Averaging Weights Leads to Wider Optima and Better Generalization*, 2018,
/// <https://arxiv.org/abs/1803.05407>
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SwaConfig {
    /// What it is put around.
    pub base: Box<OptimizerSpec>,
    /// The first step whose weights count, 1 or more.
    pub start: usize,
    /// Steps from one that counts to the next, 1 or more.
    pub every: usize,
}

impl Default for SwaConfig {
    fn default() -> Self {
        SwaConfig { base: base(), start: 1, every: 1 }
    }
}

impl Wrapper for SwaConfig {
    fn base(&self) -> &OptimizerSpec {
        &self.base
    }

    fn check(&self, owner: &str) -> Result<(), Error> {
        self.average().check(owner)
    }

    fn wrap(&self, owner: &str, assembly: Assembly) -> Result<Assembly, Error> {
        with_average(owner, assembly, self.average())
    }
}

impl SwaConfig {
    fn average(&self) -> WeightAverage {
        WeightAverage::Stochastic { start: self.start, every: self.every }
    }
}

fn with_average(owner: &str, mut assembly: Assembly, average: WeightAverage) -> Result<Assembly, Error> {
    match assembly.wrappers.average.replace(average) {
        None => Ok(assembly),
        Some(_) => Err(twice(owner)),
    }
}
