//! `results.csv`: a row per trial, with its settings and its measurements.
//!
//! The columns of the recipe are made from its declaration; `epochs` and `steps` of the budget are
//! `budget_epochs` and `budget_steps`, since the outcome has columns of those names.

use crate::report::{Exporter, unwritable};
use crate::{Comparison, Error, Outcome, Run, Stage, Summary};
use optlab_train::train::{RecipePatch, Score};
use serde::Serialize;
use serde_json::Value;

const FILE_NAME: &str = "results.csv";

/// `results.csv`.
#[derive(Debug, Clone, Copy)]
pub struct Csv;

/// A column: its name and its cell for a run; `None` leaves the cell empty.
type Column = (&'static str, fn(&Run) -> Option<Value>);

/// The columns of the trial, before the columns of its recipe.
const TRIAL: [Column; 12] = [
    ("id", |run| Some(run.trial.id().into())),
    ("arm", |run| Some(run.arm.clone().into())),
    ("stage", |run| Some(if run.is_final() { "final" } else { "tuning" }.into())),
    ("number", |run| match run.stage {
        Stage::Tuning { number, .. } => Some(number.into()),
        Stage::Final => None,
    }),
    ("replicate", |run| run.replicate().map(Value::from)),
    ("workload", |run| Some(run.trial.workload.name.clone().into())),
    ("model", |run| (!run.trial.model.is_empty()).then(|| run.trial.model.to_string().into())),
    ("backend", |run| Some(run.trial.backend.clone().into())),
    ("optimizer", |run| Some(run.trial.optimizer.to_string().into())),
    ("lr", |run| Some(run.trial.lr.into())),
    ("schedule", |run| Some(run.trial.schedule.to_string().into())),
    ("seed", |run| Some(run.trial.seed.into())),
];

/// The columns of the outcome, empty for a trial that has not ended.
const OUTCOME: [Column; 25] = [
    ("status", |run| of(run, |outcome| json(outcome.status))),
    ("reason", |run| of(run, |outcome| outcome.reason.clone().map(Value::from))),
    ("unstable", |run| of(run, |outcome| outcome.instability().map(|how| how.to_string().into()))),
    ("rollbacks", |run| of(run, |outcome| Some(outcome.rollbacks.into()))),
    ("steps", |run| of(run, |outcome| Some(outcome.steps.into()))),
    ("epochs", |run| of(run, |outcome| Some(outcome.epochs.into()))),
    ("skipped_steps", |run| of(run, |outcome| Some(outcome.skipped_steps.into()))),
    ("training_seconds", |run| of(run, |outcome| json(outcome.training_seconds))),
    ("first_step_seconds", |run| of(run, |outcome| json(outcome.first_step_seconds))),
    ("step_milliseconds", |run| of(run, |outcome| json(outcome.step_milliseconds))),
    ("metric", |run| of_measured(run, |outcome| json(&outcome.metric.name))),
    ("larger_is_better", |run| of_measured(run, |outcome| json(outcome.metric.direction))),
    ("target", |run| of_measured(run, |outcome| json(outcome.metric.target))),
    ("steps_to_target", |run| of(run, |outcome| json(outcome.target_reached?.step))),
    ("seconds_to_target", |run| of(run, |outcome| json(outcome.target_reached?.training_seconds))),
    ("final_validation_loss", |run| loss(run, |outcome| outcome.final_validation.as_ref())),
    ("final_validation_metric", |run| metric(run, |outcome| outcome.final_validation.as_ref())),
    ("best_validation_loss", |run| loss(run, |outcome| outcome.best_validation.as_ref())),
    ("best_validation_metric", |run| metric(run, |outcome| outcome.best_validation.as_ref())),
    ("best_step", |run| of(run, |outcome| json(outcome.best_step))),
    ("test_loss", |run| loss(run, |outcome| outcome.test.as_ref())),
    ("test_metric", |run| metric(run, |outcome| outcome.test.as_ref())),
    ("last_training_loss", |run| of(run, |outcome| json(outcome.training_loss?.last))),
    ("peak_memory_bytes", |run| of(run, |outcome| json(outcome.peak_memory_bytes))),
    ("waiting_share", |run| of(run, |outcome| json(outcome.waiting_share))),
];

impl Exporter for Csv {
    fn file_name(&self) -> &'static str {
        FILE_NAME
    }

    fn export(&self, comparison: &Comparison, _summaries: &[Summary]) -> Result<String, Error> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record(header()).map_err(|reason| unwritable(FILE_NAME, reason))?;
        for run in &comparison.runs {
            writer.write_record(row(run)).map_err(|reason| unwritable(FILE_NAME, reason))?;
        }
        let bytes = writer.into_inner().map_err(|reason| unwritable(FILE_NAME, reason))?;
        String::from_utf8(bytes).map_err(|reason| unwritable(FILE_NAME, reason))
    }
}

/// Returns the names of the columns.
pub fn header() -> Vec<String> {
    let recipe = RecipePatch::SETTINGS.iter().map(|setting| match setting.name {
        length @ ("epochs" | "steps") => format!("budget_{length}"),
        name => name.to_string(),
    });
    let names = |columns: &[Column]| columns.iter().map(|(name, _)| name.to_string()).collect::<Vec<_>>();
    names(&TRIAL).into_iter().chain(recipe).chain(names(&OUTCOME)).collect()
}

/// Returns the cells of a run, one per column.
pub fn row(run: &Run) -> Vec<String> {
    let cells = |columns: &[Column]| columns.iter().map(|(_, cell)| text(cell(run))).collect::<Vec<_>>();
    let values = run.trial.recipe.to_patch().values();
    let recipe = RecipePatch::SETTINGS.iter().map(|setting| {
        let value = values.iter().find(|(name, _)| *name == setting.name);
        text(value.map(|(_, value)| value.clone()))
    });
    cells(&TRIAL).into_iter().chain(recipe).chain(cells(&OUTCOME)).collect()
}

fn text(cell: Option<Value>) -> String {
    match cell {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text,
        // As in the files of earlier versions, and as most programs write it.
        Some(value) => value.to_string().replace("e+", "e"),
    }
}

/// Returns a value as JSON; `None` for a number that is not finite.
fn json(value: impl Serialize) -> Option<Value> {
    serde_json::to_value(value).ok()
}

fn of(run: &Run, cell: impl Fn(&Outcome) -> Option<Value>) -> Option<Value> {
    cell(run.outcome.as_ref()?)
}

/// Returns a cell of a run that knew its metric; a run that failed early did not, and its target means
/// nothing.
fn of_measured(run: &Run, cell: impl Fn(&Outcome) -> Option<Value>) -> Option<Value> {
    of(run, |outcome| if outcome.metric.is_known() { cell(outcome) } else { None })
}

fn loss(run: &Run, score: impl Fn(&Outcome) -> Option<&Score>) -> Option<Value> {
    of(run, |outcome| json(score(outcome)?.loss))
}

fn metric(run: &Run, score: impl Fn(&Outcome) -> Option<&Score>) -> Option<Value> {
    of(run, |outcome| json(score(outcome)?.metric))
}
