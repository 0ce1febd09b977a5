//! Wrappers that change gradients before the rule sees them: `clip`, `adaptive_clip` and `centralized`.

use crate::Error;
use crate::around::{GradientTransform, Wrapper, base, base_field, once};
use crate::driver::Assembly;
use crate::spec::OptimizerSpec;
use optlab_core::settings;
use optlab_core::settings::Search;

settings! {
    /// Gradient clipping: by value, then by the norm of each gradient, then by the norm of all gradients
    /// together; [`GradientTransform`] has the formulas.
    ///
    /// # Errors
    /// [`assemble`](crate::spec::RuleConfig::assemble): [`Error::InvalidConfig`] if a field is out of range
    /// or is also set in the base.
    pub struct ClipConfig {
        /// The optimizer that it wraps.
        base: Box<OptimizerSpec> = (base()) as "`adamw`";
        /// Largest absolute value of an element; none for no limit.
        value: Option<f64> = None, in POSITIVE;
        /// Largest Euclidean norm of each gradient; none for no limit.
        tensor_norm: Option<f64> = None, in POSITIVE;
        /// Largest Euclidean norm of all gradients together; none for no limit.
        norm: Option<f64> = (Some(1.0)), in POSITIVE, search(1, Search::Log(0.1, 10.0));
    }
}

impl Wrapper for ClipConfig {
    base_field!();

    fn wrap(&self, _owner: &str, assembly: Assembly) -> Result<Assembly, Error> {
        let (clip_value, clip_tensor_norm, clip_norm) = (self.value, self.tensor_norm, self.norm);
        let none = GradientTransform::default();
        let transform = GradientTransform { clip_value, clip_tensor_norm, clip_norm, ..none };
        with_transform(assembly, transform)
    }
}

settings! {
    /// Adaptive gradient clipping: limits the norm of each output's gradient to a share of the norm of its
    /// parameters; [`GradientTransform`] has the formula.
    ///
    /// # Errors
    /// [`assemble`](crate::spec::RuleConfig::assemble): [`Error::InvalidConfig`] if a field is out of range
    /// or is also set in the base.
    ///
    /// # Reference
    /// Brock et al., *High-Performance Large-Scale Image Recognition Without Normalization*, 2021,
    /// <https://arxiv.org/abs/2102.06171>
    pub struct AdaptiveClipConfig {
        /// The optimizer that it wraps.
        base: Box<OptimizerSpec> = (base()) as "`adamw`";
        /// Largest norm of an output's gradient, relative to the norm of its parameters.
        limit: f64 = 0.01, in POSITIVE, search(1, Search::Log(1e-3, 0.2));
    }
}

impl Wrapper for AdaptiveClipConfig {
    base_field!();

    fn wrap(&self, _owner: &str, assembly: Assembly) -> Result<Assembly, Error> {
        let adaptive_clip = Some(self.limit);
        with_transform(assembly, GradientTransform { adaptive_clip, ..GradientTransform::default() })
    }
}

settings! {
    /// Gradient centralization: subtracts the mean of each output's gradient; [`GradientTransform`] has the
    /// formula.
    ///
    /// # Errors
    /// [`assemble`](crate::spec::RuleConfig::assemble): the errors of the base; [`Error::Usage`] if the base
    /// already centralizes.
    ///
    /// # Reference
    /// Yong et al., *Gradient Centralization*, 2020, <https://arxiv.org/abs/2004.01461>
    pub struct CentralizedConfig {
        /// The optimizer that it wraps.
        base: Box<OptimizerSpec> = (base()) as "`adamw`";
    }
}

impl Wrapper for CentralizedConfig {
    base_field!();

    fn wrap(&self, owner: &str, mut assembly: Assembly) -> Result<Assembly, Error> {
        once(owner, &mut assembly.transform.centralize)?;
        Ok(assembly)
    }
}

fn with_transform(assembly: Assembly, transform: GradientTransform) -> Result<Assembly, Error> {
    let transform = assembly.transform.merged(transform)?;
    Ok(Assembly { transform, ..assembly })
}
