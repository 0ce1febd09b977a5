//! Tables as data of a problem.

use crate::Error;
use crate::data::table::{Encoded, EncodedTargets, Encoder, FeatureKind, ReadOptions, Table, Task};
use crate::data::{Examples, Preparation, TargetUnit, Targets};
use crate::model::InputShape;
use crate::objective::LossSpec;
use crate::problem::load::{Loaded, kind_of};
use crate::problem::{Prepared, Problem, ProblemData, ProblemFacts, TestPart};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

/// The smallest file, in bytes, whose table processes share: a smaller one is read in some 30 ms.
const SMALLEST_SHARED: u64 = 1 << 22;

/// A table in memory, with what it was read from.
struct Kept {
    path: PathBuf,
    options: ReadOptions,
    changed: Option<SystemTime>,
    table: Arc<Table>,
}

/// The table that was read last: one command needs it for the columns, the task and the parts.
static KEPT: Mutex<Option<Kept>> = Mutex::new(None);

/// Reads the table of a problem, or takes it from the last reading.
pub(in crate::problem) fn read(data: &ProblemData, folder: &Path) -> Result<Arc<Table>, Error> {
    let path = data.path(folder);
    let changed = std::fs::metadata(&path).and_then(|metadata| metadata.modified()).ok();
    let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(kept) = kept.as_ref()
        && (&kept.path, &kept.options, kept.changed) == (&path, &data.read, changed)
    {
        return Ok(kept.table.clone());
    }
    let shared = cache_folder().and_then(|folder| Table::read_shared(&path, &data.read, &folder));
    let table = Arc::new(match shared {
        Some(table) => table,
        None => Table::read(&path, &data.read)?,
    });
    *kept = Some(Kept { path, options: data.read.clone(), changed, table: table.clone() });
    Ok(table)
}

/// Saves a large table for the processes of many trials.
pub(in crate::problem) fn share(data: &ProblemData, folder: &Path) -> Result<(), Error> {
    let path = data.path(folder);
    let is_large = std::fs::metadata(&path).is_ok_and(|metadata| metadata.len() >= SMALLEST_SHARED);
    let Some(cache) = cache_folder().filter(|_| is_large) else { return Ok(()) };
    if !Table::is_shared(&path, &data.read, &cache) {
        // Where nothing can be saved, each process reads the text.
        drop(read(data, folder)?.share(&data.read, &cache));
    }
    Ok(())
}

fn cache_folder() -> Option<PathBuf> {
    Some(dirs::cache_dir()?.join("optlab").join("tables"))
}

/// Frees the table that was read last, before a training that needs only its encoded rows.
pub(in crate::problem) fn forget() {
    *KEPT.lock().unwrap_or_else(PoisonError::into_inner) = None;
}

/// Reads the table, holds out test and validation part, and encodes all three with the statistics of the
/// training part.
pub(super) fn load(problem: &Problem, folder: &Path, preparation: &Preparation) -> Result<Loaded, Error> {
    let data = &problem.data;
    let table = read(data, folder)?;
    let classes = (problem.task == Task::Classification).then(|| data.target[0].as_str());
    let split = data.split();
    let rows = table.rows_with_target(&data.target, data.encode.drop_missing_target)?;
    let test_part = match preparation.split {
        None => split.test_part(&table, &rows, classes)?,
        Some(number) => split.resampled_test_part(&table, &rows, classes, number)?,
    };
    let share = preparation.validation;
    let parts = split.validation_part(&table, &test_part.train, classes, share, preparation.seed)?;
    let mut options = data.encode.clone();
    // The group says where rows belong together, not what they are.
    options.exclude.extend(data.group.iter().filter(|group| !data.encode.exclude.contains(group)).cloned());
    let encoder = Encoder::fit(&table, &data.target, problem.task, &parts.train, &options)?;
    let part = |table: &Table, rows: &[usize]| -> Result<Examples, Error> {
        if rows.is_empty() { Ok(empty(&encoder)) } else { Ok(examples(encoder.encode(table, rows)?)) }
    };
    let test = match &data.test {
        TestPart::Share(_) => part(&table, &test_part.held_out)?,
        TestPart::File(file) => {
            let other = table.read_alike(folder.join(file))?;
            let rows = other.rows_with_target(&data.target, data.encode.drop_missing_target)?;
            part(&other, &rows)?
        }
    };
    let train = part(&table, &parts.train)?;
    let validation = part(&table, &parts.held_out)?;
    let targets = kind_of(&train.targets, problem);
    let names = match problem.task {
        Task::Classification => encoder.class_names().to_vec(),
        _ => encoder.target().to_vec(),
    };
    let unit = |target| {
        let scale = encoder.target_scale(target);
        TargetUnit { mean: scale.mean, scale: scale.deviation }
    };
    let units = if problem.task == Task::Regression {
        (0..data.target.len()).map(unit).collect()
    } else {
        Vec::new()
    };
    let facts = ProblemFacts {
        shape: shape(&encoder),
        targets,
        names,
        loss: LossSpec::default_for(targets),
        units,
        prepared: Prepared::Table(Box::new(encoder)),
    };
    Ok(Loaded { train, validation, test, facts })
}

/// Returns the shape of the features of an encoder.
fn shape(encoder: &Encoder) -> InputShape {
    let columns = encoder.features().into_iter().map(|feature| match feature.kind {
        FeatureKind::Plain => None,
        FeatureKind::Embedding { cardinality } => Some(cardinality),
    });
    InputShape::Columns(columns.collect())
}

fn examples(encoded: Encoded) -> Examples {
    Examples {
        inputs: encoded.inputs,
        input_shape: vec![encoded.features],
        targets: match encoded.targets {
            EncodedTargets::Classes { labels, classes } => Targets::Classes { labels, classes },
            EncodedTargets::Values { values, targets: width }
            | EncodedTargets::Labels { values, labels: width } => Targets::Values { values, width },
        },
    }
}

/// Returns no examples, for a part that is left out.
fn empty(encoder: &Encoder) -> Examples {
    let targets = match encoder.task() {
        Task::Classification => Targets::Classes { labels: Vec::new(), classes: encoder.class_names().len() },
        _ => Targets::Values { values: Vec::new(), width: encoder.target().len() },
    };
    Examples { inputs: Vec::new(), input_shape: vec![encoder.features().len()], targets }
}
