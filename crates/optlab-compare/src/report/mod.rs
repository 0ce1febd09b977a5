//! Reports of a [`Comparison`]: a table in the terminal, and files.
//!
//! | file          | for                                                   |
//! |:--------------|:------------------------------------------------------|
//! | `results.csv` | spreadsheets and data frames: a row per trial           |
//! | `results.json`| programs: trials, outcomes and summaries                |
//! | `results.md`  | people: tables, lost seeds, how it was made             |
//! | `curves.svg`  | the learning curves, in one picture                     |
//! | `times.csv`   | `optlab score`: the times to target                     |
//! | `report.html` | people with a browser: everything, interactively        |
//!
//! A report needs only the comparison's folder, and can be written again at any time.

pub mod between;
mod columns;
pub mod csv;
pub mod html;
pub mod json;
pub mod labels;
pub mod markdown;
pub mod number;
pub mod svg;
pub mod terminal;
pub mod times;
pub mod words;

use crate::Error;
use crate::result::comparison::Comparison;
use crate::result::summary::Summary;
use optlab_train::files::disk;
use std::path::{Path, PathBuf};

/// One format of a report's files.
pub trait Exporter {
    /// Returns the name of its file.
    fn file_name(&self) -> &'static str;

    /// Returns the content of its file; `summaries` are the summaries of `comparison`.
    ///
    /// # Errors
    /// [`File`](optlab_core::Error::File) for a value that the format cannot hold.
    fn export(&self, comparison: &Comparison, summaries: &[Summary]) -> Result<String, Error>;
}

/// Returns every format.
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
/// The errors of [`Exporter::export`]; [`Io`](optlab_core::Error::Io).
pub fn write_all(
    comparison: &Comparison,
    summaries: &[Summary],
    folder: &Path,
) -> Result<Vec<PathBuf>, Error> {
    let mut paths = Vec::new();
    for exporter in exporters() {
        let path = folder.join(exporter.file_name());
        disk::replace(&path, exporter.export(comparison, summaries)?.as_bytes())?;
        paths.push(path);
    }
    Ok(paths)
}

/// Returns a [`File`](optlab_core::Error::File) error about a report's file.
fn unwritable(file_name: &str, reason: impl std::fmt::Display) -> Error {
    Error::file(file_name, reason)
}

#[cfg(test)]
mod tests;
