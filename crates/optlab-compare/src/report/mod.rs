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
use optlab_train::files::atomic_file;
use std::path::{Path, PathBuf};

/// One format of a report's files.
pub trait Exporter {
    /// The name of its file.
    fn file_name(&self) -> &'static str;

    /// The content of its file; `summaries` are those of the comparison.
    ///
    /// # Errors
    /// [`File`](optlab_core::Error::File) for something that the format cannot hold.
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
/// What [`Exporter::export`] returns; [`Io`](optlab_core::Error::Io).
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

/// An [`File`](optlab_core::Error::File) about a report's file.
fn unwritable(file_name: &str, reason: impl std::fmt::Display) -> Error {
    Error::file(file_name, reason)
}

#[cfg(test)]
mod tests;
