//! Reads a table: recognizes delimiter, header and number format, then collects the columns.

use super::builder::{Builder, Built, Problem};
use super::number::{Evidence, Format};
use super::options::{MissingTexts, ReadOptions};
use super::records::{Records, recognize_delimiter};
use super::{Column, Table, decode, number, parquet_file, recognize};
use crate::Error;
use std::collections::HashMap;
use std::path::Path;

/// The most columns of a table.
const MOST_COLUMNS: usize = 100_000;

/// The most bytes of the name of a column; a longer one is a text that was taken for the header.
const LONGEST_NAME: usize = 10_000;

/// The number of records that decide how numbers are written.
const SAMPLE_RECORDS: usize = 10_000;

impl Table {
    /// Reads the table in the file at `path`: CSV or TSV, plain or packed with gzip, in UTF-8, UTF-16 with a
    /// byte order mark, or else Windows-1252; or Parquet, which the first bytes of the file decide.
    ///
    /// Recognizes what `options` leave open. Spaces around a field do not count; lines without any character
    /// are skipped. Rows in messages are lines of the file, counted from 1. The whole file must fit in
    /// memory beside its columns.
    ///
    /// The columns of a Parquet file have types: numbers, decimals and times of day (in seconds) are of kind
    /// [`Number`](super::Kind::Number), booleans [`YesNo`](super::Kind::YesNo), dates and timestamps
    /// [`Date`](super::Kind::Date); texts are recognized as in CSV, but stay texts if all are numbers. Nulls
    /// and NaN are missing, the index of pandas is ignored. Its pages may be packed with snappy or gzip. Rows
    /// in messages are counted from 1; `delimiter` and `header` have no meaning.
    ///
    /// # Errors
    /// [`Io`](optlab_core::Error::Io) if the file cannot be read.
    /// [`InvalidConfig`](optlab_core::Error::InvalidConfig) if `delimiter` or `decimal` is out of range.
    /// [`Usage`](optlab_core::Error::Usage) if `columns` names a column that the table lacks.
    /// [`Error::Data`], with the row and column where there is one, if the file is empty, a folder or not
    /// text; if it has a header but no rows, two columns of one name, rows of different lengths or a quote
    /// that is never closed; if a column whose kind is set by hand has a text that does not fit it; if at
    /// least 98 % of a column are numbers but not all; or if a number is infinite, NaN or ambiguous. For a
    /// Parquet file also if it is damaged or packed otherwise, or if a column holds lists, structs or bytes
    /// and its kind is not set to `ignore`.
    pub fn read(path: impl AsRef<Path>, options: &ReadOptions) -> Result<Table, Error> {
        let path = path.as_ref();
        options.check()?;
        if parquet_file::is_parquet(path) {
            return parquet_file::read(path, options);
        }
        let text = decode::read_text(path)?;
        // ReadOptions::check accepts ASCII characters only.
        let delimiter = options.delimiter.map_or_else(|| recognize_delimiter(&text), |given| given as u8);
        let source = Source::new(path, &text, delimiter, options)?;
        let (formats, decimal) = source.formats()?;
        let builders = (source.names.iter().zip(formats))
            .map(|(name, format)| Some(Builder::new(options.columns.get(name).copied(), format)))
            .collect();
        let (builders, lines) = source.collect(builders)?;
        let mut notes: Vec<String> = source.note.iter().cloned().collect();
        let (columns, day_first) = source.finish(builders, &lines, &mut notes)?;
        Ok(Table {
            path: path.into(),
            names: source.names,
            columns,
            lines,
            notes,
            options: ReadOptions { day_first, decimal, ..options.clone() },
        })
    }
}

/// A text whose delimiter and names of columns are known.
struct Source<'a> {
    path: &'a Path,
    text: &'a str,
    delimiter: u8,
    options: &'a ReadOptions,
    missing: MissingTexts,
    names: Vec<String>,
    has_header: bool,
    note: Option<String>,
}

impl<'a> Source<'a> {
    fn new(path: &'a Path, text: &'a str, delimiter: u8, options: &'a ReadOptions) -> Result<Self, Error> {
        let missing = MissingTexts::new(options);
        let mut records = Records::new(path, text, delimiter);
        let error = |reason: &str| Error::Data { path: path.into(), reason: reason.into() };
        let (_, first) = records.next()?.ok_or_else(|| error("is empty"))?;
        let first: Vec<String> = first.iter().map(|field| field.trim().to_owned()).collect();

        let mut values = first.iter().filter(|field| !missing.contains(field)).peekable();
        let is_numbers =
            values.peek().is_some() && values.all(|field| number::is_number_in_some_format(field));
        let has_header = options.header.unwrap_or(!is_numbers);
        let note = (options.header.is_none() && !has_header).then(|| {
            "the first row holds only numbers and is read as data; set `header` if it is the header".into()
        });
        if has_header && records.next()?.is_none() {
            return Err(error("has a header but no rows"));
        }
        let names = names(first, has_header).map_err(|reason| error(&reason))?;
        check_columns(path, options, &names)?;
        Ok(Self { path, text, delimiter, options, missing, names, has_header, note })
    }

    /// Returns how the numbers of each column are written, from the beginning of the file, and the character
    /// before their fractions if the whole file has the same.
    fn formats(&self) -> Result<(Vec<Format>, Option<char>), Error> {
        let format = match self.options.decimal {
            Some(',') => Some(Format::Comma { groups: true }),
            Some(_) => Some(Format::Point { groups: true }),
            None => None,
        };
        if let Some(format) = format {
            return Ok((vec![format; self.names.len()], self.options.decimal));
        }
        let mut columns = vec![Evidence::default(); self.names.len()];
        let mut records = self.records()?;
        for _ in 0..SAMPLE_RECORDS {
            let Some((_, record)) = records.next()? else { break };
            for (evidence, field) in columns.iter_mut().zip(record) {
                if field.contains(['.', ',']) {
                    evidence.add(field.trim_ascii());
                }
            }
        }
        let mut all = Evidence::default();
        columns.iter().for_each(|column| all += *column);
        let formats = columns.iter().map(|column| column.format(&all, self.delimiter)).collect();
        Ok((formats, all.decimal()))
    }

    /// Fills `builders` with all rows; also returns the line that each row begins on.
    fn collect(&self, mut builders: Vec<Option<Builder>>) -> Result<(Vec<Option<Builder>>, Vec<u32>), Error> {
        let mut lines = Vec::new();
        let mut records = self.records()?;
        while let Some((line, record)) = records.next()? {
            lines.push(line);
            for (builder, field) in builders.iter_mut().zip(record) {
                if let Some(builder) = builder {
                    let field = field.trim_ascii();
                    builder.push(field, self.missing.contains(field));
                }
            }
        }
        lines.shrink_to_fit();
        Ok((builders, lines))
    }

    /// Turns `builders` into columns; reads those with numbers and texts once more, as texts. Also returns
    /// whether the day comes first in dates with slashes.
    fn finish(
        &self,
        builders: Vec<Option<Builder>>,
        lines: &[u32],
        notes: &mut Vec<String>,
    ) -> Result<(Vec<Column>, Option<bool>), Error> {
        let texts = builders.iter().flatten().filter_map(Builder::only_texts);
        let day_first = self.options.day_first.or_else(|| recognize::day_first(texts));
        let problem = |name: &str, Problem { row, reason }| Error::Data {
            path: self.path.into(),
            reason: format!("row {}, column `{name}`: {reason}", lines[row]),
        };
        let mut columns = Vec::with_capacity(builders.len());
        let mut again: Vec<Option<Builder>> = Vec::with_capacity(builders.len());
        for (name, builder) in self.names.iter().zip(builders) {
            let built = builder.map(|builder| builder.finish(name, day_first)).transpose();
            let (column, reread) = match built.map_err(|found| problem(name, found))? {
                Some(Built::Column(recognized)) => {
                    notes.extend(recognized.note);
                    (Some(recognized.column), None)
                }
                Some(Built::ReadAsTexts { note }) => {
                    notes.push(note);
                    (None, Some(Builder::texts()))
                }
                None => (None, None),
            };
            columns.push(column);
            again.push(reread);
        }
        if again.iter().any(Option::is_some) {
            let (again, _) = self.collect(again)?;
            for ((name, builder), column) in self.names.iter().zip(again).zip(&mut columns) {
                let Some(builder) = builder else { continue };
                let recognized =
                    builder.finish_texts(name, day_first).map_err(|found| problem(name, found))?;
                notes.extend(recognized.note);
                *column = Some(recognized.column);
            }
        }
        Ok((columns.into_iter().flatten().collect(), day_first))
    }

    /// Returns the records after the header.
    fn records(&self) -> Result<Records<'a>, Error> {
        let mut records = Records::new(self.path, self.text, self.delimiter);
        if self.has_header {
            records.next()?;
        }
        Ok(records)
    }
}

/// Checks that the file at `path`, whose columns are `names`, has each column whose kind `options` set.
pub(super) fn check_columns(path: &Path, options: &ReadOptions, names: &[String]) -> Result<(), Error> {
    match options.columns.keys().find(|name| !names.contains(name)) {
        Some(unknown) => Err(unknown_column(path, unknown, names)),
        None => Ok(()),
    }
}

/// Returns the error about a column that the file at `path` lacks.
pub(super) fn unknown_column(path: &Path, name: &str, names: &[String]) -> Error {
    let known: Vec<&str> = names.iter().map(String::as_str).collect();
    let reason = Error::unknown_name("column", name, &known).to_string();
    Error::usage(format!("{}: {reason}", path.display()))
}

/// Returns the names of the columns; a column without a name is `column_1`, `column_2`, … by its place.
///
/// # Errors
/// The reason for two columns of one name, too many columns, or a name that is too long.
pub(super) fn names(first: Vec<String>, has_header: bool) -> Result<Vec<String>, String> {
    if first.len() > MOST_COLUMNS {
        return Err(format!("{} columns, more than the {MOST_COLUMNS} of a table", first.len()));
    }
    let mut places = HashMap::new();
    let mut names = Vec::with_capacity(first.len());
    for (i, name) in first.into_iter().enumerate() {
        let place = i + 1;
        if has_header && name.len() > LONGEST_NAME {
            return Err(format!(
                "column {place} has a name of {} bytes, more than {LONGEST_NAME}",
                name.len()
            ));
        }
        let name = if has_header && !name.is_empty() { name } else { format!("column_{place}") };
        if let Some(other) = places.insert(name.clone(), place) {
            return Err(format!("columns {other} and {place} are both named `{name}`"));
        }
        names.push(name);
    }
    Ok(names)
}
