//! Predictions for new examples.

/// The prediction for one example.
#[derive(Debug, Clone, PartialEq)]
pub struct Prediction {
    /// The example: a file, or a line of a table.
    pub example: String,
    /// The answer.
    pub answer: Answer,
}

/// The answer of a model for one example.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// The classes with their probabilities, the most probable first.
    Classes(Vec<(String, f64)>),
    /// The classes with the scores of a loss that has no probabilities, the highest first.
    Scores(Vec<(String, f64)>),
    /// The targets with their values, in the data's own units.
    Values(Vec<(String, f64)>),
}
