//! The layers of a model with their sizes, before it has weights.

mod lower;
mod planner;
mod step;
mod summary;

pub(in crate::model) use lower::plan;
pub(in crate::model) use step::{Conv, Operation, Step};
pub use summary::{LayerSummary, Summary};

use crate::model::InputShape;

/// The layers of a model, in the order of a forward pass; the last gives the outputs.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::model) struct Plan {
    pub input: InputShape,
    pub steps: Vec<Step>,
}

/// The name of the last layer.
pub(in crate::model) const OUTPUT: &str = "output";
