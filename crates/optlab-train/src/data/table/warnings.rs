//! Finds what is likely a mistake in a table: a target in disguise, constant columns, duplicate rows, …

use super::{Column, Kind, Table, Task};
use crate::Error;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::{DefaultHasher, Hash, Hasher};

/// A column of numbers with a larger correlation with the target, in absolute value, is the target in
/// disguise.
const DISGUISED: f64 = 0.999;

/// One value for each class is a coincidence in fewer rows per class, on average.
const ROWS_PER_CLASS: usize = 10;

/// Fewer rows lie on a line by chance.
const FEWEST_CORRELATED: usize = 10;

/// The largest class may have as many times the rows of the smallest.
const BALANCED: usize = 10;

/// The largest number of classes whose counts are shown.
const MOST_COUNTS: usize = 10;

impl Table {
    /// Returns a sentence for each likely mistake in the table, given the columns `target` that a model for
    /// `task` is to predict:
    ///
    /// - an input that has the same values as the target, a correlation above 0.999 or below −0.999 with it
    ///   over at least 10 rows, or one value of its own for each class with 10 rows per class or more;
    /// - a column with one value, an identifier or long texts, or more than half of its values missing;
    /// - a column that counts the rows: 0, 1, 2, … or 1, 2, 3, …, over at least 10 of them;
    /// - classes of which the largest has more than 10 times the rows of the smallest;
    /// - rows that repeat an earlier one in all columns but the ignored ones.
    ///
    /// # Errors
    /// [`Usage`](optlab_core::Error::Usage) for a column that does not exist.
    pub fn warnings(&self, target: &[String], task: Task) -> Result<Vec<String>, Error> {
        let mut warnings = Vec::new();
        for name in target {
            let disguised = Disguise::new(name, self.column(name)?, task);
            let inputs = self.names.iter().zip(&self.columns).filter(|(name, _)| !target.contains(name));
            warnings.extend(inputs.filter_map(|(name, column)| disguised.find(name, column)));
        }
        for (name, column) in self.names.iter().zip(&self.columns).filter(|(name, _)| !target.contains(name))
        {
            warnings.extend(about_column(name, column));
        }
        if task == Task::Classification {
            for name in target {
                warnings.extend(imbalance(name, self.column(name)?));
            }
        }
        match self.duplicate_rows() {
            0 => {}
            1 => warnings.push("1 row repeats an earlier row".into()),
            count => warnings.push(format!("{count} rows repeat an earlier row")),
        }
        Ok(warnings)
    }

    /// Returns the number of rows that are the same as an earlier row in all columns that a model can be
    /// given.
    fn duplicate_rows(&self) -> usize {
        let mut hashes = vec![DefaultHasher::new(); self.len()];
        let mut columns = Vec::new();
        for column in self.columns.iter().filter(|column| column.kind().is_input()) {
            for (row, hash) in hashes.iter_mut().enumerate() {
                column.key(row).hash(hash);
            }
            columns.push(column);
        }
        if columns.is_empty() {
            return 0;
        }
        let mut first_rows = HashMap::with_capacity(self.len());
        let is_duplicate = |(row, hash): (usize, DefaultHasher)| match first_rows.entry(hash.finish()) {
            Entry::Vacant(entry) => {
                entry.insert(row);
                false
            }
            Entry::Occupied(entry) => {
                columns.iter().all(|column| column.key(row) == column.key(*entry.get()))
            }
        };
        hashes.into_iter().enumerate().map(is_duplicate).filter(|is_duplicate| *is_duplicate).count()
    }
}

/// Finds the columns that give a target away.
struct Disguise<'a> {
    target: &'a str,
    column: &'a Column,
    task: Task,
    codes: Vec<Option<usize>>,
    different: usize,
}

impl<'a> Disguise<'a> {
    fn new(target: &'a str, column: &'a Column, task: Task) -> Self {
        let (codes, different) = column.codes();
        Self { target, column, task, codes, different }
    }

    fn find(&self, name: &str, column: &Column) -> Option<String> {
        if !column.kind().is_input() || self.different < 2 {
            return None;
        }
        let target = self.target;
        let is_same = |row| match (column, self.column) {
            (Column::Number(values), Column::Number(target)) => values[row] == target[row],
            (Column::Date { seconds: values, .. }, Column::Date { seconds: target, .. }) => {
                values[row] == target[row]
            }
            _ => column.text(row) == self.column.text(row),
        };
        let is_present = |&row: &usize| !column.is_missing(row) && !self.column.is_missing(row);
        let mut rows = (0..column.len()).filter(is_present);
        let n = rows.clone().count();
        if n > 1 && column.kind() == self.column.kind() && rows.all(is_same) {
            return Some(format!(
                "column `{name}` has the same values as the target `{target}`; is it the target?"
            ));
        }
        if let (Column::Number(values), Column::Number(target_values)) = (column, self.column)
            && n >= FEWEST_CORRELATED
            && let Some(correlation) = correlation(values, target_values).filter(|r| r.abs() > DISGUISED)
        {
            return Some(format!(
                "column `{name}` has a correlation of {correlation:.4} with the target `{target}`; is it \
                 known before the target is?"
            ));
        }
        (self.task != Task::Regression && self.is_one_to_one(column)).then(|| {
            format!(
                "each value of column `{name}` belongs to one value of the target `{target}` and the other \
                 way around; is it the target?"
            )
        })
    }

    /// Returns whether each value of `column` has one value of the target and each of the target one of
    /// `column`.
    fn is_one_to_one(&self, column: &Column) -> bool {
        let mut partners = HashMap::new();
        let mut partners_of_target = vec![None; self.different];
        let mut pairs = 0;
        // Ends at the first contradiction, which most columns have in their first rows.
        for (row, target) in self.codes.iter().enumerate() {
            let (Some(key), Some(target)) = (column.key(row), *target) else { continue };
            pairs += 1;
            let partner = *partners.entry(key).or_insert(target);
            if partner != target || *partners_of_target[target].get_or_insert(key) != key {
                return false;
            }
        }
        partners.len() > 1 && pairs >= ROWS_PER_CLASS * partners.len()
    }
}

/// Returns the correlation of Pearson over the rows that have both numbers; `None` if one of them is
/// constant.
fn correlation(a: &[f64], b: &[f64]) -> Option<f64> {
    let pairs = a.iter().zip(b).filter(|(a, b)| !a.is_nan() && !b.is_nan());
    let n = pairs.clone().count() as f64;
    let mean_a = pairs.clone().map(|(a, _)| a).sum::<f64>() / n;
    let mean_b = pairs.clone().map(|(_, b)| b).sum::<f64>() / n;
    let (mut covariance, mut variance_a, mut variance_b) = (0.0, 0.0, 0.0);
    for (a, b) in pairs {
        covariance += (a - mean_a) * (b - mean_b);
        variance_a += (a - mean_a).powi(2);
        variance_b += (b - mean_b).powi(2);
    }
    let correlation = covariance / (variance_a.sqrt() * variance_b.sqrt());
    correlation.is_finite().then_some(correlation)
}

/// Returns what is odd about a column on its own.
fn about_column(name: &str, column: &Column) -> Vec<String> {
    let missing = column.missing_count();
    let rows = column.len();
    let mut warnings = Vec::new();
    match column.kind() {
        Kind::Identifier => warnings.push(format!("column `{name}` is an identifier and is ignored")),
        Kind::Text => warnings.push(format!("column `{name}` holds long texts and is ignored")),
        Kind::Ignore => return warnings,
        Kind::Number if counts_rows(column) => warnings.push(format!(
            "column `{name}` counts the rows, and a model is given it; write `exclude = [\"{name}\"]` unless \
             their order matters"
        )),
        _ => {
            let first = column.key(0);
            if first.is_some() && (1..rows).all(|row| column.key(row) == first) {
                warnings.push(format!("column `{name}` has the same value in all rows"));
            }
        }
    }
    if 2 * missing > rows {
        let percent = 100.0 * missing as f64 / rows as f64;
        warnings.push(format!("column `{name}` is missing in {missing} of {rows} rows ({percent:.0} %)"));
    }
    warnings
}

/// Returns whether a column has the number of its row in each row, counted from 0 or from 1.
fn counts_rows(column: &Column) -> bool {
    let Column::Number(values) = column else { return false };
    let counts_from = |first: usize| values.iter().zip(first..).all(|(value, row)| *value == row as f64);
    values.len() >= FEWEST_CORRELATED && (counts_from(0) || counts_from(1))
}

/// Returns a warning with the counts of the classes if they are far apart.
fn imbalance(name: &str, column: &Column) -> Option<String> {
    let (codes, different) = column.codes();
    let mut counts = vec![0; different];
    let mut first_rows = vec![0; different];
    for (row, code) in codes.iter().enumerate().rev() {
        if let Some(code) = *code {
            counts[code] += 1;
            first_rows[code] = row;
        }
    }
    let mut classes: Vec<(usize, String)> = counts
        .into_iter()
        .zip(first_rows)
        .filter(|(count, _)| *count > 0)
        .map(|(count, row)| (count, column.text(row).unwrap_or_default()))
        .collect();
    classes.sort_by(|(a, name_a), (b, name_b)| b.cmp(a).then_with(|| name_a.cmp(name_b)));
    let (largest, smallest) = (classes.first()?.0, classes.last()?.0);
    if largest <= BALANCED * smallest {
        return None;
    }
    let mut counts: Vec<String> = classes.iter().map(|(count, name)| format!("{name}: {count}")).collect();
    if counts.len() > MOST_COUNTS {
        let left_out = counts.len() - MOST_COUNTS;
        counts.splice(MOST_COUNTS - 1..counts.len() - 1, [format!("… {left_out} more")]);
    }
    Some(format!("the classes of `{name}` are imbalanced ({})", counts.join(", ")))
}
