//! Optimizers and learning-rate schedules for [Burn](burn), each verified against its authors' code.
//!
//! A rule implements [`burn::optim::Optimizer`], so it works with Burn's own `ModuleOptimizer` and `Learner`.
//! [`ModelOptimizer`] runs any rule, with wrappers and groups, in your own training loop. [`OptimizerSpec`]
//! and [`schedule::ScheduleSpec`] name optimizers and schedules in text, TOML and JSON.

pub mod schedule;

pub mod prelude;

mod around;
mod burn_rules;
mod driver;
mod rule;
mod rules;
mod spec;

pub use around::*;
pub use burn_rules::*;
pub use driver::*;
pub use optlab_core::{Error, settings};
pub use optlab_kernel as kernel;
pub use rule::*;
pub use rules::*;
pub use spec::*;
