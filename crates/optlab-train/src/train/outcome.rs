//! The outcome of a trial. A diverged trial has an outcome; it is not an error.

use crate::diagnosis::{Instability, Trace, TrainingLoss};
use crate::train::history::Mark;
use crate::train::setting_value::is_default;
use optlab_core::Metric;
use serde::{Deserialize, Deserializer, Serialize};
use std::collections::BTreeMap;

/// The way in which a trial ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It trained to the end of its budget.
    Completed,
    /// Early stopping ended it.
    StoppedEarly,
    /// The loss became NaN or infinite.
    Diverged,
    /// A search ended it, because it was worse than other trials.
    Pruned,
    /// An error ended it.
    Failed,
}

impl Status {
    /// Returns the status in words.
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

/// Loss and measures on one part of the data. A number that is not finite is `null` in a file.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Score {
    /// Mean loss over the part.
    #[serde(deserialize_with = "null_as_nan")]
    pub loss: f64,
    /// The workload's metric over the part.
    #[serde(deserialize_with = "null_as_nan")]
    pub metric: f64,
    /// The workload's other measures, by name; NaN where a measure is not defined on the part.
    #[serde(default, deserialize_with = "nulls_as_nan", skip_serializing_if = "BTreeMap::is_empty")]
    pub others: BTreeMap<String, f64>,
}

fn null_as_nan<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or(f64::NAN))
}

fn nulls_as_nan<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, f64>, D::Error> {
    let values = BTreeMap::<String, Option<f64>>::deserialize(deserializer)?;
    Ok(values.into_iter().map(|(name, value)| (name, value.unwrap_or(f64::NAN))).collect())
}

impl Score {
    /// Returns a score without measures besides the metric.
    pub fn new(loss: f64, metric: f64) -> Self {
        Score { loss, metric, others: BTreeMap::new() }
    }
}

/// The time at which a run first reached its workload's target on the validation part.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct TargetReached {
    /// Optimizer steps made by then.
    pub step: usize,
    /// Training seconds by then.
    pub training_seconds: f64,
}

/// The status, scores and times of a trial that ended; the run folder's `outcome.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// The status.
    pub status: Status,
    /// The reason, for a diverged or failed trial: "loss is NaN at step 17".
    pub reason: Option<String>,
    /// Optimizer steps made.
    pub steps: usize,
    /// Epochs begun.
    pub epochs: usize,
    /// Seconds spent in steps, the first excluded; evaluation, logging and checkpoints excluded.
    pub training_seconds: f64,
    /// Seconds to the end of the first step, including compilation and autotuning.
    pub first_step_seconds: f64,
    /// Milliseconds per step, the first excluded.
    pub step_milliseconds: Option<f64>,
    /// The workload's metric, with its target.
    #[serde(flatten)]
    pub metric: Metric,
    /// The time at which the target was first reached, if it was.
    pub target_reached: Option<TargetReached>,
    /// The score on the validation part after the last step.
    pub final_validation: Option<Score>,
    /// The best score on the validation part.
    pub best_validation: Option<Score>,
    /// The step after which the best score was measured.
    pub best_step: Option<usize>,
    /// The score on the test part, with the best checkpoint if there is a validation part, else with the last
    /// model.
    pub test: Option<Score>,
    /// Number of steps that were skipped because a gradient was not finite.
    #[serde(default, skip_serializing_if = "is_default")]
    pub skipped_steps: u64,
    /// Peak memory of the process by the end, in bytes, including the data and the program; `None` if the
    /// system does not report it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peak_memory_bytes: Option<u64>,
    /// The share of the time in which the process wanted a processor and had to wait for one, `[0, 1]`: other
    /// work on the machine makes it, and with it all times, larger. `None` if the system does not report it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting_share: Option<f64>,
    /// The training loss at the start, at its best and at the end; `None` in older files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub training_loss: Option<TrainingLoss>,
    /// The first value that was not finite, of a run that diverged, if it was looked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<Trace>,
    /// Number of returns to an earlier checkpoint because the loss was not finite.
    #[serde(default, skip_serializing_if = "is_default")]
    pub rollbacks: u32,
    /// The content of the history; `None` for a run that another process ended, and in older files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub history: Option<Mark>,
}

impl Outcome {
    /// Returns the outcome of a trial that an error ended before it could measure anything.
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
            waiting_share: None,
            training_loss: None,
            trace: None,
            rollbacks: 0,
            history: None,
        }
    }

    /// Returns the score that a finished trial is judged by: on the test part, else the last on the
    /// validation part.
    pub fn judged(&self) -> Option<&Score> {
        self.test.as_ref().or(self.final_validation.as_ref())
    }

    /// Returns how a trial that ended well was unstable: its loss is finite, and far above its start or its
    /// best.
    pub fn instability(&self) -> Option<Instability> {
        let loss = self.training_loss.filter(|_| self.has_ended_well())?;
        loss.instability(self.best_validation.as_ref(), self.final_validation.as_ref())
    }

    /// Returns whether the trial completed or was stopped early, so that its metrics are final.
    pub fn has_ended_well(&self) -> bool {
        matches!(self.status, Status::Completed | Status::StoppedEarly)
    }
}
