//! Divides the rows of a table into a part to train on and a part held out for the test or for validation.

use super::{Column, Table};
use crate::Error;
use crate::data::order::shuffle;
use optlab_core::random::{Purpose, stream};
use serde::{Deserialize, Serialize};

/// The rule by which rows are held out.
///
/// | field   | default | allowed                                                                   |
/// |:--------|:--------|:--------------------------------------------------------------------------|
/// | `test`  | 0.2     | `[0, 1)`: the share of the rows in the test part                          |
/// | `time`  | none    | a column of dates or numbers: the latest rows are held out                |
/// | `group` | none    | a column: rows of the same value stay together; not together with `time`  |
/// | `seed`  | 0       | any: decides which rows are in the test part, unless `time` does          |
///
/// Without `time` and `group` rows are drawn at random, for classification class by class, so that each class
/// with at least 2 rows is in both parts. A test part in a file of its own needs no rule: read it with
/// [`Table::read_alike`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Split {
    /// The share of the rows in the test part.
    pub test: f64,
    /// The column that orders the rows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<String>,
    /// The column whose values keep rows together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// The seed of the test part.
    pub seed: u64,
}

impl Default for Split {
    fn default() -> Self {
        Self { test: 0.2, time: None, group: None, seed: 0 }
    }
}

/// Rows of a table in two parts, both ascending.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parts {
    /// Rows to train on.
    pub train: Vec<usize>,
    /// Rows held out; empty if the share is 0.
    pub held_out: Vec<usize>,
}

/// The part to hold out.
struct Wanted<'a> {
    /// The name of the part and of the share's field.
    part: &'static str,
    share: f64,
    /// The stream of random numbers is that of this seed and index.
    seed: u64,
    index: u64,
    /// The column of the classes.
    classes: Option<&'a str>,
}

impl Split {
    /// Holds out the test part of `rows`: about `round(test · n)` of them, at least 1 if `test > 0`.
    ///
    /// `classes` is the target column of a classification. With `time` the parts meet where the time changes,
    /// so each held-out row is later than each training row; with `group` the groups that come closest to the
    /// share are held out.
    ///
    /// # Errors
    /// [`InvalidConfig`](optlab_core::Error::InvalidConfig) if `test` is outside of `[0, 1)` or NaN, if a
    /// part would be empty, or if both `time` and `group` are given; [`Usage`](optlab_core::Error::Usage) for
    /// a column that does not exist; [`Error::Data`] if a row has no time or no group, or a class is only in
    /// the test part.
    ///
    /// # Panics
    /// If `rows` has a row that the table lacks.
    pub fn test_part(&self, table: &Table, rows: &[usize], classes: Option<&str>) -> Result<Parts, Error> {
        self.hold_out(
            table,
            rows,
            &Wanted { part: "test", share: self.test, seed: self.seed, index: 1, classes },
        )
    }

    /// Holds out the test part of `rows` as [`test_part`](Self::test_part) does, but draws it with the number
    /// `split` instead of the seed. With `time` it is the same test part, since nothing is drawn.
    ///
    /// # Errors
    /// As [`test_part`](Self::test_part).
    ///
    /// # Panics
    /// If `rows` has a row that the table lacks.
    pub fn resampled_test_part(
        &self,
        table: &Table,
        rows: &[usize],
        classes: Option<&str>,
        split: u64,
    ) -> Result<Parts, Error> {
        self.hold_out(table, rows, &Wanted { part: "test", share: self.test, seed: split, index: 2, classes })
    }

    /// Holds out the validation part of the training rows `rows`, by the same rule as the test part: the
    /// latest rows with `time`, whole groups with `group`.
    ///
    /// # Errors
    /// As [`test_part`](Self::test_part), about the field `validation` with the value `share`.
    ///
    /// # Panics
    /// If `rows` has a row that the table lacks.
    pub fn validation_part(
        &self,
        table: &Table,
        rows: &[usize],
        classes: Option<&str>,
        share: f64,
        seed: u64,
    ) -> Result<Parts, Error> {
        self.hold_out(table, rows, &Wanted { part: "validation", share, seed, index: 0, classes })
    }

    fn hold_out(&self, table: &Table, rows: &[usize], wanted: &Wanted) -> Result<Parts, Error> {
        let count = wanted.count(rows.len())?;
        let held_out = match (&self.time, &self.group) {
            _ if count == 0 => Vec::new(),
            (Some(_), Some(group)) => {
                return Err(Error::invalid("split", "group", "left out where `time` is given", group));
            }
            (Some(time), None) => latest(table, rows, time, count)?,
            (None, Some(group)) => wanted.groups(table, rows, group, count)?,
            (None, None) => wanted.drawn(table, rows, count)?,
        };
        let mut is_held_out = vec![false; table.len()];
        held_out.iter().for_each(|&row| is_held_out[row] = true);
        let mut rows = rows.to_vec();
        rows.sort_unstable();
        let (held_out, train): (Vec<usize>, Vec<usize>) = rows.into_iter().partition(|&row| is_held_out[row]);
        if count > 0 && (train.is_empty() || held_out.is_empty()) {
            let n = train.len() + held_out.len();
            let reason = match (&self.group, wanted.classes) {
                (Some(group), _) => {
                    format!("the {n} rows have too few values of `{group}` for a {} part", wanted.part)
                }
                (None, Some(classes)) => {
                    format!("no class of `{classes}` has a second row for a {} part", wanted.part)
                }
                (None, None) => return Err(wanted.nothing_left(n)),
            };
            return Err(Error::usage(format!("{}: {reason}", table.path.display())));
        }
        if let Some(classes) = wanted.classes {
            check_classes(table, classes, &train, &held_out, wanted.part)?;
        }
        Ok(Parts { train, held_out })
    }
}

impl Wanted<'_> {
    /// Returns the number of rows to hold out of `n`.
    fn count(&self, n: usize) -> Result<usize, Error> {
        if !(0.0..1.0).contains(&self.share) {
            return Err(Error::invalid("split", self.part, "in [0, 1)", self.share));
        }
        if self.share == 0.0 {
            return if n == 0 { Err(self.nothing_left(n)) } else { Ok(0) };
        }
        let count = ((self.share * n as f64).round() as usize).max(1);
        if count >= n { Err(self.nothing_left(n)) } else { Ok(count) }
    }

    fn nothing_left(&self, n: usize) -> Error {
        let allowed = format!("a share that leaves rows of the {n} in each part");
        Error::invalid("split", self.part, &allowed, self.share)
    }

    /// Draws `count` rows at random, for classification class by class.
    fn drawn(&self, table: &Table, rows: &[usize], count: usize) -> Result<Vec<usize>, Error> {
        let mut strata = match self.classes {
            Some(classes) => by_value(table, rows, classes)?,
            None => vec![rows.to_vec()],
        };
        let sizes: Vec<usize> = strata.iter().map(Vec::len).collect();
        let counts = if self.classes.is_some() { stratified_counts(&sizes, count) } else { vec![count] };
        let mut random = stream(self.seed, Purpose::Split, self.index);
        let mut drawn = Vec::with_capacity(count);
        for (rows, count) in strata.iter_mut().zip(counts) {
            shuffle(rows, &mut random);
            drawn.extend_from_slice(&rows[..count]);
        }
        Ok(drawn)
    }

    /// Draws whole groups, each if it brings the number of rows closer to `count`; at least one.
    fn groups(&self, table: &Table, rows: &[usize], group: &str, count: usize) -> Result<Vec<usize>, Error> {
        let mut groups = by_value(table, rows, group)?;
        shuffle(&mut groups, &mut stream(self.seed, Purpose::Split, self.index));
        let mut drawn: Vec<usize> = Vec::new();
        for group in &groups {
            if (drawn.len() + group.len()).abs_diff(count) < drawn.len().abs_diff(count) {
                drawn.extend_from_slice(group);
            }
        }
        if drawn.is_empty() {
            drawn.extend(groups.iter().min_by_key(|group| group.len()).into_iter().flatten());
        }
        Ok(drawn)
    }
}

/// Returns the latest rows, as near to `count` as whole moments allow.
fn latest(table: &Table, rows: &[usize], time: &str, count: usize) -> Result<Vec<usize>, Error> {
    let values = match table.column(time)? {
        Column::Number(values) | Column::Date { seconds: values, .. } => values,
        other => {
            let given = format!("`{time}`, a column of kind {}", other.kind());
            return Err(Error::invalid("split", "time", "a column of dates or numbers", given));
        }
    };
    if let Some(&row) = rows.iter().find(|&&row| values[row].is_nan()) {
        return Err(table.error_at(row, time, "a row without a time cannot be split by time"));
    }
    let mut rows = rows.to_vec();
    rows.sort_by(|&a, &b| values[a].total_cmp(&values[b]).then(a.cmp(&b)));
    let start = (1..rows.len())
        .filter(|&i| values[rows[i - 1]] < values[rows[i]])
        .min_by_key(|&i| i.abs_diff(rows.len() - count));
    let start = start.ok_or_else(|| {
        Error::invalid(
            "split",
            "time",
            "a column whose values differ",
            format!("`{time}`, which has one value"),
        )
    })?;
    Ok(rows.split_off(start))
}

/// Returns `rows` by their values of `column`, in the order of the values' first rows.
fn by_value(table: &Table, rows: &[usize], column: &str) -> Result<Vec<Vec<usize>>, Error> {
    let (codes, different) = table.column(column)?.codes();
    let mut by_value = vec![Vec::new(); different];
    for &row in rows {
        match codes[row] {
            Some(code) => by_value[code].push(row),
            None => return Err(table.error_at(row, column, "a row without a value cannot be split by it")),
        }
    }
    by_value.retain(|rows| !rows.is_empty());
    Ok(by_value)
}

/// Returns how many of `count` rows to draw from each class: its share, rounded so that the sum is `count`
/// (by largest remainder); then at least 1 and at most all but 1 of a class of 2 rows or more.
pub(super) fn stratified_counts(sizes: &[usize], count: usize) -> Vec<usize> {
    let n: usize = sizes.iter().sum();
    // Integers, because two equal remainders must not differ by rounding.
    let product = |i: usize| sizes[i] as u128 * count as u128;
    let mut counts: Vec<usize> = (0..sizes.len()).map(|i| (product(i) / n as u128) as usize).collect();
    let mut by_remainder: Vec<usize> = (0..sizes.len()).collect();
    by_remainder.sort_by_key(|&i| std::cmp::Reverse(product(i) % n as u128));
    let left = count - counts.iter().sum::<usize>();
    by_remainder.iter().take(left).for_each(|&i| counts[i] += 1);
    for (count, &size) in counts.iter_mut().zip(sizes) {
        *count = if size < 2 { 0 } else { (*count).clamp(1, size - 1) };
    }
    counts
}

fn check_classes(
    table: &Table,
    classes: &str,
    train: &[usize],
    held_out: &[usize],
    part: &str,
) -> Result<(), Error> {
    let column = table.column(classes)?;
    let (codes, different) = column.codes();
    let mut is_trained = vec![false; different];
    train.iter().filter_map(|&row| codes[row]).for_each(|code| is_trained[code] = true);
    match held_out.iter().find(|&&row| codes[row].is_some_and(|code| !is_trained[code])) {
        None => Ok(()),
        Some(&row) => {
            let class = column.text(row).unwrap_or_default();
            let reason = format!("class `{class}` is only in the {part} part, so no model can learn it");
            Err(table.error_at(row, classes, &reason))
        }
    }
}
