//! The matrices that Muon and its relatives orthogonalize, and the rule of the other parameters.

use crate::Error;
use crate::driver::ParameterRule;
use crate::rule::TensorMemory;
use crate::rules::parts::hidden::is_hidden;
use crate::rules::parts::newton_schulz::Coefficients;
use crate::spec::OptimizerSpec;
use burn::tensor::Tensor;

/// A parameter of rank 2 or more as a matrix.
#[derive(Debug, Clone, Copy)]
pub(crate) struct HiddenMatrix {
    /// The rows and columns as they are stored.
    pub sides: [usize; 2],
    /// Whether the outputs are the stored columns.
    outputs_are_columns: bool,
    pub outputs: usize,
    pub inputs: usize,
}

impl HiddenMatrix {
    /// Returns the matrix of a parameter of that shape. A weight of rank 2 is stored as `[inputs, outputs]`,
    /// a kernel as `[outputs, …]`.
    pub fn of(shape: &[usize]) -> Self {
        let sides = [shape[0], shape[1..].iter().product()];
        let outputs_are_columns = shape.len() == 2;
        let [outputs, inputs] = if outputs_are_columns { [sides[1], sides[0]] } else { sides };
        HiddenMatrix { sides, outputs_are_columns, outputs, inputs }
    }

    /// Returns the number of blocks of outputs: `heads` if it divides the number of outputs, else 1.
    pub fn heads(self, heads: usize) -> usize {
        if self.outputs.is_multiple_of(heads) { heads } else { 1 }
    }

    /// Replaces each of the `heads` blocks of outputs by what `each` makes of it; blocks are matrices as they
    /// are stored.
    pub fn blocks(self, matrix: Tensor<2>, heads: usize, each: impl Fn(Tensor<2>) -> Tensor<2>) -> Tensor<2> {
        if heads == 1 {
            return each(matrix);
        }
        let dim = usize::from(self.outputs_are_columns);
        let blocks = matrix.chunk(heads, dim).into_iter().map(each).collect();
        Tensor::cat(blocks, dim)
    }

    /// Does the same with the elements of a matrix, row-major; `each` gets those of a block and its sides.
    pub fn blocks_of_slices(
        self,
        matrix: Vec<f32>,
        heads: usize,
        each: impl Fn(Vec<f32>, [usize; 2]) -> Vec<f32>,
    ) -> Vec<f32> {
        let [rows, columns] = self.sides;
        if heads == 1 {
            return each(matrix, self.sides);
        }
        if !self.outputs_are_columns {
            let block = |block: &[f32]| each(block.to_vec(), [rows / heads, columns]);
            return matrix.chunks(matrix.len() / heads).flat_map(block).collect();
        }
        let width = columns / heads;
        let mut replaced = vec![0.0; matrix.len()];
        for first in (0..columns).step_by(width) {
            let part = first..first + width;
            let block = matrix.chunks(columns).flat_map(|row| &row[part.clone()]).copied().collect();
            let block = each(block, [rows, width]);
            for (row, block) in replaced.chunks_mut(columns).zip(block.chunks(width)) {
                row[part.clone()].copy_from_slice(block);
            }
        }
        replaced
    }

    /// Returns about how many multiplications and additions the Newton-Schulz iterations of a parameter of
    /// that shape take; 0 for a vector.
    pub fn operations(shape: &[usize], coefficients: &Coefficients, ns_steps: Option<usize>) -> f64 {
        if shape.len() < 2 {
            return 0.0;
        }
        let HiddenMatrix { outputs, inputs, .. } = Self::of(shape);
        let iterations = coefficients.iterations(ns_steps).0.len();
        let [short, long] = [outputs.min(inputs), outputs.max(inputs)];
        // Two products with the matrix and one of the small square.
        let (short, long) = (short as f64, long as f64);
        (4.0 * short * short * long + 2.0 * short.powi(3)) * iterations as f64
    }

    /// Returns the stored dimension along which the inputs lie.
    pub fn input_dim(self, rank: usize) -> usize {
        if rank == 2 { 0 } else { 1 }
    }

    /// Returns the stored dimension of the smaller of both sides; that of the inputs if they are equal.
    pub fn smaller_dim(self, rank: usize) -> usize {
        let of_inputs = self.input_dim(rank);
        if self.outputs < self.inputs { 1 - of_inputs } else { of_inputs }
    }
}

/// Updates the mean of the gradients, `m ← μ m + (1 − μ) g`, and returns it, or with `nesterov` the mean one
/// gradient further.
pub(crate) fn momentum_step<const D: usize>(
    memory: &mut TensorMemory<'_>,
    buffer: &str,
    grad: Tensor<D>,
    momentum: f64,
    nesterov: bool,
) -> Tensor<D> {
    let averaged = |mean: Tensor<D>| mean * momentum + grad.clone() * (1.0 - momentum);
    let mean = memory.update(buffer, averaged);
    if nesterov { averaged(mean) } else { mean }
}

/// Limits `rule` to matrices, and adds the rules of `other`, at `lr_factor` times the rate, for vectors,
/// embeddings and the last matrix. Without `other` they stay as they are, except for embeddings and the last
/// matrix, which `rule` moves.
pub(crate) fn with_other(
    rule: ParameterRule,
    other: Option<&OptimizerSpec>,
    lr_factor: f64,
) -> Result<Vec<ParameterRule>, Error> {
    let Some(other) = other else {
        return Ok(vec![rule.for_parameters(|parameter| parameter.shape.len() >= 2)]);
    };
    let rule = rule.for_parameters(is_hidden);
    let others = other.rules()?.into_iter().map(|rule| rule.with_lr_factor(lr_factor));
    Ok(std::iter::once(rule).chain(others).collect())
}
