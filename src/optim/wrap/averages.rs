use super::{BASE_LR, assembled, base, not_a_rule, twice};
use crate::error::Error;
use crate::optim::{Assembly, OptimizerSpec, ParameterRule, RuleConfig, WeightAverage};
use crate::range::{self, BELOW_ONE};
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
/// [`assemble`](RuleConfig::assemble): [`Error::InvalidConfig`] if the decay is out of range; [`Error::Usage`] if the base has an
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

impl RuleConfig for EmaConfig {
    const DEFAULT_LR: f64 = BASE_LR;

    fn rules(&self, owner: &str) -> Result<Vec<ParameterRule>, Error> {
        Err(not_a_rule(owner))
    }

    fn assemble(&self, owner: &str) -> Result<Assembly, Error> {
        range::check(owner, [("decay", self.decay, BELOW_ONE)])?;
        with_average(owner, &self.base, WeightAverage::Exponential { decay: self.decay })
    }

    fn default_lr(&self) -> f64 {
        self.base.default_lr()
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
/// [`assemble`](RuleConfig::assemble): [`Error::InvalidConfig`] if a field is 0; [`Error::Usage`] if the base has an average
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

impl RuleConfig for SwaConfig {
    const DEFAULT_LR: f64 = BASE_LR;

    fn rules(&self, owner: &str) -> Result<Vec<ParameterRule>, Error> {
        Err(not_a_rule(owner))
    }

    fn assemble(&self, owner: &str) -> Result<Assembly, Error> {
        range::check_at_least_one(owner, [("start", self.start), ("every", self.every)])?;
        let average = WeightAverage::Stochastic { start: self.start, every: self.every };
        with_average(owner, &self.base, average)
    }

    fn default_lr(&self) -> f64 {
        self.base.default_lr()
    }
}

fn with_average(owner: &str, base: &OptimizerSpec, average: WeightAverage) -> Result<Assembly, Error> {
    let mut assembly = assembled(owner, base)?;
    match assembly.wrappers.average.replace(average) {
        None => Ok(assembly),
        Some(_) => Err(twice(owner)),
    }
}
