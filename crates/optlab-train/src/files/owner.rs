//! The owner of a folder: the one process that may write in it.

use crate::Error;
use optlab_core::bounded_file;
use serde::{Deserialize, Serialize};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// The file by which a folder is owned.
pub const LOCK: &str = ".lock";

/// The most bytes of a lock file that are read.
const MOST_BYTES: u64 = 4096;

/// How often, and how long apart, the words of an owner are looked for that has not written them yet.
const MOST_TRIES: usize = 400;
const PAUSE: Duration = Duration::from_millis(5);

/// The ownership of a folder, until it is dropped. The system ends it with the process, however that ends.
#[derive(Debug)]
pub struct Ownership {
    path: PathBuf,
    file: File,
}

/// The owner of a folder, as the lock's file names it.
#[derive(Debug, Serialize, Deserialize)]
struct Owner {
    process: u32,
    command: String,
    since: String,
}

/// The state in which the last owner left the folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Left {
    /// It gave the folder back, or there was none.
    Orderly,
    /// It ended without giving the folder back, so files that it was writing may remain.
    Suddenly,
}

impl Ownership {
    /// Makes this process, which runs the command line `command`, the owner of `folder`, which must exist.
    /// Returns also how the last owner left it.
    ///
    /// # Errors
    /// [`Error::InUse`] naming the owner, if the folder has one; [`Usage`](optlab_core::Error::Usage) for a
    /// file system without locks; [`Io`](optlab_core::Error::Io) for a folder that cannot be written.
    pub fn take(folder: &Path, command: &str) -> Result<(Self, Left), Error> {
        let path = folder.join(LOCK);
        // Not truncated: the file names the process that may be the owner.
        let options = OpenOptions::new().create(true).read(true).write(true).truncate(false).clone();
        let mut file = bounded_file::open_to_write(&path, &options)?;
        let mut tries = 0;
        let left = loop {
            let taken = file.try_lock();
            // Some systems do not let others read a locked file.
            let words = words_of(&file);
            match taken {
                Ok(()) if words.as_deref() == Some("") => break Left::Orderly,
                Ok(()) => break Left::Suddenly,
                // An owner that was just made has not written its words yet.
                Err(TryLockError::WouldBlock) if tries < MOST_TRIES && owner(words.as_deref()).is_none() => {
                    tries += 1;
                    std::thread::sleep(PAUSE);
                }
                Err(reason) => return Err(refusal(folder, reason, words.as_deref())),
            }
        };
        let owner = Owner {
            process: std::process::id(),
            command: command.chars().take(200).collect(),
            since: humantime::format_rfc3339_seconds(SystemTime::now()).to_string(),
        };
        let words = serde_json::to_vec(&owner).unwrap_or_default();
        let written = file.set_len(0).and_then(|()| file.rewind()).and_then(|()| file.write_all(&words));
        written.map_err(Error::io("write", &path))?;
        Ok((Ownership { path, file }, left))
    }

    /// Returns whether the lock's file is still in the folder.
    pub fn is_in_place(&self) -> bool {
        match (self.file.metadata(), std::fs::metadata(&self.path)) {
            (Ok(held), Ok(there)) => is_same_file(&held, &there),
            _ => false,
        }
    }
}

impl Drop for Ownership {
    fn drop(&mut self) {
        // If the words stay, the next owner looks for remains of this process and finds none.
        drop(self.file.set_len(0));
        // Closing the file would unlock it too, but not while a child process that is just starting still
        // shares it. A failure is harmless, since the lock ends with the process.
        drop(self.file.unlock());
    }
}

/// Returns the content of a lock's file; `None` if it cannot be read.
fn words_of(mut file: &File) -> Option<String> {
    let mut words = String::new();
    let read = file.rewind().and_then(|()| file.take(MOST_BYTES).read_to_string(&mut words));
    read.ok().map(|_| words)
}

fn owner(words: Option<&str>) -> Option<Owner> {
    serde_json::from_str(words?).ok()
}

/// Returns why `folder` cannot be owned; `words` is the content of its lock's file.
fn refusal(folder: &Path, reason: TryLockError, words: Option<&str>) -> Error {
    match reason {
        TryLockError::WouldBlock => {
            let by = match owner(words) {
                Some(Owner { process, command, since }) => {
                    format!("process {process} (`{command}`, since {since})")
                }
                None => "another process".into(),
            };
            Error::InUse { path: folder.into(), by }
        }
        TryLockError::Error(error) if error.kind() == ErrorKind::Unsupported => Error::usage(format!(
            "the file system of {} has no locks, so two commands could work in that folder at once; choose a folder \
             on another file system",
            folder.display()
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

/// Returns the command line of this process, the program without its folder.
pub fn command_line() -> String {
    let mut words = std::env::args_os().map(|word| word.to_string_lossy().into_owned());
    let program = words.next().map(PathBuf::from);
    let name = program.as_deref().and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned());
    name.into_iter().chain(words).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_has_one_owner_at_a_time_whom_a_refusal_names() {
        let folder = tempfile::tempdir().unwrap();
        let (first, left) = Ownership::take(folder.path(), "optlab compare plan.toml").unwrap();
        assert_eq!(left, Left::Orderly);
        let expected =
            format!("is in use by process {} (`optlab compare plan.toml`, since 20", std::process::id());
        // A refused command leaves the words of the owner alone.
        for _ in 0..2 {
            let refusal = Ownership::take(folder.path(), "another").unwrap_err();
            assert!(refusal.is_usage() && refusal.to_string().contains(&expected), "{refusal}");
        }
        drop(first);
        assert_eq!(Ownership::take(folder.path(), "a third").unwrap().1, Left::Orderly);
    }

    #[test]
    fn a_lock_file_without_a_lock_is_of_an_owner_that_ended_suddenly() {
        let folder = tempfile::tempdir().unwrap();
        for left_over in ["damaged", r#"{"process":1,"command":"optlab","since":"2026-01-01T00:00:00Z"}"#] {
            std::fs::write(folder.path().join(LOCK), left_over).unwrap();
            assert_eq!(Ownership::take(folder.path(), "optlab").unwrap().1, Left::Suddenly);
        }
    }

    #[test]
    fn a_file_system_without_locks_is_refused_and_the_refusal_says_so() {
        let reason = TryLockError::Error(ErrorKind::Unsupported.into());
        let refused = refusal(Path::new("out"), reason, None).to_string();
        assert!(refused.starts_with("the file system of out has no locks"), "{refused}");
        let reason = TryLockError::Error(ErrorKind::PermissionDenied.into());
        assert!(refusal(Path::new("out"), reason, None).to_string().starts_with("cannot lock out/.lock: "));
    }

    #[test]
    fn a_lock_whose_folder_was_removed_or_replaced_is_not_in_place() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out");
        std::fs::create_dir(&path).unwrap();
        let (owned, _) = Ownership::take(&path, "optlab").unwrap();
        assert!(owned.is_in_place());
        std::fs::rename(&path, folder.path().join("away")).unwrap();
        assert!(!owned.is_in_place());
        std::fs::create_dir(&path).unwrap();
        let (_other, _) = Ownership::take(&path, "optlab").unwrap();
        assert_eq!(owned.is_in_place(), cfg!(not(unix)));
    }
}
