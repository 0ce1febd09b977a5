//! The features that one column becomes.

use super::scale::Scale;
use super::{EncoderOptions, Feature, FeatureKind};
use crate::Error;
use crate::data::table::date::{DAY, format, share_of_day, share_of_year};
use crate::data::table::{Categories, Column, Kind, Table};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeSet, HashMap};
use std::f64::consts::TAU;

/// Seconds of a mean year of the Gregorian calendar.
const YEAR: f64 = 365.2425 * DAY;

/// The largest index that `f32` holds exactly, with all smaller ones.
const LARGEST_INDEX: usize = 1 << 24;

/// A column that a model is given.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Input {
    pub column: String,
    coding: Coding,
    /// Whether a training row has no value here, so that missing values have a feature or index of their own.
    has_missing: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Coding {
    Number(Scale),
    YesNo {
        /// The share of yes, which stands for a missing value.
        mean: f64,
    },
    Date {
        /// Seconds since 1970 of the earliest training row.
        earliest: f64,
        /// The scale of the years since then.
        years: Scale,
        has_season: bool,
        has_hour: bool,
    },
    OneHot {
        values: Vec<String>,
    },
    Index {
        values: Vec<String>,
    },
}

impl Input {
    /// Fits the column `name` to the training rows.
    pub fn fit(table: &Table, name: &str, rows: &[usize], options: &EncoderOptions) -> Result<Self, Error> {
        let column = table.column(name)?;
        let too_large = || table.error(format!("column `{name}`: the numbers are too large to standardize"));
        let coding = match column {
            Column::Number(values) => Coding::Number(Scale::of(present(values, rows)).ok_or_else(too_large)?),
            Column::YesNo { values, .. } => {
                let answers =
                    rows.iter().filter_map(|&row| values[row]).map(|answer| f64::from(u8::from(answer)));
                Coding::YesNo { mean: Scale::of(answers).ok_or_else(too_large)?.mean }
            }
            Column::Date { seconds, .. } => {
                let seconds = present(seconds, rows);
                let earliest = seconds.clone().min_by(f64::total_cmp).unwrap_or(0.0);
                let latest = seconds.clone().max_by(f64::total_cmp).unwrap_or(0.0);
                let years = Scale::of(seconds.clone().map(|second| (second - earliest) / YEAR));
                Coding::Date {
                    earliest,
                    years: years.ok_or_else(too_large)?,
                    has_season: latest - earliest > YEAR,
                    has_hour: seconds.clone().any(|second| share_of_day(second) != 0.0),
                }
            }
            Column::Category(texts) => {
                let values: BTreeSet<usize> = rows.iter().filter_map(|&row| texts.code(row)).collect();
                let all: Vec<&str> = texts.values().collect();
                let mut values: Vec<String> = values.into_iter().map(|code| all[code].to_owned()).collect();
                values.sort_unstable();
                if values.len() > LARGEST_INDEX - 2 {
                    let reason = format!("column `{name}` has more than {} categories", LARGEST_INDEX - 2);
                    return Err(table.error(reason));
                }
                match values.len() > options.max_one_hot {
                    true => Coding::Index { values },
                    false => Coding::OneHot { values },
                }
            }
            other => {
                let given = format!("`{name}`, of kind {}", other.kind());
                return Err(Error::invalid("encoder", "inputs", "columns that a model can be given", given));
            }
        };
        let has_missing = rows.iter().any(|&row| column.is_missing(row));
        Ok(Self { column: name.into(), coding, has_missing })
    }

    /// Returns the kind that the column must have.
    pub fn kind(&self) -> Kind {
        match &self.coding {
            Coding::Number(_) => Kind::Number,
            Coding::YesNo { .. } => Kind::YesNo,
            Coding::Date { .. } => Kind::Date,
            Coding::OneHot { .. } | Coding::Index { .. } => Kind::Category,
        }
    }

    /// Returns the texts of the indices that the column becomes; none if it becomes numbers.
    pub fn texts(&self) -> Vec<String> {
        let Coding::Index { values } = &self.coding else { return Vec::new() };
        let ends =
            [("(unknown)", true), ("(missing)", self.has_missing)].map(|(text, is)| is.then_some(text));
        let [unknown, missing] = ends.map(|text| text.map(String::from));
        unknown.into_iter().chain(values.iter().cloned()).chain(missing).collect()
    }

    /// Returns the features, in the order in which [`encode`](Self::encode) writes them.
    pub fn features(&self) -> Vec<Feature> {
        let name = &self.column;
        let feature = |name: String, kind, scale| Feature { name, column: self.column.clone(), kind, scale };
        let plain = |name: String| feature(name, FeatureKind::Plain, Scale::IDENTITY);
        let mut features = match &self.coding {
            Coding::Number(scale) => vec![feature(name.clone(), FeatureKind::Plain, *scale)],
            Coding::YesNo { .. } => vec![plain(name.clone())],
            Coding::Date { earliest, years, has_season, has_hour } => {
                let since = format!("{name}: years since {}", format(*earliest, *has_hour));
                let mut features = vec![feature(since, FeatureKind::Plain, *years)];
                for (unit, _) in
                    [("year", has_season), ("day", has_hour)].into_iter().filter(|(_, has)| **has)
                {
                    features.extend(
                        ["sine", "cosine"].map(|wave| plain(format!("{name}: {wave} of the {unit}"))),
                    );
                }
                features
            }
            Coding::OneHot { values } => {
                values.iter().map(|value| plain(format!("{name} = {value}"))).collect()
            }
            Coding::Index { values } => {
                let cardinality = 1 + values.len() + usize::from(self.has_missing);
                return vec![feature(name.clone(), FeatureKind::Embedding { cardinality }, Scale::IDENTITY)];
            }
        };
        if self.has_missing {
            features.push(plain(format!("{name} is missing")));
        }
        features
    }

    /// Writes the features of each of `rows` into `inputs`, from index `start` of each `width` values.
    ///
    /// # Errors
    /// [`Error::Data`] if the table lacks the column or has it in another kind, or if a number is too far
    /// from those of the training rows for `f32`.
    pub fn encode(
        &self,
        table: &Table,
        rows: &[usize],
        (start, width): (usize, usize),
        inputs: &mut [f32],
    ) -> Result<(), Error> {
        let column = table.column(&self.column).map_err(|_| {
            table.error(format!("column `{}` is missing, which the model was trained with", self.column))
        })?;
        let row_values = self.row_values(table, column)?;
        let features = self.features().len();
        let mut values = vec![0.0; features];
        for (&row, input) in rows.iter().zip(inputs.chunks_exact_mut(width)) {
            values.fill(0.0);
            row_values(row, &mut values);
            if column.is_missing(row) && self.has_missing && !matches!(self.coding, Coding::Index { .. }) {
                values[features - 1] = 1.0;
            }
            for (input, &value) in input[start..start + features].iter_mut().zip(&values) {
                *input = value as f32;
                if !input.is_finite() {
                    let text = column.text(row).unwrap_or_default();
                    let reason = format!("`{text}` is too far from the values of the training rows");
                    return Err(table.error_at(row, &self.column, &reason));
                }
            }
        }
        Ok(())
    }

    /// Returns a function that writes the features of a row into zeros, all but the last one for missing
    /// values.
    fn row_values<'a>(&'a self, table: &Table, column: &'a Column) -> Result<RowValues<'a>, Error> {
        Ok(match (&self.coding, column) {
            (Coding::Number(scale), Column::Number(numbers)) => Box::new(|row, values| {
                values[0] = if numbers[row].is_nan() { 0.0 } else { scale.standardize(numbers[row]) };
            }),
            (Coding::YesNo { mean }, Column::YesNo { values: answers, .. }) => Box::new(|row, values| {
                values[0] = answers[row].map_or(*mean, |answer| f64::from(u8::from(answer)));
            }),
            (Coding::Date { earliest, years, has_season, has_hour }, Column::Date { seconds, .. }) => {
                Box::new(move |row, values| {
                    let second = seconds[row];
                    if second.is_nan() {
                        return;
                    }
                    values[0] = years.standardize((second - earliest) / YEAR);
                    let shares = [(has_season, share_of_year(second)), (has_hour, share_of_day(second))];
                    let waves = shares.into_iter().filter(|(has, _)| **has);
                    for (pair, (_, share)) in values[1..].chunks_exact_mut(2).zip(waves) {
                        pair.copy_from_slice(&[(TAU * share).sin(), (TAU * share).cos()]);
                    }
                })
            }
            // All categories of a small file may differ, which makes it an identifier there.
            (Coding::OneHot { values }, Column::Category(texts) | Column::Identifier(texts)) => {
                let places = places(values, texts);
                Box::new(move |row, values| {
                    if let Some(place) = texts.code(row).and_then(|code| places[code]) {
                        values[place] = 1.0;
                    }
                })
            }
            (Coding::Index { values }, Column::Category(texts) | Column::Identifier(texts)) => {
                let places = places(values, texts);
                let missing = if self.has_missing { values.len() + 1 } else { 0 };
                Box::new(move |row, values| {
                    let index = |code: usize| places[code].map_or(0, |place| place + 1);
                    values[0] = texts.code(row).map_or(missing, index) as f64;
                })
            }
            _ => {
                return Err(table.error(format!(
                    "column `{}` is of kind {} here but was of kind {} in training; read the file with the \
                     options of the encoder, or set `columns.{0}`",
                    self.column,
                    column.kind(),
                    self.kind()
                )));
            }
        })
    }
}

type RowValues<'a> = Box<dyn Fn(usize, &mut [f64]) + 'a>;

/// Returns the numbers of `rows` that are not missing.
fn present<'a>(values: &'a [f64], rows: &'a [usize]) -> impl Iterator<Item = f64> + Clone + 'a {
    rows.iter().map(|&row| values[row]).filter(|value| !value.is_nan())
}

/// Returns the index in `values` of each text, by its code.
fn places(values: &[String], texts: &Categories) -> Vec<Option<usize>> {
    let places: HashMap<&str, usize> =
        values.iter().enumerate().map(|(i, value)| (value.as_str(), i)).collect();
    texts.values().map(|text| places.get(text).copied()).collect()
}
