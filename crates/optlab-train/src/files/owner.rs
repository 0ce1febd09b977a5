//! The owner of a folder: the one process that may write in it.

use crate::Error;
use serde::{Deserialize, Serialize};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// The file by which a folder is owned.
pub const LOCK: &str = ".lock";

/// The most bytes of a lock file that are read.
const MOST_BYTES: u64 = 4096;

/// The ownership of a folder, until it is dropped or the process ends, however it ends.
#[derive(Debug)]
pub struct Ownership {
    file: File,
}

/// What the owner of a folder writes into the lock file.
#[derive(Debug, Serialize, Deserialize)]
struct Owner {
    process: u32,
    command: String,
    since: String,
}

impl Ownership {
    /// Makes this process the owner of the folder at `path`, which must exist.
    ///
    /// # Errors
    /// [`Error::InUse`] naming the owner, if the folder has one;
    /// [`Io`](optlab_core::Error::Io) for a folder that cannot be written, or a file system without locks.
    pub fn take(path: &Path) -> Result<Self, Error> {
        let lock = path.join(LOCK);
        let opened = OpenOptions::new().create(true).read(true).write(true).truncate(false).open(&lock);
        let mut file = opened.map_err(Error::io("write", &lock))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(Error::InUse { path: path.into(), by: owner(&mut file) });
            }
            Err(TryLockError::Error(source)) => return Err(Error::io("lock", lock)(source)),
        }
        let owner = Owner {
            process: std::process::id(),
            command: command_line(),
            since: humantime::format_rfc3339_seconds(SystemTime::now()).to_string(),
        };
        let text = serde_json::to_vec(&owner).unwrap_or_default();
        // For the reader of a refusal only: the lock itself does not depend on it.
        file.set_len(0).and_then(|()| file.write_all(&text)).map_err(Error::io("write", lock))?;
        Ok(Ownership { file })
    }
}

impl Drop for Ownership {
    fn drop(&mut self) {
        // Closing the file would unlock it too, but not while a child process that is just starting still
        // shares it. Failures are harmless, since the lock ends with the process.
        drop(self.file.set_len(0));
        drop(self.file.unlock());
    }
}

/// Returns who owns the folder of the lock file `file`, in words.
fn owner(file: &mut File) -> String {
    let mut text = String::new();
    let read = file.rewind().and_then(|()| file.take(MOST_BYTES).read_to_string(&mut text));
    match read.ok().and_then(|_| serde_json::from_str::<Owner>(&text).ok()) {
        Some(Owner { process, command, since }) => format!("process {process} (`{command}`, since {since})"),
        None => "another process".into(),
    }
}

/// Returns the command line of this process, the program without its folder.
fn command_line() -> String {
    let mut words = std::env::args_os().map(|word| word.to_string_lossy().into_owned());
    let program = words.next().map(PathBuf::from);
    let name = program.as_deref().and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned());
    name.into_iter().chain(words).collect::<Vec<_>>().join(" ").chars().take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_has_one_owner_at_a_time_whom_a_refusal_names() {
        let folder = tempfile::tempdir().unwrap();
        let first = Ownership::take(folder.path()).unwrap();
        let refusal = Ownership::take(folder.path()).unwrap_err();
        assert!(refusal.is_usage());
        let refusal = refusal.to_string();
        assert!(refusal.contains(&format!("is in use by process {} (`", std::process::id())), "{refusal}");
        assert!(refusal.contains(", since 20"), "{refusal}");
        drop(first);
        Ownership::take(folder.path()).unwrap();
    }

    #[test]
    fn a_lock_file_without_a_lock_is_no_owner() {
        let folder = tempfile::tempdir().unwrap();
        for left_over in ["", "damaged", r#"{"process":1,"command":"optlab","since":"2026-01-01T00:00:00Z"}"#]
        {
            std::fs::write(folder.path().join(LOCK), left_over).unwrap();
            Ownership::take(folder.path()).unwrap();
        }
    }
}
