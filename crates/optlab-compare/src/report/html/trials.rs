//! The table of trials, stored by columns.

use crate::plan::entry::Stage;
use crate::report::html::Known;
use crate::report::html::commands::{self, Entry};
use crate::report::html::number_text::rounded;
use crate::report::labels::Labels;
use crate::result::comparison::{Comparison, Run};
use crate::run::command;
use optlab_train::train::Status;
use serde::Serialize;
use std::collections::BTreeMap;

/// The common beginning of all commands.
const PREFIX: &str = "optlab train ";

const STATUSES: [Status; 5] =
    [Status::Completed, Status::StoppedEarly, Status::Diverged, Status::Pruned, Status::Failed];

/// The columns of the table of trials; each index is a trial.
#[derive(Serialize)]
pub struct Trials {
    workload: Vec<usize>,
    arm: Vec<usize>,
    /// 0 for tuning, 1 for final trials.
    stage: Vec<u8>,
    seed: Vec<u64>,
    /// Indices into `statuses`.
    status: Vec<usize>,
    statuses: Vec<&'static str>,
    metric: Vec<Option<f64>>,
    steps: Vec<Option<usize>>,
    seconds: Vec<Option<f64>>,
    prefix: &'static str,
    command: Vec<Entry>,
    /// Why a trial was lost, by its index.
    reason: BTreeMap<usize, String>,
}

impl Trials {
    /// Returns the trials of a comparison, in its order.
    pub fn of(comparison: &Comparison, labels: &Labels, known: &Known) -> Self {
        let runs = &comparison.runs;
        let workloads = comparison.workloads();
        let workload =
            |run: &Run| workloads.iter().position(|name| *name == run.trial.workload.name).unwrap_or(0);
        let outcomes = || runs.iter().map(|run| run.outcome.as_ref());
        let command = |run: &Run| {
            let command = command::train(&run.trial);
            command.strip_prefix(PREFIX).map(String::from).unwrap_or(command)
        };
        let reason = |(place, run): (usize, &Run)| Some((place, run.outcome.as_ref()?.reason.clone()?));
        Trials {
            workload: runs.iter().map(workload).collect(),
            arm: runs.iter().map(|run| known.place(&labels.label_of(&run.arm, &run.trial.backend))).collect(),
            stage: runs.iter().map(|run| u8::from(run.stage == Stage::Final)).collect(),
            seed: runs.iter().map(|run| run.trial.seed).collect(),
            status: runs
                .iter()
                .map(|run| status(run.outcome.as_ref().map(|outcome| outcome.status)))
                .collect(),
            statuses: STATUSES.iter().map(|status| status.name()).chain(["not run"]).collect(),
            metric: runs.iter().map(metric).collect(),
            steps: outcomes().map(|outcome| Some(outcome?.steps)).collect(),
            seconds: outcomes().map(|outcome| Some(rounded(outcome?.training_seconds))).collect(),
            prefix: PREFIX,
            command: commands::entries(&runs.iter().map(command).collect::<Vec<_>>()),
            reason: runs.iter().enumerate().filter_map(reason).collect(),
        }
    }
}

/// Returns the index of a status in [`STATUSES`]; a trial without one gets the index after the last.
fn status(status: Option<Status>) -> usize {
    STATUSES.iter().position(|one| Some(*one) == status).unwrap_or(STATUSES.len())
}

/// Returns the metric that a trial is judged by: on the test part for a final trial, the best on the
/// validation part for a tuning trial.
fn metric(run: &Run) -> Option<f64> {
    let outcome = run.outcome.as_ref()?;
    let score = match run.stage {
        Stage::Final => outcome.judged(),
        Stage::Tuning { .. } => outcome.best_validation.as_ref(),
    };
    score.map(|score| rounded(score.metric))
}
