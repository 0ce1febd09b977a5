//! Turns rows of a table into the numbers that a model is given, and predictions back into the data's units.

mod input;
mod scale;
mod target;

pub use scale::Scale;

use super::{ReadOptions, Table};
use crate::Error;
use input::Input;
use serde::{Deserialize, Serialize};
use target::Targets;

/// What a model predicts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    /// One or more numbers.
    Regression,
    /// One of several classes.
    Classification,
    /// Several answers, each yes or no.
    MultiLabel,
}

/// The settings of an encoder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EncoderOptions {
    /// The largest number of categories that become a feature each; a column with more of them becomes one
    /// feature that holds an index. Any number; default 32.
    pub max_one_hot: usize,
    /// Whether rows without a target are left out instead of being an error; default false.
    pub drop_missing_target: bool,
    /// Columns that a model is not given, as the column that groups the rows; default none.
    pub exclude: Vec<String>,
}

impl Default for EncoderOptions {
    fn default() -> Self {
        Self { max_one_hot: 32, drop_missing_target: false, exclude: Vec::new() }
    }
}

/// One value of a model's input.
#[derive(Debug, Clone, PartialEq)]
pub struct Feature {
    /// A name that is clear to a user: `age`, `color = red`, `age is missing`.
    pub name: String,
    /// The column that the feature is made of.
    pub column: String,
    /// How a model uses the value.
    pub kind: FeatureKind,
    /// Mean and deviation with which the value was standardized. A linear model with the coefficient `w` of
    /// this feature has the coefficient `w / deviation` in the data's own unit, and its intercept is less
    /// `w · mean / deviation`.
    pub scale: Scale,
}

/// How a model uses a feature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FeatureKind {
    /// As a number.
    Plain,
    /// As an index into a table of vectors: a whole number in `0..cardinality`, 0 for a category that no
    /// training row has.
    Embedding {
        /// The number of indices.
        cardinality: usize,
    },
}

/// Rows ready to train on.
#[derive(Debug, Clone, PartialEq)]
pub struct Encoded {
    /// The rows of the table, in the order given; without those that have no target.
    pub rows: Vec<usize>,
    /// The inputs, row-major: `rows · features` values, all finite.
    pub inputs: Vec<f32>,
    /// Number of features.
    pub features: usize,
    /// The targets.
    pub targets: EncodedTargets,
}

/// The targets of rows.
#[derive(Debug, Clone, PartialEq)]
pub enum EncodedTargets {
    /// A class per row.
    Classes {
        /// The class of each row, an index into [`Encoder::class_names`].
        labels: Vec<u32>,
        /// Number of classes, at least 2.
        classes: usize,
    },
    /// Standardized numbers.
    Values {
        /// The numbers, row-major: `rows · targets` values, all finite.
        values: Vec<f32>,
        /// Number of target columns.
        targets: usize,
    },
    /// Answers.
    Labels {
        /// 1 for yes and 0 for no, row-major: `rows · labels` values.
        values: Vec<f32>,
        /// Number of target columns.
        labels: usize,
    },
}

/// Everything that turns rows into a model's inputs and targets, fitted to the training rows.
///
/// | kind of column | features                                                                              |
/// |:---------------|:--------------------------------------------------------------------------------------|
/// | number         | the standardized number; 0, its mean, where it is missing                             |
/// | yes or no      | 1 or 0; the share of yes where it is missing                                          |
/// | date           | standardized years since the earliest training row; sine and cosine of the share of   |
/// |                | the year, if the training rows span more than a year; sine and cosine of the share of |
/// |                | the day, if a training row has a time; all 0 where it is missing                      |
/// | category       | 1 for its own category and 0 for the others, in alphabetical order; all 0 for a       |
/// |                | category that no training row has                                                     |
/// | category       | with more than `max_one_hot` categories: an index from 1 in alphabetical order, 0 for |
/// |                | a category that no training row has, the last one for a missing one                   |
///
/// All but the last have one more feature, 1 where the column is missing and 0 elsewhere, if it is missing in
/// a training row. Identifiers, texts, ignored and excluded columns have no features.
///
/// An encoder is saved with a run, so that the run's folder alone can predict.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Encoder {
    task: Task,
    inputs: Vec<Input>,
    target: Targets,
    drop_missing_target: bool,
    read: ReadOptions,
}

impl Encoder {
    /// Fits an encoder for `task` to the training rows `rows`, with the columns `target` as targets and the
    /// others as inputs.
    ///
    /// Classes are sorted: by number if all are numbers, else by their texts.
    ///
    /// # Errors
    /// [`Usage`](optlab_core::Error::Usage) for a column that does not exist;
    /// [`InvalidConfig`](optlab_core::Error::InvalidConfig) if a target does not fit the task, is given
    /// twice, or is not the only one of a classification, or if no inputs are left;
    /// [`Error::Data`] if a target has a single value, a label is neither 0 nor 1, a row lacks its target and
    /// `drop_missing_target` is false, or numbers are too large for their deviation.
    ///
    /// # Panics
    /// If `rows` has a row that the table lacks.
    pub fn fit(
        table: &Table,
        target: &[String],
        task: Task,
        rows: &[usize],
        options: &EncoderOptions,
    ) -> Result<Self, Error> {
        for name in target.iter().chain(&options.exclude) {
            table.column(name)?;
        }
        if let Some(name) = target.iter().find(|name| options.exclude.contains(name)) {
            let given = format!("`{name}`, the target");
            return Err(Error::invalid("encoder", "exclude", "columns other than the target", given));
        }
        let rows = table.keep_rows_with_target(rows, target, options.drop_missing_target)?;
        let target_columns = Targets::fit(table, target, task, &rows)?;
        let is_input = |name: &&String| !target.contains(name) && !options.exclude.contains(name);
        let names = table.names.iter().zip(&table.columns).filter(|(_, column)| column.kind().is_input());
        let inputs = names
            .map(|(name, _)| name)
            .filter(is_input)
            .map(|name| Input::fit(table, name, &rows, options))
            .collect::<Result<Vec<_>, _>>()?;
        if inputs.is_empty() {
            let given = "none: all columns are targets, excluded or ignored";
            return Err(Error::invalid("encoder", "inputs", "at least one column", given));
        }
        let columns = inputs.iter().map(|input| (input.column.clone(), input.kind())).collect();
        let read = ReadOptions { columns, ..table.options() };
        Ok(Self {
            task,
            inputs,
            target: target_columns,
            drop_missing_target: options.drop_missing_target,
            read,
        })
    }

    /// Encodes inputs and targets of `rows`.
    ///
    /// # Errors
    /// [`Error::Data`], with row and column where there is one, if a column is not there or of another kind
    /// than in training, a row lacks its target and `drop_missing_target` was false, a class occurs in no
    /// training row, or a number is too large. [`Usage`](optlab_core::Error::Usage) if there is
    /// no target column.
    ///
    /// # Panics
    /// If `rows` has a row that the table lacks.
    pub fn encode(&self, table: &Table, rows: &[usize]) -> Result<Encoded, Error> {
        let rows = table.keep_rows_with_target(rows, self.target(), self.drop_missing_target)?;
        let inputs = self.encode_inputs(table, &rows)?;
        let targets = self.target.encode(table, &rows)?;
        Ok(Encoded { rows, inputs, features: self.features().len(), targets })
    }

    /// Encodes the inputs of `rows` alone, row-major, of a table that may lack the target; other columns than
    /// those trained with do not matter. Read it with [`read_options`](Self::read_options).
    ///
    /// # Errors [`Error::Data`] if a column is not there or of another kind than in training, or a number is
    /// too large.
    ///
    /// # Panics
    /// If `rows` has a row that the table lacks.
    pub fn encode_inputs(&self, table: &Table, rows: &[usize]) -> Result<Vec<f32>, Error> {
        let width = self.features().len();
        let mut inputs = vec![0.0; rows.len() * width];
        let mut start = 0;
        for input in &self.inputs {
            input.encode(table, rows, (start, width), &mut inputs)?;
            start += input.features().len();
        }
        Ok(inputs)
    }

    /// Returns options that read a file to predict for: its columns get the kinds that they had in training.
    pub fn read_options(&self) -> &ReadOptions {
        &self.read
    }

    /// Returns the task.
    pub fn task(&self) -> Task {
        self.task
    }

    /// Returns the features, in the order of the inputs.
    pub fn features(&self) -> Vec<Feature> {
        self.inputs.iter().flat_map(Input::features).collect()
    }

    /// Returns the texts of the indices of the feature with index `feature`, in their order; none for a
    /// feature that is a number.
    pub fn texts_of(&self, feature: usize) -> Vec<String> {
        let all = self.inputs.iter().flat_map(|input| {
            let texts = input.texts();
            input.features().into_iter().map(move |_| texts.clone())
        });
        all.into_iter().nth(feature).unwrap_or_default()
    }

    /// Returns the names of the target columns.
    pub fn target(&self) -> &[String] {
        self.target.columns()
    }

    /// Returns the names of the classes in the order of their labels; none if the task is no classification.
    pub fn class_names(&self) -> &[String] {
        match &self.target {
            Targets::Classes { names, .. } => names,
            _ => &[],
        }
    }

    /// Converts a standardized value of the target column with index `target` to its own unit; values of
    /// classes and labels stay as they are.
    ///
    /// # Panics
    /// If a regression has no such target column.
    pub fn original_target(&self, target: usize, value: f64) -> f64 {
        self.target_scale(target).restore(value)
    }

    /// Returns mean and deviation of the target column with index `target`; 0 and 1 for classes and labels.
    ///
    /// # Panics
    /// If a regression has no such target column.
    pub fn target_scale(&self, target: usize) -> Scale {
        match &self.target {
            Targets::Numbers { scales, .. } => scales[target],
            _ => Scale::IDENTITY,
        }
    }
}
