//! Opens files that others may have made: only regular files, and reads them only up to a limit.
//!
//! A pipe would wait for its other end, `/dev/zero` has no end, and a file of any size fills the memory. So
//! the kind and the size of a file are checked before it is opened, and no more than the limit is read even
//! if the file grows.

use crate::error::Error;
use std::fs::{File, Metadata, OpenOptions};
use std::io::{BufRead, BufReader, ErrorKind, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// The most bytes of a file that a person writes: a plan, a problem, settings.
pub const WRITTEN_BY_HAND: u64 = 4 << 20;
/// The most bytes of a small file that a program writes: a trial, an outcome, a table of scores.
pub const SMALL: u64 = 16 << 20;
/// The most bytes of a file of data.
pub const DATA: u64 = 64 << 30;
/// The most bytes of a file with a line per step or per trial.
pub const LINES: u64 = 4 << 30;
/// The most bytes of a line in such a file.
pub const LONGEST_LINE: usize = 1 << 20;

/// Opens a regular file of at most `limit` bytes.
///
/// # Errors
/// [`Error::Io`]; [`Error::File`] for a folder, a pipe, a device or a socket, and for a larger file.
pub fn open(path: &Path, limit: u64) -> Result<File, Error> {
    // Opening a pipe waits for a writer, so its kind is asked first.
    check(path, &std::fs::metadata(path).map_err(Error::io("read", path))?, limit)?;
    let file = File::open(path).map_err(Error::io("read", path))?;
    check(path, &file.metadata().map_err(Error::io("read", path))?, limit)?;
    Ok(file)
}

/// Reads a regular file of at most `limit` bytes.
///
/// # Errors
/// As for [`open`].
pub fn read(path: &Path, limit: u64) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    let file = open(path, limit)?;
    file.take(limit.saturating_add(1)).read_to_end(&mut bytes).map_err(Error::io("read", path))?;
    match bytes.len() as u64 > limit {
        true => Err(too_large(path, bytes.len() as u64, limit)),
        false => Ok(bytes),
    }
}

/// Reads a regular file of at most `limit` bytes of UTF-8.
///
/// # Errors
/// As for [`open`]; [`Error::File`] for a file that is not UTF-8.
pub fn read_text(path: &Path, limit: u64) -> Result<String, Error> {
    String::from_utf8(read(path, limit)?).map_err(|reason| {
        let place = reason.utf8_error().valid_up_to();
        Error::file(path, format!("is no text: byte {} is not UTF-8", place + 1))
    })
}

/// Reads the last `most` bytes of a regular file.
///
/// # Errors
/// As for [`open`], for a file of any size.
pub fn read_end(path: &Path, most: u64) -> Result<Vec<u8>, Error> {
    let mut file = open(path, u64::MAX)?;
    let mut bytes = Vec::new();
    file.metadata()
        .and_then(|metadata| file.seek(SeekFrom::Start(metadata.len().saturating_sub(most))))
        .and_then(|_| file.take(most).read_to_end(&mut bytes))
        .map_err(Error::io("read", path))?;
    Ok(bytes)
}

/// Opens a file to write to it, with `options`: a regular file, or none yet.
///
/// # Errors
/// [`Error::Io`]; [`Error::File`] for a folder, a pipe, a device or a socket.
pub fn open_to_write(path: &Path, options: &OpenOptions) -> Result<File, Error> {
    match std::fs::metadata(path) {
        // Opening a pipe waits for a reader, so its kind is asked first.
        Ok(metadata) => check(path, &metadata, u64::MAX)?,
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(Error::io("write", path)(error)),
    }
    options.open(path).map_err(Error::io("write", path))
}

fn check(path: &Path, metadata: &Metadata, limit: u64) -> Result<(), Error> {
    if metadata.is_dir() {
        return Err(Error::file(path, "is a folder, not a file"));
    }
    if !metadata.is_file() {
        return Err(Error::file(path, "is a pipe, a device or a socket, not a regular file"));
    }
    if metadata.len() > limit {
        return Err(too_large(path, metadata.len(), limit));
    }
    Ok(())
}

fn too_large(path: &Path, size: u64, limit: u64) -> Error {
    Error::file(path, format!("has {size} bytes, more than the {limit} that are read of a file of this kind"))
}

/// Reads a file line by line, so that only one line at a time is in memory.
#[derive(Debug)]
pub struct Lines {
    path: PathBuf,
    reader: BufReader<File>,
    line: Vec<u8>,
    number: usize,
}

impl Lines {
    /// Opens a regular file of at most [`LINES`] bytes.
    ///
    /// # Errors
    /// As for [`open`].
    pub fn open(path: &Path) -> Result<Self, Error> {
        let reader = BufReader::new(open(path, LINES)?);
        Ok(Lines { path: path.into(), reader, line: Vec::new(), number: 0 })
    }

    /// Returns the next line with its number, counted from 1; `None` at the end. A line keeps its `\n`, which
    /// a last line that was cut short does not have.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::File`] for a line of more than [`LONGEST_LINE`] bytes.
    pub fn next_line(&mut self) -> Result<Option<(usize, &[u8])>, Error> {
        self.line.clear();
        let most = LONGEST_LINE as u64 + 1;
        let read = self.reader.by_ref().take(most).read_until(b'\n', &mut self.line);
        match read {
            Ok(0) => return Ok(None),
            Ok(length) if length > LONGEST_LINE => {
                let reason = format!("line {} has more than {LONGEST_LINE} bytes", self.number + 1);
                return Err(Error::file(&self.path, reason));
            }
            Ok(_) => {}
            Err(error) => return Err(Error::io("read", &self.path)(error)),
        }
        self.number += 1;
        Ok(Some((self.number, &self.line)))
    }
}

/// Returns whether there is no file at the path of this error.
pub fn is_missing(error: &Error) -> bool {
    matches!(error, Error::Io { source, .. } if matches!(source.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory))
}

#[cfg(test)]
mod tests;
