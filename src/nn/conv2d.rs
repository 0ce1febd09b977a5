use super::padding::padding;
use crate::kernel::{self, Activation, Window};
use burn::module::{Module, Param};
use burn::nn::{PaddingConfig2d, conv};
use burn::tensor::Tensor;

/// A 2D convolution, of which a ReLU can be a part: [`kernel::conv2d`].
///
/// Its parameters and options are those of [`burn::nn::conv::Conv2d`], from which it is made. With more than one group it is
/// computed by Burn.
#[derive(Module, Debug)]
pub struct Conv2d {
    /// `[channels_out, channels_in / groups, …kernel_size]`.
    pub weight: Param<Tensor<4>>,
    /// `[channels_out]`.
    pub bias: Option<Param<Tensor<1>>>,
    /// Pixels from one place of the kernel to the next.
    pub stride: [usize; 2],
    /// Height and width of the kernel.
    pub kernel_size: [usize; 2],
    /// Pixels from one under the kernel to the next.
    pub dilation: [usize; 2],
    /// Parts that the channels are divided into, each of which is convolved by itself.
    pub groups: usize,
    /// Zeros around the images.
    #[module(skip)]
    pub padding: PaddingConfig2d,
    /// What follows.
    #[module(skip)]
    pub activation: Activation,
}

impl Conv2d {
    /// The layer with a ReLU after it.
    pub fn with_relu(self) -> Self {
        Conv2d { activation: Activation::Relu, ..self }
    }

    /// The convolution of `x`: `[batch, channels_in, height, width]` to `[batch, channels_out, …]`.
    ///
    /// # Panics
    /// If `x` has other channels than the weight, or is smaller than the kernel.
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

/// Without the activation, which is no part of Burn's layer.
impl From<Conv2d> for conv::Conv2d {
    fn from(layer: Conv2d) -> Self {
        let Conv2d { weight, bias, stride, kernel_size, dilation, groups, padding, activation: _ } = layer;
        conv::Conv2d { weight, bias, stride, kernel_size, dilation, groups, padding }
    }
}
