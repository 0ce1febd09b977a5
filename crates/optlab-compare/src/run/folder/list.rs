//! The list of a folder's trials, and whether it is whole.

use crate::Error;
use crate::plan::entry::{Entry, Stage};
use crate::plan::{PLAN, Plan};
use crate::run::folder::about::{Kind, read_about};
use crate::run::folder::line;
use optlab_core::bounded_file::{self, Lines};
use optlab_train::files::disk;
use optlab_train::train::{RunDirectory, Trial};
use std::collections::HashSet;
use std::path::{Path, PathBuf};

/// The file of the list.
pub(super) const TRIALS: &str = "trials.jsonl";

/// The folder of the runs of the listed trials.
pub(super) const RUNS: &str = "runs";

/// Returns whether the folder at `path` holds the trials of a comparison, a study or the like.
pub fn holds_trials(path: &Path) -> bool {
    path.join(TRIALS).is_file()
}

/// Reads the trials of the comparison in `folder`, in the plan's order, whether or not all of them are
/// listed. Skips a last line that a crash cut short, and lines that were changed after they were written.
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
        match line::read(line) {
            Ok(entry) => entries.extend(entry),
            Err(_) if !line.ends_with(b"\n") => {}
            Err(reason) => return Err(Error::file(path, format!("line {number}: {reason}"))),
        }
    }
    Ok(entries)
}

/// Reads the trials of the comparison in `folder`, in the plan's order, and checks that none is missing: each
/// run in `runs/` is listed, and so is each trial that the plan fixes.
///
/// The folder may be in use: a trial is listed before its run is made, and a run is moved away before its
/// trial leaves the list.
///
/// # Errors
/// The errors of [`read_entries`]; [`File`](optlab_core::Error::File) for a list from which lines are
/// missing, with the command that lists them again.
pub fn read_all_entries(folder: &Path) -> Result<Vec<Entry>, Error> {
    let runs = names(&folder.join(RUNS))?;
    let entries = read_entries(folder)?;
    let mut unlisted = unlisted(folder, runs, &ids(&entries));
    if !unlisted.is_empty() {
        retain_missing(&mut unlisted, folder, &entries)?;
    }
    let reason = if let Some(first) = unlisted.first() {
        let count = unlisted.len();
        format!("lacks {count} of the trials whose runs are in {RUNS}/ ({first}{})", more(count))
    } else {
        match missing(folder, &entries)? {
            0 => return Ok(entries),
            count => format!("lacks {count} of the trials of {PLAN}"),
        }
    };
    let command = read_about(folder)?.invocations.pop().map(|invocation| invocation.command);
    let command = command.map_or_else(String::new, |command| format!(": {command}"));
    let reason = format!("{reason}; the command that began it lists them again{command}");
    Err(Error::file(folder.join(TRIALS), reason))
}

fn more(count: usize) -> &'static str {
    if count > 1 { ", …" } else { "" }
}

/// Returns the runs in the folder at `path` whose trials are not listed.
///
/// # Errors
/// [`Io`](optlab_core::Error::Io).
pub(super) fn unlisted_runs(path: &Path, listed: &HashSet<String>) -> Result<Vec<String>, Error> {
    Ok(unlisted(path, names(&path.join(RUNS))?, listed))
}

fn unlisted(folder: &Path, mut runs: Vec<String>, listed: &HashSet<String>) -> Vec<String> {
    runs.retain(|name| !listed.contains(name) && RunDirectory::new(folder.join(RUNS).join(name)).holds_run());
    runs
}

/// Returns the names of the trials' runs.
pub(super) fn ids(entries: &[Entry]) -> HashSet<String> {
    entries.iter().map(|entry| entry.trial.id()).collect()
}

/// Returns the names in a folder, sorted; none if it does not exist.
pub(super) fn names(folder: &Path) -> Result<Vec<String>, Error> {
    let name = |path: &PathBuf| Some(path.file_name()?.to_string_lossy().into_owned());
    let mut names: Vec<String> = disk::entries(folder)?.iter().filter_map(name).collect();
    names.sort();
    Ok(names)
}

/// Removes from `unlisted` the runs that more tuning replaced in an older version's folder, which kept them
/// in `runs/`: final runs with a seed for which every arm has a listed final trial.
fn retain_missing(unlisted: &mut Vec<String>, folder: &Path, entries: &[Entry]) -> Result<(), Error> {
    if !folder.join(PLAN).is_file() {
        return Ok(());
    }
    let plan = Plan::of_folder(folder)?;
    if plan.tuning.trials == 0 {
        return Ok(());
    }
    let arms = plan.arm_count();
    let is_replaced = |trial: &Trial| {
        let is_beside = |entry: &&Entry| {
            let other = &entry.trial;
            let key = |of: &Trial| (of.workload.name.clone(), of.backend.clone(), of.seed);
            entry.stage == Stage::Final && key(other) == key(trial)
        };
        entries.iter().filter(is_beside).count() >= arms
    };
    unlisted.retain(|name| {
        !RunDirectory::new(folder.join(RUNS).join(name)).read_trial().is_ok_and(|trial| is_replaced(&trial))
    });
    Ok(())
}

/// Returns how many of the trials that are known from the plan alone are not listed.
fn missing(folder: &Path, entries: &[Entry]) -> Result<usize, Error> {
    if !folder.join(PLAN).is_file() {
        return Ok(0);
    }
    let numbers = || entries.iter().filter_map(|entry| number(entry.stage));
    let (listed, expected) = match read_about(folder)?.kind {
        // The final trials of tuned arms are known only after their tuning.
        Kind::Comparison | Kind::Calibration => {
            let plan = Plan::of_folder(folder)?;
            let listed = if plan.tuning.trials > 0 { numbers().count() } else { entries.len() };
            (listed, plan.known_trials()?)
        }
        // Each trial is listed when it is begun, in the order of the numbers.
        Kind::Study => (numbers().collect::<HashSet<_>>().len(), numbers().max().map_or(0, |last| last + 1)),
        Kind::Recommendation => (0, 0),
    };
    Ok(expected.saturating_sub(listed))
}

fn number(stage: Stage) -> Option<usize> {
    match stage {
        Stage::Tuning { number, .. } => Some(number),
        Stage::Final => None,
    }
}
