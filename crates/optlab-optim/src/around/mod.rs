//! What can be put around an optimizer, as optimizers themselves: `ema:base=adamw`, `sam:rho=0.1,base=(lookahead:base=sgd)`.
//!
//! In whatever order they are nested, the parts of a step come in the order that [`GradientTransform`](crate::around::GradientTransform)
//! and [`Extras`](crate::around::Extras) have. None but groups can be there twice.

mod averages;
mod clipping;
pub(crate) mod extras;
mod gradient_transform;
mod groups;
mod one_step;
pub(crate) mod sharpness;
mod sharpness_aware;
pub(crate) mod total;
pub(crate) mod wrapped_step;

pub use averages::{EmaConfig, SwaConfig};
pub use clipping::{AdaptiveClipConfig, CentralizedConfig, ClipConfig};
pub use extras::{Extras, Lookahead, WeightAverage};
pub use gradient_transform::GradientTransform;
pub use groups::{GroupConfig, NoVectorDecayConfig};
pub use one_step::{CautiousConfig, DecayConfig, LookaheadConfig, SkipNonFiniteConfig};
pub use sharpness_aware::{AsamConfig, SamConfig};

use crate::Error;
use crate::driver::{Assembly, ParameterRule};
use crate::rules::AdamWConfig;
use crate::settings_of;
use crate::spec::{OptimizerSpec, RuleConfig};
use optlab_core::settings::Settings;

/// In an `impl Wrapper`, the methods for the field `base`.
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

/// The optimizer that is wrapped by default.
fn base() -> Box<OptimizerSpec> {
    Box::new(OptimizerSpec::AdamW(AdamWConfig::default()))
}

/// What is put around an optimizer. All that a [`RuleConfig`] has beside this is the same for each.
pub(crate) trait Wrapper: Settings {
    /// Returns the optimizer that it wraps.
    fn base(&self) -> &OptimizerSpec;

    /// Returns the optimizer that it wraps, to change it.
    fn base_mut(&mut self) -> &mut OptimizerSpec;

    /// Checks what the ranges of its settings do not.
    fn check_more(&self, _owner: &str) -> Result<(), Error> {
        Ok(())
    }

    /// Sets the weight decay that the wrapper has in place of the base's.
    fn set_own_weight_decay(&mut self, _decay: f64) {}

    /// Puts it around the base, of which `assembly` is what it is put together from.
    fn wrap(&self, owner: &str, assembly: Assembly) -> Result<Assembly, Error>;
}

impl<W: Wrapper> RuleConfig for W {
    const DEFAULT_LR: f64 = <AdamWConfig as RuleConfig>::DEFAULT_LR;

    fn rules(&self, owner: &str) -> Result<Vec<ParameterRule>, Error> {
        let reason = format!("`{owner}` is put around an optimizer: it cannot be one of several rules");
        Err(Error::Usage(reason))
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
        self.wrap(owner, assembly)
    }

    fn default_lr(&self) -> f64 {
        Wrapper::base(self).default_lr()
    }
}

/// Sets what is to be set once.
fn once(owner: &str, flag: &mut bool) -> Result<(), Error> {
    if std::mem::replace(flag, true) { Err(twice(owner)) } else { Ok(()) }
}

/// The error of a wrapper that is there already.
fn twice(owner: &str) -> Error {
    Error::Usage(format!("`{owner}` is put around an optimizer that has it already"))
}

/// Hands every wrapper to the macro `$then`, as `rule_list` does.
macro_rules! wrapper_list {
    ($then:ident $({ $($before:tt)* })?) => {
        $then! {
            $($($before)*)?
            "sam" => Sam(SamConfig), "around any rule: gradients from where the loss is largest nearby (Foret et al., 2020)";
            "asam" => Asam(AsamConfig), "around any rule: SAM in units of the parameters (Kwon et al., 2021)";
            "lookahead" => Lookahead(LookaheadConfig), "around any rule: slow weights that follow (Zhang et al., 2019)";
            "ema" => Ema(EmaConfig), "around any rule: evaluates a moving average of the weights (Polyak & Juditsky, 1992)";
            "swa" => Swa(SwaConfig), "around any rule: evaluates the mean of the weights (Izmailov et al., 2018)";
            "centralized" => Centralized(CentralizedConfig), "around any rule: gradients of mean zero (Yong et al., 2020)";
            "clip" => Clip(ClipConfig), "around any rule: gradients clipped by value or norm (Pascanu et al., 2012)";
            "adaptive_clip" => AdaptiveClip(AdaptiveClipConfig), "around any rule: gradients no larger than a share (Brock et al., 2021)";
            "skip_non_finite" => SkipNonFinite(SkipNonFiniteConfig), "around any rule: leaves out steps that are not finite";
            "cautious" => Cautious(CautiousConfig), "around any rule: steps where the gradient agrees (Liang et al., 2024)";
            "decay" => Decay(DecayConfig), "around any rule: decoupled weight decay, proximal L1 (Loshchilov & Hutter, 2017)";
            "group" => Group(GroupConfig), "around any rule: another rule, rate or decay for some parameters";
            "no_vector_decay" => NoVectorDecay(NoVectorDecayConfig), "around any rule: no decay for biases and norms";
        }
    };
}
pub(crate) use wrapper_list;
