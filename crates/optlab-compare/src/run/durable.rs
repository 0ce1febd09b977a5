//! Changes to folders and files that survive a power failure: each function returns when the disk has them.

use crate::Error;
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::Path;

/// Creates a folder and its missing parents.
///
/// # Errors
/// [`Io`](optlab_core::Error::Io).
pub(super) fn create_folder(path: &Path) -> Result<(), Error> {
    create(path).map_err(Error::io("create", path))
}

fn create(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    let parent = parent(path);
    create(parent)?;
    match std::fs::create_dir(path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        result => result.and_then(|()| flush_entries(parent)),
    }
}

/// Creates a folder whose parent exists.
///
/// # Errors
/// [`Io`](optlab_core::Error::Io), also if its parent is missing.
pub(super) fn create_single_folder(path: &Path) -> Result<(), Error> {
    let created = match std::fs::create_dir(path) {
        // A command that was killed may have made it.
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        result => result,
    };
    created.and_then(|()| flush_entries(parent(path))).map_err(Error::io("create", path))
}

/// Appends to a file that exists, with a single write, so that a stop can cut short only the last line.
///
/// # Errors
/// [`Io`](optlab_core::Error::Io).
pub(super) fn append(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let write = |mut file: File| {
        file.write_all(bytes)?;
        file.sync_data()?;
        note(path);
        Ok(())
    };
    OpenOptions::new().append(true).open(path).and_then(write).map_err(Error::io("write", path))
}

/// Waits until the disk has the names in a folder.
///
/// # Errors
/// [`Io`](optlab_core::Error::Io).
pub(super) fn synchronize_folder(path: &Path) -> Result<(), Error> {
    flush_entries(path).map_err(Error::io("synchronize", path))
}

/// Windows has no such call and needs none.
fn flush_entries(folder: &Path) -> io::Result<()> {
    if cfg!(unix) {
        File::open(folder)?.sync_all()?;
    }
    note(folder);
    Ok(())
}

fn parent(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

#[cfg(not(test))]
fn note(_path: &Path) {}

#[cfg(test)]
pub(super) use log::{note, synchronized};

/// The order of synchronizations, for tests.
#[cfg(test)]
mod log {
    use std::path::{Path, PathBuf};
    use std::sync::Mutex;

    /// Each path that was synchronized, with a description of what the disk has since.
    static LOG: Mutex<Vec<(PathBuf, String)>> = Mutex::new(Vec::new());

    /// Records that the disk has a file's content or a folder's names.
    pub fn note(path: &Path) {
        let content = if path.is_dir() {
            let names = std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().file_name());
            let mut names: Vec<String> = names.map(|name| name.to_string_lossy().into()).collect();
            names.sort();
            names.join(" ")
        } else {
            format!("{} lines", std::fs::read_to_string(path).unwrap().lines().count())
        };
        LOG.lock().unwrap().push((path.into(), content));
    }

    /// Returns the synchronizations at and below `folder`, in their order.
    pub fn synchronized(folder: &Path) -> Vec<(String, String)> {
        let log = LOG.lock().unwrap();
        let below = log.iter().filter_map(|(path, content)| Some((path.strip_prefix(folder).ok()?, content)));
        below.map(|(path, content)| (path.to_string_lossy().into(), content.clone())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_folder_and_each_new_parent_are_on_the_disk_before_the_next_is_made() {
        let folder = tempfile::tempdir().unwrap();
        create_folder(&folder.path().join("a/b/c")).unwrap();
        let expected = [("", "a"), ("a", "b"), ("a/b", "c")].map(|(at, names)| (at.into(), names.into()));
        assert_eq!(synchronized(folder.path()), expected);
        create_folder(&folder.path().join("a/b/c")).unwrap();
        assert_eq!(synchronized(folder.path()).len(), 3, "a folder that exists costs nothing");
    }

    #[test]
    fn an_appended_line_is_on_the_disk_and_a_missing_file_is_not_made() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lines");
        assert!(append(&path, b"a\n").is_err() && !path.exists());
        std::fs::write(&path, "a\n").unwrap();
        append(&path, b"b\n").unwrap();
        assert_eq!(synchronized(folder.path()), [("lines".to_string(), "2 lines".to_string())]);
        assert!(create_single_folder(&folder.path().join("no/parent")).is_err());
    }
}
