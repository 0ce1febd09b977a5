//! The target columns: class names, scales and their encoded values.

use super::scale::Scale;
use super::{EncodedTargets, Task};
use crate::Error;
use crate::data::table::builder::shortened;
use crate::data::table::{Column, Kind, Table};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeSet, HashMap};

/// The target columns, fitted to the training rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Targets {
    Classes {
        column: String,
        names: Vec<String>,
        /// The names of no and yes of a column of answers, which another file may spell differently.
        answers: Option<[String; 2]>,
    },
    Numbers {
        columns: Vec<String>,
        scales: Vec<Scale>,
    },
    Labels {
        columns: Vec<String>,
    },
}

impl Targets {
    /// Fits the columns `target` to the training rows, none of which lacks a value there.
    pub fn fit(table: &Table, target: &[String], task: Task, rows: &[usize]) -> Result<Self, Error> {
        let mut columns = BTreeSet::new();
        for name in target {
            let kind = table.column(name)?.kind();
            if !task.accepts(kind) {
                let given = format!("`{name}`, of kind {kind}");
                return Err(Error::invalid("encoder", "target", task.allowed_target(), given));
            }
            if !columns.insert(name) {
                return Err(Error::invalid(
                    "encoder",
                    "target",
                    "columns that differ",
                    format!("`{name}` twice"),
                ));
            }
        }
        match (task, target) {
            (_, []) => Err(Error::invalid("encoder", "target", "at least one column", "none")),
            (Task::Classification, [column]) => fit_classes(table, column, rows),
            (Task::Classification, _) => {
                let given = format!("{} columns", target.len());
                Err(Error::invalid("encoder", "target", "one column for a classification", given))
            }
            (Task::Regression, _) => {
                let scales =
                    target.iter().map(|name| fit_number(table, name, rows)).collect::<Result<_, _>>()?;
                Ok(Targets::Numbers { columns: target.to_vec(), scales })
            }
            (Task::MultiLabel, _) => {
                for name in target {
                    let labels = labels(table, name, rows)?;
                    if labels.iter().all(|label| *label == labels[0]) {
                        return Err(one_value(table, name));
                    }
                }
                Ok(Targets::Labels { columns: target.to_vec() })
            }
        }
    }

    /// Returns the names of the target columns.
    pub fn columns(&self) -> &[String] {
        match self {
            Targets::Classes { column, .. } => std::slice::from_ref(column),
            Targets::Numbers { columns, .. } | Targets::Labels { columns } => columns,
        }
    }

    /// Returns the targets of `rows`, none of which lacks one.
    pub fn encode(&self, table: &Table, rows: &[usize]) -> Result<EncodedTargets, Error> {
        match self {
            Targets::Classes { column, names, answers } => {
                let labels = encode_classes(table, column, names, answers, rows)?;
                Ok(EncodedTargets::Classes { labels, classes: names.len() })
            }
            Targets::Numbers { columns, scales } => {
                let mut values = vec![0.0; rows.len() * columns.len()];
                for (i, (name, scale)) in columns.iter().zip(scales).enumerate() {
                    let numbers = numbers(table, name)?;
                    for (&row, values) in rows.iter().zip(values.chunks_exact_mut(columns.len())) {
                        values[i] = scale.standardize(numbers[row]) as f32;
                        if !values[i].is_finite() {
                            let reason =
                                format!("`{:?}` is too far from the training rows' values", numbers[row]);
                            return Err(table.error_at(row, name, &reason));
                        }
                    }
                }
                Ok(EncodedTargets::Values { values, targets: columns.len() })
            }
            Targets::Labels { columns } => {
                let mut values = vec![0.0; rows.len() * columns.len()];
                for (i, name) in columns.iter().enumerate() {
                    let labels = labels(table, name, rows)?;
                    for (label, values) in labels.into_iter().zip(values.chunks_exact_mut(columns.len())) {
                        values[i] = f32::from(u8::from(label));
                    }
                }
                Ok(EncodedTargets::Labels { values, labels: columns.len() })
            }
        }
    }
}

impl Task {
    fn accepts(self, kind: Kind) -> bool {
        match self {
            Task::Regression => kind == Kind::Number,
            Task::Classification => matches!(kind, Kind::Category | Kind::YesNo | Kind::Number),
            Task::MultiLabel => matches!(kind, Kind::YesNo | Kind::Number),
        }
    }

    fn allowed_target(self) -> &'static str {
        match self {
            Task::Regression => "columns of numbers for a regression",
            Task::Classification => "a column of categories, answers or numbers for a classification",
            Task::MultiLabel => "columns of answers or of 0 and 1 for labels",
        }
    }
}

fn one_value(table: &Table, name: &str) -> Error {
    table
        .error(format!("the target `{name}` has only one value in the training rows; nothing can be learned"))
}

fn fit_classes(table: &Table, name: &str, rows: &[usize]) -> Result<Targets, Error> {
    let column = table.column(name)?;
    let (codes, _) = column.codes();
    let mut first_rows = HashMap::new();
    for &row in rows {
        first_rows.entry(codes[row]).or_insert(row);
    }
    let mut names: Vec<String> = first_rows.values().filter_map(|&row| column.text(row)).collect();
    if names.len() < 2 {
        return Err(one_value(table, name));
    }
    names.sort_unstable();
    if let Ok(mut numbers) = names
        .iter()
        .map(|name| name.parse().map(|number: f64| (number, name.clone())))
        .collect::<Result<Vec<_>, _>>()
    {
        numbers.sort_by(|(a, _), (b, _)| a.total_cmp(b));
        names = numbers.into_iter().map(|(_, name)| name).collect();
    }
    let answers = match column {
        Column::YesNo { names, .. } => Some(names.clone()),
        _ => None,
    };
    Ok(Targets::Classes { column: name.into(), names, answers })
}

fn encode_classes(
    table: &Table,
    name: &str,
    names: &[String],
    answers: &Option<[String; 2]>,
    rows: &[usize],
) -> Result<Vec<u32>, Error> {
    let column = table.column(name)?;
    let (codes, different) = column.codes();
    let labels: HashMap<&str, u32> = names.iter().map(String::as_str).zip(0..).collect();
    let mut label_of_code = vec![None; different];
    let mut encoded = Vec::with_capacity(rows.len());
    for &row in rows {
        let missing = || table.error_at(row, name, "the target is missing");
        let code = codes[row].ok_or_else(missing)?;
        let label = match label_of_code[code] {
            Some(label) => label,
            None => {
                let text = match (column, answers) {
                    (Column::YesNo { values, .. }, Some(answers)) => {
                        values[row].map(|answer| answers[usize::from(answer)].clone())
                    }
                    _ => column.text(row),
                };
                let text = text.ok_or_else(missing)?;
                let unknown = || {
                    let reason = format!(
                        "class `{}` does not occur in the training rows; no model can learn it",
                        shortened(&text)
                    );
                    table.error_at(row, name, &reason)
                };
                *labels.get(text.as_str()).ok_or_else(unknown)?
            }
        };
        label_of_code[code] = Some(label);
        encoded.push(label);
    }
    Ok(encoded)
}

fn numbers<'a>(table: &'a Table, name: &str) -> Result<&'a [f64], Error> {
    match table.column(name)? {
        Column::Number(numbers) => Ok(numbers),
        other => Err(table.error(format!("the target `{name}` is of kind {}, not of numbers", other.kind()))),
    }
}

fn fit_number(table: &Table, name: &str, rows: &[usize]) -> Result<Scale, Error> {
    let numbers = numbers(table, name)?;
    if rows.iter().all(|&row| numbers[row] == numbers[rows[0]]) {
        return Err(one_value(table, name));
    }
    Scale::of(rows.iter().map(|&row| numbers[row]))
        .ok_or_else(|| table.error(format!("column `{name}`: the numbers are too large to standardize")))
}

fn labels(table: &Table, name: &str, rows: &[usize]) -> Result<Vec<bool>, Error> {
    let label = |row: usize| match table.column(name)? {
        Column::YesNo { values, .. } => {
            values[row].ok_or_else(|| table.error_at(row, name, "the target is missing"))
        }
        Column::Number(numbers) if numbers[row] == 0.0 || numbers[row] == 1.0 => Ok(numbers[row] == 1.0),
        Column::Number(numbers) => Err(table.error_at(
            row,
            name,
            &format!("`{}` is neither 0 nor 1, which a label must be", numbers[row]),
        )),
        other => Err(table.error(format!("the target `{name}` is of kind {}, not of labels", other.kind()))),
    };
    rows.iter().map(|&row| label(row)).collect()
}
