//! Reads the values of a Parquet column, one cell per row.

use super::collector::Collector;
use super::meaning::Meaning;
use crate::data::npz::half;
use crate::data::table::date::DAY;
use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::{DataType, Int96};

/// The number of rows that are decoded at a time.
const BATCH: usize = 8192;

/// The day of 1970-01-01 in the count of days that 96-bit timestamps use.
const JULIAN_DAY_OF_1970: i64 = 2_440_588;

/// A value of a table.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Cell<'a> {
    Missing,
    Answer(bool),
    Whole(i64),
    Number(f64),
    /// Seconds since 1970-01-01 UTC.
    Moment(f64),
    Text(&'a str),
}

/// The reason why a column cannot be read.
pub(super) enum Fault {
    Damaged(String),
    /// A value that a table cannot hold, in the row `row`, counted from 0.
    Value {
        row: usize,
        reason: String,
    },
}

/// Reads all values of `reader` into `collector`; returns their number. A column with more than `most` is
/// read no further.
pub(super) fn read(reader: ColumnReader, most: i64, collector: &mut Collector) -> Result<usize, Fault> {
    let most = usize::try_from(most).unwrap_or(0);
    let meaning = collector.meaning();
    match reader {
        ColumnReader::BoolColumnReader(reader) => {
            cells(reader, most, collector, |&answer, push| push(Cell::Answer(answer)))
        }
        ColumnReader::Int32ColumnReader(reader) => {
            cells(reader, most, collector, |&number, push| match meaning {
                Meaning::Number { is_unsigned: true, .. } => {
                    push(Cell::Whole(i64::from(number.cast_unsigned())))
                }
                _ => push(whole(number.into(), meaning)),
            })
        }
        ColumnReader::Int64ColumnReader(reader) => {
            cells(reader, most, collector, |&number, push| match meaning {
                // Whole numbers above the largest i64.
                Meaning::Number { is_unsigned: true, .. } if number < 0 => {
                    push(Cell::Number(number.cast_unsigned() as f64))
                }
                _ => push(whole(number, meaning)),
            })
        }
        ColumnReader::Int96ColumnReader(reader) => {
            cells(reader, most, collector, |moment, push| push(Cell::Moment(seconds(moment))))
        }
        ColumnReader::FloatColumnReader(reader) => {
            cells(reader, most, collector, |&number, push| push(float(number.into())))
        }
        ColumnReader::DoubleColumnReader(reader) => {
            cells(reader, most, collector, |&number, push| push(float(number)))
        }
        ColumnReader::ByteArrayColumnReader(reader) => {
            cells(reader, most, collector, |value, push| bytes(value.data(), meaning, push))
        }
        ColumnReader::FixedLenByteArrayColumnReader(reader) => {
            cells(reader, most, collector, |value, push| bytes(value.data(), meaning, push))
        }
    }
}

type Push<'a> = &'a mut dyn FnMut(Cell) -> Result<(), String>;

fn cells<T: DataType>(
    mut reader: ColumnReaderImpl<T>,
    most: usize,
    collector: &mut Collector,
    convert: impl Fn(&T::T, Push) -> Result<(), String>,
) -> Result<usize, Fault> {
    let (mut values, mut levels) = (Vec::new(), Vec::new());
    let mut rows = 0;
    loop {
        values.clear();
        levels.clear();
        let read = reader.read_records(BATCH, Some(&mut levels), None, &mut values);
        let (records, ..) = read.map_err(|source| Fault::Damaged(super::text(&source)))?;
        rows += records;
        if records == 0 || rows > most {
            return Ok(rows);
        }
        // A column without nulls has no levels; a level of 0 is a null.
        let is_present = |row: usize| levels.get(row).is_none_or(|&level| level > 0);
        let mut present = values.iter();
        for row in 0..records {
            if !is_present(row) {
                collector.push(Cell::Missing);
                continue;
            }
            let value = present.next().ok_or_else(|| Fault::Damaged("fewer values than rows".into()))?;
            let mut push = |cell: Cell| {
                collector.push(cell);
                Ok(())
            };
            convert(value, &mut push).map_err(|reason| Fault::Value { row: collector.len(), reason })?;
        }
    }
}

fn whole<'a>(number: i64, meaning: Meaning) -> Cell<'a> {
    match meaning {
        Meaning::Day => Cell::Moment(number as f64 * DAY),
        Meaning::Moment { per_second } => Cell::Moment(number as f64 / per_second),
        Meaning::Number { divisor, .. } if divisor != 1.0 => Cell::Number(number as f64 / divisor),
        _ => Cell::Whole(number),
    }
}

fn float<'a>(number: f64) -> Cell<'a> {
    if number.is_nan() { Cell::Missing } else { Cell::Number(number) }
}

/// Returns the seconds since 1970-01-01 UTC: two words count nanoseconds of the day, one counts days.
fn seconds(moment: &Int96) -> f64 {
    let words = moment.data();
    let nanoseconds = u64::from(words[1]) << 32 | u64::from(words[0]);
    let days = i64::from(words[2]) - JULIAN_DAY_OF_1970;
    days as f64 * DAY + nanoseconds as f64 / 1e9
}

fn bytes(value: &[u8], meaning: Meaning, push: Push) -> Result<(), String> {
    match meaning {
        Meaning::Decimal { divisor } => {
            let number = big_endian(value).ok_or("is a decimal of more than 16 bytes")?;
            push(Cell::Number(number as f64 / divisor))
        }
        Meaning::Half => {
            let &[low, high] = value else { return Err("is not a float of 2 bytes".into()) };
            push(float(half(u16::from_le_bytes([low, high])).into()))
        }
        Meaning::Uuid => {
            let digits: String = value.iter().map(|byte| format!("{byte:02x}")).collect();
            push(Cell::Text(&digits))
        }
        _ => {
            let text = std::str::from_utf8(value).map_err(|_| "holds bytes that are no text in UTF-8")?;
            push(Cell::Text(text))
        }
    }
}

/// Returns a whole number in two's complement of at most 16 bytes.
fn big_endian(bytes: &[u8]) -> Option<i128> {
    let is_negative = bytes.first().is_some_and(|&byte| byte >= 0x80);
    let start = if is_negative { -1 } else { 0 };
    (bytes.len() <= 16).then(|| bytes.iter().fold(start, |number, &byte| number << 8 | i128::from(byte)))
}
