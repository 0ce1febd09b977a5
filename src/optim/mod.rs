//! Optimizers: one file per rule, a spec that names them, and the driver that applies them to a model.
//!
//! A rule implements [`burn::optim::Optimizer`], so it also goes into Burn's own `ModuleOptimizer` and `Learner`.
//! A new rule is one new file, declared here, and one line in [`spec`]; its reference file is found by its name.

mod adadelta;
mod adagrad;
mod adam;
mod adamax;
mod adamw;
mod around;
mod assembly;
mod burn_rules;
mod elementwise;
mod global_rule;
mod gradient_transform;
mod lamb;
mod lion;
mod memory;
mod model_optimizer;
mod moments;
mod precision;
mod radam;
mod registry;
mod rmsprop;
mod sgd;
mod sharpness;
pub mod spec;
mod tensor_rule;
mod total;
mod weight_decay;
mod wrappers;

pub use adadelta::{AdaDelta, AdaDeltaConfig};
pub use adagrad::{AdaGrad, AdaGradConfig};
pub use adam::{Adam, AdamConfig};
pub use adamax::{Adamax, AdamaxConfig};
pub use adamw::{AdamW, AdamWConfig};
pub use assembly::Assembly;
pub use burn_rules::*;
pub use elementwise::{At, Curvature, ElementwiseRule};
pub use global_rule::{GlobalRule, Together};
pub use gradient_transform::GradientTransform;
pub use lamb::{Lamb, LambConfig};
pub use lion::{Lion, LionConfig};
pub use memory::{Rule, RuleState, Start};
pub use model_optimizer::{Evaluate, Loss, ModelOptimizer, ParameterInfo, ParameterRule};
pub use radam::{RAdam, RAdamConfig};
pub use registry::{Registered, register};
pub use rmsprop::{RmsProp, RmsPropConfig};
pub use sgd::{Sgd, SgdConfig};
pub use spec::{OptimizerSpec, RuleConfig};
pub use tensor_rule::{TensorMemory, TensorRule};
pub use wrappers::{Lookahead, WeightAverage, Wrappers};
