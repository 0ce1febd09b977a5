//! A trial with its part in a comparison.

use optlab_train::train::Trial;
use serde::{Deserialize, Serialize};

/// A trial of an arm; a line of a comparison's `trials.jsonl`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// The arm's name, one and the same on every workload and backend.
    pub arm: String,
    /// What the trial is for.
    #[serde(flatten)]
    pub stage: Stage,
    /// The point of its space that a tuning trial is at, where that depends on what came of earlier ones.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub point: Vec<f64>,
    /// The trial.
    pub trial: Trial,
}

/// What a trial of a comparison is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "stage", rename_all = "snake_case")]
pub enum Stage {
    /// To find the settings that the arm is compared with.
    Tuning {
        /// Its point's number in the search, from 0.
        number: usize,
    },
    /// To compare the arm with the others.
    Final,
}

impl Entry {
    /// A trial that an arm is compared by.
    pub fn of_final(arm: &str, trial: Trial) -> Self {
        Entry { arm: arm.into(), stage: Stage::Final, point: Vec::new(), trial }
    }
}
