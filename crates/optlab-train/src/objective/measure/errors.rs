//! Measures of numbers, from the error `d` = output − target of each example and column.

use crate::data::TargetUnit;
use crate::objective::Tally;
use crate::objective::loss::regression::errors;
use crate::objective::measure::{mean, read};
use burn::tensor::Tensor;

/// Returns the sums of the columns of `[batch, columns]`.
fn column_sums(tensor: Tensor<2>) -> Vec<f64> {
    // The sum of all is not rounded as the sum along a dimension is, and one column had the first so far.
    if tensor.dims()[1] == 1 { read(tensor.sum()) } else { read(tensor.sum_dim(0)) }
}

/// Adds the sum of each column, then the number of examples.
fn add(key: &str, terms: Tensor<2>, tally: &mut Tally) {
    let rows = terms.dims()[0] as f64;
    let mut sums = column_sums(terms);
    sums.push(rows);
    tally.add(key, &sums);
}

/// Returns the mean of each column, as [`add`] added them.
fn means<'a>(key: &str, tally: &'a Tally) -> impl Iterator<Item = f64> + use<'a> {
    let (rows, sums) = tally.sums(key).split_last().unwrap_or((&0.0, &[]));
    sums.iter().map(move |sum| sum / rows)
}

pub(super) fn add_squares(key: &str, outputs: Tensor<2>, values: &Tensor<2>, tally: &mut Tally) {
    add(key, errors(outputs, values).square(), tally);
}

pub(super) fn rmse(key: &str, tally: &Tally, units: &[TargetUnit]) -> f64 {
    mean(means(key, tally).enumerate().map(|(column, mean)| mean.sqrt() * units[column].scale))
}

pub(super) fn add_sizes(key: &str, outputs: Tensor<2>, values: &Tensor<2>, tally: &mut Tally) {
    add(key, errors(outputs, values).abs(), tally);
}

pub(super) fn mae(key: &str, tally: &Tally, units: &[TargetUnit]) -> f64 {
    mean(means(key, tally).enumerate().map(|(column, mean)| mean * units[column].scale))
}

/// Adds the squared errors of each column; keeps the number of rows, and of each column the first target, the
/// mean of the targets' distances to it and the sum of their squared distances to that mean.
///
/// Sums of the targets' squares would lose the digits of targets far from 0. From the first target on, equal
/// targets have distances of exactly 0.
pub(super) fn add_r2(key: &str, outputs: Tensor<2>, values: &Tensor<2>, tally: &mut Tally) {
    let rows = values.dims()[0] as f32;
    let first = values.clone().narrow(0, 0, 1);
    let distances = values.clone() - first.clone();
    let means = distances.clone().mean_dim(0);
    let squares = (distances - means.clone()).square().sum_dim(0);
    let mut batch = vec![rows];
    batch.extend(Tensor::cat(vec![first, means, squares], 0).into_data().iter::<f32>());
    tally.append(&targets_of(key), &batch);
    add_squares(key, outputs, values, tally);
}

fn targets_of(key: &str) -> String {
    format!("{key} targets")
}

pub(super) fn r2(key: &str, tally: &Tally) -> f64 {
    let (rows, errors) = tally.sums(key).split_last().unwrap_or((&0.0, &[]));
    if *rows < 2.0 {
        return f64::NAN;
    }
    let columns = errors.len();
    let targets = tally.list(&targets_of(key));
    mean(errors.iter().enumerate().map(|(column, errors)| {
        let batches = targets.chunks_exact(1 + 3 * columns).map(|batch| {
            let [rows, first, mean, squares] =
                [0, 1 + column, 1 + columns + column, 1 + 2 * columns + column].map(|i| f64::from(batch[i]));
            (rows, first + mean, squares)
        });
        let center = batches.clone().map(|(rows, mean, _)| rows * mean).sum::<f64>() / rows;
        let total: f64 = batches.map(|(rows, mean, squares)| squares + rows * (mean - center).powi(2)).sum();
        match total {
            0.0 if *errors == 0.0 => 1.0,
            0.0 if errors.is_finite() => 0.0,
            total => 1.0 - errors / total,
        }
    }))
}

/// Keeps each error and target, since a relative error needs the target in its own unit.
pub(super) fn add_each(key: &str, outputs: Tensor<2>, values: &Tensor<2>, tally: &mut Tally) {
    let columns = values.dims()[1];
    let errors = errors(outputs, values);
    tally.append(key, &errors.into_data().iter::<f32>().collect::<Vec<_>>());
    tally.append(&targets_of(key), &values.to_data().iter::<f32>().collect::<Vec<_>>());
    if tally.sums(key).is_empty() {
        tally.add(key, &[columns as f64]);
    }
}

pub(super) fn mape(key: &str, tally: &Tally, units: &[TargetUnit]) -> f64 {
    let columns = tally.sums(key).first().map_or(1, |columns| *columns as usize);
    let pairs = tally.list(key).iter().zip(tally.list(&targets_of(key))).enumerate();
    // Every column has the same number of examples, so the mean over all is the mean of the columns' means.
    mean(pairs.map(|(i, (error, target))| {
        let TargetUnit { mean, scale } = units[i % columns];
        let target = mean + scale * f64::from(*target);
        (scale * f64::from(*error)).abs() / target.abs().max(f64::EPSILON)
    }))
}
