//! Optimizers: one file per rule, a spec that names them, and the driver that applies them to a model.
//!
//! A rule implements [`burn::optim::Optimizer`], so it also goes into Burn's own `ModuleOptimizer` and `Learner`.
//! A new rule is one new file, declared here, and one line in [`spec`]; its reference file is found by its name.

mod adabelief;
mod adadelta;
mod adagrad;
mod adam;
mod adamax;
mod adamw;
mod adan;
mod ademamix;
mod adopt;
mod around;
mod assembly;
mod burn_rules;
mod elementwise;
mod global_rule;
mod gradient_transform;
mod lamb;
mod laprop;
mod lion;
mod memory;
mod model_optimizer;
mod moments;
mod nadam;
mod precision;
mod radam;
mod rmsprop;
mod sgd;
mod sharpness;
pub mod spec;
mod tensor_rule;
mod total;
mod weight_decay;
mod wrappers;
mod yogi;

pub use adabelief::{AdaBelief, AdaBeliefConfig};
pub use adadelta::{AdaDelta, AdaDeltaConfig};
pub use adagrad::{AdaGrad, AdaGradConfig};
pub use adam::{Adam, AdamConfig};
pub use adamax::{Adamax, AdamaxConfig};
pub use adamw::{AdamW, AdamWConfig};
pub use assembly::Assembly;
pub use adan::{Adan, AdanConfig};
pub use ademamix::{AdEMAMix, AdEMAMixConfig};
pub use adopt::{Adopt, AdoptConfig};
pub use burn_rules::*;
pub use elementwise::{At, Curvature, ElementwiseRule};
pub use global_rule::{GlobalRule, Together};
pub use gradient_transform::GradientTransform;
pub use lamb::{Lamb, LambConfig};
pub use laprop::{LaProp, LaPropConfig};
pub use lion::{Lion, LionConfig};
pub use memory::{Rule, RuleState, Start};
pub use model_optimizer::{Evaluate, Loss, ModelOptimizer, ParameterInfo, ParameterRule};
pub use model_optimizer::{ModelOptimizer, ParameterInfo, ParameterRule};
pub use nadam::{NAdam, NAdamConfig};
pub use radam::{RAdam, RAdamConfig};
pub use rmsprop::{RmsProp, RmsPropConfig};
pub use sgd::{Sgd, SgdConfig};
pub use spec::{OptimizerSpec, RuleConfig};
pub use tensor_rule::{TensorMemory, TensorRule};
pub use wrappers::{Lookahead, WeightAverage, Wrappers};
pub use yogi::{Yogi, YogiConfig};
