use super::{Wrapper, base, once};
use crate::error::Error;
use crate::optim::{Assembly, GradientTransform, OptimizerSpec};
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
/// [`assemble`](crate::optim::RuleConfig::assemble): [`Error::InvalidConfig`] if a field is out of range, or set in the base too.
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

impl Wrapper for ClipConfig {
    fn base(&self) -> &OptimizerSpec {
        &self.base
    }

    fn check(&self, owner: &str) -> Result<(), Error> {
        for (field, limit) in [("value", self.value), ("tensor_norm", self.tensor_norm), ("norm", self.norm)]
        {
            if let Some(limit) = limit {
                range::check(owner, [(field, limit, POSITIVE)])?;
            }
        }
        Ok(())
    }

    fn wrap(&self, _owner: &str, assembly: Assembly) -> Result<Assembly, Error> {
        let (clip_value, clip_tensor_norm, clip_norm) = (self.value, self.tensor_norm, self.norm);
        let none = GradientTransform::default();
        let transform = GradientTransform { clip_value, clip_tensor_norm, clip_norm, ..none };
        with_transform(assembly, transform)
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
/// [`assemble`](crate::optim::RuleConfig::assemble): [`Error::InvalidConfig`] if a field is out of range, or set in the base too.
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

impl Wrapper for AdaptiveClipConfig {
    fn base(&self) -> &OptimizerSpec {
        &self.base
    }

    fn check(&self, owner: &str) -> Result<(), Error> {
        range::check(owner, [("limit", self.limit, POSITIVE)])
    }

    fn wrap(&self, _owner: &str, assembly: Assembly) -> Result<Assembly, Error> {
        let adaptive_clip = Some(self.limit);
        with_transform(assembly, GradientTransform { adaptive_clip, ..GradientTransform::default() })
    }
}

/// Gradient centralization: the mean of each output's gradient is taken off; [`GradientTransform`] has the formula.
///
/// # Errors
/// [`assemble`](crate::optim::RuleConfig::assemble): those of the base; [`Error::Usage`] if it centralizes already.
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

impl Wrapper for CentralizedConfig {
    fn base(&self) -> &OptimizerSpec {
        &self.base
    }

    fn wrap(&self, owner: &str, mut assembly: Assembly) -> Result<Assembly, Error> {
        once(owner, &mut assembly.transform.centralize)?;
        Ok(assembly)
    }
}

fn with_transform(assembly: Assembly, transform: GradientTransform) -> Result<Assembly, Error> {
    let transform = assembly.transform.merged(transform)?;
    Ok(Assembly { transform, ..assembly })
}
