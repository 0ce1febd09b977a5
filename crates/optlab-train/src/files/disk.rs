//! The changes that this library makes to the disk, each of which a test can watch.
//!
//! What is written is on its way to the disk until it is synchronized: the content of a file by synchronizing
//! the file, its name by synchronizing its folder. Each function says what it synchronizes. A power failure
//! loses what is not synchronized, in any order; a process that is killed loses nothing that it wrote.

use crate::Error;
use optlab_core::bounded_file;
use std::cell::RefCell;
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// A change of the disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// A folder was created.
    FolderCreated(PathBuf),
    /// An empty file was created, or a file was emptied.
    FileCreated(PathBuf),
    /// Bytes were appended to a file.
    Appended {
        /// The file.
        path: PathBuf,
        /// The bytes.
        bytes: Vec<u8>,
    },
    /// A file was cut to a number of bytes.
    Cut {
        /// The file.
        path: PathBuf,
        /// Its length from then on.
        length: u64,
    },
    /// A file or a folder got another name, and replaced what had it, if that was a file.
    Renamed {
        /// The old name.
        from: PathBuf,
        /// The new name.
        to: PathBuf,
    },
    /// A file was removed, or a folder with all that was in it.
    Removed(PathBuf),
    /// The content of a file, or the names in a folder, were synchronized.
    Synchronized(PathBuf),
}

/// What is told of each change.
type Watcher = Box<dyn FnMut(Change)>;

thread_local! {
    static WATCHER: RefCell<Option<Watcher>> = const { RefCell::new(None) };
}

/// Calls `work`, and `watcher` after each change that it makes in this thread.
pub fn watch<T>(watcher: impl FnMut(Change) + 'static, work: impl FnOnce() -> T) -> T {
    WATCHER.with(|it| it.replace(Some(Box::new(watcher))));
    let _unwatched = Unwatch;
    work()
}

/// Ends the watching of this thread when it is dropped.
struct Unwatch;

impl Drop for Unwatch {
    fn drop(&mut self) {
        WATCHER.with(|it| it.replace(None));
    }
}

/// Tells the watcher of this thread, if there is one, of the change that `change` returns.
fn tell(change: impl FnOnce() -> Change) {
    WATCHER.with(|watcher| {
        if let Some(watcher) = watcher.borrow_mut().as_mut() {
            watcher(change());
        }
    });
}

/// Creates a folder and its parent folders, and synchronizes the names of those that were missing.
///
/// # Errors
/// [`Io`](optlab_core::Error::Io).
pub fn create_folder(path: &Path) -> Result<(), Error> {
    if path.is_dir() {
        return Ok(());
    }
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    if let Some(parent) = parent {
        create_folder(parent).map_err(|error| naming(path, error))?;
    }
    create_only_folder(path)
}

/// Returns the error of creating a parent folder as one of creating `path`, which its user knows.
fn naming(path: &Path, error: Error) -> Error {
    match error {
        Error::Core(optlab_core::Error::Io { action: "create", source, .. }) => {
            Error::io("create", path)(source)
        }
        error => error,
    }
}

/// Creates a folder, but none of its parent folders, if it is missing, and synchronizes its name.
///
/// # Errors
/// [`Io`](optlab_core::Error::Io).
pub fn create_only_folder(path: &Path) -> Result<(), Error> {
    match std::fs::create_dir(path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists && path.is_dir() => return Ok(()),
        result => result.map_err(Error::io("create", path))?,
    }
    tell(|| Change::FolderCreated(path.into()));
    synchronize_folder(folder_of(path))
}

/// Creates a folder in `parent` to be filled and renamed, which is removed if it is dropped before.
///
/// # Errors
/// [`Io`](optlab_core::Error::Io).
pub fn unfinished_folder(parent: &Path) -> Result<TempDir, Error> {
    let mut builder = tempfile::Builder::new();
    // Readable by others as far as the user's umask allows, like any other folder of the user.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o777));
    let created = builder.prefix(UNFINISHED).tempdir_in(parent).map_err(without_temporary_name);
    let folder = created.map_err(Error::io("create a folder in", parent))?;
    tell(|| Change::FolderCreated(folder.path().into()));
    Ok(folder)
}

/// Writes a file that no reader looks for yet, and synchronizes its content, but not its name.
///
/// # Errors
/// [`Io`](optlab_core::Error::Io), for example if the disk is full.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let mut file = Appender::create(path)?;
    file.append(bytes)?;
    file.synchronize()
}

/// Appends to a file that exists, with a single write, so that a stop can cut short only the last line, and
/// synchronizes it.
///
/// # Errors
/// [`Io`](optlab_core::Error::Io), for example if the disk is full.
pub fn append(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let mut file = Appender::open(path, u64::MAX)?;
    file.append(bytes)?;
    file.synchronize()
}

/// Tells that another library wrote and synchronized the file at `path`, with its name.
///
/// # Errors
/// [`Io`](optlab_core::Error::Io) if a watcher is to be told and the file cannot be read.
pub fn written_by_others(path: &Path) -> Result<(), Error> {
    if WATCHER.with(|watcher| watcher.borrow().is_some()) {
        let bytes = bounded_file::read(path, bounded_file::DATA)?;
        tell(|| Change::FileCreated(path.into()));
        tell(|| Change::Appended { path: path.into(), bytes });
        tell(|| Change::Synchronized(path.into()));
        tell(|| Change::Synchronized(folder_of(path).into()));
    }
    Ok(())
}

/// Writes `bytes` to a temporary file in the same folder and renames it to `path`, so that no stop and no
/// full disk leaves half a file. Synchronizes the content before the rename and the name after it: once this
/// returns, a power failure cannot undo it.
///
/// # Errors
/// [`Io`](optlab_core::Error::Io), for example if the disk is full or the folder read-only.
pub fn replace(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    replace_before(path, bytes)?;
    synchronize_folder(folder_of(path))
}

/// Does the same as [`replace`], except that it leaves the name to a later
/// [`synchronize_folder`]: a power failure before it may leave the old file.
///
/// # Errors
/// As for [`replace`].
pub fn replace_before(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // The permissions of any new file, less the umask; a temporary file's own 0600 would hide results
        // from a colleague.
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    let created = builder.prefix(UNFINISHED).tempfile_in(folder_of(path)).map_err(without_temporary_name);
    let mut file = created.map_err(Error::io("write", path))?;
    let temporary = file.path().to_path_buf();
    tell(|| Change::FileCreated(temporary.clone()));
    file.write_all(bytes).map_err(Error::io("write", path))?;
    tell(|| Change::Appended { path: temporary.clone(), bytes: bytes.into() });
    file.as_file().sync_all().map_err(Error::io("write", path))?;
    tell(|| Change::Synchronized(temporary.clone()));
    file.persist(path).map_err(|failure| Error::io("write", path)(failure.error))?;
    tell(|| Change::Renamed { from: temporary, to: path.into() });
    Ok(())
}

/// The beginning of the names of files and folders that are still being written.
pub const UNFINISHED: &str = ".writing-";

/// Renames a file or a folder; synchronizes nothing.
///
/// # Errors
/// [`Io`](optlab_core::Error::Io).
pub fn rename(from: &Path, to: &Path) -> Result<(), Error> {
    std::fs::rename(from, to).map_err(Error::io("rename", from))?;
    tell(|| Change::Renamed { from: from.into(), to: to.into() });
    Ok(())
}

/// Removes a file, or a folder with all that is in it, if it exists; synchronizes nothing. A stop leaves a
/// folder whole, or under a name of [`remove_unfinished`].
///
/// # Errors
/// [`Io`](optlab_core::Error::Io).
pub fn remove(path: &Path) -> Result<(), Error> {
    let metadata = match path.symlink_metadata() {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        metadata => metadata.map_err(Error::io("remove", path))?,
    };
    if !metadata.is_dir() {
        return remove_only(path, |path| std::fs::remove_file(path));
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    if name.starts_with(UNFINISHED) {
        return remove_only(path, |path| std::fs::remove_dir_all(path));
    }
    let unfinished = path.with_file_name(format!("{UNFINISHED}removed-{name}"));
    remove_only(&unfinished, |path| std::fs::remove_dir_all(path))?;
    rename(path, &unfinished)?;
    remove_only(&unfinished, |path| std::fs::remove_dir_all(path))
}

fn remove_only(path: &Path, remove: impl FnOnce(&Path) -> std::io::Result<()>) -> Result<(), Error> {
    match remove(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        result => result.map_err(Error::io("remove", path))?,
    }
    tell(|| Change::Removed(path.into()));
    Ok(())
}

/// Synchronizes the names in a folder. Windows has no such call and needs none.
///
/// # Errors
/// [`Io`](optlab_core::Error::Io).
pub fn synchronize_folder(folder: &Path) -> Result<(), Error> {
    if cfg!(unix) {
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(Error::io("synchronize", folder))?;
    }
    tell(|| Change::Synchronized(folder.into()));
    Ok(())
}

/// Removes the files and folders in `folder` that an interrupted process was still writing. Only for who owns
/// the folder: another process may be writing at this moment.
///
/// # Errors
/// [`Io`](optlab_core::Error::Io).
pub fn remove_unfinished(folder: &Path) -> Result<(), Error> {
    for path in entries(folder)? {
        if path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(UNFINISHED.as_bytes())) {
            remove(&path)?;
        }
    }
    Ok(())
}

/// Returns the paths of what is in a folder, in no order; nothing if there is no folder.
///
/// # Errors
/// [`Io`](optlab_core::Error::Io).
pub fn entries(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    match std::fs::read_dir(folder) {
        Ok(entries) => entries
            .map(|entry| entry.map(|entry| entry.path()))
            .collect::<std::io::Result<_>>()
            .map_err(Error::io("read", folder)),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            Ok(Vec::new())
        }
        Err(error) => Err(Error::io("read", folder)(error)),
    }
}

/// Returns the folder that holds `path`.
pub fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Returns an error of the crate `tempfile` without the name of the temporary file, which the user did not
/// choose.
fn without_temporary_name(error: std::io::Error) -> std::io::Error {
    let text = error.to_string();
    match text.split_once(" at path ") {
        Some((reason, _)) => std::io::Error::new(error.kind(), reason),
        None => error,
    }
}

/// A file that is only appended to.
#[derive(Debug)]
pub struct Appender {
    path: PathBuf,
    file: File,
}

impl Appender {
    /// Creates an empty file, or empties the one that is there.
    ///
    /// # Errors
    /// [`Io`](optlab_core::Error::Io).
    pub fn create(path: &Path) -> Result<Self, Error> {
        let file =
            bounded_file::open_to_write(path, OpenOptions::new().create(true).write(true).truncate(true))?;
        tell(|| Change::FileCreated(path.into()));
        Ok(Appender { path: path.into(), file })
    }

    /// Opens a file and keeps its first `length` bytes. What it had after them is cut off.
    ///
    /// # Errors
    /// [`Io`](optlab_core::Error::Io), for example if there is no such file.
    pub fn open(path: &Path, length: u64) -> Result<Self, Error> {
        let mut file = bounded_file::open_to_write(path, OpenOptions::new().write(true))?;
        let cut = file.metadata().and_then(|metadata| {
            let is_longer = metadata.len() > length;
            if is_longer {
                file.set_len(length)?;
            }
            file.seek(SeekFrom::End(0))?;
            Ok(is_longer)
        });
        let is_longer = cut.map_err(Error::io("write", path))?;
        if is_longer {
            tell(|| Change::Cut { path: path.into(), length });
        }
        Ok(Appender { path: path.into(), file })
    }

    /// Appends bytes; synchronizes nothing.
    ///
    /// # Errors
    /// [`Io`](optlab_core::Error::Io), for example if the disk is full.
    pub fn append(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.file.write_all(bytes).map_err(Error::io("write", &self.path))?;
        tell(|| Change::Appended { path: self.path.clone(), bytes: bytes.into() });
        Ok(())
    }

    /// Synchronizes the content of the file, but not its name.
    ///
    /// # Errors
    /// [`Io`](optlab_core::Error::Io), for example if the disk is full.
    pub fn synchronize(&mut self) -> Result<(), Error> {
        self.file.sync_data().map_err(Error::io("write", &self.path))?;
        tell(|| Change::Synchronized(self.path.clone()));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::rc::Rc;

    #[test]
    fn a_file_is_replaced_as_a_whole_and_nothing_else_is_left_behind() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.txt");
        replace(&path, b"first, and longer").unwrap();
        replace(&path, b"second").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"second");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_missing_folder_is_an_error_that_names_the_file() {
        let error = replace(Path::new("/nowhere/at/all.txt"), b"").unwrap_err().to_string();
        assert_eq!(error, "cannot write /nowhere/at/all.txt: No such file or directory (os error 2)");
    }

    #[test]
    fn a_watcher_is_told_of_the_changes_in_their_order_and_of_none_after_the_work() {
        let folder = tempfile::tempdir().unwrap();
        let (inner, file) = (folder.path().join("a/b"), folder.path().join("a/b/c"));
        let told = Rc::new(RefCell::new(Vec::new()));
        let telling = told.clone();
        watch(
            move |change| telling.borrow_mut().push(change),
            || {
                create_folder(&inner).unwrap();
                write(&file, b"12").unwrap();
                Appender::open(&file, 1).unwrap().append(b"3").unwrap();
                remove(&inner).unwrap();
            },
        );
        remove(&folder.path().join("a")).unwrap();
        let (outer, moved) = (folder.path().join("a"), folder.path().join("a/.writing-removed-b"));
        assert_eq!(
            *told.borrow(),
            [
                Change::FolderCreated(outer.clone()),
                Change::Synchronized(folder.path().into()),
                Change::FolderCreated(inner.clone()),
                Change::Synchronized(outer),
                Change::FileCreated(file.clone()),
                Change::Appended { path: file.clone(), bytes: b"12".into() },
                Change::Synchronized(file.clone()),
                Change::Cut { path: file.clone(), length: 1 },
                Change::Appended { path: file, bytes: b"3".into() },
                Change::Renamed { from: inner, to: moved.clone() },
                Change::Removed(moved),
            ]
        );
    }
}
