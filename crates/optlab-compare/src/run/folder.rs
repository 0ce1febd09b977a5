//! The folder of a comparison on disk.
//!
//! ```text
//! OUT/plan.toml               the plan, with defaults written out; `optlab compare OUT/plan.toml` repeats it
//! OUT/trials.jsonl            its trials, one per line with a checksum, in the plan's order
//! OUT/comparison.json         its kind, and the command lines that worked on it
//! OUT/runs/<trial's id>/      trial.json, history.jsonl, outcome.json, checkpoints/, stderr.txt if not empty
//! OUT/replaced/<trial's id>/  runs that more tuning replaced; they return if they are wanted again
//! OUT/.lock                   locked by the command that works here, and names it
//! ```
//!
//! A folder belongs to its trials. A plan can resume in it if the plan has all of them, so seeds, optimizers,
//! workloads and tuning trials can be added; a plan that lacks one of them is another comparison and is
//! refused.
//!
//! Each row is on the disk before the next one begins, so after a kill or a power failure a reader finds the
//! rows up to some point and none after it. The same command resumes from each of these states.
//!
//! | a command writes | a reader who finds it as the last row |
//! |:-----------------|:--------------------------------------|
//! | `OUT/`, its new parents, `.lock` | an empty folder |
//! | `trials.jsonl`, all trials of the old plan and the new one | trials that have not run |
//! | `comparison.json`, `plan.toml` | the plan; the list has all of its trials |
//! | `replaced/ID`, out of `runs/` | a listed trial that counts as not run |
//! | `trials.jsonl`, only the trials of the plan | `runs/` without unlisted runs |
//! | a line of `trials.jsonl`, for a trial that depends on results | a trial that has not run |
//! | `runs/ID/trial.json`, the name `ID` in `runs/` | a run that has not begun |
//! | `runs/ID/…` by the worker | a run that resumes from its newest checkpoint |
//! | `runs/ID/history.jsonl` of a pruned run, by the runner | a run that begins anew and is pruned again |
//! | `runs/ID/outcome.json` | a result, and all that it depends on |
//! | a line of `trials.jsonl` that depends on this result | a trial that has not run |

mod about;
mod ended;
mod line;
mod list;
mod refuse;
mod remains;
mod replaced;

pub use crate::plan::PLAN;
pub use about::{About, Invocation, Kind, read_about};
pub use ended::{Ended, ended, read_outcome};
pub use list::{holds_trials, read_all_entries, read_entries};
pub(crate) use refuse::other_version as refuse_other_version;

use crate::Error;
use crate::plan::entry::Entry;
use about::{ABOUT, about_if_there};
use list::{RUNS, TRIALS, ids, unlisted_runs};
use optlab_train::files::owner::{Left, Ownership};
use optlab_train::files::{disk, json_file};
use optlab_train::train::{Outcome, RunDirectory, Trial};
use std::collections::HashSet;
use std::path::{Path, PathBuf};

/// A comparison's folder, locked by this process until it is dropped.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    ownership: Ownership,
    /// The number of runs that the list lacked when the folder was claimed.
    unlisted: usize,
}

/// The trials that a folder is claimed for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Claim<'a> {
    /// The purpose of the trials.
    pub kind: Kind,
    /// The plan as TOML.
    pub plan: &'a str,
    /// The trials that are known from the start.
    pub entries: &'a [Entry],
    /// Whether the command finds its other trials while it runs. It then keeps the folder's unlisted runs
    /// until it calls [`put_away_unlisted`](Folder::put_away_unlisted).
    pub is_growing: bool,
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
    /// trials of another version of a workload, is of another kind, has files but no comparison, is in use by
    /// another process, or its file system has no locks; [`Io`](optlab_core::Error::Io), for example for a
    /// read-only folder.
    pub fn claim(
        path: &Path,
        kind: Kind,
        plan: &str,
        entries: &[Entry],
        invocation: &Invocation,
    ) -> Result<Self, Error> {
        Self::claim_for(path, &Claim { kind, plan, entries, is_growing: false }, invocation)
    }

    /// Does the same as [`claim`](Self::claim), also for a command that finds its trials while it runs.
    pub(crate) fn claim_for(path: &Path, claim: &Claim, invocation: &Invocation) -> Result<Self, Error> {
        let &Claim { kind, plan, entries, is_growing } = claim;
        disk::create_folder(path)?;
        refuse::foreign_files(path)?;
        let (ownership, left) = Ownership::take(path, &invocation.command)?;
        let mut folder = Folder { path: path.into(), ownership, unlisted: 0 };
        let there = if holds_trials(path) { read_entries(path)? } else { Vec::new() };
        let about = about_if_there(path)?;
        if let Some(about) = about.as_ref().filter(|about| about.kind != kind && !there.is_empty()) {
            let (path, there) = (path.display(), about.kind);
            return Err(Error::usage(format!(
                "{path} is the folder of a {there}, not of a {kind}; choose another"
            )));
        }
        let workloads: Vec<_> = entries.iter().map(|entry| &entry.trial.workload).collect();
        refuse_other_version(path, &there, &workloads)?;
        let unlisted = unlisted_runs(path, &ids(&there))?;
        // A command that grows its list comes across its unlisted runs.
        let strange: &[String] = if is_growing { &[] } else { &unlisted };
        folder.refuse_other_plan(&there, strange, entries)?;
        folder.unlisted = unlisted.len();
        folder.remove_old_unfinished_files()?;
        if left == Left::Suddenly {
            folder.remove_remains_of_runs(&there)?;
        }
        // The plan never has a trial that is not listed: it changes while the list has the trials of both.
        let known = ids(entries);
        let others = there.iter().filter(|entry| !known.contains(&entry.trial.id()));
        let (kept, dropped): (Vec<&Entry>, Vec<&Entry>) =
            others.partition(|entry| refuse::may_be_replaced(entry, entries));
        folder.write_list(entries.iter().chain(kept.iter().copied()).chain(dropped.iter().copied()))?;
        let mut about = about.unwrap_or_default();
        about.kind = kind;
        if about.invocations.last() != Some(invocation) {
            about.invocations.push(invocation.clone());
        }
        json_file::write(&path.join(ABOUT), &about)?;
        disk::replace(&path.join(PLAN), plan.as_bytes())?;
        disk::create_folder(&folder.runs())?;
        if !dropped.is_empty() {
            let dropped: HashSet<String> = dropped.iter().map(|entry| entry.trial.id()).collect();
            folder.put_away(|id| dropped.contains(id))?;
            folder.write_list(entries.iter().chain(kept.iter().copied()))?;
        }
        folder.bring_back(&known)?;
        if !strange.is_empty() {
            // Final trials of tuned arms are listed when their tuning is known.
            let returns = |id: &str| known.contains(id) || folder.may_be_final(id, entries);
            folder.put_away(|id| strange.iter().any(|it| it == id) && !returns(id))?;
        }
        Ok(folder)
    }

    /// Returns the path of the folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn runs(&self) -> PathBuf {
        self.path.join(RUNS)
    }

    /// Returns whether the run called `id` has left an outcome, which need not be one that can be believed.
    fn has_ended(&self, id: &str) -> bool {
        self.runs().join(id).join("outcome.json").exists()
    }

    /// Checks that the folder is still the one that this process locked.
    ///
    /// # Errors
    /// [`File`](optlab_core::Error::File) if it was removed or replaced.
    pub fn check_in_place(&self) -> Result<(), Error> {
        if self.ownership.is_in_place() {
            return Ok(());
        }
        Err(Error::file(&self.path, "the folder was removed or replaced while its trials were running"))
    }

    /// Returns a sentence about the runs that the list lacked when the folder was claimed, if there were any.
    pub fn note(&self) -> Option<String> {
        let (count, path) = (self.unlisted, self.path.display());
        (count > 0).then(|| {
            format!(
                "{path}/{TRIALS} lacked {count} of the trials whose runs are in {path}/{RUNS}: the trials of the plan \
                 are listed again, and the other runs move to {path}/replaced"
            )
        })
    }

    /// Replaces the list of the folder's trials. The runs of other trials move to `replaced/`.
    ///
    /// # Errors
    /// [`Io`](optlab_core::Error::Io); the error of [`check_in_place`](Self::check_in_place).
    pub fn write_entries(&self, entries: &[Entry]) -> Result<(), Error> {
        self.check_in_place()?;
        let listed = ids(entries);
        self.put_away(|id| !listed.contains(id))?;
        self.write_list(entries)?;
        self.bring_back(&listed)
    }

    /// Replaces the list of the folder's trials by a longer one. Runs that are not listed stay.
    ///
    /// # Errors
    /// [`Io`](optlab_core::Error::Io); the error of [`check_in_place`](Self::check_in_place).
    pub(crate) fn extend_entries(&self, entries: &[Entry]) -> Result<(), Error> {
        self.check_in_place()?;
        self.write_list(entries)?;
        self.bring_back(&ids(entries))
    }

    fn write_list<'a>(&self, entries: impl IntoIterator<Item = &'a Entry>) -> Result<(), Error> {
        disk::replace(&self.path.join(TRIALS), &self.lines(entries)?)
    }

    fn lines<'a>(&self, entries: impl IntoIterator<Item = &'a Entry>) -> Result<Vec<u8>, Error> {
        let broken = |reason| json_file::broken(&self.path.join(TRIALS), &reason);
        let lines: Result<String, _> = entries.into_iter().map(line::of).collect();
        Ok(lines.map_err(broken)?.into_bytes())
    }

    /// Appends trials to the list of the folder's trials.
    ///
    /// # Errors
    /// [`Io`](optlab_core::Error::Io); the error of [`check_in_place`](Self::check_in_place).
    pub fn append(&self, entries: &[Entry]) -> Result<(), Error> {
        self.check_in_place()?;
        disk::append(&self.path.join(TRIALS), &self.lines(entries)?)?;
        self.bring_back(&ids(entries))
    }

    /// Moves the runs of trials that are not listed to `replaced/`.
    ///
    /// # Errors
    /// [`Io`](optlab_core::Error::Io); the errors of [`read_entries`].
    pub(crate) fn put_away_unlisted(&self) -> Result<(), Error> {
        let listed = ids(&read_entries(&self.path)?);
        self.put_away(|id| !listed.contains(id))
    }

    /// Returns the folder of a trial's run.
    pub fn run_dir(&self, trial: &Trial) -> PathBuf {
        run_dir(&self.path, trial)
    }

    /// Returns the outcome of `trial`; `None` if its run has not ended, or not with an outcome that can be
    /// believed.
    ///
    /// # Errors
    /// [`Io`](optlab_core::Error::Io) for a file that exists but cannot be read.
    pub fn read_outcome(&self, trial: &Trial) -> Result<Option<Outcome>, Error> {
        read_outcome(&self.run_dir(trial), trial)
    }

    /// Creates the folder of a trial's run, with its `trial.json`, and removes what a killed worker left
    /// unfinished there.
    ///
    /// # Errors
    /// [`File`](optlab_core::Error::File) if the folder holds another trial; [`Io`](optlab_core::Error::Io);
    /// the error of [`check_in_place`](Self::check_in_place).
    pub fn prepare_run(&self, trial: &Trial) -> Result<PathBuf, Error> {
        self.check_in_place()?;
        let run_dir = self.run_dir(trial);
        let run = RunDirectory::new(&run_dir);
        if run.holds_run() {
            match run.read_trial() {
                Ok(theirs) if theirs.is_same_as(trial) => disk::remove_unfinished(&run_dir)?,
                Ok(_) => {
                    let reason = "is not the trial that belongs here; move its folder away";
                    return Err(Error::file(run_dir.join("trial.json"), reason));
                }
                // Damaged: nothing says that the other files belong to the trial.
                Err(_) => run.start_over(trial)?,
            }
            return Ok(run_dir);
        }
        // Not its parents: a folder that was removed must not come back.
        disk::create_only_folder(&run_dir)?;
        json_file::write(&run_dir.join("trial.json"), trial)?;
        Ok(run_dir)
    }
}

/// Returns the folder of a trial's run in the comparison at `path`.
pub fn run_dir(path: &Path, trial: &Trial) -> PathBuf {
    path.join(RUNS).join(trial.id())
}

#[cfg(all(test, unix))]
mod tests;
