//! Reads a table from an Apache Parquet file, whose columns have types.
//!
//! ```text
//! file ──> meaning.rs ──> cells.rs ──────> collector.rs ──> Column
//!          types           values, nulls    recognize.rs for texts
//! ```

mod cells;
mod collector;
mod meaning;
mod pages;
mod source;

use super::options::{Kind, MissingTexts, ReadOptions};
use super::read::{check_columns, names};
use super::{Column, Table, Unused, recognize};
use crate::Error;
use collector::Collector;
use meaning::Meaning;
use optlab_core::bounded_file::{self, DATA};
use pages::CheckedPages;
use parquet::basic::{Compression, Repetition};
use parquet::column::reader::get_column_reader;
use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader, RowGroupReader, SerializedFileReader};
use parquet::schema::types::SchemaDescriptor;
use source::Source;
use std::io::Read;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

/// The first bytes of a Parquet file.
const MAGIC: [u8; 4] = *b"PAR1";

/// The beginning of the name of the columns that pandas adds for the labels of its rows.
const PANDAS_INDEX: &str = "__index_level_";

/// Returns whether the file at `path` begins as a Parquet file; false for a file that cannot be read.
pub(super) fn is_parquet(path: &Path) -> bool {
    let mut start = [0; MAGIC.len()];
    let file = bounded_file::open(path, DATA);
    file.is_ok_and(|mut file| file.read_exact(&mut start).is_ok()) && start == MAGIC
}

/// Reads the Parquet file at `path`; its rows are counted from 1 in messages.
pub(super) fn read(path: &Path, options: &ReadOptions) -> Result<Table, Error> {
    // The crate's reader panics at some damaged pages; nothing that it touched is used after that.
    let result = catch_unwind(AssertUnwindSafe(|| read_file(path, options)));
    result.unwrap_or_else(|_| {
        Err(Error::Data { path: path.into(), reason: "is damaged: its pages cannot be decoded".into() })
    })
}

fn read_file(path: &Path, options: &ReadOptions) -> Result<Table, Error> {
    let error = |reason: String| Error::Data { path: path.into(), reason };
    let file = bounded_file::open(path, DATA)?;
    let bytes = file.metadata().map_err(Error::io("read", path))?.len();
    let reader = SerializedFileReader::new(Source::new(file)).map_err(|source| {
        error(format!("cannot be read as Parquet, is it truncated? ({})", text(&source)))
    })?;
    let schema = reader.metadata().file_metadata().schema_descr();
    let fields = schema.root_schema().get_fields();
    let names = names(fields.iter().map(|field| field.name().to_owned()).collect(), true).map_err(error)?;
    check_columns(path, options, &names)?;
    let mut parts = parts(schema, &names, options).map_err(error)?;
    let groups = reader.metadata().row_groups().iter();
    let rows = groups.map(|group| u64::try_from(group.num_rows()).unwrap_or(u64::MAX));
    let values = rows.fold(0, u64::saturating_add).saturating_mul(schema.num_columns() as u64);
    check_size(values, bytes).map_err(error)?;

    let mut rows = 0;
    for i in 0..reader.num_row_groups() {
        let group = reader.get_row_group(i).map_err(|source| error(text(&source)))?;
        rows += read_group(&*group, &names, &mut parts).map_err(error)?;
    }
    let rows = u32::try_from(rows).ok().filter(|&rows| rows < u32::MAX);
    let rows = rows.ok_or_else(|| error("more rows than a table can have, 2³² − 2".into()))?;
    if rows == 0 || parts.is_empty() {
        return Err(error("has no rows".into()));
    }

    let texts = parts.iter().filter_map(|part| part.collector.as_ref()?.only_texts());
    let day_first = options.day_first.or_else(|| recognize::day_first(texts));
    let mut notes = Vec::new();
    let mut columns = Vec::with_capacity(parts.len());
    for (name, part) in names.iter().zip(parts) {
        let Some(collector) = part.collector else {
            notes.extend(part.note);
            columns.push(Column::Ignore(Unused { rows: rows as usize, ..Unused::default() }));
            continue;
        };
        let recognized = collector.finish(name, day_first);
        let recognized = recognized.map_err(|problem| {
            error(format!("row {}, column `{name}`: {}", problem.row + 1, problem.reason))
        })?;
        notes.extend(recognized.note);
        columns.push(recognized.column);
    }
    let options = ReadOptions { day_first, ..options.clone() };
    Ok(Table { path: path.into(), names, columns, lines: (1..=rows).collect(), notes, options })
}

/// Checks that a file of so many bytes does not promise far more values than such a file holds: a few bytes
/// can stand for billions of equal ones.
fn check_size(values: u64, bytes: u64) -> Result<(), String> {
    /// The most values of a file of any size: a gigabyte of numbers.
    const ALWAYS: u64 = 1 << 27;
    /// The most values per byte of a larger file.
    const PER_BYTE: u64 = 100;
    match values > bytes.saturating_mul(PER_BYTE).max(ALWAYS) {
        true => Err(format!("promises {values} values in {bytes} bytes")),
        false => Ok(()),
    }
}

/// A column of the table while it is read.
struct Part {
    /// The index among the file's columns of plain values.
    leaf: usize,
    /// `None` for a column that is not read.
    collector: Option<Collector>,
    note: Option<String>,
}

/// Returns the columns of a file, in its order.
fn parts(schema: &SchemaDescriptor, names: &[String], options: &ReadOptions) -> Result<Vec<Part>, String> {
    let missing = MissingTexts::new(options);
    let mut parts = Vec::with_capacity(names.len());
    let fields = schema.root_schema().get_fields().iter();
    for (place, (name, field)) in names.iter().zip(fields).enumerate() {
        let leaf = (0..schema.num_columns()).find(|&leaf| schema.get_column_root_idx(leaf) == place);
        let leaf = leaf.ok_or_else(|| format!("column `{name}` holds no values"))?;
        let set = options.columns.get(name).copied();
        let is_plain = field.is_primitive() && field.get_basic_info().repetition() != Repetition::REPEATED;
        let meaning = match is_plain {
            true => Meaning::of(&schema.column(leaf)),
            false => Err("a list, map or struct".into()),
        };
        let is_index = name.starts_with(PANDAS_INDEX) && set.is_none();
        let note = is_index.then(|| format!("column `{name}` is the index of pandas and is ignored"));
        let collector = match meaning {
            _ if is_index => None,
            Ok(meaning) => Some(Collector::new(meaning, set, options.decimal, missing.clone())),
            Err(_) if set == Some(Kind::Ignore) => None,
            Err(found) => {
                return Err(format!(
                    "column `{name}` holds {found}, which a table cannot hold; write the file without it, or set \
                     `columns.{name} = \"ignore\"`"
                ));
            }
        };
        parts.push(Part { leaf, collector, note });
    }
    Ok(parts)
}

/// Reads a group of rows into `parts`; returns their number.
fn read_group(group: &dyn RowGroupReader, names: &[String], parts: &mut [Part]) -> Result<u64, String> {
    let rows = group.metadata().num_rows();
    for (name, part) in names.iter().zip(parts) {
        let Some(collector) = &mut part.collector else { continue };
        let chunk = group.metadata().column(part.leaf);
        let codec = match chunk.compression() {
            Compression::UNCOMPRESSED | Compression::SNAPPY | Compression::GZIP(_) => None,
            Compression::ZSTD(_) => Some("zstd"),
            Compression::BROTLI(_) => Some("brotli"),
            Compression::LZ4 | Compression::LZ4_RAW => Some("lz4"),
            _ => Some("a method of its own"),
        };
        if let Some(codec) = codec {
            return Err(format!(
                "column `{name}` is packed with {codec}; snappy, gzip and no packing are read: convert it in \
                 Python with `pandas.read_parquet(old).to_parquet(new, compression=\"snappy\")`"
            ));
        }
        let places =
            [chunk.data_page_offset(), chunk.dictionary_page_offset().unwrap_or(0), chunk.compressed_size()];
        // The reader panics at these.
        if places.iter().any(|&place| place < 0) {
            return Err(format!("column `{name}` is damaged (it has a place before the file)"));
        }
        let pages = group.get_column_page_reader(part.leaf);
        let pages = pages.map_err(|source| cells::Fault::Damaged(text(&source)));
        let read = pages.and_then(|pages| {
            let reader = get_column_reader(
                chunk.column_descr_ptr(),
                Box::new(CheckedPages::new(pages, chunk.column_type())),
            );
            cells::read(reader, rows, collector)
        });
        let read = read.map_err(|fault| match fault {
            cells::Fault::Damaged(reason) => format!("column `{name}` is damaged or truncated ({reason})"),
            cells::Fault::Value { row, reason } => format!("row {}, column `{name}`: {reason}", row + 1),
        })?;
        if i64::try_from(read).ok() != Some(rows) {
            return Err(format!("column `{name}` has {read} rows in a group of {rows}"));
        }
    }
    u64::try_from(rows).map_err(|_| format!("promises {rows} rows"))
}

/// Returns the message of an error of the Parquet reader on one line.
fn text(error: &ParquetError) -> String {
    error.to_string().replace('\n', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_bytes_may_stand_for_many_equal_values_but_not_for_billions() {
        assert!(check_size(1 << 27, 1_000).is_ok());
        assert!(check_size(100 << 30, 1 << 30).is_ok());
        for (values, bytes) in
            [((1 << 27) + 1, 1_000), ((100 << 30) + 1, 1 << 30), (u64::MAX, u64::MAX / 200)]
        {
            assert!(check_size(values, bytes).unwrap_err().starts_with("promises "));
        }
    }
}
