//! Decodes pictures into one block of memory, on all cores.

use super::Pictures;
use super::decode::decode;
use super::options::{Frame, PictureOptions};
use crate::Error;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::thread;

/// Decoded pictures of one shape in memory, one byte per value.
#[derive(Debug, Clone, PartialEq)]
pub struct Pixels {
    pub(super) frame: Frame,
    /// The header of a cache file, and `[n, channels, height, width]`.
    pub(super) bytes: Vec<u8>,
    /// Length of the header.
    pub(super) start: usize,
}

impl Pixels {
    /// Returns the shape of each picture.
    pub fn frame(&self) -> &Frame {
        &self.frame
    }

    /// Returns the number of pictures.
    pub fn len(&self) -> usize {
        (self.bytes.len() - self.start) / self.frame.values()
    }

    /// Returns whether there are no pictures.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns picture `i`, `[channels, height, width]`; 255 is the brightest.
    ///
    /// # Panics
    /// If there is no picture `i`.
    pub fn bytes(&self, i: usize) -> &[u8] {
        let values = self.frame.values();
        &self.bytes[self.start + i * values..][..values]
    }

    /// Fills `out` with picture `i`, `[channels, height, width]`, values in `[0, 1]`.
    ///
    /// # Panics
    /// If there is no picture `i`, or `out` has another length than [`Frame::values`].
    pub fn read(&self, i: usize, out: &mut [f32]) {
        to_floats(self.bytes(i), out);
    }

    /// Returns all pictures, `[n, channels, height, width]`, values in `[0, 1]`: 4 bytes per value.
    pub fn values(&self) -> Vec<f32> {
        let mut values = vec![0.0; self.bytes.len() - self.start];
        to_floats(&self.bytes[self.start..], &mut values);
        values
    }
}

/// Fills `floats` with `bytes / 255`.
fn to_floats(bytes: &[u8], floats: &mut [f32]) {
    assert_eq!(bytes.len(), floats.len(), "a buffer for pictures has another length than the pictures");
    for (float, &byte) in floats.iter_mut().zip(bytes) {
        *float = f32::from(byte) / 255.0;
    }
}

/// Decodes one picture into `out`, `[channels, height, width]`, values in `[0, 1]`.
///
/// # Errors
/// As [`Pictures::decode`].
///
/// # Panics
/// If `out` has another length than [`Frame::values`].
pub fn decode_file(path: &Path, frame: &Frame, out: &mut [f32]) -> Result<(), Error> {
    let mut bytes = vec![0; frame.values()];
    place(path, frame, &mut bytes)?;
    to_floats(&bytes, out);
    Ok(())
}

impl Pictures {
    /// Decodes picture `i` into `out`, `[channels, height, width]`, values in `[0, 1]`.
    ///
    /// The values are the ones that [`decode_all`](Self::decode_all) gives: whole 255ths.
    ///
    /// # Errors
    /// [`Error::Data`] if the file cannot be read, is truncated, is neither PNG nor JPEG, or has more than
    /// 100 million pixels.
    ///
    /// # Panics
    /// If there is no picture `i`, or `out` has another length than [`Frame::values`].
    pub fn decode(&self, i: usize, frame: &Frame, out: &mut [f32]) -> Result<(), Error> {
        decode_file(&self.path(i), frame, out)
    }

    /// Decodes all pictures, on all cores.
    ///
    /// Each core holds one picture of full size meanwhile, up to a gigabyte for one of 100 million pixels.
    ///
    /// # Errors
    /// As [`frame`](Self::frame), and [`Error::Data`] for the first picture that cannot be decoded or if the
    /// pictures do not fit in memory.
    pub fn decode_all(&self, options: &PictureOptions) -> Result<Pixels, Error> {
        self.decode_behind(&[], self.frame(options)?)
    }

    /// Decodes all pictures, and puts `header` before them.
    pub(super) fn decode_behind(&self, header: &[u8], frame: Frame) -> Result<Pixels, Error> {
        let too_large = || {
            let [channels, height, width] = frame.shape();
            let reason = format!(
                "{} pictures of {channels} × {height} × {width} bytes do not fit in memory",
                self.len()
            );
            Error::Data { path: self.folder.clone(), reason }
        };
        let length = self.len().checked_mul(frame.values()).ok_or_else(too_large)?;
        let length = length.checked_add(header.len()).ok_or_else(too_large)?;
        let mut bytes = Vec::new();
        bytes.try_reserve_exact(length).map_err(|_| too_large())?;
        bytes.extend_from_slice(header);
        bytes.resize(length, 0);
        self.decode_in_parallel(&frame, &mut bytes[header.len()..])?;
        Ok(Pixels { frame, bytes, start: header.len() })
    }

    fn decode_in_parallel(&self, frame: &Frame, bytes: &mut [u8]) -> Result<(), Error> {
        // Pictures are handed out in order, and none after an error: the error of the lowest index is the
        // first in the list, whatever the threads do.
        let work = Mutex::new(bytes.chunks_exact_mut(frame.values()).enumerate());
        let failure: Mutex<Option<(usize, Error)>> = Mutex::new(None);
        let threads = thread::available_parallelism().map_or(1, usize::from).min(self.len());
        thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| {
                    loop {
                        let next = work.lock().unwrap_or_else(PoisonError::into_inner).next();
                        let Some((i, out)) = next else { return };
                        let Err(error) = place(&self.path(i), frame, out) else { continue };
                        // Takes the rest of the work away from all threads.
                        work.lock().unwrap_or_else(PoisonError::into_inner).by_ref().for_each(drop);
                        let mut failure = failure.lock().unwrap_or_else(PoisonError::into_inner);
                        if failure.as_ref().is_none_or(|(first, _)| i < *first) {
                            *failure = Some((i, error));
                        }
                    }
                });
            }
        });
        match failure.into_inner().unwrap_or_else(PoisonError::into_inner) {
            Some((_, error)) => Err(error),
            None => Ok(()),
        }
    }
}

/// Decodes the file at `path` and scales it into `frame`.
fn place(path: &Path, frame: &Frame, out: &mut [u8]) -> Result<(), Error> {
    frame.place(&decode(path)?.with_channels(frame.channels), out);
    Ok(())
}

#[cfg(test)]
mod tests;
