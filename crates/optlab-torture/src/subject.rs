//! The training that is put in trouble, and what its result is held against.

use optlab_train::Error;
use optlab_train::files::disk::{self, Change};
use optlab_train::train::{
    self, Budget, Found, Observer, OnDivergence, Outcome, Recipe, RunDirectory, RunOptions, Trial,
};
use optlab_train::workload::{self, Supervised};
use serde_json::Value;
use std::cell::RefCell;
use std::path::Path;
use std::rc::Rc;

/// A small training with a best checkpoint before the last one, an average of the weights and a schedule that
/// keeps a state.
///
/// # Panics
/// Never: the settings are valid.
pub fn trial() -> Trial {
    let info = workload::built_in("diabetes-linear").expect("a built-in workload").info();
    Trial {
        optimizer: "ema:decay=0.8,base=adamw".parse().expect("an optimizer"),
        schedule: "reduce_on_plateau:patience=0".parse().expect("a schedule"),
        lr: 0.3,
        backend: "flex".into(),
        seed: 1,
        recipe: Recipe { budget: Budget::Steps(60), validation: 0.2, ..Trial::new(&info).recipe },
        ..Trial::new(&info)
    }
}

/// The same training at a rate that rises until the loss is infinite: it returns to an earlier checkpoint,
/// with a smaller rate.
///
/// # Panics
/// Never: the settings are valid.
pub fn returning() -> Trial {
    let trial = trial();
    Trial {
        optimizer: "sgd:momentum=0.9".parse().expect("an optimizer"),
        schedule: "exponential:gamma=2".parse().expect("a schedule"),
        lr: 0.01,
        recipe: Recipe { on_divergence: OnDivergence::Rollback { factor: 1e-6, retries: 9 }, ..trial.recipe },
        ..trial
    }
}

/// Returns the options of a run of the trial in `folder`.
pub fn options(folder: &Path, resume: bool) -> RunOptions {
    RunOptions {
        resume,
        checkpoint_every: Some(7),
        keep_checkpoints: 2,
        ..RunOptions::new(RunDirectory::new(folder))
    }
}

/// Trains `trial` in `folder`.
///
/// # Errors
/// The errors of [`train::run`].
pub fn run(
    trial: &Trial,
    folder: &Path,
    resume: bool,
    observer: &mut dyn Observer,
) -> Result<Outcome, Error> {
    let workload = workload::built_in("diabetes-linear").expect("a built-in workload");
    train::run(&workload, trial, &options(folder, resume), observer)
}

/// Goes on as the same command does, given again: from nothing, or from where the run was stopped.
///
/// # Errors
/// The errors of [`run`]; what was found, if the command would be refused.
pub fn go_on(trial: &Trial, folder: &Path) -> Result<Outcome, String> {
    match RunDirectory::new(folder).find(trial).map_err(|error| error.to_string())? {
        Found::Nothing => run(trial, folder, false, &mut ()).map_err(|error| error.to_string()),
        Found::Unfinished | Found::Finished => {
            run(trial, folder, true, &mut ()).map_err(|error| error.to_string())
        }
        found => Err(format!("the folder is refused: {found:?}")),
    }
}

/// A moment that an observer was told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// A checkpoint after so many steps was written.
    Checkpoint(usize),
    /// The run ended.
    End,
}

/// The changes that a run made to the disk, and how many had been made at each [`Told`].
#[derive(Debug, Clone, Default)]
pub struct Recording {
    /// The changes.
    pub changes: Vec<Change>,
    /// The moments.
    pub told: Vec<(usize, Told)>,
}

/// Runs `trial` in `folder` until `stop` steps were made, and records what it does to the disk.
///
/// # Errors
/// The errors of [`run`], except the interruption that was asked for.
pub fn record(trial: &Trial, folder: &Path, resume: bool, stop: Option<usize>) -> Result<Recording, Error> {
    let changes = Rc::<RefCell<Vec<Change>>>::default();
    let mut recorder = Recorder { changes: changes.clone(), told: Vec::new(), stop, steps: 0 };
    let told = changes.clone();
    let result = disk::watch(
        move |change| told.borrow_mut().push(change),
        || run(trial, folder, resume, &mut recorder),
    );
    match result {
        Err(error) if !matches!(error, Error::Interrupted { .. }) => return Err(error),
        _ => {}
    }
    Ok(Recording { changes: changes.take(), told: recorder.told })
}

struct Recorder {
    changes: Rc<RefCell<Vec<Change>>>,
    told: Vec<(usize, Told)>,
    stop: Option<usize>,
    steps: usize,
}

impl Recorder {
    fn note(&mut self, told: Told) {
        self.told.push((self.changes.borrow().len(), told));
    }
}

impl Observer for Recorder {
    fn step(&mut self, step: usize, _loss: f64) {
        self.steps = step;
    }

    fn checkpoint(&mut self, path: &Path) {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let step = name.trim_start_matches("step-").parse().unwrap_or(0);
        self.note(Told::Checkpoint(step));
    }

    fn interrupts(&mut self) -> bool {
        self.stop.is_some_and(|stop| self.steps >= stop)
    }

    fn end(&mut self, _outcome: &Outcome) {
        self.note(Told::End);
    }
}

/// Returns the first difference between the results in two folders of runs; times and memory may differ.
///
/// # Errors
/// What differs, or cannot be read.
pub fn compare(whole: &Path, other: &Path) -> Result<(), String> {
    let [a, b] = [whole, other].map(RunDirectory::new);
    let outcome = |run: &RunDirectory| -> Result<Value, String> {
        let outcome = run.read_outcome().map_err(|error| error.to_string())?.ok_or("there is no outcome")?;
        Ok(without_times(serde_json::to_value(outcome).map_err(|error| error.to_string())?))
    };
    let (expected, found) = (outcome(&a)?, outcome(&b)?);
    if expected != found {
        return Err(format!("the outcome is {found}, not {expected}"));
    }
    b.read_evaluations().map_err(|error| error.to_string())?;
    let rows = |run: &RunDirectory| -> Result<Vec<Value>, String> {
        let text = std::fs::read_to_string(run.history()).map_err(|error| format!("history: {error}"))?;
        let row =
            |line| serde_json::from_str(line).map(without_times).map_err(|error| format!("history: {error}"));
        let rows: Result<Vec<Value>, String> = text.lines().map(row).collect();
        // A checkpoint's row has its time only.
        rows.map(|rows| rows.into_iter().filter(|row| row["event"] != "checkpoint").collect())
    };
    let (expected, found) = (rows(&a)?, rows(&b)?);
    if let Some(row) = (0..expected.len().max(found.len())).find(|&row| expected.get(row) != found.get(row)) {
        return Err(format!("row {row} of the history is {:?}, not {:?}", found.get(row), expected.get(row)));
    }
    let last =
        format!("step-{:06}", expected.iter().filter_map(|row| row["step"].as_u64()).max().unwrap_or(0));
    for file in ["model.bpk", "evaluated.bpk", "optimizer.bpk"] {
        let bytes = |run: &RunDirectory| std::fs::read(run.checkpoints().join(&last).join(file)).ok();
        let expected = bytes(&a);
        if expected.is_none() && file != "evaluated.bpk" {
            return Err(format!("the run without trouble has no {last}/{file}"));
        }
        if expected != bytes(&b) {
            return Err(format!("{last}/{file} differs"));
        }
    }
    Ok(())
}

/// Returns a value without the numbers that no two runs share.
fn without_times(mut value: Value) -> Value {
    const TIMES: [&str; 8] = [
        "training_seconds",
        "first_step_seconds",
        "step_milliseconds",
        "target_reached",
        "waiting_share",
        "peak_memory_bytes",
        "history",
        "checksum",
    ];
    if let Some(object) = value.as_object_mut() {
        object.retain(|key, _| !TIMES.contains(&key.as_str()));
    }
    value
}
