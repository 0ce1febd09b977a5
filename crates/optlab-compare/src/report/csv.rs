//! A row for each trial, with all that decided it and all that it measured.

use crate::Error;
use crate::plan::entry::Stage;
use crate::report::{Exporter, unwritable};
use crate::result::comparison::{Comparison, Run};
use crate::result::summary::Summary;
use optlab_train::train::{Budget, LrScaling, Outcome, Status};
use serde::{Deserialize, Serialize};

const FILE_NAME: &str = "results.csv";

/// `results.csv`.
#[derive(Debug, Clone, Copy)]
pub struct Csv;

/// One row of `results.csv`; what is not known or not set is an empty cell.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the fields are those of `Trial` and `Outcome`")]
pub struct CsvRow {
    pub id: String,
    pub arm: String,
    /// "tuning" or "final".
    pub stage: String,
    /// The number of the point that a tuning trial is at.
    pub number: Option<usize>,
    pub workload: String,
    pub backend: String,
    pub optimizer: String,
    pub lr: f64,
    pub lr_scaling: Option<LrScaling>,
    pub schedule: String,
    pub seed: u64,
    pub budget_epochs: Option<usize>,
    pub budget_steps: Option<usize>,
    pub batch_size: usize,
    pub validation: f64,
    pub l1: f64,
    pub l2: f64,
    pub clip_norm: Option<f64>,
    pub clip_value: Option<f64>,
    pub early_stopping: Option<usize>,
    pub shift: u32,
    pub rotation: f64,
    pub pad: bool,
    /// Empty for a trial that has not ended.
    pub status: Option<Status>,
    pub reason: Option<String>,
    pub steps: Option<usize>,
    pub epochs: Option<usize>,
    pub training_seconds: Option<f64>,
    pub first_step_seconds: Option<f64>,
    pub step_milliseconds: Option<f64>,
    pub metric: Option<String>,
    pub larger_is_better: Option<bool>,
    pub target: Option<f64>,
    pub steps_to_target: Option<usize>,
    pub seconds_to_target: Option<f64>,
    pub final_validation_loss: Option<f64>,
    pub final_validation_metric: Option<f64>,
    pub best_validation_loss: Option<f64>,
    pub best_validation_metric: Option<f64>,
    pub best_step: Option<usize>,
    pub test_loss: Option<f64>,
    pub test_metric: Option<f64>,
    pub peak_memory_bytes: Option<u64>,
}

impl Exporter for Csv {
    fn file_name(&self) -> &'static str {
        FILE_NAME
    }

    fn export(&self, comparison: &Comparison, _summaries: &[Summary]) -> Result<String, Error> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        for run in &comparison.runs {
            writer.serialize(CsvRow::of(run)).map_err(|reason| unwritable(FILE_NAME, reason))?;
        }
        let bytes = writer.into_inner().map_err(|reason| unwritable(FILE_NAME, reason))?;
        String::from_utf8(bytes).map_err(|reason| unwritable(FILE_NAME, reason))
    }
}

impl CsvRow {
    /// The row of a run.
    pub fn of(run: &Run) -> Self {
        let trial = &run.trial;
        let outcome = run.outcome.as_ref();
        // A run that failed early knew no metric, and its target says nothing.
        let knows = outcome.filter(|outcome| !outcome.metric.is_empty());
        let target = outcome.and_then(|outcome| outcome.target_reached);
        let last = outcome.and_then(|outcome| outcome.final_validation);
        let best = outcome.and_then(|outcome| outcome.best_validation);
        let test = outcome.and_then(|outcome| outcome.test);
        let (budget_epochs, budget_steps) = match trial.budget {
            Budget::Epochs(epochs) => (Some(epochs), None),
            Budget::Steps(steps) => (None, Some(steps)),
        };
        CsvRow {
            id: trial.id(),
            arm: run.arm.clone(),
            stage: if run.is_final() { "final".into() } else { "tuning".into() },
            number: match run.stage {
                Stage::Tuning { number } => Some(number),
                Stage::Final => None,
            },
            workload: trial.workload.clone(),
            backend: trial.backend.clone(),
            optimizer: trial.optimizer.to_string(),
            lr: trial.lr,
            lr_scaling: trial.lr_scaling,
            schedule: trial.schedule.to_string(),
            seed: trial.seed,
            budget_epochs,
            budget_steps,
            batch_size: trial.batch_size,
            validation: trial.validation,
            l1: trial.l1,
            l2: trial.l2,
            clip_norm: trial.clip_norm,
            clip_value: trial.clip_value,
            early_stopping: trial.early_stopping,
            shift: trial.augmentation.shift,
            rotation: trial.augmentation.rotation,
            pad: trial.pad,
            status: outcome.map(|outcome| outcome.status),
            reason: outcome.and_then(|outcome| outcome.reason.clone()),
            steps: outcome.map(|outcome| outcome.steps),
            epochs: outcome.map(|outcome| outcome.epochs),
            training_seconds: outcome.map(|outcome| outcome.training_seconds),
            first_step_seconds: outcome.map(|outcome| outcome.first_step_seconds),
            step_milliseconds: outcome.and_then(|outcome: &Outcome| outcome.step_milliseconds),
            metric: knows.map(|outcome| outcome.metric.clone()),
            larger_is_better: knows.map(|outcome| outcome.larger_is_better),
            target: knows.map(|outcome| outcome.target),
            steps_to_target: target.map(|target| target.step),
            seconds_to_target: target.map(|target| target.training_seconds),
            final_validation_loss: last.map(|score| score.loss),
            final_validation_metric: last.map(|score| score.metric),
            best_validation_loss: best.map(|score| score.loss),
            best_validation_metric: best.map(|score| score.metric),
            best_step: outcome.and_then(|outcome| outcome.best_step),
            test_loss: test.map(|score| score.loss),
            test_metric: test.map(|score| score.metric),
            peak_memory_bytes: outcome.and_then(|outcome| outcome.peak_memory_bytes),
        }
    }
}
