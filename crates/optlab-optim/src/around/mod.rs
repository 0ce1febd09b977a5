//! Wrappers: optimizers that change how another optimizer steps, such as `ema:base=adamw` or
//! `sam:rho=0.1,base=(lookahead:base=sgd)`.
//!
//! However wrappers are nested, a step applies them in the order listed in
//! [`GradientTransform`](crate::around::GradientTransform) and [`Extras`](crate::around::Extras). Only groups
//! may occur more than once.

mod averages;
mod clipping;
mod compact;
pub(crate) mod ema_nesterov;
pub(crate) mod extras;
mod filters;
pub(crate) mod gradient_filter;
pub(crate) mod gradient_transform;
mod groups;
mod hyperball;
mod lazy;
pub(crate) mod mechanic;
pub(crate) mod norm;
mod one_step;
pub(crate) mod schedule_free;
pub(crate) mod sharpness;
mod sharpness_aware;
pub(crate) mod total;
pub(crate) mod wrapped_step;

pub use averages::{EmaConfig, LawaConfig, SwaConfig};
pub use clipping::{AdaptiveClipConfig, CentralizedConfig, ClipConfig};
pub use compact::{CompactConfig, ParameterRounding};
pub use ema_nesterov::{EmaNesterov, EmaNesterovConfig};
pub use extras::{Extras, Lookahead, WeightAverage};
pub use filters::{GrokfastConfig, GrokfastKind, VarianceReducedConfig};
pub use gradient_transform::GradientTransform;
pub use groups::{GroupConfig, NoVectorDecayConfig};
pub use hyperball::HyperballConfig;
pub use lazy::LazyConfig;
pub use mechanic::{Mechanic, MechanicConfig};
pub use one_step::{CautiousConfig, DecayConfig, LookaheadConfig, SkipNonFiniteConfig};
pub use schedule_free::{ScheduleFree, ScheduleFreeConfig};
pub use sharpness_aware::{AsamConfig, SamConfig};

use crate::Error;
use crate::driver::{Assembly, ParameterRule};
use crate::rules::AdamWConfig;
use crate::settings_of;
use crate::spec::{OptimizerSpec, RuleConfig};
use optlab_core::settings::Settings;

/// Defines the methods for the field `base` in an `impl Wrapper`.
macro_rules! base_field {
    () => {
        fn base(&self) -> &OptimizerSpec {
            &self.base
        }

        fn base_mut(&mut self) -> &mut OptimizerSpec {
            &mut self.base
        }
    };
}
use base_field;

/// Returns the optimizer that is wrapped by default.
fn base() -> Box<OptimizerSpec> {
    Box::new(OptimizerSpec::AdamW(AdamWConfig::default()))
}

/// The settings of a wrapper. The rest of its [`RuleConfig`] is implemented the same way for all wrappers.
pub(crate) trait Wrapper: Settings {
    /// Returns the optimizer that it wraps.
    fn base(&self) -> &OptimizerSpec;

    /// Returns the optimizer that it wraps, mutably.
    fn base_mut(&mut self) -> &mut OptimizerSpec;

    /// Checks conditions that the ranges of the settings do not cover.
    fn check_more(&self, _owner: &str) -> Result<(), Error> {
        Ok(())
    }

    /// Returns the learning rate to use where none is given.
    fn default_rate(&self) -> f64 {
        Wrapper::base(self).default_lr()
    }

    /// Sets the wrapper's own weight decay, if it overrides the weight decay of the base.
    fn set_own_weight_decay(&mut self, _decay: f64) {}

    /// Returns the rules of the base with this wrapper, where it may be one of several rules.
    fn rules_of_base(&self, owner: &str) -> Result<Vec<ParameterRule>, Error> {
        let reason = format!("`{owner}` wraps an optimizer: it cannot be one of several rules");
        Err(Error::Usage(reason))
    }

    /// Adds this wrapper to `assembly`, the parts of the already assembled base.
    fn wrap(&self, owner: &str, assembly: Assembly) -> Result<Assembly, Error>;
}

impl<W: Wrapper> RuleConfig for W {
    const DEFAULT_LR: f64 = <AdamWConfig as RuleConfig>::DEFAULT_LR;

    fn rules(&self, owner: &str) -> Result<Vec<ParameterRule>, Error> {
        self.check(owner)?;
        self.rules_of_base(owner)
    }

    settings_of!();

    fn base(&self) -> Option<&OptimizerSpec> {
        Some(Wrapper::base(self))
    }

    fn set_weight_decay(&mut self, _owner: &str, decay: f64) -> Result<(), Error> {
        self.set_own_weight_decay(decay);
        self.base_mut().set_weight_decay(decay)
    }

    fn assemble(&self, owner: &str) -> Result<Assembly, Error> {
        self.check(owner)?;
        self.check_more(owner)?;
        let assembly = Wrapper::base(self).assemble()?;
        assembly.check_has_rules(owner)?;
        let assembly = self.wrap(owner, assembly)?;
        assembly.check(owner)?;
        Ok(assembly)
    }

    fn default_lr(&self) -> f64 {
        self.default_rate()
    }
}

/// Sets a flag; an error if it is already set.
fn once(owner: &str, flag: &mut bool) -> Result<(), Error> {
    if std::mem::replace(flag, true) { Err(twice(owner)) } else { Ok(()) }
}

/// Returns the error for a wrapper that occurs twice.
fn twice(owner: &str) -> Error {
    Error::Usage(format!("`{owner}` wraps an optimizer that already has it"))
}

/// Passes every wrapper to the macro `$then`, like `rule_list`.
macro_rules! wrapper_list {
    ($then:ident $({ $($before:tt)* })?) => {
        $then! {
            $($($before)*)?
            "sam" => Sam(SamConfig), "wraps any rule: uses the gradient at the worst nearby point (Foret et al., 2020)";
            "asam" => Asam(AsamConfig), "wraps any rule: SAM with distances relative to each parameter's size (Kwon et al., 2021)";
            "lookahead" => Lookahead(LookaheadConfig), "wraps any rule: slow weights follow the fast weights every k steps (Zhang et al., 2019)";
            "ema" => Ema(EmaConfig), "wraps any rule: evaluates an exponential average of the weights (Polyak & Juditsky, 1992)";
            "swa" => Swa(SwaConfig), "wraps any rule: evaluates the mean of the weights (Izmailov et al., 2018)";
            "lawa" => Lawa(LawaConfig), "wraps any rule: evaluates the mean of the latest snapshots of the weights (Kaddour, 2022)";
            "schedule_free" => ScheduleFree(ScheduleFreeConfig), "wraps any rule: an average of the weights instead of a learning-rate schedule (Defazio et al., 2024)";
            "ema_nesterov" => EmaNesterov(EmaNesterovConfig), "wraps any rule: gradients ahead along the mean of the latest steps (OptimAI Lab, 2026)";
            "mechanic" => Mechanic(MechanicConfig), "wraps any rule: learns the factor of all steps so far (Cutkosky et al., 2023)";
            "hyperball" => Hyperball(HyperballConfig), "wraps any rule: every matrix keeps its norm, steps are relative to it (Wen et al., 2025)";
            "grokfast" => Grokfast(GrokfastConfig), "wraps any rule: adds an amplified mean of the latest gradients (Lee et al., 2024)";
            "variance_reduced" => VarianceReduced(VarianceReducedConfig), "wraps any rule: corrects gradients by their change, as MARS does (Yuan et al., 2024)";
            "centralized" => Centralized(CentralizedConfig), "wraps any rule: subtracts the mean of each output's gradient (Yong et al., 2020)";
            "clip" => Clip(ClipConfig), "wraps any rule: clips gradients by value or norm (Pascanu et al., 2012)";
            "adaptive_clip" => AdaptiveClip(AdaptiveClipConfig), "wraps any rule: clips gradients relative to the parameters' norms (Brock et al., 2021)";
            "skip_non_finite" => SkipNonFinite(SkipNonFiniteConfig), "wraps any rule: skips steps whose gradients are not all finite";
            "cautious" => Cautious(CautiousConfig), "wraps any rule: keeps only updates that agree with the gradient (Liang et al., 2024)";
            "decay" => Decay(DecayConfig), "wraps any rule: adds decoupled weight decay and proximal L1 (Loshchilov & Hutter, 2017)";
            "compact" => Compact(CompactConfig), "wraps any rule: state in 16 or 8 bits a number, rounded stochastically (Dettmers et al., 2021)";
            "lazy" => Lazy(LazyConfig), "wraps any element-wise rule: rows of a matrix without a gradient stay as they are, as PyTorch's SparseAdam";
            "group" => Group(GroupConfig), "wraps any rule: another rule, learning rate or weight decay for some parameters";
            "no_vector_decay" => NoVectorDecay(NoVectorDecayConfig), "wraps any rule: no weight decay for biases and norms";
        }
    };
}
pub(crate) use wrapper_list;
