//! Predicts for new examples, with the preparation that was saved with the run.

use crate::Error;
use crate::data::npz::Npz;
use crate::data::pictures::{Frame, decode_file};
use crate::data::table::{self, Table};
use crate::data::{Preparation, Standardizer, pad_images};
use crate::model::Stack;
use crate::nn::Mode;
use crate::objective::{LossSpec, TargetKind};
use crate::problem::load::INPUTS;
use crate::problem::{Prepared, ProblemFacts};
use crate::workload::{Answer, NamedRows, Prediction};
use burn::tensor::{Device, Tensor, TensorData};
use std::path::{Path, PathBuf};

/// Examples per pass through the model.
const BATCH_SIZE: usize = 500;

/// Returns a prediction for each row of the tables, each picture or each text of `files`.
pub(super) fn predict(
    model: &Stack,
    facts: &ProblemFacts,
    preparation: &Preparation,
    files: &[PathBuf],
    device: &Device,
) -> Result<Vec<Prediction>, Error> {
    let mut predictions = Vec::new();
    for file in files {
        let (inputs, names) = inputs(facts, preparation, file)?;
        let width = facts.shape.elements();
        for (rows, names) in inputs.chunks(BATCH_SIZE * width).zip(names.chunks(BATCH_SIZE)) {
            let data = TensorData::new(rows.to_vec(), [names.len(), width]);
            let outputs = model.forward(Tensor::from_data(data, device), Mode::Evaluate);
            let outputs = facts.loss.predict(outputs);
            let columns = outputs.dims()[1];
            let values: Vec<f64> = outputs.into_data().iter::<f64>().collect();
            for (values, name) in values.chunks(columns).zip(names) {
                predictions.push(Prediction { example: name.clone(), answer: answer(facts, values) });
            }
        }
    }
    Ok(predictions)
}

/// Returns the inputs of a file, row-major, with a name for each.
pub(super) fn inputs(
    facts: &ProblemFacts,
    preparation: &Preparation,
    file: &Path,
) -> Result<NamedRows, Error> {
    let shown = file.display().to_string();
    match &facts.prepared {
        Prepared::Table(encoder) => {
            let table = Table::read(file, encoder.read_options())?;
            let rows: Vec<usize> = (0..table.len()).collect();
            let inputs = encoder.encode_inputs(&table, &rows)?;
            Ok((inputs, rows.iter().map(|row| format!("{shown}:{}", table.line(*row))).collect()))
        }
        Prepared::Pictures { frame, standardizer } => {
            Ok((picture(file, frame, standardizer.as_ref(), preparation)?, vec![shown]))
        }
        Prepared::Text { characters, context } => {
            let text = table::read_text(file)?;
            Ok((characters_of(&text, characters, *context, file)?, vec![shown]))
        }
        Prepared::Rows { shape, standardizer } => {
            let is_image = file.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("png"));
            let (mut values, names) = match *shape.as_slice() {
                [channels, height, width] if is_image => {
                    (crate::data::read_digit_png(file, [channels, height, width])?, vec![shown])
                }
                _ => rows(file, shape)?,
            };
            if let Some(standardizer) = standardizer {
                standardizer.apply_to_inputs(&mut values, shape);
            }
            Ok((values, names))
        }
    }
}

/// Returns the values of an array of a NumPy file, with a name for each example, whose shape is `shape`: of
/// the array `inputs`, or of the first that fits.
fn rows(file: &Path, shape: &[usize]) -> Result<NamedRows, Error> {
    let npz = Npz::read(file)?;
    let refuse = |reason: String| Error::Data { path: file.into(), reason };
    let width: usize = shape.iter().product();
    let fits = |name: &&str| {
        let array = npz.array(name).ok();
        array.is_some_and(|a| a.shape.len() > 1 && a.shape[1..].iter().product::<usize>() == width)
    };
    let named = npz.names().find(|name| *name == INPUTS);
    let name = named.or_else(|| npz.names().find(fits)).or_else(|| npz.names().next());
    let array = npz.array(name.unwrap_or(INPUTS))?;
    let examples = array.shape.first().copied().unwrap_or(0);
    if examples == 0 || array.values.len() != examples * width {
        let reason = format!("the shape {:?} is not [examples, …] with inputs of {shape:?}", array.shape);
        return Err(refuse(reason));
    }
    if let Some(place) = array.values.iter().position(|value| !value.is_finite()) {
        return Err(refuse(format!("example {}: {} is no number", place / width, array.values[place])));
    }
    let names = (0..examples).map(|example| format!("{}:{example}", file.display())).collect();
    Ok((array.values.clone(), names))
}

fn picture(
    file: &Path,
    frame: &Frame,
    standardizer: Option<&Standardizer>,
    preparation: &Preparation,
) -> Result<Vec<f32>, Error> {
    let mut values = vec![0.0; frame.values()];
    decode_file(file, frame, &mut values)?;
    let mut shape = frame.shape().to_vec();
    if preparation.pad {
        values = pad_images(&values);
        shape = vec![frame.channels, frame.height + 4, frame.width + 4];
    }
    if let Some(standardizer) = standardizer {
        standardizer.apply_to_inputs(&mut values, &shape);
    }
    Ok(values)
}

/// Returns the indices of the last `context` characters of a text.
fn characters_of(text: &str, known: &[char], context: usize, file: &Path) -> Result<Vec<f32>, Error> {
    let refuse = |reason: String| Error::Data { path: file.into(), reason };
    let characters: Vec<char> = text.trim_end_matches(['\n', '\r']).chars().collect();
    let Some(start) = characters.len().checked_sub(context) else {
        return Err(refuse(format!("has {} characters, and the model reads {context}", characters.len())));
    };
    let index = |c: &char| match known.binary_search(c) {
        Ok(index) => Ok(index as f32),
        Err(_) => Err(refuse(format!("`{c}` does not occur in the training text"))),
    };
    characters[start..].iter().map(index).collect()
}

/// Returns the answer for one row of predicted probabilities or numbers.
fn answer(facts: &ProblemFacts, values: &[f64]) -> Answer {
    let name = |i: usize| facts.names.get(i).cloned().unwrap_or_else(|| i.to_string());
    match facts.targets {
        TargetKind::Classes(_) => {
            let are_scores = facts.loss == LossSpec::Hinge;
            // One output is the probability or the score of the second of two classes.
            let of_classes = match *values {
                [second] if are_scores => vec![-second, second],
                [second] => vec![1.0 - second, second],
                _ => values.to_vec(),
            };
            let mut ranked: Vec<(String, f64)> =
                of_classes.into_iter().enumerate().map(|(i, value)| (name(i), value)).collect();
            ranked.sort_by(|(_, a), (_, b)| b.total_cmp(a));
            if are_scores { Answer::Scores(ranked) } else { Answer::Classes(ranked) }
        }
        TargetKind::Labels(_) => {
            Answer::Values(values.iter().enumerate().map(|(i, share)| (name(i), *share)).collect())
        }
        TargetKind::Values(_) => {
            let own = |(i, value): (usize, &f64)| {
                let unit = facts.units.get(i).copied().unwrap_or_default();
                (name(i), unit.mean + unit.scale * value)
            };
            Answer::Values(values.iter().enumerate().map(own).collect())
        }
    }
}
