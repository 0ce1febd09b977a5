//! Optimizers: one file per rule, a spec that names them, and the driver that applies them to a model.
//!
//! A rule implements [`burn::optim::Optimizer`], so it also goes into Burn's own `ModuleOptimizer` and `Learner`.
//! A new rule is one new file, declared here, and one line in [`spec`]; its reference file is found by its name.

mod adadelta;
mod adafactor;
mod adagrad;
mod adam;
mod adamax;
mod adamw;
mod around;
mod burn_rules;
mod came;
mod elementwise;
mod factored;
mod gradient_transform;
mod lamb;
mod lion;
mod memory;
mod model_optimizer;
mod moments;
mod novograd;
mod precision;
mod radam;
mod rmsprop;
mod sgd;
mod sm3;
pub mod spec;
mod tensor_rule;
mod weight_decay;

pub use adadelta::{AdaDelta, AdaDeltaConfig};
pub use adafactor::{Adafactor, AdafactorConfig};
pub use adagrad::{AdaGrad, AdaGradConfig};
pub use adam::{Adam, AdamConfig};
pub use adamax::{Adamax, AdamaxConfig};
pub use adamw::{AdamW, AdamWConfig};
pub use burn_rules::*;
pub use came::{Came, CameConfig};
pub use elementwise::{At, ElementwiseRule};
pub use gradient_transform::GradientTransform;
pub use lamb::{Lamb, LambConfig};
pub use lion::{Lion, LionConfig};
pub use memory::{Rule, RuleState, Start};
pub use model_optimizer::{ModelOptimizer, ParameterInfo, ParameterRule};
pub use novograd::{NovoGrad, NovoGradConfig};
pub use radam::{RAdam, RAdamConfig};
pub use rmsprop::{RmsProp, RmsPropConfig};
pub use sgd::{Sgd, SgdConfig};
pub use sm3::{Sm3, Sm3Config};
pub use spec::{OptimizerSpec, RuleConfig};
pub use tensor_rule::{TensorMemory, TensorRule};
