//! The model that a [`ModelSpec`](crate::model::ModelSpec) builds.

mod build;
mod value;

use crate::model::InputShape;
use crate::model::layer::{BatchNorm, Block, LayerNorm, Recurrent};
use crate::model::plan::{Operation, Plan, Step, Summary};
use crate::nn::{Conv2d, Linear, Mode, tap};
use burn::module::{Module, Param};
use burn::nn::Embedding;
use burn::tensor::Tensor;
use value::Value;

/// A model of layers, one after the other.
///
/// Its parameters have these paths, which patterns like `group:parameters=dense.*` match; layers of one type
/// are numbered from 0 in the order of a forward pass:
///
/// | layer            | paths                                                                            |
/// |:-----------------|:---------------------------------------------------------------------------------|
/// | embedding        | `embedding.0.weight`, one for each column of categories                           |
/// | positions        | `positions`                                                                       |
/// | convolution      | `conv.0.weight`, `conv.0.bias`                                                    |
/// | recurrent        | `recurrent.0.input.weight`, `….input.bias`, `….hidden.weight`, `….hidden.bias`    |
/// | its reverse      | `recurrent_reverse.0.…`, the same for the direction from the end to the beginning |
/// | attention block  | `block.0.norm_1.gamma`, `….norm_1.beta`, `….attention.query.weight`, `….query.bias`, `….key.weight`, `….value.…`, `….output.…`, `….norm_2.…`, `….dense_1.…`, `….dense_2.…` |
/// | batch norm       | `batch_norm.0.gamma`, `….beta`; not trained: `….running_mean`, `….running_var`    |
/// | layer norm       | `layer_norm.0.gamma`, `layer_norm.0.beta`                                         |
/// | dense            | `dense.0.weight`, `dense.0.bias`                                                  |
/// | outputs          | `output.weight`, `output.bias`                                                    |
///
/// A dense layer or a convolution before batch normalization has no bias.
/// [`num_params`](Module::num_params) also counts running means and variances; [`Stack::summary`] counts them
/// separately.
#[derive(Module, Debug)]
pub struct Stack {
    embedding: Vec<Embedding>,
    positions: Option<Param<Tensor<2>>>,
    conv: Vec<Conv2d>,
    recurrent: Vec<Recurrent>,
    recurrent_reverse: Vec<Recurrent>,
    block: Vec<Block>,
    batch_norm: Vec<BatchNorm>,
    layer_norm: Vec<LayerNorm>,
    dense: Vec<Linear>,
    // Last, because some optimizers treat the last matrix as the output.
    output: Linear,
    #[module(skip)]
    plan: Plan,
}

impl Stack {
    /// Returns the outputs `[batch, outputs]` for `inputs` `[batch, elements]`; each row is an example in
    /// row-major order.
    ///
    /// # Panics
    /// If a row does not have the elements of the input shape, or the index of a token or category is not
    /// below their number.
    pub fn forward(&self, inputs: Tensor<2>, mode: Mode) -> Tensor<2> {
        let (output, hidden) = self.plan.steps.split_last().expect("a plan ends with the outputs");
        let input = Value::read(inputs, &self.plan.input);
        let last = hidden.iter().fold(input, |value, step| self.apply(step, value, mode).tapped(&step.name));
        tap(&output.name, self.output.forward(last.into_flat()))
    }

    /// Returns the shape that it was built for.
    pub fn input_shape(&self) -> &InputShape {
        &self.plan.input
    }

    /// Returns the last layer, which makes the outputs.
    pub fn output_layer(&self) -> &Linear {
        &self.output
    }

    /// Returns sizes and costs of its layers.
    pub fn summary(&self) -> Summary {
        self.plan.summary()
    }

    fn apply(&self, step: &Step, value: Value, mode: Mode) -> Value {
        let place = step.place;
        match &step.layer {
            Operation::Categories(columns) => value.embed_columns(columns, &self.embedding),
            Operation::Tokens { .. } => value.embed_tokens(&self.embedding[place]),
            Operation::Rows => value.into_rows(),
            Operation::Flatten => Value::Flat(value.into_flat()),
            Operation::Dense { .. } => value.dense(&self.dense[place]),
            Operation::Conv(_) => Value::Image(self.conv[place].forward(value.into_image())),
            Operation::MaxPool { size, stride } => value.max_pool(*size, *stride),
            Operation::AvgPool { size, stride } => value.avg_pool(*size, *stride),
            Operation::Activation(activation) => value.activate(*activation),
            Operation::Dropout { probability, number } => value.dropout(*probability, *number, mode),
            Operation::BatchNorm => value.batch_norm(&self.batch_norm[place], mode),
            Operation::LayerNorm => value.layer_norm(&self.layer_norm[place]),
            Operation::Recurrent { only_last, .. } => {
                value.recur(&self.recurrent[place], self.recurrent_reverse.get(place), *only_last)
            }
            Operation::Positions => match &self.positions {
                Some(positions) => Value::Sequence(value.into_sequence() + positions.val().unsqueeze()),
                None => value,
            },
            Operation::Block { .. } => {
                Value::Sequence(self.block[place].forward(value.into_sequence(), mode))
            }
            Operation::Last => value.last(),
            Operation::Mean => Value::Flat(value.into_sequence().mean_dim(1).squeeze_dim(1)),
        }
    }
}
