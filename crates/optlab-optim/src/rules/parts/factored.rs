//! The mean square of each element of a matrix, kept as the means over its rows and over its columns.
//!
//! A tensor of more than two dimensions is a stack of matrices: its last two dimensions are rows and columns.
//! Buffers keep the rank of the parameter, with a dimension of 1 where the mean was taken, so that they
//! broadcast with it.

use crate::rule::{Start, TensorMemory};
use crate::rules::parts::moments::moving_average;
use burn::tensor::Tensor;

/// Returns a buffer with a number for each row; `None` for a tensor without rows.
pub(crate) fn rows(shape: &[usize]) -> Option<Start> {
    let [stack @ .., rows, _] = shape else { return None };
    Some(Start::Zeros([stack, &[*rows, 1]].concat()))
}

/// Returns a buffer with a number for each column; `None` for a tensor without columns.
pub(crate) fn columns(shape: &[usize]) -> Option<Start> {
    let [stack @ .., _, columns] = shape else { return None };
    Some(Start::Zeros([stack, &[1, *columns]].concat()))
}

/// Returns a buffer with a number for each element of a tensor without rows and columns; else `None`.
pub(crate) fn elements(shape: &[usize]) -> Option<Start> {
    (shape.len() < 2).then_some(Start::Value(0.0))
}

/// Updates the named buffers, means over rows and over columns, with the means of `square`, and returns them.
pub(crate) fn update_means<const D: usize>(
    memory: &mut TensorMemory<'_>,
    [rows, columns]: [&str; 2],
    square: Tensor<D>,
    beta: f64,
) -> [Tensor<D>; 2] {
    let of_rows = square.clone().mean_dim(-1);
    let of_columns = square.mean_dim(-2);
    [
        memory.update(rows, |average| moving_average(&average, of_rows, beta)),
        memory.update(columns, |average| moving_average(&average, of_columns, beta)),
    ]
}

/// Returns the root mean square of all elements: one number, in a tensor of the same rank.
pub(crate) fn root_mean_square<const D: usize>(tensor: Tensor<D>) -> Tensor<D> {
    tensor.square().mean().sqrt().reshape([1; D])
}
