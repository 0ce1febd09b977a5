//! Summaries of the columns of a table, for a user to check how it was read.

use super::column::EXAMPLES;
use super::{Column, Kind, Table, date};
use rayon::prelude::*;

/// What a column holds.
#[derive(Debug, Clone, PartialEq)]
pub struct ColumnSummary {
    /// Its name.
    pub name: String,
    /// Its kind.
    pub kind: Kind,
    /// Number of rows without a value.
    pub missing: usize,
    /// Its values in short.
    pub content: Content,
    /// The first different values as texts, at most [`EXAMPLES`].
    pub examples: Vec<String>,
}

/// The values of a column in short.
#[derive(Debug, Clone, PartialEq)]
pub enum Content {
    /// Numbers.
    Numbers {
        /// The smallest number.
        smallest: f64,
        /// The largest number.
        largest: f64,
        /// The mean.
        mean: f64,
        /// Number of different numbers.
        distinct: usize,
    },
    /// Dates, in ISO 8601.
    Dates {
        /// The earliest date.
        earliest: String,
        /// The latest date.
        latest: String,
        /// Number of different dates.
        distinct: usize,
    },
    /// Texts or answers.
    Texts {
        /// Number of different texts.
        distinct: usize,
    },
    /// No values, or values that are not kept.
    Nothing,
}

impl Table {
    /// Returns a summary of each column, in the order of the file.
    pub fn describe(&self) -> Vec<ColumnSummary> {
        self.names.par_iter().zip(&self.columns).map(|(name, column)| summary(name, column)).collect()
    }
}

fn summary(name: &str, column: &Column) -> ColumnSummary {
    ColumnSummary {
        name: name.into(),
        kind: column.kind(),
        missing: column.missing_count(),
        content: content(column),
        examples: examples(column),
    }
}

fn content(column: &Column) -> Content {
    if column.missing_count() == column.len() {
        return Content::Nothing;
    }
    match column {
        Column::Number(values) => {
            let (smallest, largest) = range(values);
            let present = values.iter().filter(|value| !value.is_nan());
            // Divides before it adds, because the sum of large numbers exceeds f64.
            let n = present.clone().count() as f64;
            let mean = smallest + present.map(|value| (value / n) - (smallest / n)).sum::<f64>();
            Content::Numbers { smallest, largest, mean, distinct: column.distinct_count() }
        }
        Column::Date { seconds, has_time } => {
            let (earliest, latest) = range(seconds);
            let [earliest, latest] = [earliest, latest].map(|second| date::format(second, *has_time));
            Content::Dates { earliest, latest, distinct: column.distinct_count() }
        }
        Column::Category(texts) | Column::Identifier(texts) => {
            Content::Texts { distinct: texts.values().len() }
        }
        Column::YesNo { values, .. } => {
            let has = |answer| usize::from(values.contains(&Some(answer)));
            Content::Texts { distinct: has(true) + has(false) }
        }
        Column::Text(_) | Column::Ignore(_) => Content::Nothing,
    }
}

fn range(values: &[f64]) -> (f64, f64) {
    // f64::min and f64::max return the other number where one is NaN.
    let smallest = values.iter().copied().fold(f64::NAN, f64::min);
    (smallest, values.iter().copied().fold(f64::NAN, f64::max))
}

fn examples(column: &Column) -> Vec<String> {
    if let Column::Text(unused) | Column::Ignore(unused) = column {
        return unused.examples.clone();
    }
    let mut examples: Vec<String> = Vec::new();
    for text in (0..column.len()).filter_map(|row| column.text(row)) {
        if examples.len() == EXAMPLES {
            break;
        }
        if !examples.contains(&text) {
            examples.push(text);
        }
    }
    examples
}
