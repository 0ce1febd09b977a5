use super::{BASE_LR, assembled, base, not_a_rule, twice};
use crate::error::Error;
use crate::optim::{Assembly, GradientTransform, OptimizerSpec, ParameterRule, RuleConfig};
use crate::range::{self, POSITIVE};
use serde::{Deserialize, Serialize};

/// Clipping of gradients: by value, by the norm of each, by the norm of all, in this order; [`GradientTransform`] has the
/// formulas.
///
/// | field         | default | range            |
/// |:--------------|--------:|:-----------------|
/// | `value`       |    none | `(0, ∞)` or none |
/// | `tensor_norm` |    none | `(0, ∞)` or none |
/// | `norm`        |       1 | `(0, ∞)` or none |
///
/// # Errors
/// [`assemble`](RuleConfig::assemble): [`Error::InvalidConfig`] if a field is out of range, or set in the base too.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ClipConfig {
    /// What it is put around.
    pub base: Box<OptimizerSpec>,
    /// Largest absolute value of an element, `(0, ∞)` or none.
    pub value: Option<f64>,
    /// Largest Euclidean norm of each gradient, `(0, ∞)` or none.
    pub tensor_norm: Option<f64>,
    /// Largest Euclidean norm of all gradients together, `(0, ∞)` or none.
    pub norm: Option<f64>,
}

impl Default for ClipConfig {
    fn default() -> Self {
        ClipConfig { base: base(), value: None, tensor_norm: None, norm: Some(1.0) }
    }
}

impl RuleConfig for ClipConfig {
    const DEFAULT_LR: f64 = BASE_LR;

    fn rules(&self, owner: &str) -> Result<Vec<ParameterRule>, Error> {
        Err(not_a_rule(owner))
    }

    fn assemble(&self, owner: &str) -> Result<Assembly, Error> {
        for (field, limit) in [("value", self.value), ("tensor_norm", self.tensor_norm), ("norm", self.norm)]
        {
            if let Some(limit) = limit {
                range::check(owner, [(field, limit, POSITIVE)])?;
            }
        }
        let (clip_value, clip_tensor_norm, clip_norm) = (self.value, self.tensor_norm, self.norm);
        let none = GradientTransform::default();
        let transform = GradientTransform { clip_value, clip_tensor_norm, clip_norm, ..none };
        with_transform(owner, &self.base, transform)
    }

    fn default_lr(&self) -> f64 {
        self.base.default_lr()
    }
}

/// Adaptive gradient clipping: each output's gradient is at most a share of its parameters; [`GradientTransform`] has the
/// formula.
///
/// | field   | default | range    |
/// |:--------|--------:|:---------|
/// | `limit` |    0.01 | `(0, ∞)` |
///
/// # Errors
/// [`assemble`](RuleConfig::assemble): [`Error::InvalidConfig`] if a field is out of range, or set in the base too.
///
/// # Reference
/// Brock et al., *High-Performance Large-Scale Image Recognition Without Normalization*, 2021,
/// <https://arxiv.org/abs/2102.06171>
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AdaptiveClipConfig {
    /// What it is put around.
    pub base: Box<OptimizerSpec>,
    /// Largest norm of an output's gradient, in units of the norm of its parameters, `(0, ∞)`.
    pub limit: f64,
}

impl Default for AdaptiveClipConfig {
    fn default() -> Self {
        AdaptiveClipConfig { base: base(), limit: 0.01 }
    }
}

impl RuleConfig for AdaptiveClipConfig {
    const DEFAULT_LR: f64 = BASE_LR;

    fn rules(&self, owner: &str) -> Result<Vec<ParameterRule>, Error> {
        Err(not_a_rule(owner))
    }

    fn assemble(&self, owner: &str) -> Result<Assembly, Error> {
        range::check(owner, [("limit", self.limit, POSITIVE)])?;
        let adaptive_clip = Some(self.limit);
        with_transform(owner, &self.base, GradientTransform { adaptive_clip, ..GradientTransform::default() })
    }

    fn default_lr(&self) -> f64 {
        self.base.default_lr()
    }
}

/// Gradient centralization: the mean of each output's gradient is taken off; [`GradientTransform`] has the formula.
///
/// # Errors
/// [`assemble`](RuleConfig::assemble): those of the base; [`Error::Usage`] if it centralizes already.
///
/// # Reference
/// Yong et al., *Gradient Centralization*, 2020, <https://arxiv.org/abs/2004.01461>
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CentralizedConfig {
    /// What it is put around.
    pub base: Box<OptimizerSpec>,
}

impl Default for CentralizedConfig {
    fn default() -> Self {
        CentralizedConfig { base: base() }
    }
}

impl RuleConfig for CentralizedConfig {
    const DEFAULT_LR: f64 = BASE_LR;

    fn rules(&self, owner: &str) -> Result<Vec<ParameterRule>, Error> {
        Err(not_a_rule(owner))
    }

    fn assemble(&self, owner: &str) -> Result<Assembly, Error> {
        let mut assembly = assembled(owner, &self.base)?;
        if std::mem::replace(&mut assembly.transform.centralize, true) {
            return Err(twice(owner));
        }
        Ok(assembly)
    }

    fn default_lr(&self) -> f64 {
        self.base.default_lr()
    }
}

fn with_transform(
    owner: &str,
    base: &OptimizerSpec,
    transform: GradientTransform,
) -> Result<Assembly, Error> {
    let assembly = assembled(owner, base)?;
    let transform = assembly.transform.merged(transform)?;
    Ok(Assembly { transform, ..assembly })
}
