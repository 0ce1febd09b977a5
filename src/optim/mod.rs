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
mod cautious;
mod cautious_adamw;
mod cautious_lion;
mod elementwise;
mod ftrl;
mod gradient_transform;
mod grams;
mod lamb;
mod lars;
mod lion;
mod mars;
mod memory;
mod model_optimizer;
mod moments;
mod precision;
mod radam;
mod rmsprop;
mod rprop;
mod sgd;
mod signum;
pub mod spec;
mod stable_adamw;
mod tensor_rule;
mod trust_ratio;
mod weight_decay;

pub use adadelta::{AdaDelta, AdaDeltaConfig};
pub use adagrad::{AdaGrad, AdaGradConfig};
pub use adam::{Adam, AdamConfig};
pub use adamax::{Adamax, AdamaxConfig};
pub use adamw::{AdamW, AdamWConfig};
pub use burn_rules::*;
pub use cautious_adamw::{CautiousAdamW, CautiousAdamWConfig};
pub use cautious_lion::{CautiousLion, CautiousLionConfig};
pub use elementwise::{At, ElementwiseRule};
pub use ftrl::{Ftrl, FtrlConfig};
pub use gradient_transform::GradientTransform;
pub use grams::{Grams, GramsConfig};
pub use lamb::{Lamb, LambConfig};
pub use lars::{Lars, LarsConfig};
pub use lion::{Lion, LionConfig};
pub use mars::{Mars, MarsConfig};
pub use memory::{Rule, RuleState, Start};
pub use model_optimizer::{ModelOptimizer, ParameterInfo, ParameterRule};
pub use radam::{RAdam, RAdamConfig};
pub use rmsprop::{RmsProp, RmsPropConfig};
pub use rprop::{Rprop, RpropConfig};
pub use sgd::{Sgd, SgdConfig};
pub use signum::{Signum, SignumConfig};
pub use spec::{OptimizerSpec, RuleConfig};
pub use stable_adamw::{StableAdamW, StableAdamWConfig};
pub use tensor_rule::{TensorMemory, TensorRule};
