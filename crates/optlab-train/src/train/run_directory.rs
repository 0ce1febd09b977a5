//! The folder of a run: its files, and how they are written completely or not at all.

use crate::Error;
use crate::files::json_file;
use crate::train::{Outcome, Trial};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::path::{Path, PathBuf};

/// The folder of a run.
///
/// ```text
/// trial.json         all settings that decide the run
/// environment.json   the machine and software
/// facts.json         what the model and predictions need to know of the training data
/// history.jsonl      one line per step and evaluation
/// outcome.json       the result; exists once the run has ended
/// checkpoints/       step-000100/ …
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunDirectory {
    path: PathBuf,
}

/// What a run finds in its folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// Nothing.
    Nothing,
    /// The same trial, not ended.
    Unfinished,
    /// The same trial, ended.
    Finished,
    /// Another trial.
    OtherTrial,
    /// Files that do not belong to a run.
    ForeignFiles,
}

impl RunDirectory {
    /// Returns the folder at `path`, which need not exist yet.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        RunDirectory { path: path.into() }
    }

    /// Returns the path of the folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the path of `checkpoints/`.
    pub fn checkpoints(&self) -> PathBuf {
        self.path.join("checkpoints")
    }

    /// Returns the path of `history.jsonl`.
    pub fn history(&self) -> PathBuf {
        self.path.join("history.jsonl")
    }

    /// Returns the path of `environment.json`.
    pub fn environment(&self) -> PathBuf {
        self.path.join("environment.json")
    }

    fn facts(&self) -> PathBuf {
        self.path.join("facts.json")
    }

    fn trial(&self) -> PathBuf {
        self.path.join("trial.json")
    }

    fn outcome(&self) -> PathBuf {
        self.path.join("outcome.json")
    }

    /// Returns whether the folder holds a run.
    pub fn holds_run(&self) -> bool {
        self.trial().is_file()
    }

    /// Returns what the folder already contains, for a run of `trial`.
    ///
    /// # Errors
    /// [`Io`](optlab_core::Error::Io) if the folder cannot be read; [`File`](optlab_core::Error::File) for a
    /// damaged `trial.json`.
    pub fn find(&self, trial: &Trial) -> Result<Found, Error> {
        if self.holds_run() {
            return Ok(match (self.read_trial()? == *trial, self.outcome().is_file()) {
                (true, true) => Found::Finished,
                (true, false) => Found::Unfinished,
                (false, _) => Found::OtherTrial,
            });
        }
        match std::fs::read_dir(&self.path) {
            Ok(mut entries) => Ok(match entries.next() {
                Some(_) => Found::ForeignFiles,
                None => Found::Nothing,
            }),
            Err(source) if source.kind() == std::io::ErrorKind::NotFound => Ok(Found::Nothing),
            Err(source) => Err(Error::io("read", &self.path)(source)),
        }
    }

    /// Prepares the folder for a new run of `trial`; removes the files of an earlier run and nothing else.
    ///
    /// # Errors
    /// [`Io`](optlab_core::Error::Io).
    pub fn begin(&self, trial: &Trial) -> Result<(), Error> {
        create_folder(&self.path)?;
        // The old trial is removed last, so that after an interrupted clean-up the folder is still a run.
        for file in [self.outcome(), self.history(), self.environment(), self.facts()] {
            remove(&file, std::fs::remove_file(&file))?;
        }
        remove(&self.checkpoints(), std::fs::remove_dir_all(self.checkpoints()))?;
        remove(&self.trial(), std::fs::remove_file(self.trial()))?;
        create_folder(&self.checkpoints())?;
        json_file::write(&self.trial(), trial)
    }

    /// Writes what the model and later predictions need to know of the training data.
    ///
    /// # Errors
    /// [`Io`](optlab_core::Error::Io).
    pub fn write_facts(&self, facts: &impl Serialize) -> Result<(), Error> {
        json_file::write(&self.facts(), facts)
    }

    /// Reads the facts of the training data; `None` for a run from before they were written.
    ///
    /// # Errors
    /// [`Io`](optlab_core::Error::Io); [`File`](optlab_core::Error::File) for a damaged file.
    pub fn read_facts<F: DeserializeOwned>(&self) -> Result<Option<F>, Error> {
        json_file::read_if_there(&self.facts())
    }

    /// Reads the trial of the run.
    ///
    /// # Errors
    /// [`Io`](optlab_core::Error::Io); [`File`](optlab_core::Error::File) for a damaged file.
    pub fn read_trial(&self) -> Result<Trial, Error> {
        json_file::read(&self.trial())
    }

    /// Removes the checkpoints of an ended run whose measurements alone are to be kept.
    ///
    /// # Errors
    /// [`Io`](optlab_core::Error::Io).
    pub fn remove_checkpoints(&self) -> Result<(), Error> {
        remove(&self.checkpoints(), std::fs::remove_dir_all(self.checkpoints()))
    }

    /// Reads the outcome of the run; `None` if it has not ended.
    ///
    /// # Errors
    /// [`Io`](optlab_core::Error::Io); [`File`](optlab_core::Error::File) for a damaged file.
    pub fn read_outcome(&self) -> Result<Option<Outcome>, Error> {
        json_file::read_if_there(&self.outcome())
    }

    /// Writes the outcome of the run.
    ///
    /// # Errors
    /// [`Io`](optlab_core::Error::Io).
    pub fn write_outcome(&self, outcome: &Outcome) -> Result<(), Error> {
        json_file::write(&self.outcome(), outcome)
    }
}

fn remove(path: &Path, result: std::io::Result<()>) -> Result<(), Error> {
    match result {
        Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
            Err(Error::io("remove", path)(source))
        }
        _ => Ok(()),
    }
}

/// Creates a folder and its parent folders.
///
/// # Errors
/// [`Io`](optlab_core::Error::Io).
pub fn create_folder(path: &Path) -> Result<(), Error> {
    std::fs::create_dir_all(path).map_err(Error::io("create", path))
}
