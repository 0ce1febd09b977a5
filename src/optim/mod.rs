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
mod burn_rules;
mod elementwise;
mod gradient_transform;
mod lamb;
mod linear_algebra;
mod lion;
mod memory;
mod model_optimizer;
mod moments;
mod muon;
mod precision;
mod radam;
mod rmsprop;
mod sgd;
mod shampoo;
mod soap;
pub mod spec;
mod tensor_rule;
mod weight_decay;

pub use adadelta::{AdaDelta, AdaDeltaConfig};
pub use adagrad::{AdaGrad, AdaGradConfig};
pub use adam::{Adam, AdamConfig};
pub use adamax::{Adamax, AdamaxConfig};
pub use adamw::{AdamW, AdamWConfig};
pub use burn_rules::*;
pub use elementwise::{At, ElementwiseRule};
pub use gradient_transform::GradientTransform;
pub use lamb::{Lamb, LambConfig};
pub use lion::{Lion, LionConfig};
pub use memory::{Rule, RuleState, Start};
pub use model_optimizer::{ModelOptimizer, ParameterInfo, ParameterRule};
pub use muon::{LrScale, Muon, MuonConfig};
pub use radam::{RAdam, RAdamConfig};
pub use rmsprop::{RmsProp, RmsPropConfig};
pub use sgd::{Sgd, SgdConfig};
pub use shampoo::{Shampoo, ShampooConfig};
pub use soap::{Soap, SoapConfig};
pub use spec::{OptimizerSpec, RuleConfig};
pub use tensor_rule::{TensorMemory, TensorRule};
