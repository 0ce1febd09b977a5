//! Loads the data of a problem.

mod arrays;
mod pictures;
mod table;
mod text;

use crate::Error;
use crate::data::table::Task;
use crate::data::{self, DataSet, Examples, Preparation, Source, Standardizer, Targets};
use crate::model::InputShape;
use crate::objective::{LossSpec, TargetKind};
use crate::problem::resolve::task_of;
use crate::problem::{Prepared, Problem, ProblemData, ProblemFacts, SourceKind};
use std::path::{Path, PathBuf};

pub(super) use arrays::INPUTS;
pub(super) use pictures::list as list_pictures;
pub(super) use table::{forget as forget_table, read as read_table, share as share_table};

/// The three parts of a problem's data, with what the model and predictions need to know.
#[derive(Debug)]
pub(super) struct Loaded {
    pub train: Examples,
    pub validation: Examples,
    pub test: Examples,
    pub facts: ProblemFacts,
}

/// Loads and prepares the data of a problem.
pub(super) fn load(problem: &Problem, source: &Source, preparation: &Preparation) -> Result<Loaded, Error> {
    let folder = folder(problem, source);
    let split = preparation.split;
    let mut loaded = match problem.data.source {
        SourceKind::Csv | SourceKind::Parquet => table::load(problem, &folder, preparation)?,
        SourceKind::Images => rows(problem, pictures::load(&problem.data, &folder, split)?, preparation)?,
        SourceKind::Npz => rows(problem, arrays::load(problem, &folder, split)?, preparation)?,
        SourceKind::Text => rows(problem, text::load(&problem.data, &folder)?, preparation)?,
        SourceKind::Set => rows(problem, bundled(&problem.data, source, split)?, preparation)?,
    };
    loaded.facts.loss = problem.loss.resolve(&class_counts(&loaded.train))?;
    problem.loss.outputs(loaded.facts.targets)?;
    problem.measures.iter().try_for_each(|measure| measure.fit(&problem.loss, loaded.facts.targets))?;
    Ok(loaded)
}

/// Returns the folder that the paths of a problem's data are relative to: `--data-dir`, else the folder of
/// the problem's file.
pub(super) fn folder(problem: &Problem, source: &Source) -> PathBuf {
    let of_file = || problem.path().parent().map_or_else(PathBuf::new, Path::to_path_buf);
    source.data_dir.clone().filter(|folder| problem.data.path(folder).exists()).unwrap_or_else(of_file)
}

/// Returns the task of arrays or of a bundled data set, by their targets.
pub(super) fn guess(data: &ProblemData, folder: &Path) -> Result<Task, Error> {
    match data.source {
        SourceKind::Npz => arrays::guess(data, folder),
        _ => Ok(task_of(&data::load(&data.file, &Source::default())?.train.targets)),
    }
}

/// A data set of rows with its test part, before its validation part is held out.
struct RowSet {
    set: DataSet,
    shape: InputShape,
    /// The names of the classes or targets.
    names: Vec<String>,
    /// The preparation without its standardizer.
    prepared: Prepared,
}

/// Holds out the validation part of rows, and standardizes them.
fn rows(problem: &Problem, rows: RowSet, preparation: &Preparation) -> Result<Loaded, Error> {
    let RowSet { set, shape, names, prepared } = rows;
    check_classes(&set, &names, problem)?;
    // Labels of 0 and 1 stay what they are, so only the inputs are standardized.
    let standardize = problem.data.standardize;
    let labels_stay = problem.task == Task::MultiLabel;
    let all = standardize && !labels_stay;
    // The source has drawn the test part by its own rule.
    let mut splits = set.prepare(&Preparation { standardize: all, split: None, ..preparation.clone() })?;
    if standardize && labels_stay {
        let standardizer = Standardizer::fit(&splits.train).of_inputs();
        for part in [&mut splits.train, &mut splits.validation, &mut splits.test] {
            standardizer.apply(part);
        }
        splits.standardizer = Some(standardizer);
    }
    let units = splits.target_units();
    let targets = kind_of(&splits.train.targets, problem);
    let shape = if preparation.pad { InputShape::from_sizes(&splits.train.input_shape)? } else { shape };
    let prepared = match prepared {
        Prepared::Pictures { frame, .. } => {
            Prepared::Pictures { frame, standardizer: splits.standardizer.clone() }
        }
        Prepared::Rows { .. } => Prepared::Rows {
            shape: splits.train.input_shape.clone(),
            standardizer: splits.standardizer.clone(),
        },
        other => other,
    };
    let loss = LossSpec::default_for(targets);
    let facts = ProblemFacts { shape, targets, names, loss, units, prepared };
    Ok(Loaded { train: splits.train, validation: splits.validation, test: splits.test, facts })
}

/// Checks that each class of the test part is in the training part.
fn check_classes(set: &DataSet, names: &[String], problem: &Problem) -> Result<(), Error> {
    let (Targets::Classes { labels, classes }, Targets::Classes { labels: test, .. }) =
        (&set.train.targets, &set.test.targets)
    else {
        return Ok(());
    };
    let mut is_trained = vec![false; *classes];
    labels.iter().for_each(|label| is_trained[*label as usize] = true);
    match test.iter().find(|label| !is_trained[**label as usize]) {
        None => Ok(()),
        Some(label) => {
            let class = names.get(*label as usize).cloned().unwrap_or_else(|| label.to_string());
            let reason = format!("class `{class}` is only in the test part, so no model can learn it");
            Err(Error::Data { path: problem.data.file.clone().into(), reason })
        }
    }
}

/// Loads a data set that comes with the program.
fn bundled(data: &ProblemData, source: &Source, split: Option<u64>) -> Result<RowSet, Error> {
    let mut set = data::load(&data.file, source)?.resampled(split)?;
    if let Some(shape) = &data.shape {
        for part in [&mut set.train, &mut set.test] {
            part.reshape(shape)?;
        }
    }
    let names = match &set.train.targets {
        Targets::Classes { classes, .. } => (0..*classes).map(|class| class.to_string()).collect(),
        Targets::Values { .. } => vec!["target".into()],
    };
    let shape = set.train.input_shape.clone();
    Ok(RowSet {
        shape: InputShape::from_sizes(&shape)?,
        names,
        prepared: Prepared::Rows { shape, standardizer: None },
        set,
    })
}

fn kind_of(targets: &Targets, problem: &Problem) -> TargetKind {
    match targets {
        Targets::Classes { classes, .. } => TargetKind::Classes(*classes),
        Targets::Values { width, .. } if problem.task == Task::MultiLabel => TargetKind::Labels(*width),
        Targets::Values { width, .. } => TargetKind::Values(*width),
    }
}

/// Returns the number of training examples of each class; nothing for numbers.
pub(super) fn class_counts(train: &Examples) -> Vec<usize> {
    match &train.targets {
        Targets::Values { .. } => Vec::new(),
        Targets::Classes { labels, classes } => {
            let mut counts = vec![0; *classes];
            labels.iter().for_each(|label| counts[*label as usize] += 1);
            counts
        }
    }
}
