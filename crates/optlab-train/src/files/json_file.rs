//! JSON files: read up to a limit and with the file's name in every error, written completely or not at all.

use crate::Error;
use crate::files::disk;
use optlab_core::bounded_file;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::path::Path;

/// The most bytes of a file: a table of many columns has facts of some megabytes.
const LARGEST: u64 = 64 << 20;

/// Reads a regular file of at most 64 MiB.
///
/// # Errors
/// [`Io`](optlab_core::Error::Io); [`File`](optlab_core::Error::File) for a pipe or a device, and if the file
/// is larger or does not contain a `T`.
pub fn read<T: DeserializeOwned>(path: &Path) -> Result<T, Error> {
    let text = bounded_file::read(path, LARGEST)?;
    serde_json::from_slice(&text).map_err(|reason| broken(path, &reason))
}

/// Reads a file that may not exist; returns `None` if it does not.
///
/// # Errors
/// As for [`read`], except for a missing file.
pub fn read_if_there<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, Error> {
    match read(path) {
        Err(error) if error.is_not_found() => Ok(None),
        result => result.map(Some),
    }
}

/// Writes a file completely or not at all, as [`disk::replace`] does.
///
/// # Errors
/// [`Io`](optlab_core::Error::Io), for example if the disk is full or the folder read-only.
pub fn write<T: Serialize>(path: &Path, value: &T) -> Result<(), Error> {
    disk::replace(path, &text(value, path)?)
}

/// Returns the text of a JSON file that is to be at `path`.
///
/// # Errors
/// [`File`](optlab_core::Error::File) naming `path`, for a value that JSON cannot express.
pub fn text<T: Serialize>(value: &T, path: &Path) -> Result<Vec<u8>, Error> {
    let mut text = serde_json::to_vec_pretty(value).map_err(|reason| broken(path, &reason))?;
    text.push(b'\n');
    Ok(text)
}

/// Returns a [`File`](optlab_core::Error::File) error about the content of a file that was read or was to be
/// written.
pub fn broken(path: &Path, reason: &serde_json::Error) -> Error {
    Error::file(path, reason)
}
