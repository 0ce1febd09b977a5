//! The values of one column, stored by its kind.

use super::categories::Categories;
use super::date;
use super::options::Kind;

/// The values of a column, one per row.
#[derive(Debug, Clone, PartialEq)]
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
#[derive(Debug, Clone, Default, PartialEq)]
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

    /// Returns a number per row that is the same for two rows exactly if their values are, and the number of
    /// different values; `None` for a missing value.
    pub(super) fn codes(&self) -> (Vec<Option<usize>>, usize) {
        match self {
            Column::Category(texts) | Column::Identifier(texts) => {
                ((0..texts.len()).map(|row| texts.code(row)).collect(), texts.values().len())
            }
            Column::YesNo { values, .. } => (values.iter().map(|value| value.map(usize::from)).collect(), 2),
            Column::Number(values) | Column::Date { seconds: values, .. } => {
                let mut different = indexmap::IndexSet::new();
                let codes = values
                    .iter()
                    // −0 + 0 is +0, which makes the two zeros the same.
                    .map(|value| (!value.is_nan()).then(|| different.insert_full((value + 0.0).to_bits()).0))
                    .collect();
                (codes, different.len())
            }
            Column::Text(unused) | Column::Ignore(unused) => (vec![None; unused.rows], 0),
        }
    }
}
