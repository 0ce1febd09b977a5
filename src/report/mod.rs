//! Reports: what a [`Comparison`] says, as a table in the terminal and as files.
//!
//! | file          | for                                                   |
//! |:--------------|:------------------------------------------------------|
//! | `results.csv` | spreadsheets and data frames: a row for each trial      |
//! | `results.json`| programs: trials, outcomes and summaries                |
//! | `results.md`  | people: tables, lost seeds, how it was made             |
//! | `curves.svg`  | the learning curves, in one picture                     |
//!
//! A report is made from the comparison's folder alone, and can be made again at any time.

mod columns;
pub mod csv;
pub mod json;
mod labels;
pub mod markdown;
pub(crate) mod number;
pub mod svg;
pub mod terminal;

use crate::atomic_file;
use crate::compare::Comparison;
use crate::error::Error;
use std::path::{Path, PathBuf};

/// One format of a report's files.
pub trait Exporter {
    /// The name of its file.
    fn file_name(&self) -> &'static str;

    /// The content of its file.
    ///
    /// # Errors
    /// [`Error::File`] for something that the format cannot hold.
    fn export(&self, comparison: &Comparison) -> Result<String, Error>;
}

/// Every format.
pub fn exporters() -> Vec<Box<dyn Exporter>> {
    vec![Box::new(csv::Csv), Box::new(json::Json), Box::new(markdown::Markdown), Box::new(svg::Svg)]
}

/// Writes every format into `folder` and returns the files' paths.
///
/// # Errors
/// What [`Exporter::export`] returns; [`Error::Io`].
pub fn write_all(comparison: &Comparison, folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let mut paths = Vec::new();
    for exporter in exporters() {
        let path = folder.join(exporter.file_name());
        atomic_file::write(&path, exporter.export(comparison)?.as_bytes())?;
        paths.push(path);
    }
    Ok(paths)
}

/// An [`Error::File`] about a report's file.
fn unwritable(file_name: &str, reason: impl std::fmt::Display) -> Error {
    Error::File { path: file_name.into(), reason: reason.to_string() }
}

#[cfg(test)]
mod tests;
