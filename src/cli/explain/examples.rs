//! The inputs that are explained.

use crate::Error;
use crate::cli::explain::asked::Asked;
use optlab_explain::data_set::largest;
use optlab_train::registry::{Part, RowSet};
use optlab_train::workload::RowTarget;
use std::path::PathBuf;

/// The most numbers of examples in an argument.
const MOST_NUMBERS: usize = 1000;

/// An input to explain.
pub struct Example {
    /// A file, or the part and the number.
    pub name: String,
    /// The input.
    pub row: Vec<f32>,
    /// The target, if it is known.
    pub target: Option<RowTarget>,
}

/// Numbers of examples, as an argument.
#[derive(Debug, Clone, PartialEq)]
pub struct Numbers(pub Vec<usize>);

/// Reads the name of a part.
pub fn part(text: &str) -> Result<Part, String> {
    let found = Part::ALL.into_iter().find(|part| part.name() == text);
    found.ok_or_else(|| "must be train, validation or test".into())
}

/// Reads numbers and ranges of numbers, separated by commas.
pub fn numbers(text: &str) -> Result<Numbers, String> {
    let wrong = |element: &str| format!("`{element}` is neither a number from 0 nor a range such as 0-9");
    let mut numbers = Vec::new();
    for element in text.split(',').map(str::trim) {
        let read = |text: &str| text.trim().parse::<usize>().map_err(|_| wrong(element));
        let (first, last) = match element.split_once('-') {
            Some((first, last)) => (read(first)?, read(last)?),
            None => (read(element)?, read(element)?),
        };
        if first > last {
            return Err(wrong(element));
        }
        if last - first >= MOST_NUMBERS - numbers.len() {
            return Err(format!("more than {MOST_NUMBERS} examples"));
        }
        numbers.extend(first..=last);
    }
    Ok(Numbers(numbers))
}

/// Reads the inputs of files.
///
/// # Errors
/// Files that cannot be read.
pub fn of_files(asked: &Asked<'_>, files: &[PathBuf]) -> Result<Vec<Example>, Error> {
    let mut examples = Vec::new();
    for file in files {
        let (inputs, names) = (asked.rows.read)(file)?;
        let rows = inputs.chunks(asked.model.elements());
        examples.extend(names.into_iter().zip(rows).map(|(name, row)| Example {
            name,
            row: row.to_vec(),
            target: None,
        }));
        if examples.len() > MOST_NUMBERS {
            return Err(Error::usage(format!("the files have more than {MOST_NUMBERS} examples")));
        }
    }
    Ok(examples)
}

/// Returns the examples of these numbers.
///
/// # Errors
/// [`InvalidConfig`](optlab_core::Error::InvalidConfig) for a number that the part does not have.
pub fn of_numbers(part: &dyn RowSet, name: &str, numbers: &[usize]) -> Result<Vec<Example>, Error> {
    if let Some(number) = numbers.iter().find(|number| **number >= part.len()) {
        let allowed = format!("below {}, the examples of the {name} part", part.len());
        return Err(Error::invalid("explain", "examples", &allowed, number));
    }
    let rows = part.rows(numbers)?;
    let width = rows.inputs.len() / rows.targets.len().max(1);
    let of_row = |((row, target), number): ((&[f32], RowTarget), &usize)| Example {
        name: format!("{name} {number}"),
        row: row.to_vec(),
        target: Some(target),
    };
    Ok(rows.inputs.chunks(width.max(1)).zip(rows.targets).zip(numbers).map(of_row).collect())
}

/// Returns the examples that the model is surest about, and then those that it is most wrong about; as many
/// of each as `counts` says.
///
/// # Errors
/// Data that cannot be read; an output that is not finite.
pub fn surest_and_most_wrong(
    asked: &Asked<'_>,
    part: &dyn RowSet,
    name: &str,
    counts: [usize; 2],
) -> Result<Vec<Example>, Error> {
    let (mut surest, mut most_wrong) = (Vec::new(), Vec::new());
    let all: Vec<usize> = (0..part.len()).collect();
    for numbers in all.chunks(1000) {
        let rows = part.rows(numbers)?;
        let answers = asked.answers(&rows.inputs)?;
        for (answers, target) in answers.chunks(asked.rows.outputs.len()).zip(&rows.targets) {
            let (sure, wrong) = judged(asked, answers, target);
            surest.push(sure);
            most_wrong.push(wrong);
        }
    }
    let mut examples = Vec::new();
    for (what, values, count) in [("surest", &surest, counts[0]), ("most wrong", &most_wrong, counts[1])] {
        let numbers = largest(values, count);
        let mut chosen = of_numbers(part, name, &numbers)?;
        for (place, example) in chosen.iter_mut().enumerate() {
            example.name += &format!(", {what} {}", place + 1);
        }
        examples.extend(chosen);
    }
    Ok(examples)
}

/// Returns how sure and how wrong a model is: of classes the largest probability, and one minus that of the
/// target; of numbers the error, negative and positive.
fn judged(asked: &Asked<'_>, answers: &[f64], target: &RowTarget) -> (f64, f64) {
    match target {
        RowTarget::Class(class) => {
            let most = answers.iter().copied().fold(f64::MIN, f64::max);
            (most, most.max(1.0) - answers.get(*class).copied().unwrap_or(f64::NAN))
        }
        RowTarget::Values(values) => {
            let apart =
                asked.own(values).into_iter().zip(answers).map(|(own, answer)| (own - answer).powi(2));
            let error = apart.sum::<f64>().sqrt();
            (-error, error)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_ranges_are_read_in_their_order() {
        assert_eq!(numbers("5,0, 2-4").unwrap(), Numbers(vec![5, 0, 2, 3, 4]));
        for wrong in ["", "a", "-1", "4-2", "1,,2", "0-99999999999", "1.5"] {
            assert!(numbers(wrong).is_err(), "{wrong}");
        }
    }
}
