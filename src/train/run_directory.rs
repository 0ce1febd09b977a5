//! The folder of a run: what is in it, and how its small files are written so that none is ever half there.

use crate::error::Error;
use crate::json_file;
use crate::train::{Outcome, Trial};
use std::path::{Path, PathBuf};

/// The folder of a run.
///
/// ```text
/// trial.json         all that decides the run
/// environment.json   where it took place
/// history.jsonl      one line for each step and evaluation
/// outcome.json       how it ended; there once it has ended
/// checkpoints/       step-000100/ …
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunDirectory {
    path: PathBuf,
}

/// What a run finds in the folder that it is to use.
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
    /// Files that are no run.
    ForeignFiles,
}

impl RunDirectory {
    /// The folder at `path`, which need not exist yet.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        RunDirectory { path: path.into() }
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// `checkpoints/`
    pub fn checkpoints(&self) -> PathBuf {
        self.path.join("checkpoints")
    }

    /// `history.jsonl`
    pub fn history(&self) -> PathBuf {
        self.path.join("history.jsonl")
    }

    /// `environment.json`
    pub fn environment(&self) -> PathBuf {
        self.path.join("environment.json")
    }

    fn trial(&self) -> PathBuf {
        self.path.join("trial.json")
    }

    fn outcome(&self) -> PathBuf {
        self.path.join("outcome.json")
    }

    /// What is there already, for a run of `trial`.
    ///
    /// # Errors
    /// [`Error::Io`] if the folder cannot be read; [`Error::File`] for a damaged `trial.json`.
    pub fn find(&self, trial: &Trial) -> Result<Found, Error> {
        if self.trial().is_file() {
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

    /// Makes the folder ready for a new run of `trial`: an earlier run's files are removed, nothing else.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn begin(&self, trial: &Trial) -> Result<(), Error> {
        create_folder(&self.path)?;
        // The old trial goes last, so that what an interrupted clean-up leaves is still a run.
        for file in [self.outcome(), self.history(), self.environment()] {
            remove(&file, std::fs::remove_file(&file))?;
        }
        remove(&self.checkpoints(), std::fs::remove_dir_all(self.checkpoints()))?;
        remove(&self.trial(), std::fs::remove_file(self.trial()))?;
        create_folder(&self.checkpoints())?;
        json_file::write(&self.trial(), trial)
    }

    /// The trial of the run.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::File`] for a damaged file.
    pub fn read_trial(&self) -> Result<Trial, Error> {
        json_file::read(&self.trial())
    }

    /// Removes what a run goes on from, once it has ended and nothing of it is to be kept but what it measured.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn remove_checkpoints(&self) -> Result<(), Error> {
        remove(&self.checkpoints(), std::fs::remove_dir_all(self.checkpoints()))
    }

    /// How the run ended, if it has.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::File`] for a damaged file.
    pub fn read_outcome(&self) -> Result<Option<Outcome>, Error> {
        json_file::read_if_there(&self.outcome())
    }

    /// Writes how the run ended.
    ///
    /// # Errors
    /// [`Error::Io`].
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

/// Creates a folder and those above it.
///
/// # Errors
/// [`Error::Io`].
pub fn create_folder(path: &Path) -> Result<(), Error> {
    std::fs::create_dir_all(path).map_err(Error::io("create", path))
}
