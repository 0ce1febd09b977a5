//! Refuses a folder that belongs to another plan, or to no comparison.

use crate::Error;
use crate::plan::entry::{Entry, Stage};
use crate::plan::tuning::FIRST_SEED;
use crate::run::folder::Folder;
use crate::run::folder::about::ABOUT;
use crate::run::folder::list::{TRIALS, ids};
use optlab_train::problem::WorkloadSpec;
use optlab_train::train::RunDirectory;
use std::path::Path;

/// Refuses a folder with other files, so that a comparison does not fill a user's own folder, for example the
/// working directory.
pub(super) fn foreign_files(path: &Path) -> Result<(), Error> {
    if path.join(TRIALS).exists() || path.join(ABOUT).exists() {
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
pub(crate) fn other_version(path: &Path, there: &[Entry], wanted: &[&WorkloadSpec]) -> Result<(), Error> {
    let differs = |entry: &Entry| {
        let there = &entry.trial.workload;
        let now = wanted.iter().find(|now| now.name == there.name)?;
        (now.version != there.version).then_some((there.clone(), (*now).clone()))
    };
    let Some((there, now)) = there.iter().find_map(differs) else { return Ok(()) };
    let named = |version: Option<String>| version.unwrap_or_else(|| "none".into());
    Err(Error::usage(format!(
        "{} holds trials of version {} of workload `{}`, which is now of version {}: its code, its data or its \
         model changed; choose another output folder",
        path.display(),
        named(there.version),
        there.name,
        named(now.version)
    )))
}

/// Returns whether a listed trial is a final one of an arm that `wanted` tunes: it may change with the
/// tuning.
pub(super) fn may_be_replaced(entry: &Entry, wanted: &[Entry]) -> bool {
    let of_arm = |other: &&Entry| other.arm == entry.arm && other.trial.workload == entry.trial.workload;
    entry.stage == Stage::Final && wanted.iter().find(of_arm).is_some_and(|other| other.stage != Stage::Final)
}

impl Folder {
    /// Refuses a plan that lacks a trial with a result in the folder. `there` are its listed trials,
    /// `unlisted` the names of its other runs.
    pub(super) fn refuse_other_plan(
        &self,
        there: &[Entry],
        unlisted: &[String],
        wanted: &[Entry],
    ) -> Result<(), Error> {
        let known = ids(wanted);
        // A trial without an outcome has no result to lose.
        let has_ended = |id: &String| self.has_ended(id);
        let listed = there.iter().filter(|entry| !may_be_replaced(entry, wanted));
        let listed = listed.map(|entry| entry.trial.id());
        let mut others: Vec<String> = listed.filter(|id| !known.contains(id) && has_ended(id)).collect();
        let unlisted = unlisted.iter().filter(|id| !known.contains(*id) && has_ended(id));
        // A damaged trial can neither be reported nor repeated.
        let is_whole = |id: &&String| RunDirectory::new(self.runs().join(id)).read_trial().is_ok();
        others.extend(unlisted.filter(is_whole).filter(|id| !self.may_be_final(id, wanted)).cloned());
        match others.first() {
            None => Ok(()),
            Some(first) => Err(Error::usage(format!(
                "{} holds another plan's comparison: {} of its trials ({first}, …) are not in this plan; choose \
                 another output folder or a plan that holds them too",
                self.path().display(),
                others.len(),
            ))),
        }
    }

    /// Returns whether the unlisted run called `id` may be a final one of an arm that `wanted` tunes. The
    /// name of its arm is not known.
    pub(super) fn may_be_final(&self, id: &str, wanted: &[Entry]) -> bool {
        let Ok(trial) = RunDirectory::new(self.runs().join(id)).read_trial() else { return false };
        let is_tuned = |other: &Entry| other.stage != Stage::Final && other.trial.workload == trial.workload;
        trial.seed < FIRST_SEED && wanted.iter().any(is_tuned)
    }
}
