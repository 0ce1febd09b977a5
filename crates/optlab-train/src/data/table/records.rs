//! The records of a text: its delimiter, its fields, and the number of the line that each record begins on.

use crate::Error;
use csv::{Reader, ReaderBuilder, StringRecord};
use std::path::Path;

/// The delimiters that are recognized. The first that fits is taken: a comma is often part of a number or of
/// a text, a tab almost never.
const DELIMITERS: [u8; 4] = [b'\t', b';', b'|', b','];

/// How much of a file decides its delimiter.
const SAMPLE_BYTES: usize = 1 << 16;
const SAMPLE_RECORDS: usize = 100;

/// Reads a text record by record.
pub(super) struct Records<'a> {
    path: &'a Path,
    text: &'a str,
    reader: Reader<&'a [u8]>,
    delimiter: u8,
    record: StringRecord,
    fields: Option<usize>,
}

impl<'a> Records<'a> {
    /// Starts at the beginning of `text`; `path` is only used in errors.
    pub fn new(path: &'a Path, text: &'a str, delimiter: u8) -> Self {
        Self { path, text, reader: reader(text, delimiter), delimiter, record: StringRecord::new(), fields: None }
    }

    /// Returns the next record and the line that it begins on, counted from 1; `None` at the end. Lines
    /// without any character are skipped.
    ///
    /// # Errors
    /// [`Error::Data`] if the record has another number of fields than the first one, or ends the text within
    /// quotes.
    pub fn next(&mut self) -> Result<Option<(u32, &StringRecord)>, Error> {
        let start = self.reader.position().clone();
        let is_record = self.reader.read_record(&mut self.record);
        if !is_record.map_err(|error| self.error(start.line(), error.to_string()))? {
            return Ok(None);
        }
        // The reader's line is where it stopped before, which may be followed by empty lines.
        let raw = &self.text.as_bytes()[start.byte() as usize..self.reader.position().byte() as usize];
        let skipped =
            raw.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).filter(|&&byte| byte == b'\n');
        let line = start.line() + skipped.count() as u64;

        let is_last = self.reader.position().byte() as usize == self.text.len();
        // A quote within a field, as in `5"`, is a character.
        let begins_quoted = |field: &[u8]| field.trim_ascii().starts_with(b"\"");
        if is_last
            && raw.iter().filter(|&&byte| byte == b'"').count() % 2 == 1
            && (raw.trim_ascii().contains(&b'\n')
                || raw.split(|&byte| byte == self.delimiter).any(begins_quoted))
        {
            return Err(self.error(line, "a quote is opened here and never closed".into()));
        }
        let expected = *self.fields.get_or_insert(self.record.len());
        if self.record.len() != expected {
            let count = self.record.len();
            let plural = if count == 1 { "" } else { "s" };
            return Err(self.error(line, format!("{count} field{plural}, but the first row has {expected}")));
        }
        match u32::try_from(line) {
            Ok(line) if line < u32::MAX => Ok(Some((line, &self.record))),
            _ => Err(self.error(line, "more lines than a table can have, 2³² − 2".into())),
        }
    }

    fn error(&self, line: u64, reason: String) -> Error {
        Error::Data { path: self.path.into(), reason: format!("row {line}: {reason}") }
    }
}

fn reader(text: &str, delimiter: u8) -> Reader<&[u8]> {
    ReaderBuilder::new().has_headers(false).flexible(true).delimiter(delimiter).from_reader(text.as_bytes())
}

/// Returns the delimiter of `text`: the first of tab, semicolon, pipe and comma that cuts each record of its
/// beginning into the same number of fields, at least 2. If none does, the one with the most records of the
/// same number of fields; the comma for a table of one column.
pub(super) fn recognize_delimiter(text: &str) -> u8 {
    let sample = &text[..text.floor_char_boundary(SAMPLE_BYTES)];
    let counts = DELIMITERS.map(|delimiter| {
        let mut counts: Vec<usize> = reader(sample, delimiter)
            .records()
            .take(SAMPLE_RECORDS)
            .flatten()
            .map(|record| record.len())
            .collect();
        // The last record of a sample may be cut off.
        if sample.len() < text.len() && counts.len() > 1 && counts.len() < SAMPLE_RECORDS {
            counts.pop();
        }
        counts
    });
    let is_regular =
        |counts: &Vec<usize>| counts.first() > Some(&1) && counts.iter().all(|count| *count == counts[0]);
    if let Some(i) = counts.iter().position(is_regular) {
        return DELIMITERS[i];
    }
    let agreeing = |counts: &Vec<usize>| {
        let with = |wanted| counts.iter().filter(|&&count| count == wanted).count();
        counts.iter().filter(|&&count| count > 1).map(|&count| with(count)).max().unwrap_or(0)
    };
    let best = DELIMITERS.iter().zip(&counts).rev().max_by_key(|(_, counts)| agreeing(counts));
    best.filter(|(_, counts)| agreeing(counts) > 0).map_or(b',', |(delimiter, _)| *delimiter)
}
