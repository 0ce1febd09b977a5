//! Tables that a user gives: a CSV or Parquet file becomes typed columns, parts to train and test on, and
//! features.
//!
//! ```text
//! file ──> decode.rs ──> records.rs ──> builder.rs ──> Table ──> split.rs ──> Encoder ──> Encoded
//!          gzip, UTF-16   delimiter     number.rs       │         rows         encoder/    f32 rows
//!                         lines         recognize.rs    ├──> warnings.rs
//!                                       date.rs         └──> describe.rs
//! parquet_file/: the same from a Parquet file, whose columns have types
//! ```
//!
//! # Example
//! ```
//! use optlab_train::data::table::{Encoder, EncoderOptions, ReadOptions, Split, Table, Task};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("flats.csv");
//! std::fs::write(&path, "rooms;size;city;rent\n1;30,5;Bonn;400\n2;50,0;Bonn;600\n3;80,5;Köln;1100\n")?;
//! let table = Table::read(&path, &ReadOptions::default())?;
//! let target = ["rent".to_string()];
//! let rows = table.rows_with_target(&target, false)?;
//! let parts = Split { test: 0.3, ..Split::default() }.test_part(&table, &rows, None)?;
//! let encoder = Encoder::fit(&table, &target, Task::Regression, &parts.train, &EncoderOptions::default())?;
//! let train = encoder.encode(&table, &parts.train)?;
//! assert_eq!((train.rows.len(), train.inputs.len()), (2, 2 * train.features));
//! # Ok(())
//! # }
//! ```

mod builder;
mod categories;
mod column;
mod date;
mod decode;
mod describe;
mod encoder;
mod number;
mod options;
mod parquet_file;
mod read;
mod recognize;
mod records;
mod shared;
mod split;
#[cfg(test)]
mod tests;
mod warnings;

pub use categories::Categories;
pub use column::{Column, EXAMPLES, Unused};
pub(crate) use decode::read_text;
pub use describe::{ColumnSummary, Content};
pub use encoder::{Encoded, EncodedTargets, Encoder, EncoderOptions, Feature, FeatureKind, Scale, Task};
pub use options::{Kind, ReadOptions};
pub use split::{Parts, Split};

use crate::Error;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// A table in memory, a typed vector per column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Table {
    path: PathBuf,
    names: Vec<String>,
    columns: Vec<Column>,
    /// The line of the file that each row begins on, from 1; the number of the row in a Parquet file.
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
    /// [`Usage`](optlab_core::Error::Usage), with the nearest name, if there is none.
    pub fn column(&self, name: &str) -> Result<&Column, Error> {
        self.index(name).map(|i| &self.columns[i])
    }

    /// Returns what was decided while reading that the user should know, a sentence each: columns that are
    /// ignored, a missing header.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Returns the line of the file that `row` begins on, counted from 1; for a Parquet file, which has no
    /// lines, the number of the row, counted from 1.
    ///
    /// # Panics
    /// If there is no row `row`.
    pub fn line(&self, row: usize) -> usize {
        self.lines[row] as usize
    }

    /// Returns options that read another file as this one was read: numbers are written as here, and every
    /// column that a model can be given has the kind that it has here.
    pub fn options(&self) -> ReadOptions {
        let mut options = self.options.clone();
        let kinds = self.names.iter().cloned().zip(self.columns.iter().map(Column::kind));
        options.columns.extend(kinds.filter(|(_, kind)| kind.is_input()));
        options
    }

    /// Reads another file with the columns of this table, as this one was read: a test part, or later data.
    /// Columns that this table lacks are read, too.
    ///
    /// # Errors
    /// As [`read`](Self::read); [`Usage`](optlab_core::Error::Usage) if the file lacks a column that a
    /// model can be given.
    pub fn read_alike(&self, path: impl AsRef<Path>) -> Result<Table, Error> {
        Table::read(path, &self.options())
    }

    /// Returns the rows that have a value in each of the columns `target`, ascending.
    ///
    /// # Errors
    /// [`Usage`](optlab_core::Error::Usage) for a column that does not exist; [`Error::Data`] if
    /// no row is left, or if a row has no value and `drop_missing_target` is false.
    pub fn rows_with_target(
        &self,
        target: &[String],
        drop_missing_target: bool,
    ) -> Result<Vec<usize>, Error> {
        let all: Vec<usize> = (0..self.len()).collect();
        self.keep_rows_with_target(&all, target, drop_missing_target)
    }

    fn keep_rows_with_target(
        &self,
        rows: &[usize],
        target: &[String],
        drop_missing_target: bool,
    ) -> Result<Vec<usize>, Error> {
        let mut rows = rows.to_vec();
        for name in target {
            let column = self.column(name)?;
            let missing: Vec<usize> = rows.iter().copied().filter(|&row| column.is_missing(row)).collect();
            if let (Some(&row), false) = (missing.first(), drop_missing_target || !column.kind().is_input()) {
                let reason = format!(
                    "the target is missing in {} of {} rows; write `drop_missing_target = true` below `[data]` \
                     in the problem's file to leave them out",
                    missing.len(),
                    rows.len()
                );
                return Err(self.error_at(row, name, &reason));
            }
            rows.retain(|&row| !column.is_missing(row) || !column.kind().is_input());
        }
        if rows.is_empty() {
            return Err(self.error("no row has a target".into()));
        }
        Ok(rows)
    }

    /// Returns the index of the column `name`.
    fn index(&self, name: &str) -> Result<usize, Error> {
        let position = self.names.iter().position(|other| other == name);
        position.ok_or_else(|| read::unknown_column(&self.path, name, &self.names))
    }

    /// Returns an error about the value of `column` in `row`.
    fn error_at(&self, row: usize, column: &str, reason: &str) -> Error {
        self.error(format!("row {}, column `{column}`: {reason}", self.lines[row]))
    }

    fn error(&self, reason: String) -> Error {
        Error::Data { path: self.path.clone(), reason }
    }
}
