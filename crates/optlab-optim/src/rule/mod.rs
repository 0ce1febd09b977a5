//! The traits of a rule: the state that it keeps, and how it moves a parameter.
//!
//! | trait | a rule that |
//! |:--|:--|
//! | [`ElementwiseRule`] | treats every element independently, except for sums over the tensor |
//! | [`TensorRule`] | needs rows, columns or the whole tensor |
//! | [`GlobalRule`] | estimates something over all parameters before it moves them |
//!
//! Each extends [`Rule`], which declares the buffers and numbers that a checkpoint holds.

mod content;
pub(crate) mod elementwise;
pub(crate) mod global_rule;
pub(crate) mod memory;
pub(crate) mod precision;
mod scheduled_optimizer;
pub(crate) mod tensor_rule;

pub use content::{Content, StateBits};
pub use elementwise::{At, Curvature, ElementwiseRule, elementwise_step};
pub use global_rule::{GlobalRule, GlobalStep};
pub use memory::{Rule, RuleState, Start};
pub use scheduled_optimizer::{CountedState, ScheduledOptimizer};
pub use tensor_rule::{TensorMemory, TensorRule, tensor_step};
