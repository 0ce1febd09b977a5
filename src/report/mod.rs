//! Reports: what a [`Comparison`] says, as a table in the terminal and as files.
//!
//! | file          | for                                                   |
//! |:--------------|:------------------------------------------------------|
//! | `results.csv` | spreadsheets and data frames: a row for each trial      |
//! | `results.json`| programs: trials, outcomes and summaries                |
//! | `results.md`  | people: tables, lost seeds, how it was made             |
//! | `curves.svg`  | the learning curves, in one picture                     |
//! | `times.csv`   | `optlab score`: the times to target                     |
//! | `report.html` | people with a browser: all of it, to look around in     |
//!
//! A report is made from the comparison's folder alone, and can be made again at any time.

pub mod between;
mod columns;
pub mod csv;
pub mod html;
pub mod json;
pub(crate) mod labels;
pub mod markdown;
pub(crate) mod number;
pub mod svg;
pub mod terminal;
pub mod times;
pub(crate) mod words;

use crate::atomic_file;
use crate::compare::{Comparison, Summary};
use crate::error::Error;
use std::path::{Path, PathBuf};

/// One format of a report's files.
pub trait Exporter {
    /// The name of its file.
    fn file_name(&self) -> &'static str;

    /// The content of its file; `summaries` are those of the comparison.
    ///
    /// # Errors
    /// [`Error::File`] for something that the format cannot hold.
    fn export(&self, comparison: &Comparison, summaries: &[Summary]) -> Result<String, Error>;
}

/// Every format.
pub fn exporters() -> Vec<Box<dyn Exporter>> {
    vec![
        Box::new(csv::Csv),
        Box::new(json::Json),
        Box::new(markdown::Markdown),
        Box::new(svg::Svg),
        Box::new(times::Times),
        Box::new(html::Html),
    ]
}

/// Writes every format into `folder` and returns the files' paths.
///
/// # Errors
/// What [`Exporter::export`] returns; [`Error::Io`].
pub fn write_all(
    comparison: &Comparison,
    summaries: &[Summary],
    folder: &Path,
) -> Result<Vec<PathBuf>, Error> {
    let mut paths = Vec::new();
    for exporter in exporters() {
        let path = folder.join(exporter.file_name());
        atomic_file::write(&path, exporter.export(comparison, summaries)?.as_bytes())?;
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
