//! The tensor between two layers: rows of numbers, sequences or images.

use crate::model::InputShape;
use crate::model::layer::{BatchNorm, LayerNorm, Recurrent};
use crate::model::spec::Activation;
use crate::nn::{AvgPool2d, Dropout, Linear, MaxPool2d, Mode, tap};
use burn::nn::Embedding;
use burn::nn::pool::{AvgPool2dConfig, MaxPool2dConfig};
use burn::tensor::Tensor;

/// A batch between two layers. A plan has checked that each layer can read its input.
pub(super) enum Value {
    /// `[batch, features]`.
    Flat(Tensor<2>),
    /// `[batch, time, features]`.
    Sequence(Tensor<3>),
    /// `[batch, channels, height, width]`.
    Image(Tensor<4>),
}

/// Applies an expression to the tensor, whatever its rank.
macro_rules! map {
    ($value:expr, $x:ident => $result:expr) => {
        match $value {
            Value::Flat($x) => Value::Flat($result),
            Value::Sequence($x) => Value::Sequence($result),
            Value::Image($x) => Value::Image($result),
        }
    };
}

impl Value {
    /// Gives rows the rank of their shape; tokens and categories stay indices.
    pub fn read(inputs: Tensor<2>, shape: &InputShape) -> Self {
        let [batch, _] = inputs.dims();
        match *shape {
            InputShape::Columns(_) | InputShape::Tokens { .. } => Value::Flat(inputs),
            InputShape::Sequence { time, features } => {
                Value::Sequence(inputs.reshape([batch, time, features]))
            }
            InputShape::Image { channels, height, width } => {
                Value::Image(inputs.reshape([batch, channels, height, width]))
            }
        }
    }

    /// Passes the tensor through the tap called `name`.
    pub fn tapped(self, name: &str) -> Self {
        map!(self, x => tap(name, x))
    }

    pub fn into_flat(self) -> Tensor<2> {
        match self {
            Value::Flat(x) => x,
            Value::Sequence(x) => x.flatten(1, 2),
            Value::Image(x) => x.flatten(1, 3),
        }
    }

    pub fn into_sequence(self) -> Tensor<3> {
        match self {
            Value::Sequence(x) => x,
            Value::Flat(x) => x.unsqueeze_dim(1),
            Value::Image(_) => self.into_rows().into_sequence(),
        }
    }

    /// # Panics
    /// If it is no image, which a plan rules out.
    pub fn into_image(self) -> Tensor<4> {
        match self {
            Value::Image(x) => x,
            Value::Flat(_) | Value::Sequence(_) => panic!("a plan gives images to convolution and pooling"),
        }
    }

    /// Turns images into sequences of their rows, the rows of all channels side by side.
    pub fn into_rows(self) -> Self {
        match self {
            Value::Image(x) => {
                let [batch, channels, height, width] = x.dims();
                Value::Sequence(x.swap_dims(1, 2).reshape([batch, height, channels * width]))
            }
            other => other,
        }
    }

    pub fn embed_tokens(self, embedding: &Embedding) -> Self {
        Value::Sequence(embedding.forward(self.into_flat().int()))
    }

    /// Puts an embedding in the place of each column of categories.
    pub fn embed_columns(self, columns: &[Option<[usize; 2]>], embeddings: &[Embedding]) -> Self {
        let x = self.into_flat();
        let mut embeddings = embeddings.iter();
        let parts = columns.iter().enumerate().map(|(place, categories)| {
            let column = x.clone().narrow(1, place, 1);
            match categories.and_then(|_| embeddings.next()) {
                Some(embedding) => embedding.forward(column.int()).squeeze_dim(1),
                None => column,
            }
        });
        Value::Flat(Tensor::cat(parts.collect(), 1))
    }

    pub fn dense(self, layer: &Linear) -> Self {
        match self {
            Value::Sequence(x) => Value::Sequence(layer.forward(x)),
            other => Value::Flat(layer.forward(other.into_flat())),
        }
    }

    pub fn max_pool(self, size: usize, stride: usize) -> Self {
        let pool = MaxPool2dConfig::new([size; 2]).with_strides([stride; 2]).init();
        Value::Image(MaxPool2d::from(pool).forward(self.into_image()))
    }

    pub fn avg_pool(self, size: usize, stride: usize) -> Self {
        let pool = AvgPool2dConfig::new([size; 2]).with_strides([stride; 2]).init();
        Value::Image(AvgPool2d::from(pool).forward(self.into_image()))
    }

    pub fn activate(self, activation: Activation) -> Self {
        map!(self, x => activation.forward(x))
    }

    pub fn dropout(self, probability: f64, layer: u32, mode: Mode) -> Self {
        let dropout = Dropout { probability, layer };
        map!(self, x => dropout.forward(x, mode))
    }

    pub fn batch_norm(self, layer: &BatchNorm, mode: Mode) -> Self {
        match self {
            Value::Flat(x) => Value::Flat(layer.forward(x, mode)),
            Value::Image(x) => Value::Image(layer.forward(x, mode)),
            // The layer expects features before time.
            Value::Sequence(x) => Value::Sequence(layer.forward(x.swap_dims(1, 2), mode).swap_dims(1, 2)),
        }
    }

    pub fn layer_norm(self, layer: &LayerNorm) -> Self {
        match self {
            Value::Flat(x) => Value::Flat(layer.forward(x)),
            Value::Sequence(x) => Value::Sequence(layer.forward(x)),
            Value::Image(x) => Value::Image(layer.forward_images(x)),
        }
    }

    /// Reads a sequence from its beginning, and with `reverse` also from its end. The states of both
    /// directions at a time step stand side by side.
    pub fn recur(self, layer: &Recurrent, reverse: Option<&Recurrent>, only_last: bool) -> Self {
        let x = self.into_sequence();
        let reversed = reverse.map(|reverse| (reverse, x.clone().flip([1])));
        if only_last {
            let last = layer.forward_last(x);
            return Value::Flat(match reversed {
                Some((reverse, x)) => Tensor::cat(vec![last, reverse.forward_last(x)], 1),
                None => last,
            });
        }
        let states = layer.forward(x);
        Value::Sequence(match reversed {
            Some((reverse, x)) => Tensor::cat(vec![states, reverse.forward(x).flip([1])], 2),
            None => states,
        })
    }

    /// Returns the vector of the last time step.
    pub fn last(self) -> Self {
        let x = self.into_sequence();
        let [_, time, _] = x.dims();
        Value::Flat(x.narrow(1, time - 1, 1).squeeze_dim(1))
    }
}
