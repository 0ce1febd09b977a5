//! Training: a trial, its steps, what they write down, and how it ended.

pub mod history;
pub mod outcome;
mod trial;

pub use outcome::{Outcome, Score, Status, TargetReached};
pub use trial::{Budget, Trial};
