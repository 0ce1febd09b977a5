//! A small convolutional network.

use crate::model::Init;
use crate::nn::{Conv2d, Dropout, Linear, MaxPool2d, Mode, tap};
use burn::module::Module;
use burn::nn::PaddingConfig2d;
use burn::nn::pool::MaxPool2dConfig;
use burn::tensor::Tensor;

/// The size of a [`Cnn`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CnnConfig {
    /// Number of filters of the two convolutions.
    pub filters: [usize; 2],
    /// Zeros around the images before each 3 × 3 convolution: 0, or 1 to keep their size.
    pub padding: usize,
    /// Number of units of the dense layer.
    pub hidden: usize,
    /// Number of classes.
    pub classes: usize,
    /// Dropout probability after each pooling and after the dense layer.
    pub dropout: [f64; 2],
}

/// A convolutional network for small images.
///
/// ```text
/// [conv 3×3 → ReLU → max-pool 2 → dropout] × 2 → dense → ReLU → dropout → dense
/// ```
///
/// # Shapes
/// Images `[batch, channels, height, width]`, logits `[batch, classes]`.
#[derive(Module, Debug)]
pub struct Cnn {
    conv_1: Conv2d,
    conv_2: Conv2d,
    pool: MaxPool2d,
    dense: Linear,
    output: Linear,
    #[module(skip)]
    dropout: [Dropout; 3],
    #[module(skip)]
    image_shape: [usize; 3],
}

impl CnnConfig {
    /// Returns a new network for images of `image_shape`: `[channels, height, width]`.
    pub fn init(&self, image_shape: [usize; 3], init: &mut Init) -> Cnn {
        let [channels, height, width] = image_shape;
        let padding = match self.padding {
            0 => PaddingConfig2d::Valid,
            size => PaddingConfig2d::Explicit(size, size, size, size),
        };
        let after_block = |side: usize| (side + 2 * self.padding - 2) / 2;
        let [rows, columns] = [height, width].map(|side| after_block(after_block(side)));
        let [first, second] = self.filters;
        let [after_pool, after_dense] = self.dropout;
        Cnn {
            conv_1: init.conv2d(channels, first, 3, padding.clone()).with_relu(),
            conv_2: init.conv2d(first, second, 3, padding).with_relu(),
            pool: MaxPool2dConfig::new([2, 2]).with_strides([2, 2]).init().into(),
            dense: init.linear(second * rows * columns, self.hidden).with_relu(),
            output: init.linear(self.hidden, self.classes),
            dropout: [(0, after_pool), (1, after_pool), (2, after_dense)]
                .map(|(layer, probability)| Dropout { probability, layer }),
            image_shape,
        }
    }
}

impl Cnn {
    /// Returns the shape of its images: `[channels, height, width]`.
    pub fn image_shape(&self) -> [usize; 3] {
        self.image_shape
    }

    /// Returns the logits of `images`.
    pub fn forward(&self, images: Tensor<4>, mode: Mode) -> Tensor<2> {
        let [after_1, after_2, after_dense] = self.dropout;
        let x = tap("conv_1", self.conv_1.forward(images));
        let x = after_1.forward(self.pool.forward(x), mode);
        let x = tap("conv_2", self.conv_2.forward(x));
        let x = after_2.forward(self.pool.forward(x), mode);
        let x = tap("dense", self.dense.forward(x.flatten::<2>(1, 3)));
        tap("output", self.output.forward(after_dense.forward(x, mode)))
    }
}
