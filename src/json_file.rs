//! JSON files: read with the file's name in every error, written whole or not at all.

use crate::atomic_file;
use crate::error::Error;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::io::ErrorKind;
use std::path::Path;

/// Reads a file.
///
/// # Errors
/// [`Error::Io`]; [`Error::File`] if it holds something else.
pub(crate) fn read<T: DeserializeOwned>(path: &Path) -> Result<T, Error> {
    let text = std::fs::read(path).map_err(Error::io("read", path))?;
    serde_json::from_slice(&text).map_err(|reason| broken(path, &reason))
}

/// Reads a file that need not be there.
///
/// # Errors
/// Those of [`read`], but for a file that is not there.
pub(crate) fn read_if_there<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, Error> {
    match read(path) {
        Err(Error::Io { source, .. }) if source.kind() == ErrorKind::NotFound => Ok(None),
        result => result.map(Some),
    }
}

/// Writes a file such that it is there whole or not at all.
///
/// # Errors
/// [`Error::Io`], as when the disk is full or the folder read-only.
pub(crate) fn write<T: Serialize>(path: &Path, value: &T) -> Result<(), Error> {
    let mut text = serde_json::to_vec_pretty(value).map_err(|reason| broken(path, &reason))?;
    text.push(b'\n');
    atomic_file::write(path, &text)
}

/// An [`Error::File`] about what is in a file, or was to be.
pub(crate) fn broken(path: &Path, reason: &serde_json::Error) -> Error {
    Error::File { path: path.into(), reason: reason.to_string() }
}
