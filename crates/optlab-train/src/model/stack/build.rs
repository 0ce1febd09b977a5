//! Draws the weights of a model.

use crate::Error;
use crate::model::layer::{BatchNorm, Block, LayerNorm, Recurrent};
use crate::model::plan::{self, Conv, Operation, Plan, Summary};
use crate::model::{Init, InputShape, ModelSpec, Stack};
use crate::nn::{Conv2d, Dropout, Linear};
use burn::nn::{Embedding, PaddingConfig2d};

/// The standard deviation of the initial positions, as in GPT-2.
const POSITIONS: f64 = 0.02;

impl ModelSpec {
    /// Returns a new model for inputs of `input` and `outputs` outputs, with weights from `init`: PyTorch's
    /// defaults, drawn in the order of a forward pass. Positions are normal with standard deviation 0.02.
    ///
    /// # Errors
    /// [`InvalidConfig`](optlab_core::Error::InvalidConfig) for a field out of its range, for inputs that the
    /// model cannot read, naming the layer that cannot, and for more than 2³² parameters, or
    /// more than the memory holds in a training.
    ///
    /// # Example
    /// ```
    /// use burn::tensor::{Device, Tensor};
    /// use optlab_train::model::{Init, InputShape, ModelSpec};
    /// use optlab_train::nn::Mode;
    ///
    /// let spec: ModelSpec = "cnn=[16,32],dropout=[0.1,0.25]".parse()?;
    /// let device = Device::default();
    /// let images = InputShape::Image { channels: 1, height: 8, width: 8 };
    /// let model = spec.build(&images, 10, &mut Init::new(0, &device))?;
    /// let outputs = model.forward(Tensor::ones([5, 64], &device), Mode::Evaluate);
    /// assert_eq!(outputs.dims(), [5, 10]);
    /// # Ok::<(), optlab_train::Error>(())
    /// ```
    pub fn build(&self, input: &InputShape, outputs: usize, init: &mut Init) -> Result<Stack, Error> {
        Ok(Stack::new(plan::plan(self, input, outputs)?, init))
    }

    /// Returns sizes and costs of the model for inputs of `input`, without building it.
    ///
    /// # Errors
    /// As for [`build`](Self::build).
    pub fn summary(&self, input: &InputShape, outputs: usize) -> Result<Summary, Error> {
        Ok(plan::plan(self, input, outputs)?.summary())
    }
}

impl Stack {
    pub(super) fn new(plan: Plan, init: &mut Init) -> Self {
        let (mut embedding, mut positions, mut conv) = (Vec::new(), None, Vec::new());
        let (mut recurrent, mut recurrent_reverse) = (Vec::new(), Vec::new());
        let (mut block, mut batch_norm, mut layer_norm) = (Vec::new(), Vec::new(), Vec::new());
        let mut dense = Vec::new();
        for step in &plan.steps {
            let [rows, features] = step.input.rows();
            let channels = step.input.channels();
            match &step.layer {
                Operation::Categories(columns) => {
                    let drawn = columns.iter().flatten().map(|sizes| new_embedding(*sizes, init));
                    embedding.extend(drawn);
                }
                Operation::Tokens { vocabulary, width } => {
                    embedding.push(new_embedding([*vocabulary, *width], init));
                }
                Operation::Dense { units, has_bias, has_relu } => {
                    dense.push(new_dense(features, *units, *has_bias, *has_relu, init));
                }
                Operation::Conv(layer) => conv.push(new_conv(layer, channels, init)),
                Operation::BatchNorm => batch_norm.push(BatchNorm::new(channels, init)),
                Operation::LayerNorm => layer_norm.push(LayerNorm::new(channels, init)),
                Operation::Recurrent { cell, units, bidirectional, .. } => {
                    recurrent.push(Recurrent::new(*cell, features, *units, init));
                    if *bidirectional {
                        recurrent_reverse.push(Recurrent::new(*cell, features, *units, init));
                    }
                }
                Operation::Positions => positions = Some(init.normal([rows, features], POSITIONS)),
                Operation::Block { heads, feed_forward, dropout, numbers } => {
                    let dropout = numbers.map(|layer| Dropout { probability: *dropout, layer });
                    block.push(Block::new(features, *heads, *feed_forward, dropout, init));
                }
                Operation::Rows
                | Operation::Flatten
                | Operation::MaxPool { .. }
                | Operation::AvgPool { .. }
                | Operation::Activation(_)
                | Operation::Dropout { .. }
                | Operation::Last
                | Operation::Mean => {}
            }
        }
        let output = dense.pop().expect("a plan ends with the outputs");
        Stack {
            embedding,
            positions,
            conv,
            recurrent,
            recurrent_reverse,
            block,
            batch_norm,
            layer_norm,
            dense,
            output,
            plan,
        }
    }
}

/// Returns an embedding of normally distributed numbers, as PyTorch's.
fn new_embedding([categories, width]: [usize; 2], init: &mut Init) -> Embedding {
    Embedding { weight: init.normal([categories, width], 1.0) }
}

fn new_dense(inputs: usize, units: usize, has_bias: bool, has_relu: bool, init: &mut Init) -> Linear {
    let layer = if has_bias {
        init.linear(inputs, units)
    } else {
        init.linear_without_bias(inputs, units, 1.0 / (inputs as f64).sqrt())
    };
    if has_relu { layer.with_relu() } else { layer }
}

fn new_conv(layer: &Conv, channels: usize, init: &mut Init) -> Conv2d {
    let [(top, bottom), (left, right)] = layer.padding;
    let padding = match layer.padding {
        [(0, 0), (0, 0)] => PaddingConfig2d::Valid,
        _ => PaddingConfig2d::Explicit(top, left, bottom, right),
    };
    let Conv { filters, kernel, stride, has_bias, has_relu, .. } = *layer;
    let mut built = if has_bias {
        init.conv2d(channels, filters, kernel, padding)
    } else {
        init.conv2d_without_bias(channels, filters, kernel, padding)
    };
    built.stride = [stride; 2];
    if has_relu { built.with_relu() } else { built }
}
