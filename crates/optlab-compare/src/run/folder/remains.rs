//! Removes the remains of killed processes: unfinished files, and folders of runs that had not begun.

use crate::Error;
use crate::plan::entry::{Entry, Stage};
use crate::run::folder::Folder;
use crate::run::folder::list::names;
use optlab_train::files::disk;
use optlab_train::train::RunDirectory;
use std::collections::HashSet;
use std::io::ErrorKind;
use std::time::{Duration, SystemTime};

/// The age from which an unfinished file in the folder itself belongs to no living process: `optlab report`
/// writes there without the lock.
const OLD: Duration = Duration::from_secs(60);

impl Folder {
    /// Removes old unfinished files from the folder itself.
    ///
    /// # Errors
    /// [`Io`](optlab_core::Error::Io).
    pub(super) fn remove_old_unfinished_files(&self) -> Result<(), Error> {
        let now = SystemTime::now();
        for name in names(self.path())?.iter().filter(|name| name.starts_with(disk::UNFINISHED)) {
            let path = self.path().join(name);
            let written = std::fs::metadata(&path).and_then(|metadata| metadata.modified());
            let age = written.ok().and_then(|written| now.duration_since(written).ok());
            if age.is_some_and(|age| age >= OLD) {
                disk::remove(&path)?;
            }
        }
        Ok(())
    }

    /// Removes the remains of a killed command from the folders of its runs.
    ///
    /// # Errors
    /// [`Io`](optlab_core::Error::Io).
    pub(super) fn remove_remains_of_runs(&self, entries: &[Entry]) -> Result<(), Error> {
        let is_tuning = |entry: &&Entry| entry.stage != Stage::Final;
        let tuning: HashSet<String> =
            entries.iter().filter(is_tuning).map(|entry| entry.trial.id()).collect();
        for name in names(&self.runs())? {
            let path = self.runs().join(&name);
            if !path.is_dir() {
                continue;
            }
            disk::remove_unfinished(&path)?;
            let stderr = path.join("stderr.txt");
            if std::fs::metadata(&stderr).is_ok_and(|metadata| metadata.len() == 0) {
                disk::remove(&stderr)?;
            }
            // A tuning trial that ended keeps no checkpoint.
            let run = RunDirectory::new(&path);
            if tuning.contains(&name) && run.read_outcome().is_ok_and(|outcome| outcome.is_some()) {
                run.remove_checkpoints()?;
            }
            match std::fs::remove_dir(&path) {
                // It was made for a run that had not begun.
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::DirectoryNotEmpty => {}
                Err(error) => return Err(Error::io("remove", path)(error)),
            }
        }
        Ok(())
    }
}
