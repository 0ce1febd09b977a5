//! One layer of a model whose sizes are known, and its costs.

use crate::model::shape::Shape;
use crate::model::spec::{Activation, Cell};

/// A layer without its weights.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::model) enum Operation {
    /// Embeds the columns that are categories; for each column the number of categories and the width.
    Categories(Vec<Option<[usize; 2]>>),
    /// Embeds tokens.
    Tokens {
        vocabulary: usize,
        width: usize,
    },
    /// Reads images row by row.
    Rows,
    Flatten,
    Dense {
        units: usize,
        has_bias: bool,
        has_relu: bool,
    },
    Conv(Conv),
    MaxPool {
        size: usize,
        stride: usize,
    },
    AvgPool {
        size: usize,
        stride: usize,
    },
    Activation(Activation),
    /// The number of the layer chooses its masks.
    Dropout {
        probability: f64,
        number: u32,
    },
    BatchNorm,
    LayerNorm,
    /// Returns all states, or the last alone.
    Recurrent {
        cell: Cell,
        units: usize,
        bidirectional: bool,
        only_last: bool,
    },
    /// Adds a learned vector to each time step.
    Positions,
    Block {
        heads: usize,
        feed_forward: usize,
        dropout: f64,
        numbers: [u32; 2],
    },
    Last,
    Mean,
}

/// A convolution without its weights.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::model) struct Conv {
    pub filters: usize,
    pub kernel: usize,
    pub stride: usize,
    /// Zeros above and below, left and right.
    pub padding: [(usize, usize); 2],
    pub has_bias: bool,
    pub has_relu: bool,
}

/// A layer in its model.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::model) struct Step {
    /// The name in summaries, which starts the paths of its parameters.
    pub name: String,
    pub layer: Operation,
    /// The number of layers with parameters of the same type before this one.
    pub place: usize,
    pub input: Shape,
    pub output: Shape,
}

impl Operation {
    /// Returns the name of its type: the field of [`Stack`](crate::model::Stack) with its parameters, if it
    /// has some.
    pub fn name(&self) -> &'static str {
        match self {
            Operation::Categories(_) | Operation::Tokens { .. } => "embedding",
            Operation::Rows => "rows",
            Operation::Flatten => "flatten",
            Operation::Dense { .. } => "dense",
            Operation::Conv(_) => "conv",
            Operation::MaxPool { .. } => "max_pool",
            Operation::AvgPool { .. } => "avg_pool",
            Operation::Activation(activation) => activation.name(),
            Operation::Dropout { .. } => "dropout",
            Operation::BatchNorm => "batch_norm",
            Operation::LayerNorm => "layer_norm",
            Operation::Recurrent { .. } => "recurrent",
            Operation::Positions => "positions",
            Operation::Block { .. } => "block",
            Operation::Last => "last",
            Operation::Mean => "mean",
        }
    }
}

/// The product of sizes, at most the largest number.
fn product(sizes: &[usize]) -> u64 {
    sizes.iter().fold(1, |product, size| product.saturating_mul(*size as u64))
}

/// The sum of counts, at most the largest number.
pub(super) fn sum(counts: impl IntoIterator<Item = u64>) -> u64 {
    counts.into_iter().fold(0, u64::saturating_add)
}

impl Step {
    /// Returns the number of trained parameters.
    pub fn parameters(&self) -> u64 {
        let channels = self.input.channels();
        match &self.layer {
            Operation::Categories(columns) => sum(columns.iter().flatten().map(|sizes| product(sizes))),
            Operation::Tokens { vocabulary, width } => product(&[*vocabulary, *width]),
            Operation::Dense { units, has_bias, .. } => {
                product(&[self.input.rows()[1].saturating_add(usize::from(*has_bias)), *units])
            }
            Operation::Conv(Conv { filters, kernel, has_bias, .. }) => sum([
                product(&[*filters, channels, *kernel, *kernel]),
                product(&[*filters, usize::from(*has_bias)]),
            ]),
            Operation::BatchNorm | Operation::LayerNorm => product(&[2, channels]),
            Operation::Recurrent { cell, units, bidirectional, .. } => {
                let gates = product(&[1 + usize::from(*bidirectional), cell.gates(), *units]);
                gates.saturating_mul(sum([channels as u64, *units as u64, 2]))
            }
            Operation::Positions => product(&self.input.sizes()),
            // Two normalizations; queries, keys without bias, values and the output; two dense layers.
            Operation::Block { feed_forward, .. } => sum([
                product(&[4, channels]),
                product(&[4, channels, channels]),
                product(&[3, channels]),
                product(&[2, channels, *feed_forward]),
                sum([channels as u64, *feed_forward as u64]),
            ]),
            _ => 0,
        }
    }

    /// Returns the number of values that are saved with the parameters, but not trained.
    pub fn statistics(&self) -> u64 {
        if self.layer == Operation::BatchNorm { product(&[2, self.input.channels()]) } else { 0 }
    }

    /// Returns the floating-point operations of an example's forward pass: 2 for each multiplication and
    /// addition of matrix products and convolutions, 0 for anything else.
    pub fn flops(&self) -> u64 {
        let [rows, features] = self.input.rows();
        match &self.layer {
            Operation::Dense { units, .. } => product(&[2, rows, features, *units]),
            Operation::Conv(Conv { kernel, .. }) => {
                product(&[2, self.output.elements(), self.input.channels(), *kernel, *kernel])
            }
            Operation::Recurrent { cell, units, bidirectional, .. } => {
                let gates = product(&[2, rows, 1 + usize::from(*bidirectional), cell.gates(), *units]);
                gates.saturating_mul(sum([features as u64, *units as u64]))
            }
            Operation::Block { feed_forward, .. } => sum([
                product(&[8, rows, features, features]),
                product(&[4, rows, rows, features]),
                product(&[4, rows, features, *feed_forward]),
            ]),
            _ => 0,
        }
    }

    /// Returns the number of values that the layer computes for an example.
    pub fn activations(&self) -> u64 {
        let [rows, features] = self.input.rows();
        match &self.layer {
            Operation::Flatten | Operation::Rows | Operation::Last => 0,
            Operation::Recurrent { cell, units, bidirectional, .. } => {
                product(&[rows, 1 + usize::from(*bidirectional), cell.gates() + 1, *units])
            }
            Operation::Block { heads, feed_forward, .. } => sum([
                product(&[10, rows, features]),
                product(&[2, rows, *feed_forward]),
                product(&[*heads, rows, rows]),
            ]),
            _ => product(&self.output.sizes()),
        }
    }
}
