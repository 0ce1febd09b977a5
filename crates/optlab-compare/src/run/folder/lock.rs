//! The lock of a folder, and who holds it.

use crate::Error;
use optlab_train::files::json_file;
use serde::{Deserialize, Serialize};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// The lock's file.
const LOCK: &str = ".lock";

/// The lock of a folder, held until it is dropped. The system releases it when the process ends, however it
/// ends.
#[derive(Debug)]
pub(super) struct Lock {
    path: PathBuf,
    file: File,
}

/// The process that holds a lock, as the lock's file says.
#[derive(Debug, Serialize, Deserialize)]
struct Holder {
    command: String,
    process: u32,
    since: String,
}

/// The state in which the last holder left the folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Left {
    /// It released the lock, or there was none.
    Orderly,
    /// It ended without releasing the lock, so files that it was writing may remain.
    Suddenly,
}

impl Lock {
    /// Takes the lock of `folder` for the command line `command`.
    ///
    /// # Errors
    /// [`Usage`](optlab_core::Error::Usage) naming the holder, if another process holds it;
    /// [`Io`](optlab_core::Error::Io) if the file cannot be written or its file system has no locks.
    pub fn take(folder: &Path, command: &str) -> Result<(Self, Left), Error> {
        let path = folder.join(LOCK);
        // Not truncated: the file names the process that may be holding the lock.
        let open = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
        let mut file = open.map_err(Error::io("write", &path))?;
        let taken = file.try_lock();
        let mut words = String::new();
        // Some systems do not let others read a locked file, or the words may be half written.
        let is_read = file.read_to_string(&mut words).is_ok();
        taken.map_err(|reason| refusal(folder, reason, words.trim()))?;
        let left = if is_read && words.is_empty() { Left::Orderly } else { Left::Suddenly };
        let since = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
        let holder = Holder { command: command.into(), process: std::process::id(), since };
        let words = serde_json::to_string(&holder).map_err(|reason| json_file::broken(&path, &reason))?;
        let mut lock = Lock { path, file };
        lock.write(&words)?;
        Ok((lock, left))
    }

    fn write(&mut self, words: &str) -> Result<(), Error> {
        use std::io::Seek;
        let written = self.file.set_len(0).and_then(|()| self.file.rewind());
        let written = written.and_then(|()| self.file.write_all(words.as_bytes()));
        written.map_err(Error::io("write", &self.path))
    }

    /// Returns whether the lock's file is still in the folder.
    pub fn is_in_place(&self) -> bool {
        let (Ok(held), Ok(there)) = (self.file.metadata(), std::fs::metadata(&self.path)) else {
            return false;
        };
        is_same_file(&held, &there)
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // If the words stay, the next holder looks for remains of this process and finds none.
        drop(self.file.set_len(0));
        // Closing the file would unlock it too, but not while a worker that is just starting still shares it.
        // A failure to unlock is harmless, since the lock ends with the process.
        drop(self.file.unlock());
    }
}

/// Returns why the lock of `folder` cannot be taken; `words` is the content of its file.
fn refusal(folder: &Path, reason: TryLockError, words: &str) -> Error {
    let shown = folder.display();
    match reason {
        TryLockError::WouldBlock => {
            let holder = serde_json::from_str(words).map(|Holder { command, process, since }| {
                format!(": `{command}`, process {process}, since {since}")
            });
            let holder = holder.unwrap_or_default();
            Error::usage(format!("another process is working on the comparison in {shown}{holder}"))
        }
        TryLockError::Error(error) if error.kind() == ErrorKind::Unsupported => Error::usage(format!(
            "the file system of {shown} has no locks, so two commands could work in that folder at once; choose an \
             output folder on another file system"
        )),
        TryLockError::Error(error) => Error::io("lock", folder.join(LOCK))(error),
    }
}

#[cfg(unix)]
fn is_same_file(a: &std::fs::Metadata, b: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    (a.dev(), a.ino()) == (b.dev(), b.ino())
}

#[cfg(not(unix))]
fn is_same_file(_a: &std::fs::Metadata, _b: &std::fs::Metadata) -> bool {
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_refusal_names_the_command_the_process_and_the_time_of_the_holder() {
        let folder = tempfile::tempdir().unwrap();
        let (lock, left) = Lock::take(folder.path(), "optlab compare plan.toml").unwrap();
        assert_eq!(left, Left::Orderly);
        let refused = Lock::take(folder.path(), "optlab compare other.toml").unwrap_err();
        let expected = format!(": `optlab compare plan.toml`, process {}, since 20", std::process::id());
        assert!(refused.is_usage() && refused.to_string().contains(&expected), "{refused}");
        // A refused command leaves the holder's words alone.
        assert!(Lock::take(folder.path(), "a third").unwrap_err().to_string().contains(&expected));
        drop(lock);
        assert_eq!(Lock::take(folder.path(), "a fourth").unwrap().1, Left::Orderly);
    }

    #[test]
    fn the_lock_of_a_dead_process_is_taken_and_its_end_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(LOCK), "{\"command\": \"x\", \"process\": 1, \"since\": \"then\"}")
            .unwrap();
        assert_eq!(Lock::take(folder.path(), "optlab").unwrap().1, Left::Suddenly);
    }

    #[test]
    fn a_file_system_without_locks_is_refused_and_the_refusal_says_so() {
        let reason = TryLockError::Error(ErrorKind::Unsupported.into());
        let refused = refusal(Path::new("out"), reason, "").to_string();
        assert!(refused.starts_with("the file system of out has no locks"), "{refused}");
        let reason = TryLockError::Error(ErrorKind::PermissionDenied.into());
        assert!(refusal(Path::new("out"), reason, "").to_string().starts_with("cannot lock out/.lock: "));
    }

    #[test]
    fn a_lock_whose_folder_was_removed_or_replaced_is_not_in_place() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out");
        std::fs::create_dir(&path).unwrap();
        let (lock, _) = Lock::take(&path, "optlab").unwrap();
        assert!(lock.is_in_place());
        std::fs::rename(&path, folder.path().join("away")).unwrap();
        assert!(!lock.is_in_place());
        std::fs::create_dir(&path).unwrap();
        let (_other, _) = Lock::take(&path, "optlab").unwrap();
        assert_eq!(lock.is_in_place(), cfg!(not(unix)));
    }
}
