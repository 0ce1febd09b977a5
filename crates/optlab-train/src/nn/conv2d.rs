//! 2D convolution.

use crate::nn::padding::padding;
use burn::module::{Module, Param};
use burn::nn::{PaddingConfig2d, conv};
use burn::tensor::Tensor;
use optlab_kernel as kernel;
use optlab_kernel::{Activation, Window};

/// A 2D convolution with an optional ReLU, computed by [`kernel::conv2d`].
///
/// It has the parameters and options of [`burn::nn::conv::Conv2d`] and is converted from it. With more than
/// one group, Burn computes it.
#[derive(Module, Debug)]
pub struct Conv2d {
    /// `[channels_out, channels_in / groups, …kernel_size]`.
    pub weight: Param<Tensor<4>>,
    /// `[channels_out]`.
    pub bias: Option<Param<Tensor<1>>>,
    /// Step between positions of the kernel, in pixels.
    pub stride: [usize; 2],
    /// Height and width of the kernel.
    pub kernel_size: [usize; 2],
    /// Distance between the pixels under the kernel, in pixels.
    pub dilation: [usize; 2],
    /// Number of channel groups, each convolved by itself.
    pub groups: usize,
    /// Zeros around the images.
    #[module(skip)]
    pub padding: PaddingConfig2d,
    /// Activation after the convolution.
    #[module(skip)]
    pub activation: Activation,
}

impl Conv2d {
    /// Returns the layer with a ReLU after it.
    pub fn with_relu(self) -> Self {
        Conv2d { activation: Activation::Relu, ..self }
    }

    /// Computes the convolution of `x`: `[batch, channels_in, height, width]` to `[batch, channels_out, …]`.
    ///
    /// # Panics
    /// If the channels of `x` do not match the weight, or `x` is smaller than the kernel.
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        if self.groups != 1 || !kernel::is_on_host(&x) {
            return self.activation.forward(conv::Conv2d::from(self.clone()).forward(x));
        }
        let [_, _, height, width] = x.dims();
        let window = Window {
            size: self.kernel_size,
            stride: self.stride,
            padding: padding(&self.padding, [height, width], self.kernel_size, self.stride),
            dilation: self.dilation,
        };
        kernel::conv2d(x, self.weight.val(), self.bias.as_ref().map(Param::val), window, self.activation)
    }
}

impl From<conv::Conv2d> for Conv2d {
    fn from(layer: conv::Conv2d) -> Self {
        let conv::Conv2d { weight, bias, stride, kernel_size, dilation, groups, padding } = layer;
        let activation = Activation::Identity;
        Conv2d { weight, bias, stride, kernel_size, dilation, groups, padding, activation }
    }
}

/// Drops the activation, which Burn's layer does not have.
impl From<Conv2d> for conv::Conv2d {
    fn from(layer: Conv2d) -> Self {
        let Conv2d { weight, bias, stride, kernel_size, dilation, groups, padding, activation: _ } = layer;
        conv::Conv2d { weight, bias, stride, kernel_size, dilation, groups, padding }
    }
}
