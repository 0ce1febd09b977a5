//! NumPy's files: the arrays of an `.npz` file by name, or the one array of a `.npy` file.
//!
//! ```text
//! file ──> Npz::read ──> a .npy per array ──> header.rs ──> number_type.rs ──> Array
//!          ZIP archive                        shape, order   f32 values
//! ```
//!
//! # Example
//! ```no_run
//! use optlab_train::data::npz::Npz;
//!
//! # fn main() -> Result<(), optlab_train::Error> {
//! // Made in Python by numpy.savez("data.npz", x=x, y=y).
//! let file = Npz::read("data.npz")?;
//! let images = file.array("x")?;
//! println!("shape {:?}, first value {:?}", images.shape, images.values.first());
//! let labels = file.whole_numbers("y")?;
//! # Ok(())
//! # }
//! ```

mod header;
mod number_type;
mod read;
#[cfg(test)]
mod tests;

pub(super) use number_type::half;

use crate::Error;
use indexmap::IndexMap;
use std::path::{Path, PathBuf};

/// The arrays of a file, by name.
#[derive(Debug, Clone, PartialEq)]
pub struct Npz {
    path: PathBuf,
    /// The arrays in the order of the file; the reason why one cannot be used.
    arrays: IndexMap<String, Result<Array, String>>,
}

/// An array of numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct Array {
    /// The size of each dimension; none for a single number.
    pub shape: Vec<usize>,
    /// The values, `Π shape`, in C order: the last index changes fastest. `false` is 0, `true` is 1.
    pub values: Vec<f32>,
}

impl Npz {
    /// Reads the file at `path`: an `.npz` file as `numpy.savez` or `numpy.savez_compressed` write it, or a
    /// `.npy` file as `numpy.save` writes it. The first bytes decide, not the name.
    ///
    /// The array of a `.npy` file has the name of the file, without `.npy`. Types are `float16`, `float32`,
    /// `float64`, `int8` to `int64`, `uint8` to `uint64` and `bool`, little or big endian; `float64` is
    /// rounded to `f32`, and NaN and infinity stay. A file may hold 2³¹ values in all its arrays together (8
    /// GiB); they must fit in memory.
    ///
    /// An array that cannot be used is an error of [`array`](Self::array), not of this function, so that a
    /// file may hold other arrays than the ones to train on.
    ///
    /// # Errors
    /// [`Io`](optlab_core::Error::Io) if the file cannot be opened. [`Error::Data`], with the array where
    /// there is one, if the file is neither `.npz` nor `.npy`, holds no array or too many values, is
    /// damaged, truncated or encrypted, or is compressed by another method than deflate.
    pub fn read(path: impl AsRef<Path>) -> Result<Npz, Error> {
        let path = path.as_ref();
        Ok(Npz { path: path.into(), arrays: read::arrays(path)? })
    }

    /// Returns the file that the arrays were read from.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the names of the arrays, in the order of the file.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.arrays.keys().map(String::as_str)
    }

    /// Returns the array `name`.
    ///
    /// # Errors
    /// [`Usage`](optlab_core::Error::Usage) if there is none, with the nearest name.
    /// [`Error::Data`] if the array holds no numbers (Python objects, texts, dates, complex numbers,
    /// records), a whole number that `f32` cannot hold (some above 2²⁴), or a number above the largest `f32`.
    pub fn array(&self, name: &str) -> Result<&Array, Error> {
        match self.arrays.get(name) {
            Some(Ok(array)) => Ok(array),
            Some(Err(reason)) => Err(self.error(name, reason)),
            None => {
                let known: Vec<&str> = self.names().collect();
                let reason = Error::unknown_name("array", name, &known).to_string();
                Err(Error::usage(format!("{}: {reason}", self.path.display())))
            }
        }
    }

    /// Returns the values of the array `name` as whole numbers, in C order: the classes of examples.
    ///
    /// # Errors
    /// As for [`array`](Self::array); [`Error::Data`], with the first value, if a value is not a whole
    /// number.
    pub fn whole_numbers(&self, name: &str) -> Result<Vec<i64>, Error> {
        let whole = |(i, &value): (usize, &f32)| {
            // Above 2⁶² an i64 may not hold the value; no class is that large. False for NaN, too.
            match value.fract() == 0.0 && value.abs() <= 2_f32.powi(62) {
                true => Ok(value as i64),
                false => Err(self.error(name, &format!("value {i} is {value}, not a whole number"))),
            }
        };
        self.array(name)?.values.iter().enumerate().map(whole).collect()
    }

    fn error(&self, name: &str, reason: &str) -> Error {
        Error::Data { path: self.path.clone(), reason: format!("array `{name}`: {reason}") }
    }
}

/// The reason why an array cannot be read.
#[derive(Debug)]
enum Fault {
    /// The file is wrong.
    Damaged(String),
    /// The file is right, but the array cannot be used.
    Unusable(String),
}

impl Fault {
    fn damaged(reason: impl Into<String>) -> Self {
        Fault::Damaged(reason.into())
    }

    /// Turns an error while reading into a fault; made for `map_err`.
    fn from_read(error: std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::UnexpectedEof => Fault::damaged("is truncated"),
            _ => Fault::Damaged(format!("cannot be read: {error}")),
        }
    }
}
