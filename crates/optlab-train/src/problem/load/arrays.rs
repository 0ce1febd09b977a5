//! Arrays of NumPy as data of a problem.

use crate::Error;
use crate::data::npz::{Array, Npz};
use crate::data::table::Task;
use crate::data::{DataSet, Examples, Targets, shuffled_rows};
use crate::model::InputShape;
use crate::problem::load::RowSet;
use crate::problem::{Prepared, Problem, ProblemData};
use std::path::Path;

/// The name of the array of inputs, unless the problem names another.
pub(in crate::problem) const INPUTS: &str = "inputs";

/// The most different whole numbers of a target that are taken for classes.
const MOST_CLASSES: usize = 1000;

/// The largest number of classes: more is a target of other numbers, or a stray one.
const LARGEST_NUMBER_OF_CLASSES: usize = 1 << 16;

/// Reads the arrays of inputs, `[examples, …]`, and of targets, `[examples]` or `[examples, targets]`; draws
/// the test part.
pub(super) fn load(problem: &Problem, folder: &Path, split: Option<u64>) -> Result<RowSet, Error> {
    let data = &problem.data;
    let path = data.path(folder);
    let npz = Npz::read(&path)?;
    let refuse = |reason: String| Error::Data { path: path.clone(), reason };
    let inputs_name = data.inputs.as_deref().unwrap_or(INPUTS);
    let inputs = npz.array(inputs_name)?;
    let target = npz.array(&data.target[0])?;
    if data.target.len() > 1 {
        let allowed = "one array; give several targets as its columns";
        return Err(Error::invalid("problem", "data.target", allowed, data.target.join(", ")));
    }
    let [examples, own_shape @ ..] = inputs.shape.as_slice() else {
        return Err(refuse(format!("array `{inputs_name}` has no examples: its shape is []")));
    };
    if target.shape.first() != Some(examples) || target.shape.len() > 2 {
        return Err(refuse(format!(
            "array `{}` has the shape {:?}; {examples} inputs need [{examples}] or [{examples}, targets]",
            data.target[0], target.shape
        )));
    }
    for (array, name) in [(inputs, inputs_name), (target, data.target[0].as_str())] {
        if array.values.is_empty() {
            return Err(refuse(format!("array `{name}` holds no numbers: its shape is {:?}", array.shape)));
        }
        check_finite(array, name, &refuse)?;
    }
    let input_shape = match (&data.shape, own_shape) {
        (Some(shape), _) => shape.clone(),
        (None, []) => vec![1],
        (None, shape) => shape.to_vec(),
    };
    let (targets, names) = targets(problem.task, target, &npz, &data.target[0], &refuse)?;
    let mut all = Examples { inputs: inputs.values.clone(), input_shape: own_shape.to_vec(), targets };
    if own_shape.is_empty() {
        all.input_shape = vec![1];
    }
    all.reshape(&input_shape)?;
    let order = shuffled_rows(all.len(), split);
    let held_out = (data.test_share()? * all.len() as f64).round() as usize;
    let (mut test, mut train) = (order[..held_out].to_vec(), order[held_out..].to_vec());
    train.sort_unstable();
    test.sort_unstable();
    let set = DataSet {
        name: data.file.clone(),
        train: all.select(&train),
        test: all.select(&test),
        is_series: false,
    };
    let shape = InputShape::from_sizes(&input_shape)?;
    Ok(RowSet { set, shape, names, prepared: Prepared::Rows { shape: input_shape, standardizer: None } })
}

/// Guesses the task from the target: few different whole numbers from 0 are classes.
pub(super) fn guess(data: &ProblemData, folder: &Path) -> Result<Task, Error> {
    let npz = Npz::read(data.path(folder))?;
    let target = npz.array(data.target.first().map_or("target", String::as_str))?;
    let is_class = |value: &f32| value.fract() == 0.0 && (0.0..MOST_CLASSES as f32).contains(value);
    let is_classes = target.shape.len() == 1 && target.values.iter().all(is_class);
    Ok(if is_classes { Task::Classification } else { Task::Regression })
}

fn check_finite(array: &Array, name: &str, refuse: &dyn Fn(String) -> Error) -> Result<(), Error> {
    let Some(place) = array.values.iter().position(|value| !value.is_finite()) else { return Ok(()) };
    let row_length = array.shape.iter().skip(1).product::<usize>().max(1);
    Err(refuse(format!(
        "array `{name}`, example {}: {} is no number",
        place / row_length,
        array.values[place]
    )))
}

/// Checks the numbers to predict: labels are 0 or 1, and no column has a single value.
fn check_values(
    task: Task,
    target: &Array,
    name: &str,
    refuse: &dyn Fn(String) -> Error,
) -> Result<(), Error> {
    let width = target.shape.get(1).copied().unwrap_or(1);
    let is_label = |value: &f32| *value == 0.0 || *value == 1.0;
    let wrong = target.values.iter().position(|value| !is_label(value));
    if let (Task::MultiLabel, Some(place)) = (task, wrong) {
        let (example, value) = (place / width, target.values[place]);
        return Err(refuse(format!(
            "array `{name}`, example {example}: the label {value} is neither 0 nor 1"
        )));
    }
    let has_one_value = |&column: &usize| {
        target.values.iter().skip(column).step_by(width).all(|v| *v == target.values[column])
    };
    match (0..width).find(has_one_value) {
        None => Ok(()),
        Some(_) if width == 1 => {
            Err(refuse(format!("array `{name}` has only one value; nothing can be learned")))
        }
        Some(column) => Err(refuse(format!("array `{name}`, column {column}: has only one value"))),
    }
}

/// Returns the targets of all examples, with the names of classes or columns.
fn targets(
    task: Task,
    target: &Array,
    npz: &Npz,
    name: &str,
    refuse: &dyn Fn(String) -> Error,
) -> Result<(Targets, Vec<String>), Error> {
    let width = target.shape.get(1).copied().unwrap_or(1);
    if task != Task::Classification {
        check_values(task, target, name, refuse)?;
        let names = if width == 1 {
            vec![name.to_string()]
        } else {
            (0..width).map(|i| format!("{name} {i}")).collect()
        };
        return Ok((Targets::Values { values: target.values.clone(), width }, names));
    }
    if width != 1 {
        return Err(refuse(format!(
            "array `{name}` has {width} columns; classes are one number per example"
        )));
    }
    let labels = npz.whole_numbers(name)?;
    if let Some(place) = labels.iter().position(|label| *label < 0 || *label > u32::MAX.into()) {
        return Err(refuse(format!("array `{name}`, example {place}: {} is no class", labels[place])));
    }
    let classes = labels.iter().max().map_or(0, |label| *label as usize + 1);
    if classes > LARGEST_NUMBER_OF_CLASSES {
        let allowed = format!("classes are numbered from 0, at most to {}", LARGEST_NUMBER_OF_CLASSES - 1);
        return Err(refuse(format!("array `{name}` has the class {}; {allowed}", classes - 1)));
    }
    if labels.iter().all(|label| *label == labels[0]) {
        return Err(refuse(format!("array `{name}` has a single class; nothing can be learned")));
    }
    let labels = labels.into_iter().map(|label| label as u32).collect();
    Ok((Targets::Classes { labels, classes }, (0..classes).map(|class| class.to_string()).collect()))
}
