//! The folder of a run: its files, the order in which they are written, and what each is checked against when
//! it is read. Nobody else opens a file there.

use crate::Error;
use crate::files::disk;
use crate::files::owner::{self, LOCK, Ownership};
use crate::files::{json_file, sealed_json};
use crate::train::checkpoint::{self, Checkpoint, State};
use crate::train::environment::Environment;
use crate::train::history::{self, History, Row};
use crate::train::{Outcome, Trial};
use optlab_core::bounded_file;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

const TRIAL: &str = "trial.json";
const ENVIRONMENT: &str = "environment.json";
const FACTS: &str = "facts.json";
const HISTORY: &str = "history.jsonl";
const OUTCOME: &str = "outcome.json";
const CHECKPOINTS: &str = "checkpoints";

/// The trial of a run that is being replaced. While it is there and [`TRIAL`] is not, everything else of a
/// run is to be removed.
const REPLACED: &str = ".replaced.json";

/// The folder of a run.
///
/// ```text
/// trial.json         all settings that decide the run
/// environment.json   the machine and software
/// facts.json         what the model and predictions need to know of the training data
/// history.jsonl      one line per step and evaluation
/// outcome.json       the result; exists once the run has ended
/// checkpoints/       step-000100/ …
/// .lock              locked by the process that trains the run
/// ```
///
/// A stop at any moment, also a power failure, leaves a folder from which the same command goes on:
///
/// | written, in this order | synchronized | a stop before the next row leaves |
/// |:-----------------------|:-------------|:----------------------------------|
/// | the folder, `.lock`    | the name of the folder | nothing: the run begins |
/// | `trial.json` renamed to `.replaced.json`, if the folder had a run | both names | the same, and remains that are removed |
/// | `checkpoints/`, an empty `history.jsonl`, `facts.json` | their names, the content of `facts.json` | the same |
/// | `trial.json`           | content and name | an unfinished run without a checkpoint: it trains from its first step |
/// | rows of `history.jsonl` | nothing     | the same |
/// | before a checkpoint: all rows so far | their content | the same |
/// | a checkpoint           | all of it, before the rename that makes it visible, and that | an unfinished run that resumes after the checkpoint; later rows of the history are cut off |
/// | `outcome.json`, after all rows were synchronized | content and name | a finished run |
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunDirectory {
    path: PathBuf,
}

/// What a run finds in its folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// Nothing, or remains of a run that was stopped while its folder was made.
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

/// The facts of the training data, with a name, since only an object can have a checksum.
#[derive(Debug, Serialize, Deserialize)]
struct NamedFacts<F> {
    facts: F,
}

/// What a run resumes from.
#[derive(Debug)]
pub(super) struct Resumed {
    /// The checkpoint, and its state; `None` for a run that has none.
    pub from: Option<(Checkpoint, State)>,
    /// The history up to the checkpoint.
    pub history: History,
    /// Errors of newer checkpoints that were passed over.
    pub passed_over: Vec<Error>,
}

impl Resumed {
    /// Returns what a run begins with: an empty history.
    pub fn nothing(history: History) -> Self {
        Resumed { from: None, history, passed_over: Vec::new() }
    }
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
        self.path.join(CHECKPOINTS)
    }

    /// Returns the path of `history.jsonl`.
    pub fn history(&self) -> PathBuf {
        self.path.join(HISTORY)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Returns whether the folder holds a run.
    pub fn holds_run(&self) -> bool {
        self.file(TRIAL).is_file()
    }

    /// Returns what the folder already contains, for a run of `trial`.
    ///
    /// # Errors
    /// [`Io`](optlab_core::Error::Io) if the folder cannot be read; [`File`](optlab_core::Error::File) for a
    /// damaged `trial.json`.
    pub fn find(&self, trial: &Trial) -> Result<Found, Error> {
        if self.holds_run() {
            return Ok(match (self.read_trial()?.is_same_as(trial), self.file(OUTCOME).is_file()) {
                (true, true) => Found::Finished,
                (true, false) => Found::Unfinished,
                (false, _) => Found::OtherTrial,
            });
        }
        let entries = disk::entries(&self.path)?;
        let names: Vec<&str> = entries.iter().filter_map(|path| path.file_name()?.to_str()).collect();
        let is_being_made = entries.iter().all(|path| self.is_remains(path));
        let is_being_replaced = names.contains(&REPLACED);
        Ok(if is_being_made || is_being_replaced { Found::Nothing } else { Found::ForeignFiles })
    }

    /// Returns whether a run that was stopped before it had a `trial.json` leaves this in its folder: nothing
    /// that anybody would miss.
    fn is_remains(&self, path: &Path) -> bool {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        match name {
            LOCK | FACTS => true,
            HISTORY => path.metadata().is_ok_and(|history| history.len() == 0),
            CHECKPOINTS => disk::entries(path).is_ok_and(|entries| entries.is_empty()),
            _ => name.starts_with(disk::UNFINISHED),
        }
    }

    /// Makes this process the owner of the folder, until the returned value is dropped. Then removes what an
    /// interrupted process was still writing. Creates the folder for a run that begins; that of a run that
    /// resumes must not come back, if it was removed.
    ///
    /// # Errors
    /// [`Error::InUse`] naming the owner, if the folder has one;
    /// [`Io`](optlab_core::Error::Io).
    pub(super) fn own(&self, resumes: bool) -> Result<Ownership, Error> {
        if !resumes {
            disk::create_folder(&self.path)?;
        }
        let (ownership, _) = Ownership::take(&self.path, &owner::command_line())?;
        disk::remove_unfinished(&self.path)?;
        checkpoint::clean(&self.checkpoints())?;
        if self.holds_run() {
            disk::remove(&self.file(REPLACED))?;
        }
        Ok(ownership)
    }

    /// Prepares the folder for a new run of `trial`; removes the files of an earlier run and nothing else.
    ///
    /// # Errors
    /// [`Io`](optlab_core::Error::Io).
    pub(super) fn begin<F: Serialize>(&self, trial: &Trial, facts: &F) -> Result<History, Error> {
        self.clear()?;
        disk::create_only_folder(&self.checkpoints())?;
        let history = History::create(&self.history())?;
        let text = json_file::text(trial, &self.file(TRIAL))?;
        sealed_json::write(&self.file(FACTS), &NamedFacts { facts }, &text)?;
        disk::replace(&self.file(TRIAL), &text)?;
        disk::remove(&self.file(REPLACED))?;
        Ok(history)
    }

    /// Removes the files of an earlier run, and nothing else.
    fn clear(&self) -> Result<(), Error> {
        if self.holds_run() {
            disk::rename(&self.file(TRIAL), &self.file(REPLACED))?;
            disk::synchronize_folder(&self.path)?;
        }
        [OUTCOME, HISTORY, ENVIRONMENT, FACTS, CHECKPOINTS]
            .into_iter()
            .try_for_each(|name| disk::remove(&self.file(name)))
    }

    /// Removes all that a run of `trial` has left, so that it begins anew when it is resumed.
    ///
    /// # Errors
    /// [`Io`](optlab_core::Error::Io).
    pub fn start_over(&self, trial: &Trial) -> Result<(), Error> {
        self.clear()?;
        json_file::write(&self.file(TRIAL), trial)?;
        disk::remove(&self.file(REPLACED))
    }

    /// Finds what a run of `trial` in this folder resumes from: the newest checkpoint that is whole, belongs
    /// to it, and whose history and best checkpoint are there.
    ///
    /// # Errors
    /// [`Error::Checkpoint`] if there are checkpoints and none is; [`Io`](optlab_core::Error::Io).
    pub(super) fn resume<F: Serialize>(&self, trial: &Trial, facts: &F) -> Result<Resumed, Error> {
        let mut passed_over = Vec::new();
        for step in checkpoint::steps(&self.checkpoints())?.into_iter().rev() {
            match self.resume_after(step, trial) {
                Ok((checkpoint, state, history)) => {
                    self.write_facts(facts)?;
                    return Ok(Resumed { from: Some((checkpoint, state)), history, passed_over });
                }
                Err(error) => passed_over.push(error),
            }
        }
        match passed_over.into_iter().next() {
            Some(error) => Err(error),
            None => {
                disk::create_only_folder(&self.checkpoints())?;
                self.write_facts(facts)?;
                let history = History::create(&self.history())?;
                disk::synchronize_folder(&self.path)?;
                Ok(Resumed::nothing(history))
            }
        }
    }

    fn resume_after(&self, step: usize, trial: &Trial) -> Result<(Checkpoint, State, History), Error> {
        let checkpoint = Checkpoint::at(&self.checkpoints(), step)?;
        let refuse = |reason: String| Error::Checkpoint { path: checkpoint.path().into(), reason };
        if !checkpoint.trial()?.is_same_as(trial) {
            return Err(refuse("it belongs to another trial".into()));
        }
        let state = checkpoint.state()?;
        if let Some(best) = state.best.as_ref().filter(|best| best.step != step) {
            // The run evaluates the test part with it when it ends.
            Checkpoint::at(&self.checkpoints(), best.step)?;
        }
        let history = History::resume(&self.history(), step, state.history.as_ref());
        let history = history.map_err(|error| refuse(error.to_string()))?;
        Ok((checkpoint, state, history))
    }

    fn write_facts<F: Serialize>(&self, facts: &F) -> Result<(), Error> {
        sealed_json::write(&self.file(FACTS), &NamedFacts { facts }, &self.trial_bytes()?)
    }

    /// Reads the facts of the training data; `None` for a run from before they were written.
    ///
    /// # Errors
    /// [`Io`](optlab_core::Error::Io); [`File`](optlab_core::Error::File) for a file that is damaged or
    /// belongs to another run.
    pub fn read_facts<F: DeserializeOwned>(&self) -> Result<Option<F>, Error> {
        let path = self.file(FACTS);
        if !path.exists() {
            return Ok(None);
        }
        if !sealed_json::has_checksum(&path)? {
            // From before facts had a checksum, and with it a name.
            return json_file::read(&path).map(Some);
        }
        let NamedFacts { facts } = sealed_json::read(&path, &self.trial_bytes()?)?;
        Ok(Some(facts))
    }

    /// Reads the trial of the run.
    ///
    /// # Errors
    /// [`Io`](optlab_core::Error::Io); [`File`](optlab_core::Error::File) for a damaged file.
    pub fn read_trial(&self) -> Result<Trial, Error> {
        json_file::read(&self.file(TRIAL))
    }

    fn trial_bytes(&self) -> Result<Vec<u8>, Error> {
        Ok(bounded_file::read(&self.file(TRIAL), bounded_file::SMALL)?)
    }

    /// Writes the machine and software of the run.
    ///
    /// # Errors
    /// [`Io`](optlab_core::Error::Io).
    pub(super) fn write_environment(&self, environment: &Environment) -> Result<(), Error> {
        // A power failure may take it: the run goes on without it.
        let path = self.file(ENVIRONMENT);
        disk::replace_before(&path, &json_file::text(environment, &path)?)
    }

    /// Reads the machine and software of the run; `None` if they were not written.
    ///
    /// # Errors
    /// [`Io`](optlab_core::Error::Io); [`File`](optlab_core::Error::File) for a damaged file.
    pub fn read_environment(&self) -> Result<Option<Environment>, Error> {
        json_file::read_if_there(&self.file(ENVIRONMENT))
    }

    /// Reads the evaluations of the run so far; none for a run that did not begin. Those of a run that has
    /// ended are held to what its outcome says of the history.
    ///
    /// # Errors
    /// [`Io`](optlab_core::Error::Io); [`File`](optlab_core::Error::File) for a history or an outcome that is
    /// damaged or belongs to another run.
    pub fn read_evaluations(&self) -> Result<Vec<Row>, Error> {
        let mark = self.read_outcome()?.and_then(|outcome| outcome.history);
        match history::read_evaluations(&self.history(), mark.as_ref()) {
            Err(error) if error.is_not_found() && mark.is_none() => Ok(Vec::new()),
            rows => rows,
        }
    }

    /// Reads all rows of the run so far; none for a run that did not begin. Those of a run that has ended are
    /// compared with the outcome's mark of the history.
    ///
    /// # Errors
    /// As [`read_evaluations`](Self::read_evaluations).
    pub fn read_history(&self) -> Result<Vec<Row>, Error> {
        let mark = self.read_outcome()?.and_then(|outcome| outcome.history);
        match history::read_to(&self.history(), mark.as_ref()) {
            Err(error) if error.is_not_found() && mark.is_none() => Ok(Vec::new()),
            rows => rows,
        }
    }

    /// Removes the checkpoints of an ended run whose measurements alone are to be kept.
    ///
    /// # Errors
    /// [`Io`](optlab_core::Error::Io).
    pub fn remove_checkpoints(&self) -> Result<(), Error> {
        disk::remove(&self.checkpoints())
    }

    /// Reads the outcome of the run; `None` if it has not ended.
    ///
    /// # Errors
    /// [`Io`](optlab_core::Error::Io); [`File`](optlab_core::Error::File) for a file that is damaged or
    /// belongs to another run.
    pub fn read_outcome(&self) -> Result<Option<Outcome>, Error> {
        let path = self.file(OUTCOME);
        match path.exists() {
            true => sealed_json::read(&path, &self.trial_bytes()?).map(Some),
            false => Ok(None),
        }
    }

    /// Writes the outcome of the run.
    ///
    /// # Errors
    /// [`Io`](optlab_core::Error::Io), for example if the folder was removed meanwhile.
    pub fn write_outcome(&self, outcome: &Outcome) -> Result<(), Error> {
        sealed_json::write(&self.file(OUTCOME), outcome, &self.trial_bytes()?)
    }

    /// Ends the run for its worker: writes these rows as its history, then the outcome.
    ///
    /// # Errors
    /// [`Io`](optlab_core::Error::Io), for example if the folder was removed meanwhile.
    pub fn end_with(&self, rows: &[Row], outcome: &Outcome) -> Result<Outcome, Error> {
        let mark = history::write(&self.history(), rows)?;
        let outcome = Outcome { history: Some(mark), ..outcome.clone() };
        self.write_outcome(&outcome)?;
        Ok(outcome)
    }

    /// Removes the outcome of the run, so that it is run again.
    ///
    /// # Errors
    /// [`Io`](optlab_core::Error::Io).
    pub fn remove_outcome(&self) -> Result<(), Error> {
        disk::remove(&self.file(OUTCOME))
    }
}
