//! The end of a trial, as the folder of its run tells it.

use crate::Error;
use optlab_train::train::{Outcome, RunDirectory, Trial};
use std::path::Path;

/// The end of a trial, as the folder of its run tells it.
#[derive(Debug, Clone, PartialEq)]
pub enum Ended {
    /// The run has not ended.
    NotYet,
    /// The outcome is damaged or another trial's, for this reason. The trial runs again.
    Unclear(String),
    /// It ended with this outcome.
    With(Box<Outcome>),
}

/// Returns the outcome of `trial` from `run_dir`; `None` if its run has not ended, or the outcome is damaged
/// or another trial's.
///
/// # Errors
/// [`Io`](optlab_core::Error::Io) for a file that exists but cannot be read.
pub fn read_outcome(run_dir: &Path, trial: &Trial) -> Result<Option<Outcome>, Error> {
    Ok(match ended(run_dir, trial)? {
        Ended::With(outcome) => Some(*outcome),
        Ended::NotYet | Ended::Unclear(_) => None,
    })
}

/// Returns how the run of `trial` in `run_dir` ended.
///
/// # Errors
/// [`Io`](optlab_core::Error::Io) for a file that exists but cannot be read.
pub fn ended(run_dir: &Path, trial: &Trial) -> Result<Ended, Error> {
    let run = RunDirectory::new(run_dir);
    let outcome = match run.read_outcome() {
        Ok(Some(outcome)) => outcome,
        Ok(None) => return Ok(Ended::NotYet),
        Err(error) => return unclear(error),
    };
    match run.read_trial() {
        Ok(theirs) if theirs.is_same_as(trial) => Ok(Ended::With(Box::new(outcome))),
        Ok(_) => Ok(Ended::Unclear(format!("{} holds another trial", run_dir.display()))),
        Err(error) => unclear(error),
    }
}

/// A file that is there and cannot be understood, or is missing beside an outcome, is no outcome; a file that
/// cannot be read is an error.
fn unclear(error: Error) -> Result<Ended, Error> {
    match error {
        Error::Core(optlab_core::Error::Io { .. }) if !error.is_not_found() => Err(error),
        error => Ok(Ended::Unclear(error.to_string())),
    }
}
