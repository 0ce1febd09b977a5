//! How a trial ended. An outcome is data: a diverged trial is no crash.

use optlab_core::Metric;
use serde::{Deserialize, Serialize};

/// How a trial ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It trained to the end of its budget.
    Completed,
    /// Early stopping ended it.
    StoppedEarly,
    /// The loss became NaN or infinite.
    Diverged,
    /// A search ended it, because it was worse than others had been so far.
    Pruned,
    /// An error ended it.
    Failed,
}

impl Status {
    /// Its name, in words.
    pub fn name(self) -> &'static str {
        match self {
            Status::Completed => "completed",
            Status::StoppedEarly => "stopped early",
            Status::Diverged => "diverged",
            Status::Pruned => "pruned",
            Status::Failed => "failed",
        }
    }
}

/// Loss and metric on one part of the data.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Score {
    /// Mean loss over the part.
    pub loss: f64,
    /// The workload's metric over the part.
    pub metric: f64,
}

/// Where a run first reached its workload's target on the validation part.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct TargetReached {
    /// Optimizer steps made by then.
    pub step: usize,
    /// Training seconds by then.
    pub training_seconds: f64,
}

/// How a trial ended and what it measured; the run folder's `outcome.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// How it ended.
    pub status: Status,
    /// For a diverged or failed trial, what happened: "loss is NaN at step 17".
    pub reason: Option<String>,
    /// Optimizer steps made.
    pub steps: usize,
    /// Epochs begun.
    pub epochs: usize,
    /// Seconds spent in steps, the first excluded; evaluation, logging and checkpoints excluded.
    pub training_seconds: f64,
    /// Seconds to the end of the first step: compiling and autotuning included.
    pub first_step_seconds: f64,
    /// Milliseconds a step, the first excluded.
    pub step_milliseconds: Option<f64>,
    /// The workload's metric, with its target.
    #[serde(flatten)]
    pub metric: Metric,
    /// Where the target was first reached, if it was.
    pub target_reached: Option<TargetReached>,
    /// On the validation part after the last step.
    pub final_validation: Option<Score>,
    /// The best evaluation of the validation part.
    pub best_validation: Option<Score>,
    /// The step after which the best evaluation was made.
    pub best_step: Option<usize>,
    /// On the test part, with the best checkpoint where there is a validation part, else the last.
    pub test: Option<Score>,
    /// Steps in which nothing was moved, because a gradient was not finite.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub skipped_steps: u64,
    /// The most memory that the process had held by the end, in bytes: all of it, the data and the program included. None
    /// where the system does not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peak_memory_bytes: Option<u64>,
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl Outcome {
    /// A trial that an error ended before it could measure anything.
    pub fn failed(reason: String, metric: Metric) -> Self {
        Outcome {
            status: Status::Failed,
            reason: Some(reason),
            steps: 0,
            epochs: 0,
            training_seconds: 0.0,
            first_step_seconds: 0.0,
            step_milliseconds: None,
            metric,
            target_reached: None,
            final_validation: None,
            best_validation: None,
            best_step: None,
            test: None,
            skipped_steps: 0,
            peak_memory_bytes: None,
        }
    }

    /// Whether it trained as long as it was to: what its metrics say is all there is to say.
    pub fn has_ended_well(&self) -> bool {
        matches!(self.status, Status::Completed | Status::StoppedEarly)
    }
}
