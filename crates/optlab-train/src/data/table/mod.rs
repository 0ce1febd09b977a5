//! Tables that a user gives: a CSV file becomes typed columns, parts to train and test on, and features.
//!
//! ```text
//! file ──> decode.rs ──> records.rs ──> builder.rs ──> Table ──> split.rs ──> Encoder ──> Encoded
//!          gzip, UTF-16   delimiter     number.rs       │         rows         encoder/    f32 rows
//!                         lines         recognize.rs    ├──> warnings.rs
//!                                       date.rs         └──> describe.rs
//! ```

mod builder;
mod categories;
mod column;
mod date;
mod decode;
mod number;
mod options;
mod read;
mod recognize;
mod records;
#[cfg(test)]
mod tests;

pub use categories::Categories;
pub use column::{Column, EXAMPLES, Unused};
pub use options::{Kind, ReadOptions};

use crate::Error;
use std::path::{Path, PathBuf};

/// A table in memory, a typed vector per column.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    path: PathBuf,
    names: Vec<String>,
    columns: Vec<Column>,
    /// The line of the file that each row begins on, from 1.
    lines: Vec<u32>,
    notes: Vec<String>,
    /// As given, with the recognized `day_first`.
    options: ReadOptions,
}

impl Table {
    /// Returns the number of rows, without the header.
    pub fn len(&self) -> usize {
        self.lines.len()
    }

    /// Returns whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// Returns the file that the table was read from.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the names of the columns, in the order of the file.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Returns the columns, in the order of the file.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// Returns the column `name`.
    ///
    /// # Errors
    /// [`UnknownName`](optlab_core::Error::UnknownName), with the nearest name, if there is none.
    pub fn column(&self, name: &str) -> Result<&Column, Error> {
        self.index(name).map(|i| &self.columns[i])
    }

    /// Returns what was decided while reading that the user should know, a sentence each: columns that are
    /// ignored, a missing header.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Returns the line of the file that `row` begins on, counted from 1.
    ///
    /// # Panics
    /// If there is no row `row`.
    pub fn line(&self, row: usize) -> usize {
        self.lines[row] as usize
    }

    /// Returns options that read another file as this one was read: every column has the kind that it has
    /// here.
    pub fn options(&self) -> ReadOptions {
        let kinds = self.names.iter().cloned().zip(self.columns.iter().map(Column::kind));
        ReadOptions { columns: kinds.collect(), ..self.options.clone() }
    }

    /// Returns the index of the column `name`.
    fn index(&self, name: &str) -> Result<usize, Error> {
        self.names.iter().position(|other| other == name).ok_or_else(|| {
            let known: Vec<&str> = self.names.iter().map(String::as_str).collect();
            Error::unknown_name("column", name, &known)
        })
    }

    /// Returns an error about the value of `column` in `row`.
    fn error_at(&self, row: usize, column: &str, reason: &str) -> Error {
        self.error(format!("row {}, column `{column}`: {reason}", self.lines[row]))
    }

    fn error(&self, reason: String) -> Error {
        Error::Data { path: self.path.clone(), reason }
    }
}
