//! A trial with its role in a comparison.

use optlab_train::train::Trial;
use serde::{Deserialize, Serialize};

/// A trial of an arm; one line of a comparison's `trials.jsonl`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// The arm's name, the same on every workload and backend.
    pub arm: String,
    /// The purpose of the trial.
    #[serde(flatten)]
    pub stage: Stage,
    /// The point of a tuning trial in its search space, if it depends on earlier results; else empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub point: Vec<f64>,
    /// The trial.
    pub trial: Trial,
}

/// The purpose of a trial of a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "stage", rename_all = "snake_case")]
pub enum Stage {
    /// To find the settings that the arm is compared with.
    Tuning {
        /// Number of the trial's point in the search, from 0.
        number: usize,
        /// The seed of the final trial that the search is for; `None` if it is for all final trials.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        replicate: Option<u64>,
    },
    /// To compare the arm with the others.
    Final,
}

impl Entry {
    /// Creates a final trial of the arm `arm`.
    pub fn of_final(arm: &str, trial: Trial) -> Self {
        Entry { arm: arm.into(), stage: Stage::Final, point: Vec::new(), trial }
    }
}
