//! The values of one column, stored by its kind.

use super::categories::Categories;
use super::date;
use super::options::Kind;
use indexmap::IndexSet;
use serde::{Deserialize, Serialize};

/// The values of a column, one per row.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Column {
    /// Finite numbers; NaN where the value is missing.
    Number(Vec<f64>),
    /// Texts.
    Category(Categories),
    /// Answers.
    YesNo {
        /// Whether the answer is yes; `None` where it is missing.
        values: Vec<Option<bool>>,
        /// The texts of no and yes, as the file has them first.
        names: [String; 2],
    },
    /// Moments.
    Date {
        /// Seconds since 1970-01-01T00:00:00 UTC; NaN where the value is missing.
        seconds: Vec<f64>,
        /// Whether a value has a time of day.
        has_time: bool,
    },
    /// Texts that a model is not given; they can group rows.
    Identifier(Categories),
    /// Long texts, which are not kept.
    Text(Unused),
    /// A column that is not kept.
    Ignore(Unused),
}

/// The rest of a column whose values are not kept.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Unused {
    /// Number of rows.
    pub rows: usize,
    /// Number of rows without a value.
    pub missing: usize,
    /// The first different values, at most [`EXAMPLES`].
    pub examples: Vec<String>,
}

/// The largest number of values shown as examples of a column.
pub const EXAMPLES: usize = 3;

impl Unused {
    pub(super) fn push(&mut self, text: &str) {
        self.rows += 1;
        if self.examples.len() < EXAMPLES && !self.examples.iter().any(|example| example == text) {
            self.examples.push(text.into());
        }
    }

    pub(super) fn push_missing(&mut self) {
        self.rows += 1;
        self.missing += 1;
    }
}

impl Column {
    /// Returns the kind.
    pub fn kind(&self) -> Kind {
        match self {
            Column::Number(_) => Kind::Number,
            Column::Category(_) => Kind::Category,
            Column::YesNo { .. } => Kind::YesNo,
            Column::Date { .. } => Kind::Date,
            Column::Identifier(_) => Kind::Identifier,
            Column::Text(_) => Kind::Text,
            Column::Ignore(_) => Kind::Ignore,
        }
    }

    /// Returns the number of rows.
    pub fn len(&self) -> usize {
        match self {
            Column::Number(values) | Column::Date { seconds: values, .. } => values.len(),
            Column::Category(texts) | Column::Identifier(texts) => texts.len(),
            Column::YesNo { values, .. } => values.len(),
            Column::Text(unused) | Column::Ignore(unused) => unused.rows,
        }
    }

    /// Returns whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns whether `row` has no value; `true` for a column whose values are not kept.
    ///
    /// # Panics
    /// If there is no row `row`.
    pub fn is_missing(&self, row: usize) -> bool {
        match self {
            Column::Number(values) | Column::Date { seconds: values, .. } => values[row].is_nan(),
            Column::Category(texts) | Column::Identifier(texts) => texts.code(row).is_none(),
            Column::YesNo { values, .. } => values[row].is_none(),
            Column::Text(_) | Column::Ignore(_) => true,
        }
    }

    /// Returns the number of rows without a value.
    pub fn missing_count(&self) -> usize {
        match self {
            Column::Category(texts) | Column::Identifier(texts) => texts.missing_count(),
            Column::Text(unused) | Column::Ignore(unused) => unused.missing,
            _ => (0..self.len()).filter(|&row| self.is_missing(row)).count(),
        }
    }

    /// Returns the value of `row` as a text, dates in ISO 8601; `None` if it is missing or not kept.
    ///
    /// # Panics
    /// If there is no row `row`.
    pub fn text(&self, row: usize) -> Option<String> {
        match self {
            _ if self.is_missing(row) => None,
            // −0 + 0 is +0: one text for one number.
            Column::Number(values) => Some((values[row] + 0.0).to_string()),
            Column::Date { seconds, has_time } => Some(date::format(seconds[row], *has_time)),
            Column::Category(texts) | Column::Identifier(texts) => texts.text(row).map(String::from),
            Column::YesNo { values, names } => values[row].map(|value| names[usize::from(value)].clone()),
            Column::Text(_) | Column::Ignore(_) => None,
        }
    }

    /// Returns a number that two rows share exactly if their values are the same; `None` if the value is
    /// missing or not kept.
    ///
    /// # Panics
    /// If there is no row `row`.
    #[inline]
    pub(super) fn key(&self, row: usize) -> Option<u64> {
        match self {
            Column::Number(values) | Column::Date { seconds: values, .. } => {
                // −0 + 0 is +0, which makes the two zeros the same.
                (!values[row].is_nan()).then(|| (values[row] + 0.0).to_bits())
            }
            Column::Category(texts) | Column::Identifier(texts) => texts.code(row).map(|code| code as u64),
            Column::YesNo { values, .. } => values[row].map(u64::from),
            Column::Text(_) | Column::Ignore(_) => None,
        }
    }

    /// Returns the key of each row as an index in `0..n` in order of the first rows, and `n`, the number of
    /// different values.
    pub(crate) fn codes(&self) -> (Vec<Option<usize>>, usize) {
        let mut different = IndexSet::new();
        let mut code = |row| self.key(row).map(|key| different.insert_full(key).0);
        let codes = (0..self.len()).map(&mut code).collect();
        (codes, different.len())
    }

    /// Returns the number of different values.
    pub(super) fn distinct_count(&self) -> usize {
        let mut keys: Vec<u64> = (0..self.len()).filter_map(|row| self.key(row)).collect();
        keys.sort_unstable();
        keys.dedup();
        keys.len()
    }
}
