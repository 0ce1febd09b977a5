//! Fills in what a problem's file leaves out: task, loss, measures, model and defaults, all by the data.

use crate::Error;
use crate::data::table::{Column, Table, Task};
use crate::data::{Preparation, Source, Targets};
use crate::model::{InputShape, ModelSpec};
use crate::objective::{LossSpec, MeasureSpec, TargetKind};
use crate::problem::load::{self, Loaded};
use crate::problem::read::Draft;
use crate::problem::{Problem, SourceKind};
use crate::workload::VALIDATION;
use std::collections::HashSet;
use std::path::Path;

/// The most different whole numbers of a target that are taken for classes.
const MOST_CLASSES: usize = 10;

/// The fewest rows per value, on average, of a target of whole numbers that are taken for classes.
const ROWS_PER_CLASS: usize = 5;

/// The largest default of a batch size or of a number of epochs.
const MOST: usize = 1_000_000_000;

/// Number of examples from which batches are larger and epochs fewer.
const MANY: usize = 10_000;

impl Draft {
    /// Returns the problem with nothing left out, after reading its data.
    ///
    /// # Errors
    /// Data that cannot be read; a target that is missing or does not exist; a loss, measure or model that
    /// does not fit the data.
    pub fn resolve(self) -> Result<Problem, Error> {
        let owner = self.origin.0.display().to_string();
        let folder = self.origin.0.parent().unwrap_or(Path::new("")).to_path_buf();
        let (mut task, mut data) = (self.task, self.data);
        if data.source.is_table() {
            let table = load::read_table(&data, &folder)?;
            if data.target.is_empty() {
                let allowed = format!("the column to predict, one of {}", table.names().join(", "));
                return Err(Error::invalid(&owner, "data.target", &allowed, "left out"));
            }
            for name in &data.target {
                table.column(name)?;
            }
            task = Some(match task {
                Some(task) => task,
                None => guess(&table, &data.target)?,
            });
            if task == Some(Task::Classification) {
                check_classes(&table, &data.target)?;
            }
        }
        if data.source == SourceKind::Npz && data.target.is_empty() {
            data.target = vec!["target".into()];
        }
        let task = match (task, data.source) {
            (Some(task), _) => task,
            (None, SourceKind::Images | SourceKind::Text) => Task::Classification,
            (None, _) => load::guess(&data, &folder)?,
        };
        let of_task = match task {
            Task::Classification => TargetKind::Classes(2),
            Task::Regression => TargetKind::Values(1),
            Task::MultiLabel => TargetKind::Labels(1),
        };
        let mut problem = Problem {
            name: self.name,
            task,
            data,
            model: ModelSpec::default_of("linear")?,
            loss: self.loss.unwrap_or_else(|| LossSpec::default_for(of_task)),
            measures: Vec::new(),
            goal: self.goal,
            batch_size: 1,
            epochs: 1,
            origin: self.origin,
        };
        optlab_core::spec::check_plain_name("problem", &problem.name)?;
        let preparation = Preparation { validation: VALIDATION, ..Preparation::default() };
        let Loaded { train, facts, .. } = load::load(&problem, &Source::default(), &preparation)?;
        let defaults = || MeasureSpec::defaults(&problem.loss, facts.targets);
        problem.measures = self.measures.unwrap_or_else(defaults);
        if problem.measures.is_empty() {
            return Err(Error::invalid(&owner, "measures", "a list of at least one", "[]"));
        }
        problem.measures.iter().try_for_each(|measure| measure.fit(&problem.loss, facts.targets))?;
        problem.model = match self.model {
            Some(model) => model,
            None => default_model(&facts.shape)?,
        };
        problem.model.summary(&facts.shape, problem.loss.outputs(facts.targets)?)?;
        let is_large = train.len() >= MANY;
        problem.batch_size = self.batch_size.unwrap_or(if is_large { 128 } else { 32 });
        problem.epochs = self.epochs.unwrap_or(if is_large { 20 } else { 50 });
        for (key, value) in [("batch_size", problem.batch_size), ("epochs", problem.epochs)] {
            if !(1..=MOST).contains(&value) {
                return Err(Error::invalid(&owner, key, &format!("at least 1 and at most {MOST}"), value));
            }
        }
        match problem.goal {
            Some(goal) if !goal.is_finite() => Err(Error::invalid(&owner, "goal", "a finite number", goal)),
            _ => Ok(problem),
        }
    }
}

/// Guesses the task of a table from its target columns: numbers with fractions, with more than a few
/// different values, or with values that hardly repeat, are a regression.
fn guess(table: &Table, target: &[String]) -> Result<Task, Error> {
    let is_continuous = |column: &Column| match column {
        Column::Number(values) => {
            let known = values.iter().filter(|value| value.is_finite());
            let distinct: HashSet<u64> = known.clone().map(|value| value.to_bits()).collect();
            let is_rare = distinct.len() * ROWS_PER_CLASS > known.clone().count();
            distinct.len() > MOST_CLASSES || is_rare || known.clone().any(|value| value.fract() != 0.0)
        }
        _ => false,
    };
    let columns = target.iter().map(|name| table.column(name)).collect::<Result<Vec<_>, _>>()?;
    Ok(match &columns[..] {
        [column] if !is_continuous(column) => Task::Classification,
        [_] => Task::Regression,
        several if several.iter().all(|column| matches!(column, Column::Number(_))) => {
            if several.iter().any(|column| is_continuous(column)) {
                Task::Regression
            } else {
                Task::MultiLabel
            }
        }
        _ => Task::MultiLabel,
    })
}

/// Refuses a target whose texts hardly repeat: they are names or free texts, and no classes.
fn check_classes(table: &Table, target: &[String]) -> Result<(), Error> {
    for name in target {
        let column = table.column(name)?;
        let (codes, different) = column.codes();
        let present = codes.iter().flatten().count();
        if different > 2 && 2 * different > present {
            let example = (0..table.len()).find_map(|row| column.text(row)).unwrap_or_default();
            return Err(Error::Data {
                path: table.path().into(),
                reason: format!(
                    "column `{name}` has {different} different values in {present} rows, such as `{example}`: \
                     neither numbers nor classes, so it is no target"
                ),
            });
        }
    }
    Ok(())
}

/// Returns the model of data of this shape if the file names none.
fn default_model(shape: &InputShape) -> Result<ModelSpec, Error> {
    match *shape {
        InputShape::Columns(_) => "mlp=[64,64]",
        InputShape::Sequence { .. } => "gru=64",
        InputShape::Tokens { .. } => "gru=128",
        InputShape::Image { height, width, .. } if height.min(width) >= 24 => "cnn=[16,32,64],dense=[64]",
        InputShape::Image { height, width, .. } if height.min(width) >= 8 => "cnn=[16,32],dense=[64]",
        InputShape::Image { .. } => "mlp=[64,64]",
    }
    .parse()
}

/// Returns the task of targets.
pub(super) fn task_of(targets: &Targets) -> Task {
    match targets {
        Targets::Classes { .. } => Task::Classification,
        Targets::Values { .. } => Task::Regression,
    }
}
