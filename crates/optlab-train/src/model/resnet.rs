//! A small residual network.

use crate::model::Init;
use crate::model::layer::BatchNorm;
use crate::nn::{Conv2d, Linear, Mode, tap};
use burn::module::Module;
use burn::nn::PaddingConfig2d;
use burn::tensor::Tensor;
use burn::tensor::activation::relu;

/// The size of a [`ResNet`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ResNetConfig {
    /// Number of filters of the first block; each further block has twice as many on half the pixels.
    pub filters: usize,
    /// Number of blocks, at least 1.
    pub blocks: usize,
    /// Number of classes.
    pub classes: usize,
}

/// A residual network for small images (He et al., 2015), with batch normalization:
///
/// ```text
/// x = ReLU(norm(conv 3×3))
/// x ← ReLU(norm(conv 3×3 (ReLU(norm(conv 3×3 (x))))) + shortcut(x))        in each block
/// logits = dense(mean over all pixels of x)
/// ```
///
/// From the second block on the first convolution has stride 2, and the shortcut is a convolution of 1 × 1
/// with stride 2 and a norm; in the first block it is `x` itself.
///
/// # Shapes
/// Images `[batch, channels, height, width]`, logits `[batch, classes]`.
///
/// # Reference
/// He, Zhang, Ren & Sun, *Deep Residual Learning for Image Recognition*, 2015,
/// <https://arxiv.org/abs/1512.03385>
#[derive(Module, Debug)]
pub struct ResNet {
    first: Normed,
    blocks: Vec<ResidualBlock>,
    output: Linear,
    #[module(skip)]
    image_shape: [usize; 3],
}

/// A convolution without bias, and its norm.
#[derive(Module, Debug)]
struct Normed {
    conv: Conv2d,
    norm: BatchNorm,
}

#[derive(Module, Debug)]
struct ResidualBlock {
    conv_1: Normed,
    conv_2: Normed,
    /// `None` if the block changes no sizes.
    shortcut: Option<Normed>,
}

impl Normed {
    fn new([channels_in, channels_out]: [usize; 2], side: usize, stride: usize, init: &mut Init) -> Self {
        let zeros = side / 2;
        let padding = PaddingConfig2d::Explicit(zeros, zeros, zeros, zeros);
        let mut conv = init.conv2d_without_bias(channels_in, channels_out, side, padding);
        conv.stride = [stride; 2];
        Normed { conv, norm: BatchNorm::new(channels_out, init) }
    }

    fn forward(&self, x: Tensor<4>, mode: Mode) -> Tensor<4> {
        self.norm.forward(self.conv.forward(x), mode)
    }
}

impl ResNetConfig {
    /// Returns a new network for images of `image_shape`: `[channels, height, width]`.
    pub fn init(&self, image_shape: [usize; 3], init: &mut Init) -> ResNet {
        let ResNetConfig { filters, blocks, classes } = *self;
        let first = Normed::new([image_shape[0], filters], 3, 1, init);
        let block = |number: usize| {
            let outputs = filters << number;
            let (inputs, stride) = if number == 0 { (outputs, 1) } else { (outputs / 2, 2) };
            ResidualBlock {
                conv_1: Normed::new([inputs, outputs], 3, stride, init),
                conv_2: Normed::new([outputs, outputs], 3, 1, init),
                shortcut: (number > 0).then(|| Normed::new([inputs, outputs], 1, stride, init)),
            }
        };
        let residual: Vec<ResidualBlock> = (0..blocks).map(block).collect();
        let output = init.linear(filters << (blocks - 1), classes);
        ResNet { first, blocks: residual, output, image_shape }
    }
}

impl ResNet {
    /// Returns the shape of its images: `[channels, height, width]`.
    pub fn image_shape(&self) -> [usize; 3] {
        self.image_shape
    }

    /// Returns the logits of `images`.
    pub fn forward(&self, images: Tensor<4>, mode: Mode) -> Tensor<2> {
        let x = tap("first", relu(self.first.forward(images, mode)));
        let x = self
            .blocks
            .iter()
            .enumerate()
            .fold(x, |x, (number, block)| tap(&format!("block_{}", number + 1), block.forward(x, mode)));
        let [batch, channels, height, width] = x.dims();
        let means = x.reshape([batch, channels, height * width]).mean_dim(2).squeeze_dim(2);
        tap("output", self.output.forward(means))
    }
}

impl ResidualBlock {
    fn forward(&self, x: Tensor<4>, mode: Mode) -> Tensor<4> {
        let inner = relu(self.conv_1.forward(x.clone(), mode));
        let inner = self.conv_2.forward(inner, mode);
        let shortcut = match &self.shortcut {
            Some(shortcut) => shortcut.forward(x, mode),
            None => x,
        };
        relu(inner + shortcut)
    }
}
