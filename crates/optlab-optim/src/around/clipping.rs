use crate::Error;
use crate::around::{GradientTransform, Wrapper, base, base_field, once};
use crate::driver::Assembly;
use crate::spec::OptimizerSpec;
use optlab_core::settings;
use optlab_core::settings::Search;

settings! {
    /// Clipping of gradients: by value, by the norm of each, by the norm of all, in this order; [`GradientTransform`] has the
    /// formulas.
    ///
    /// # Errors
    /// [`assemble`](crate::spec::RuleConfig::assemble): [`Error::InvalidConfig`] if a field is out of range, or set in the base too.
    pub struct ClipConfig {
        /// What it is put around.
        base: Box<OptimizerSpec> = (base()) as "`adamw`";
        /// Largest absolute value of an element, `(0, ∞)` or none.
        value: Option<f64> = None, in POSITIVE;
        /// Largest Euclidean norm of each gradient, `(0, ∞)` or none.
        tensor_norm: Option<f64> = None, in POSITIVE;
        /// Largest Euclidean norm of all gradients together, `(0, ∞)` or none.
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
    /// Adaptive gradient clipping: each output's gradient is at most a share of its parameters; [`GradientTransform`] has the
    /// formula.
    ///
    /// # Errors
    /// [`assemble`](crate::spec::RuleConfig::assemble): [`Error::InvalidConfig`] if a field is out of range, or set in the base too.
    ///
    /// # Reference
    /// Brock et al., *High-Performance Large-Scale Image Recognition Without Normalization*, 2021,
    /// <https://arxiv.org/abs/2102.06171>
    pub struct AdaptiveClipConfig {
        /// What it is put around.
        base: Box<OptimizerSpec> = (base()) as "`adamw`";
        /// Largest norm of an output's gradient, in units of the norm of its parameters, `(0, ∞)`.
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
    /// Gradient centralization: the mean of each output's gradient is taken off; [`GradientTransform`] has the formula.
    ///
    /// # Errors
    /// [`assemble`](crate::spec::RuleConfig::assemble): those of the base; [`Error::Usage`] if it centralizes already.
    ///
    /// # Reference
    /// Yong et al., *Gradient Centralization*, 2020, <https://arxiv.org/abs/2004.01461>
    pub struct CentralizedConfig {
        /// What it is put around.
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
