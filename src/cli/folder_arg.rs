//! A folder as an argument: what it holds, and how to resume or show that.

use crate::Error;
use optlab_compare::run::command::quoted;
use optlab_compare::run::folder::{self, Kind};
use optlab_train::train::{RunDirectory, Trial};
use std::path::Path;

/// The content of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Held {
    /// Nothing: there is no such path.
    Missing,
    /// It is a file.
    File,
    /// A run.
    Run,
    /// The trials of a comparison, a study, a recommendation or a calibration.
    Trials(Kind),
    /// Anything else.
    Other,
}

impl Held {
    /// Looks at a path.
    ///
    /// # Errors
    /// The errors of [`folder::read_about`].
    pub fn at(path: &Path) -> Result<Self, Error> {
        Ok(if RunDirectory::new(path).holds_run() {
            Held::Run
        } else if folder::holds_trials(path) {
            Held::Trials(folder::read_about(path)?.kind)
        } else if path.is_dir() {
            Held::Other
        } else if path.exists() {
            Held::File
        } else {
            Held::Missing
        })
    }
}

/// Reads the trial of the run in the folder `path`.
///
/// # Errors
/// [`File`](optlab_core::Error::File) for a folder without a run, saying what it holds; a damaged file.
pub fn open_run(path: &Path) -> Result<(RunDirectory, Trial), Error> {
    let reason = match Held::at(path)? {
        Held::Run => {
            let directory = RunDirectory::new(path);
            let trial = directory.read_trial()?;
            return Ok((directory, trial));
        }
        Held::Missing => "no such folder".into(),
        Held::File => "is a file, not the folder of a run".into(),
        Held::Other => "holds no run".into(),
        Held::Trials(kind) => {
            let name = quoted(&path.to_string_lossy());
            format!(
                "holds a {kind}, not a run; try `optlab report {name}`, or one of the runs in {name}/runs"
            )
        }
    };
    Err(Error::file(path, reason))
}

/// Returns the purpose of the trials in the folder `path`.
///
/// # Errors
/// [`File`](optlab_core::Error::File) for a folder without trials, saying what it holds.
pub fn kind_of_trials(path: &Path) -> Result<Kind, Error> {
    let reason = match Held::at(path)? {
        Held::Trials(kind) => return Ok(kind),
        Held::Missing => "no such folder".into(),
        Held::File => "is a file, not the folder of a comparison".into(),
        Held::Other => "holds no comparison".into(),
        Held::Run => {
            format!(
                "holds a run and no comparison; try `optlab evaluate {}`",
                quoted(&path.to_string_lossy())
            )
        }
    };
    Err(Error::file(path, reason))
}

/// Refuses a folder of results where a workload is expected, and says what can be done with it.
///
/// # Errors
/// [`Usage`](optlab_core::Error::Usage) for the folder of a run or of trials.
pub fn refuse_results(path: &Path) -> Result<(), Error> {
    match Held::at(path)? {
        Held::Run => {
            let name = quoted(&path.to_string_lossy());
            Err(Error::usage(format!(
                "{} holds a run, not data; try `optlab evaluate {name}` or `optlab train --resume {name}`",
                path.display()
            )))
        }
        Held::Trials(kind) => Err(Error::usage(format!(
            "{} holds a {kind}, not data; {}",
            path.display(),
            how_to_resume(path, kind)?
        ))),
        _ => Ok(()),
    }
}

/// Returns the commands that show and resume the trials in the folder `path`.
fn how_to_resume(path: &Path, kind: Kind) -> Result<String, Error> {
    let name = quoted(&path.to_string_lossy());
    let resumed = match kind {
        Kind::Comparison => format!("`optlab compare {name}`"),
        Kind::Study => format!("`optlab tune {name}`"),
        Kind::Recommendation | Kind::Calibration => match folder::read_about(path)?.invocations.last() {
            Some(invocation) => format!("the command that began it: `{}`", invocation.command),
            None => "the command that began it".into(),
        },
    };
    Ok(format!("`optlab report {name}` shows it, and it is resumed by {resumed}"))
}
