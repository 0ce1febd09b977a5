//! Explanations of a whole data set: importance, and the examples that a model is surest and most wrong
//! about.

use crate::{MethodSpec, Question};
use optlab_train::Error;
use serde::Serialize;

/// The importance of each element over many inputs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Importance {
    /// Number of inputs.
    pub examples: usize,
    /// The mean of the absolute attributions of each element.
    pub mean_absolute: Vec<f64>,
    /// The standard error of that mean, over the inputs; 0 for a single one.
    pub standard_errors: Vec<f64>,
    /// The mean of the attributions.
    pub mean: Vec<f64>,
}

/// Explains each of `rows` (row-major) with `method`, the output `output_of(i)` of row `i`, and averages.
///
/// The attributions of a group of elements, such as the categories of a column, are summed before their size
/// is taken, and the group's importance stands at each of its elements.
///
/// # Errors
/// The errors of [`MethodSpec::explain`]; [`Usage`](optlab_core::Error::Usage) without rows.
pub fn importance(
    method: &MethodSpec,
    question: &Question<'_>,
    rows: &[f32],
    output_of: impl Fn(usize) -> usize,
) -> Result<Importance, Error> {
    let width = question.model.elements();
    let groups = question.model.groups();
    let count = rows.len() / width;
    if count == 0 {
        return Err(Error::usage("there are no examples whose importance could be averaged"));
    }
    let (mut sums, mut absolute, mut squares) = (vec![0.0; width], vec![0.0; width], vec![0.0; width]);
    for (i, row) in rows.chunks(width).enumerate() {
        let question =
            Question { output: output_of(i), seed: question.seed.wrapping_add(i as u64), ..*question };
        let values = method.explain(&question, row)?.values;
        let mut of_groups = vec![0.0; width];
        groups.iter().zip(&values).for_each(|(group, value)| of_groups[*group] += value);
        for (element, group) in groups.iter().enumerate() {
            let value = of_groups[*group];
            sums[element] += value;
            absolute[element] += value.abs();
            squares[element] += value * value;
        }
    }
    let n = count as f64;
    let error = |(sum, square): (&f64, &f64)| {
        let variance = (square / n - (sum / n).powi(2)).max(0.0) / (n - 1.0).max(1.0);
        if count > 1 { variance.sqrt() } else { 0.0 }
    };
    Ok(Importance {
        examples: count,
        standard_errors: absolute.iter().zip(&squares).map(error).collect(),
        mean_absolute: absolute.into_iter().map(|sum| sum / n).collect(),
        mean: sums.into_iter().map(|sum| sum / n).collect(),
    })
}

/// Returns the indices of the `count` largest of `values`, the largest first and of equal ones the earliest;
/// NaN is left out.
pub fn largest(values: &[f64], count: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..values.len()).filter(|&i| !values[i].is_nan()).collect();
    order.sort_by(|a, b| values[*b].total_cmp(&values[*a]));
    order.truncate(count);
    order
}
