//! Optimizers: one file per rule, a spec that names them, and the driver that applies them to a model.
//!
//! A rule implements [`burn::optim::Optimizer`], so it also goes into Burn's own `ModuleOptimizer` and `Learner`.
//! A new rule is one new file and one line in [`spec`].

mod adamw;
mod burn_rules;
mod model_optimizer;
pub mod spec;

pub use adamw::{AdamW, AdamWConfig, AdamWState};
pub use model_optimizer::{ModelOptimizer, ParameterRule};
pub use spec::{OptimizerSpec, RuleConfig};
