//! The meaning of the values of a Parquet column: its physical type read as its logical type says.

use parquet::basic::{ConvertedType, LogicalType, TimeUnit, Type};
use parquet::schema::types::ColumnDescriptor;

/// The meaning of a column's values.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Meaning {
    /// True and false.
    Answer,
    /// Numbers, to be divided by `divisor`. Times of day are numbers, in seconds since midnight.
    Number { divisor: f64, is_unsigned: bool },
    /// Whole numbers in big-endian bytes, to be divided by `divisor`.
    Decimal { divisor: f64 },
    /// Floats of 16 bits.
    Half,
    /// Moments, counted from 1970-01-01 UTC, `per_second` counts a second.
    Moment { per_second: f64 },
    /// Days since 1970-01-01.
    Day,
    /// Texts.
    Text,
    /// Identifiers of 16 bytes.
    Uuid,
}

impl Meaning {
    /// Returns the meaning of `column`; what it holds if that cannot be part of a table.
    pub fn of(column: &ColumnDescriptor) -> Result<Meaning, String> {
        let logical = column.logical_type_ref();
        let converted = column.converted_type();
        let number = Meaning::Number { divisor: 1.0, is_unsigned: false };
        let is_decimal =
            matches!(logical, Some(LogicalType::Decimal(_))) || converted == ConvertedType::DECIMAL;
        let divisor = 10_f64.powi(column.type_scale());
        Ok(match column.physical_type() {
            Type::BOOLEAN => Meaning::Answer,
            Type::FLOAT | Type::DOUBLE => number,
            Type::INT96 => Meaning::Moment { per_second: 1.0 },
            Type::INT32 | Type::INT64 if is_decimal => Meaning::Number { divisor, is_unsigned: false },
            Type::BYTE_ARRAY | Type::FIXED_LEN_BYTE_ARRAY if is_decimal => Meaning::Decimal { divisor },
            Type::INT32 | Type::INT64 => match (logical, converted) {
                (Some(LogicalType::Timestamp(moment)), _) => {
                    Meaning::Moment { per_second: per_second(&moment.unit)? }
                }
                (Some(LogicalType::Time(time)), _) => {
                    Meaning::Number { divisor: per_second(&time.unit)?, is_unsigned: false }
                }
                (Some(LogicalType::Integer(whole)), _) => {
                    Meaning::Number { divisor: 1.0, is_unsigned: !whole.is_signed }
                }
                (Some(LogicalType::Date), _) | (_, ConvertedType::DATE) => Meaning::Day,
                (_, ConvertedType::TIMESTAMP_MILLIS) => Meaning::Moment { per_second: 1e3 },
                (_, ConvertedType::TIMESTAMP_MICROS) => Meaning::Moment { per_second: 1e6 },
                (_, ConvertedType::TIME_MILLIS) => Meaning::Number { divisor: 1e3, is_unsigned: false },
                (_, ConvertedType::TIME_MICROS) => Meaning::Number { divisor: 1e6, is_unsigned: false },
                (
                    _,
                    ConvertedType::UINT_8
                    | ConvertedType::UINT_16
                    | ConvertedType::UINT_32
                    | ConvertedType::UINT_64,
                ) => Meaning::Number { divisor: 1.0, is_unsigned: true },
                _ => number,
            },
            Type::BYTE_ARRAY => match logical {
                None | Some(LogicalType::String | LogicalType::Enum | LogicalType::Json)
                    if converted != ConvertedType::BSON =>
                {
                    Meaning::Text
                }
                _ => return Err("bytes that are no text".into()),
            },
            Type::FIXED_LEN_BYTE_ARRAY => match logical {
                Some(LogicalType::Float16) => Meaning::Half,
                Some(LogicalType::Uuid) => Meaning::Uuid,
                _ => return Err("bytes that are no text".into()),
            },
        })
    }
}

fn per_second(unit: &TimeUnit) -> Result<f64, String> {
    match unit {
        TimeUnit::MILLIS => Ok(1e3),
        TimeUnit::MICROS => Ok(1e6),
        TimeUnit::NANOS => Ok(1e9),
    }
}
