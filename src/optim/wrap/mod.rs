//! What can be put around an optimizer, as optimizers themselves: `ema:base=adamw`, `sam:rho=0.1,base=(lookahead:base=sgd)`.
//!
//! In whatever order they are nested, the parts of a step come in the order that [`GradientTransform`](super::GradientTransform)
//! and [`Wrappers`](super::Wrappers) have. None but groups can be there twice.

mod averages;
mod clipping;
mod groups;
mod one_step;
mod sharpness_aware;

pub use averages::{EmaConfig, SwaConfig};
pub use clipping::{AdaptiveClipConfig, CentralizedConfig, ClipConfig};
pub use groups::{GroupConfig, NoVectorDecayConfig};
pub use one_step::{CautiousConfig, DecayConfig, LookaheadConfig, SkipNonFiniteConfig};
pub use sharpness_aware::{AsamConfig, SamConfig};

use super::{AdamWConfig, Assembly, OptimizerSpec, ParameterRule, RuleConfig};
use crate::error::Error;

/// What is wrapped where nobody says what.
fn base() -> Box<OptimizerSpec> {
    Box::new(OptimizerSpec::AdamW(AdamWConfig::default()))
}

/// What is put around an optimizer. All that a [`RuleConfig`] has beside this is the same for each.
pub(super) trait Wrapper {
    /// What it is put around.
    fn base(&self) -> &OptimizerSpec;

    /// Holds its fields to their ranges.
    fn check(&self, _owner: &str) -> Result<(), Error> {
        Ok(())
    }

    /// Puts it around the base, of which `assembly` is what it is put together from.
    fn wrap(&self, owner: &str, assembly: Assembly) -> Result<Assembly, Error>;
}

impl<W: Wrapper> RuleConfig for W {
    const DEFAULT_LR: f64 = <AdamWConfig as RuleConfig>::DEFAULT_LR;

    fn rules(&self, owner: &str) -> Result<Vec<ParameterRule>, Error> {
        let reason = format!("`{owner}` is put around an optimizer: it cannot be one of several rules");
        Err(Error::Usage(reason))
    }

    fn assemble(&self, owner: &str) -> Result<Assembly, Error> {
        self.check(owner)?;
        let assembly = self.base().assemble()?;
        assembly.check_has_rules(owner)?;
        self.wrap(owner, assembly)
    }

    fn default_lr(&self) -> f64 {
        self.base().default_lr()
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
