//! Tests of the table module; expected values are worked out by hand or by a second implementation here.

mod date;
mod describe;
mod encode;
mod kinds;
mod number;
mod parquet_file;
mod read;
mod shared;
mod split;
mod warnings;

use super::{Kind, ReadOptions, Table};
use crate::Error;
use std::path::PathBuf;
use tempfile::TempDir;

/// Writes `bytes` to a file `table.csv` in a folder of its own.
fn file(bytes: &[u8]) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("table.csv");
    std::fs::write(&path, bytes).unwrap();
    (folder, path)
}

fn try_read(content: impl AsRef<[u8]>, options: &ReadOptions) -> Result<Table, Error> {
    let (_folder, path) = file(content.as_ref());
    Table::read(path, options)
}

/// Reads a table whose content is `content` with the default options.
fn read(content: impl AsRef<[u8]>) -> Table {
    try_read(content, &ReadOptions::default()).unwrap()
}

/// Returns the message of the error that reading `content` ends with.
fn read_error(content: impl AsRef<[u8]>) -> String {
    try_read(content, &ReadOptions::default()).unwrap_err().to_string()
}

/// Options that set the kinds of some columns.
fn kinds(columns: &[(&str, Kind)]) -> ReadOptions {
    let columns = columns.iter().map(|&(name, kind)| (name.to_string(), kind)).collect();
    ReadOptions { columns, ..ReadOptions::default() }
}

/// All values of a column as texts, "" where there is none.
fn texts(table: &Table, column: &str) -> Vec<String> {
    let column = table.column(column).unwrap();
    (0..column.len()).map(|row| column.text(row).unwrap_or_default()).collect()
}

#[track_caller]
fn assert_contains(message: &str, parts: &[&str]) {
    for part in parts {
        assert!(message.contains(part), "`{part}` is not in: {message}");
    }
}
