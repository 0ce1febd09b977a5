//! What a problem's model and later predictions need to know of the training data.

use crate::data::pictures::Frame;
use crate::data::table::Encoder;
use crate::data::{Standardizer, TargetUnit};
use crate::model::InputShape;
use crate::objective::{LossSpec, TargetKind};
use serde::{Deserialize, Serialize};

/// What the model and predictions need to know of the training data; saved with a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProblemFacts {
    /// The shape of one input.
    pub shape: InputShape,
    /// The kind and number of targets.
    pub targets: TargetKind,
    /// The names of classes or target columns, in the order of the model's outputs.
    pub names: Vec<String>,
    /// The loss, with weights of classes as numbers.
    pub loss: LossSpec,
    /// How each standardized target converts to its own unit.
    pub units: Vec<TargetUnit>,
    /// The preparation of inputs.
    pub prepared: Prepared,
}

/// The preparation of inputs, to be repeated for predictions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Prepared {
    /// The columns of a table.
    Table(Box<Encoder>),
    /// Pictures of a common shape.
    Pictures {
        /// The shape.
        frame: Frame,
        /// The standardizer of channels.
        standardizer: Option<Standardizer>,
    },
    /// Rows of numbers.
    Rows {
        /// The shape of one input.
        shape: Vec<usize>,
        /// The standardizer.
        standardizer: Option<Standardizer>,
    },
    /// Characters.
    Text {
        /// The known characters, in the order of their indices.
        characters: Vec<char>,
        /// Number of characters before the one to predict.
        context: usize,
    },
}
