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

use super::{AdamWConfig, Assembly, OptimizerSpec, RuleConfig};
use crate::error::Error;

/// The learning rate of what is wrapped where nobody says what.
const BASE_LR: f64 = <AdamWConfig as RuleConfig>::DEFAULT_LR;

/// What is wrapped where nobody says what.
fn base() -> Box<OptimizerSpec> {
    Box::new(OptimizerSpec::AdamW(AdamWConfig::default()))
}

/// What is wrapped.
fn assembled(owner: &str, base: &OptimizerSpec) -> Result<Assembly, Error> {
    let assembly = base.assemble()?;
    assembly.check_has_rules(owner)?;
    Ok(assembly)
}

/// The error of a wrapper in a place where only a rule can be.
fn not_a_rule(owner: &str) -> Error {
    Error::Usage(format!("`{owner}` is put around an optimizer: it cannot be one of several rules"))
}

/// The error of a wrapper that is there already.
fn twice(owner: &str) -> Error {
    Error::Usage(format!("`{owner}` is put around an optimizer that has it already"))
}
