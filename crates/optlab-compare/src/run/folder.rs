//! The folder of a comparison on disk.
//!
//! ```text
//! OUT/plan.toml            the plan, with defaults written out; `optlab compare OUT/plan.toml` repeats it
//! OUT/trials.jsonl         its trials, one per line, in the plan's order
//! OUT/comparison.json      its kind, and the command lines that worked on it
//! OUT/runs/<trial's id>/   trial.json, history.jsonl, outcome.json, checkpoints/, stderr.txt if not empty
//! ```
//!
//! A folder belongs to its trials. A plan can resume in it if the plan has all of them, so seeds, optimizers,
//! workloads and tuning trials can be added; a plan that lacks one of them is another comparison and is
//! refused.

use crate::Error;
use crate::plan::entry::{Entry, Stage};
use optlab_core::bounded_file::{self, Lines, SMALL};
use optlab_train::files::{atomic_file, json_file};
use optlab_train::train::{Outcome, RunDirectory, Trial};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

const TRIALS: &str = "trials.jsonl";
const ABOUT: &str = "comparison.json";

pub use crate::plan::PLAN;

/// The purpose of a folder's trials.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// To compare arms.
    #[default]
    Comparison,
    /// To find the best settings of one optimizer.
    Study,
    /// To find the best optimizer within a time limit.
    Recommendation,
    /// To compare an arm with itself.
    Calibration,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::Comparison => "comparison",
            Kind::Study => "study",
            Kind::Recommendation => "recommendation",
            Kind::Calibration => "calibration",
        })
    }
}

/// One command that worked on a comparison.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invocation {
    /// The command line.
    pub command: String,
    /// Number of trials that ran at once; more than one disturb each other's times.
    pub jobs: usize,
    /// Whether trials that ran at once were each pinned to their own processors.
    #[serde(default)]
    pub is_pinned: bool,
    /// Whether the final trials ran one at a time, regardless of `jobs`.
    #[serde(default)]
    pub is_timed_alone: bool,
    /// The commit of the repository in which the command was given, with `+` if files in it differed from the
    /// commit.
    #[serde(default)]
    pub commit: Option<String>,
}

/// The facts about a folder besides its trials.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct About {
    /// The purpose of its trials.
    #[serde(default)]
    pub kind: Kind,
    /// The command lines that worked on it, the latest last.
    pub invocations: Vec<Invocation>,
}

/// A comparison's folder, locked by this process until it is dropped.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    lock: File,
}

impl Drop for Folder {
    fn drop(&mut self) {
        // Closing the file would unlock it too, but not while a worker that is just starting still shares it.
        // A failure to unlock is harmless, since the lock ends with the process.
        drop(self.lock.unlock());
    }
}

impl Folder {
    /// Creates the comparison folder at `path`, or resumes it if it already belongs to this plan. `plan` is
    /// the plan as TOML, `entries` are its trials.
    ///
    /// More tuning can select other settings, so a tuned arm's old final trials may be missing in `entries`:
    /// they stay until [`write_entries`](Self::write_entries) replaces the list.
    ///
    /// # Errors
    /// [`Usage`](optlab_core::Error::Usage) if the folder holds another trial that is not in `entries` or
    /// trials of another version of a workload, is of another kind, has files but no comparison, or is in use
    /// by another process; [`Io`](optlab_core::Error::Io), for example for a read-only folder.
    pub fn claim(
        path: &Path,
        kind: Kind,
        plan: &str,
        entries: &[Entry],
        invocation: &Invocation,
    ) -> Result<Self, Error> {
        std::fs::create_dir_all(path).map_err(Error::io("create", path))?;
        refuse_foreign_files(path)?;
        let folder = Folder { path: path.into(), lock: lock(path)? };
        let there = match path.join(TRIALS).exists() {
            true => read_entries(path)?,
            false => Vec::new(),
        };
        let mut about = read_about(path)?;
        if about.kind != kind && !there.is_empty() {
            let (path, there) = (path.display(), about.kind);
            return Err(Error::usage(format!(
                "{path} is the folder of a {there}, not of a {kind}; choose another"
            )));
        }
        refuse_other_version(path, &there, entries)?;
        refuse_other_plan(path, &there, entries)?;
        // The old final trials of tuned arms stay until the new ones are known.
        let known: HashSet<String> = entries.iter().map(|entry| entry.trial.id()).collect();
        let kept = there
            .into_iter()
            .filter(|entry| !known.contains(&entry.trial.id()) && may_be_replaced(entry, entries));
        folder.write_entries(&entries.iter().cloned().chain(kept).collect::<Vec<_>>())?;
        atomic_file::write(&path.join(PLAN), plan.as_bytes())?;
        about.kind = kind;
        if about.invocations.last() != Some(invocation) {
            about.invocations.push(invocation.clone());
        }
        json_file::write(&path.join(ABOUT), &about)?;
        Ok(folder)
    }

    /// Returns the path of the folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Replaces the list of the folder's trials.
    ///
    /// # Errors
    /// [`Io`](optlab_core::Error::Io).
    pub fn write_entries(&self, entries: &[Entry]) -> Result<(), Error> {
        let mut lines = Vec::new();
        for entry in entries {
            lines.extend(to_json(entry, &self.path)?);
            lines.push(b'\n');
        }
        atomic_file::write(&self.path.join(TRIALS), &lines)
    }

    /// Appends a trial to the list of the folder's trials.
    ///
    /// # Errors
    /// [`Io`](optlab_core::Error::Io).
    pub fn append(&self, entry: &Entry) -> Result<(), Error> {
        let path = self.path.join(TRIALS);
        let mut line = to_json(entry, &path)?;
        line.push(b'\n');
        let file = OpenOptions::new().create(true).append(true).open(&path);
        // A single write, so that a crash can cut short only the last line.
        file.and_then(|mut file| file.write_all(&line)).map_err(Error::io("write", &path))
    }

    /// Returns the folder of a trial's run.
    pub fn run_dir(&self, trial: &Trial) -> PathBuf {
        run_dir(&self.path, trial)
    }

    /// Returns the outcome of `trial`; `None` if its run has not ended.
    ///
    /// # Errors
    /// [`Io`](optlab_core::Error::Io) for a file that exists but cannot be read.
    pub fn read_outcome(&self, trial: &Trial) -> Result<Option<Outcome>, Error> {
        read_outcome(&self.run_dir(trial), trial)
    }

    /// Creates the folder of a trial's run, with its `trial.json`.
    ///
    /// # Errors
    /// [`File`](optlab_core::Error::File) if the folder holds another trial; [`Io`](optlab_core::Error::Io).
    pub fn prepare_run(&self, trial: &Trial) -> Result<PathBuf, Error> {
        let run_dir = self.run_dir(trial);
        let path = run_dir.join("trial.json");
        std::fs::create_dir_all(&run_dir).map_err(Error::io("create", &run_dir))?;
        if path.exists() {
            if !holds_trial(&path, trial)? {
                let reason = "is not the trial that belongs here; move its folder away";
                return Err(Error::file(path, reason));
            }
            return Ok(run_dir);
        }
        json_file::write(&path, trial)?;
        Ok(run_dir)
    }
}

/// Returns whether the folder at `path` holds the trials of a comparison, a study or the like.
pub fn holds_trials(path: &Path) -> bool {
    path.join(TRIALS).is_file()
}

/// Returns the folder of a trial's run in the comparison at `path`.
pub fn run_dir(path: &Path, trial: &Trial) -> PathBuf {
    path.join("runs").join(trial.id())
}

/// Returns the outcome of `trial` from `run_dir`; `None` if its run has not ended, or the folder holds
/// another trial.
///
/// # Errors
/// [`Io`](optlab_core::Error::Io) for a file that exists but cannot be read.
pub fn read_outcome(run_dir: &Path, trial: &Trial) -> Result<Option<Outcome>, Error> {
    let path = run_dir.join("outcome.json");
    let text = match bounded_file::read(&path, SMALL) {
        Ok(text) => text,
        Err(error) if bounded_file::is_missing(&error) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    match serde_json::from_slice(&text) {
        Ok(outcome) if holds_trial(&run_dir.join("trial.json"), trial)? => Ok(Some(outcome)),
        // Damaged: the run resumes from its last checkpoint and writes the outcome again.
        _ => Ok(None),
    }
}

/// Reads the trials of the comparison in `folder`, in the plan's order. Skips a last line that a crash cut
/// short.
///
/// # Errors
/// [`File`](optlab_core::Error::File) if there is no comparison, or a line is not a trial;
/// [`Io`](optlab_core::Error::Io).
pub fn read_entries(folder: &Path) -> Result<Vec<Entry>, Error> {
    let path = folder.join(TRIALS);
    let mut lines = match Lines::open(&path) {
        Ok(lines) => lines,
        Err(error) if bounded_file::is_missing(&error) => {
            let reason = match folder.try_exists() {
                Ok(false) => "no such folder",
                _ if RunDirectory::new(folder).holds_run() => "holds a run and no comparison",
                _ => "holds no comparison",
            };
            return Err(Error::file(folder, reason));
        }
        Err(error) => return Err(error.into()),
    };
    let mut entries = Vec::new();
    while let Some((number, line)) = lines.next_line()? {
        match serde_json::from_slice(line) {
            Ok(entry) => entries.push(entry),
            Err(_) if !line.ends_with(b"\n") => {}
            Err(reason) => {
                let reason = reason.to_string();
                // The place within the line helps nobody who has not written it.
                let reason = reason.split(" at line ").next().unwrap_or(&reason);
                let reason = format!("line {number}: {reason}");
                return Err(Error::file(path, reason));
            }
        }
    }
    Ok(entries)
}

/// Reads the purpose of the trials of the comparison at `path`, and the command lines that worked on it.
///
/// # Errors
/// [`File`](optlab_core::Error::File) for a damaged file; [`Io`](optlab_core::Error::Io).
pub fn read_about(path: &Path) -> Result<About, Error> {
    let file: Option<About> = json_file::read_if_there(&path.join(ABOUT))?;
    Ok(file.unwrap_or_default())
}

/// Refuses a folder with other files, so that a comparison does not fill a user's own folder, for example the
/// working directory.
fn refuse_foreign_files(path: &Path) -> Result<(), Error> {
    if path.join(TRIALS).exists() {
        return Ok(());
    }
    for entry in std::fs::read_dir(path).map_err(Error::io("read", path))? {
        let name = entry.map_err(Error::io("read", path))?.file_name();
        // Hidden files are the lock, or unfinished files of an interrupted first attempt.
        if !name.to_string_lossy().starts_with('.') {
            return Err(Error::usage(format!(
                "{} is not empty and holds no comparison; choose another output folder",
                path.display()
            )));
        }
    }
    Ok(())
}

/// Refuses a folder with trials of another version of a workload, which must not be compared with new ones.
fn refuse_other_version(path: &Path, there: &[Entry], wanted: &[Entry]) -> Result<(), Error> {
    let versions = |entries: &[Entry]| -> BTreeMap<String, Option<String>> {
        let spec = |entry: &Entry| (entry.trial.workload.name.clone(), entry.trial.workload.version.clone());
        entries.iter().map(spec).collect()
    };
    let (old, new) = (versions(there), versions(wanted));
    let is_other =
        |(name, version): &(&String, &Option<String>)| new.get(*name).is_some_and(|now| now != *version);
    let Some((name, version)) = old.iter().find(is_other) else { return Ok(()) };
    let named = |version: Option<&String>| version.cloned().unwrap_or_else(|| "none".into());
    Err(Error::usage(format!(
        "{} holds trials of version {} of workload `{name}`, which is now of version {}: its code, its data or its \
         model changed; choose another output folder",
        path.display(),
        named(version.as_ref()),
        named(new[name].as_ref())
    )))
}

/// Returns whether `entry` is a final trial of an arm that `wanted` tunes: it may change with the tuning.
fn may_be_replaced(entry: &Entry, wanted: &[Entry]) -> bool {
    let of_arm = |other: &&Entry| other.arm == entry.arm && other.trial.workload == entry.trial.workload;
    entry.stage == Stage::Final && wanted.iter().find(of_arm).is_some_and(|other| other.stage != Stage::Final)
}

/// Refuses a plan that lacks a trial with a result in the folder.
fn refuse_other_plan(path: &Path, there: &[Entry], wanted: &[Entry]) -> Result<(), Error> {
    let ids: HashSet<String> = wanted.iter().map(|entry| entry.trial.id()).collect();
    // A trial without an outcome has no result to lose.
    let has_ended = |entry: &Entry| run_dir(path, &entry.trial).join("outcome.json").exists();
    let is_other = |entry: &&Entry| {
        !ids.contains(&entry.trial.id()) && !may_be_replaced(entry, wanted) && has_ended(entry)
    };
    let others: Vec<&Entry> = there.iter().filter(is_other).collect();
    match others.first() {
        None => Ok(()),
        Some(first) => Err(Error::usage(format!(
            "{} holds another plan's comparison: {} of its trials ({}, …) are not in this plan; choose another \
             output folder or a plan that holds them too",
            path.display(),
            others.len(),
            first.trial.id()
        ))),
    }
}

fn lock(path: &Path) -> Result<File, Error> {
    let path = path.join(".lock");
    let file = File::create(&path).map_err(Error::io("write", &path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Error::usage(format!(
            "another process is working on the comparison in {}",
            path.parent().unwrap_or(&path).display()
        ))),
        // Some file systems have no locks; the folder can be used there all the same.
        Err(TryLockError::Error(error)) if error.kind() == ErrorKind::Unsupported => Ok(file),
        Err(TryLockError::Error(error)) => Err(Error::io("lock", path)(error)),
    }
}

/// Returns whether the file at `path` holds `trial`.
fn holds_trial(path: &Path, trial: &Trial) -> Result<bool, Error> {
    let text = match bounded_file::read(path, SMALL) {
        Ok(text) => text,
        Err(error) if bounded_file::is_missing(&error) => return Ok(false),
        Err(error) => return Err(error.into()),
    };
    Ok(serde_json::from_slice::<Trial>(&text).is_ok_and(|theirs| theirs == *trial))
}

fn to_json(value: &impl Serialize, path: &Path) -> Result<Vec<u8>, Error> {
    serde_json::to_vec(value).map_err(|reason| json_file::broken(path, &reason))
}
