//! Collects the cells of a column that has a type, and ends as a column of the table.

use super::cells::Cell;
use super::meaning::Meaning;
use crate::data::table::builder::{Builder, Built, Problem};
use crate::data::table::categories::Categories;
use crate::data::table::column::{Column, Unused};
use crate::data::table::date::{self, DAY};
use crate::data::table::number::{self, Format};
use crate::data::table::options::{Kind, MissingTexts};
use crate::data::table::recognize::Recognized;

/// The cells of a column read so far.
pub(super) struct Collector {
    meaning: Meaning,
    set: Option<Kind>,
    missing: MissingTexts,
    rows: usize,
    missing_rows: usize,
    values: Values,
}

enum Values {
    /// NaN where the value is missing.
    Numbers {
        values: Vec<f64>,
        not_finite: Option<(usize, f64)>,
    },
    /// Seconds since 1970-01-01 UTC; NaN where the value is missing.
    Moments(Vec<f64>),
    Answers(Vec<Option<bool>>),
    /// Texts, and the texts of values whose kind is set to another one than their type.
    Texts(Box<Builder>),
}

impl Collector {
    /// Starts a column of `meaning` whose kind is `set`, or follows from the meaning. `decimal` is the
    /// decimal separator of texts that are set to be numbers, a point by default.
    pub fn new(meaning: Meaning, set: Option<Kind>, decimal: Option<char>, missing: MissingTexts) -> Self {
        let typed = match meaning {
            Meaning::Answer => Some((Kind::YesNo, Values::Answers(Vec::new()))),
            Meaning::Number { .. } | Meaning::Decimal { .. } | Meaning::Half => {
                Some((Kind::Number, Values::Numbers { values: Vec::new(), not_finite: None }))
            }
            Meaning::Day | Meaning::Moment { .. } => Some((Kind::Date, Values::Moments(Vec::new()))),
            Meaning::Text | Meaning::Uuid => None,
        };
        let format = match (meaning, decimal) {
            (Meaning::Text, Some(',')) => Format::Comma { groups: true },
            (Meaning::Text, _) => Format::Point { groups: true },
            _ => Format::Point { groups: false },
        };
        let values = match (typed, set) {
            (Some((_, values)), None) => values,
            (Some((kind, values)), Some(set)) if kind == set => values,
            (None, None) => Values::Texts(Box::new(Builder::texts())),
            (_, set) => Values::Texts(Box::new(Builder::new(set, format))),
        };
        Self { meaning, set, missing, rows: 0, missing_rows: 0, values }
    }

    pub fn meaning(&self) -> Meaning {
        self.meaning
    }

    /// Returns the number of cells so far.
    pub fn len(&self) -> usize {
        self.rows
    }

    /// Returns the texts so far if the column has nothing else.
    pub fn only_texts(&self) -> Option<&Categories> {
        match &self.values {
            Values::Texts(builder) => builder.only_texts(),
            _ => None,
        }
    }

    /// Adds the cell of the next row.
    pub fn push(&mut self, cell: Cell) {
        let is_missing = match cell {
            Cell::Missing => true,
            Cell::Text(text) => self.missing.contains(text.trim_ascii()),
            _ => false,
        };
        match &mut self.values {
            Values::Numbers { values, not_finite } => {
                let number = number(cell).unwrap_or(f64::NAN);
                if number.is_infinite() {
                    not_finite.get_or_insert((self.rows, number));
                }
                values.push(number);
            }
            Values::Moments(values) => values.push(number(cell).unwrap_or(f64::NAN)),
            Values::Answers(values) => values.push(match cell {
                Cell::Answer(answer) => Some(answer),
                _ => None,
            }),
            Values::Texts(builder) => match cell {
                _ if is_missing => builder.push("", true),
                Cell::Text(text) => builder.push(text.trim_ascii(), false),
                _ => builder.push(&written(cell, self.set), false),
            },
        }
        self.rows += 1;
        self.missing_rows += usize::from(is_missing);
    }

    /// Ends the column `name`.
    pub fn finish(self, name: &str, day_first: Option<bool>) -> Result<Recognized, Problem> {
        if self.missing_rows == self.rows && self.set.is_none() {
            let unused = Unused { rows: self.rows, missing: self.rows, examples: Vec::new() };
            let note = Some(format!("column `{name}` has no values and is ignored"));
            return Ok(Recognized { column: Column::Ignore(unused), note });
        }
        match self.values {
            Values::Numbers { not_finite: Some((row, number)), .. } => {
                Err(Problem { row, reason: format!("`{number}` is not a finite number; correct it") })
            }
            Values::Numbers { values, .. } => Ok(Recognized::without_note(Column::Number(values))),
            Values::Moments(seconds) => {
                let has_time = seconds.iter().any(|second| !second.is_nan() && second.rem_euclid(DAY) != 0.0);
                Ok(Recognized::without_note(Column::Date { seconds, has_time }))
            }
            Values::Answers(values) => {
                let names = ["false".into(), "true".into()];
                Ok(Recognized::without_note(Column::YesNo { values, names }))
            }
            Values::Texts(builder) if self.set.is_none() => {
                let mut recognized = builder.finish_texts(name, day_first)?;
                recognized.note = numbers_note(name, &recognized.column).or(recognized.note);
                Ok(recognized)
            }
            Values::Texts(builder) => match builder.finish(name, day_first)? {
                Built::Column(recognized) => Ok(recognized),
                // A builder reads again only where the kind is to be recognized.
                Built::ReadAsTexts { note } => Err(Problem { row: 0, reason: note }),
            },
        }
    }
}

fn number(cell: Cell) -> Option<f64> {
    match cell {
        Cell::Whole(number) => Some(number as f64),
        Cell::Number(number) | Cell::Moment(number) => Some(number),
        _ => None,
    }
}

/// Returns a cell as a text that a column of the kind `set` is read from.
fn written(cell: Cell, set: Option<Kind>) -> String {
    match cell {
        Cell::Answer(answer) if set == Some(Kind::Number) => u8::from(answer).to_string(),
        Cell::Answer(answer) => answer.to_string(),
        Cell::Whole(number) => number.to_string(),
        // −0 + 0 is +0: one text for one number.
        Cell::Number(number) => (number + 0.0).to_string(),
        Cell::Moment(second) => date::format(second, second.rem_euclid(DAY) != 0.0),
        Cell::Text(text) => text.into(),
        Cell::Missing => String::new(),
    }
}

/// Returns a note if all texts of a column are numbers.
fn numbers_note(name: &str, column: &Column) -> Option<String> {
    let (Column::Category(texts) | Column::Identifier(texts)) = column else { return None };
    texts.values().all(number::is_number_in_some_format).then(|| {
        format!(
            "column `{name}` holds numbers as texts and is read as {kind}; set `columns.{name} = \"number\"` to read \
             numbers",
            kind = if matches!(column, Column::Category(_)) { "a category" } else { "an identifier" }
        )
    })
}
