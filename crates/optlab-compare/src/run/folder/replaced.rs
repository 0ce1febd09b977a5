//! The runs of trials that left the list: kept in `replaced/`, so that `runs/` holds only listed ones.

use crate::Error;
use crate::run::folder::Folder;
use crate::run::folder::list::names;
use optlab_train::files::disk;
use optlab_train::train::RunDirectory;
use std::collections::HashSet;
use std::path::{Path, PathBuf};

/// The folder of the runs of trials that left the list.
const REPLACED: &str = "replaced";

impl Folder {
    pub(super) fn replaced(&self) -> PathBuf {
        self.path().join(REPLACED)
    }

    /// Moves the runs whose names `leaves` selects from `runs/` to `replaced/`. Other folders stay.
    ///
    /// # Errors
    /// [`Io`](optlab_core::Error::Io).
    pub(super) fn put_away(&self, leaves: impl Fn(&str) -> bool) -> Result<(), Error> {
        let (runs, replaced) = (self.runs(), self.replaced());
        let is_leaving = |name: &String| leaves(name) && RunDirectory::new(runs.join(name)).holds_run();
        let leaving: Vec<String> = names(&runs)?.into_iter().filter(is_leaving).collect();
        if leaving.is_empty() {
            return Ok(());
        }
        disk::create_only_folder(&replaced)?;
        for name in &leaving {
            // An earlier one is of the same trial, so it has the same result.
            disk::remove(&replaced.join(name))?;
        }
        move_all(&leaving, &runs, &replaced)
    }

    /// Moves the runs of the trials `listed` from `replaced/` back to `runs/`, unless they were run anew.
    ///
    /// # Errors
    /// [`Io`](optlab_core::Error::Io).
    pub(super) fn bring_back(&self, listed: &HashSet<String>) -> Result<(), Error> {
        let (runs, replaced) = (self.runs(), self.replaced());
        let is_back = |name: &String| listed.contains(name) && !runs.join(name).exists();
        let back: Vec<String> = names(&replaced)?.into_iter().filter(is_back).collect();
        if back.is_empty() {
            return Ok(());
        }
        move_all(&back, &replaced, &runs)
    }
}

fn move_all(names: &[String], from: &Path, to: &Path) -> Result<(), Error> {
    for name in names {
        disk::rename(&from.join(name), &to.join(name))?;
    }
    disk::synchronize_folder(to)?;
    disk::synchronize_folder(from)
}
