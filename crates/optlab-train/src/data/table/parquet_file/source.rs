//! A file as the Parquet reader reads it.

use bytes::Bytes;
use parquet::errors::{ParquetError, Result};
use parquet::file::reader::{ChunkReader, Length};
use std::fs::File;
use std::io::{self, Read};

/// A file of which nothing is read behind its end: where a damaged file promises billions of values, the
/// reader would go on asking for bytes that are not there, or ask for memory for all of them at once.
pub(super) struct Source {
    file: File,
    len: u64,
}

impl Source {
    pub fn new(file: File) -> Self {
        Source { len: file.len(), file }
    }
}

impl Length for Source {
    fn len(&self) -> u64 {
        self.len
    }
}

impl ChunkReader for Source {
    type T = Ending<<File as ChunkReader>::T>;

    fn get_read(&self, start: u64) -> Result<Self::T> {
        Ok(Ending { read: self.file.get_read(start)?, attempts: 0 })
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes> {
        match start.checked_add(length as u64) {
            Some(end) if end <= self.len => self.file.get_bytes(start, length),
            _ => Err(ParquetError::EOF(format!("{length} bytes from byte {start} of {}", self.len))),
        }
    }
}

/// Reads to the end, and fails if it is asked again and again after it.
pub(super) struct Ending<R> {
    read: R,
    /// Number of attempts to read after the end.
    attempts: usize,
}

/// The most attempts to read after the end: one ends a copy of what is left.
const MOST_ATTEMPTS: usize = 16;

impl<R: Read> Read for Ending<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let len = self.read.read(buffer)?;
        if len == 0 && !buffer.is_empty() {
            self.attempts += 1;
            if self.attempts > MOST_ATTEMPTS {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn after_its_end_a_file_is_read_a_few_times_and_gives_no_memory() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"abc").unwrap();
        let source = Source::new(file);
        let mut read = source.get_read(1).unwrap();
        let mut text = String::new();
        read.read_to_string(&mut text).unwrap();
        assert_eq!(text, "bc");
        let attempts = (0..100).take_while(|_| read.read(&mut [0; 4]).is_ok()).count();
        assert!((1..=MOST_ATTEMPTS).contains(&attempts), "{attempts}");
        assert_eq!(source.get_bytes(1, 2).unwrap()[..], b"bc"[..]);
        for (start, length) in [(2, 2), (0, usize::MAX), (u64::MAX, 1), (4, 0)] {
            assert!(source.get_bytes(start, length).is_err(), "{start}, {length}");
        }
    }
}
