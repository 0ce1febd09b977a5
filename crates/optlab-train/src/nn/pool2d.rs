//! 2D max and average pooling.

use crate::nn::padding::padding;
use burn::module::Module;
use burn::nn::{PaddingConfig2d, pool};
use burn::tensor::Tensor;
use optlab_kernel as kernel;
use optlab_kernel::Window;

/// 2D max pooling, computed by [`kernel::max_pool2d`].
///
/// It has the options of [`burn::nn::pool::MaxPool2d`] and is converted from it. In `ceil_mode`, and for a
/// window of more than 256 pixels, Burn computes it.
#[derive(Module, Debug)]
pub struct MaxPool2d {
    /// Step between positions of the window, in pixels.
    pub stride: [usize; 2],
    /// Height and width of the window.
    pub kernel_size: [usize; 2],
    /// Padding around the images.
    #[module(skip)]
    pub padding: PaddingConfig2d,
    /// Distance between the pixels under the window, in pixels.
    pub dilation: [usize; 2],
    /// Whether the last window may extend beyond the image.
    pub ceil_mode: bool,
}

/// 2D average pooling, computed by [`kernel::avg_pool2d`].
///
/// It has the options of [`burn::nn::pool::AvgPool2d`] and is converted from it. In `ceil_mode`, Burn
/// computes it.
#[derive(Module, Debug)]
pub struct AvgPool2d {
    /// Step between positions of the window, in pixels.
    pub stride: [usize; 2],
    /// Height and width of the window.
    pub kernel_size: [usize; 2],
    /// Padding around the images.
    #[module(skip)]
    pub padding: PaddingConfig2d,
    /// Whether padding counts in the mean.
    pub count_include_pad: bool,
    /// Whether the last window may extend beyond the image.
    pub ceil_mode: bool,
}

impl MaxPool2d {
    /// Returns the largest value under each window: `[batch, channels, height, width]` to `[batch, channels,
    /// …]`.
    ///
    /// # Panics
    /// If the window is larger than the images.
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let MaxPool2d { stride, kernel_size: size, ref padding, dilation, ceil_mode } = *self;
        if ceil_mode || size[0] * size[1] > 256 || !kernel::is_on_host(&x) {
            return pool::MaxPool2d::from(self.clone()).forward(x);
        }
        let window = window(size, stride, padding, dilation, &x);
        kernel::max_pool2d(x, window)
    }
}

impl AvgPool2d {
    /// Returns the mean under each window: `[batch, channels, height, width]` to `[batch, channels, …]`.
    ///
    /// # Panics
    /// If the window is larger than the images.
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let AvgPool2d { stride, kernel_size: size, ref padding, count_include_pad, ceil_mode } = *self;
        if ceil_mode || !kernel::is_on_host(&x) {
            return pool::AvgPool2d::from(self.clone()).forward(x);
        }
        let window = window(size, stride, padding, [1, 1], &x);
        kernel::avg_pool2d(x, window, count_include_pad)
    }
}

fn window(
    size: [usize; 2],
    stride: [usize; 2],
    config: &PaddingConfig2d,
    dilation: [usize; 2],
    x: &Tensor<4>,
) -> Window {
    let [_, _, height, width] = x.dims();
    Window { size, stride, padding: padding(config, [height, width], size, stride), dilation }
}

impl From<pool::MaxPool2d> for MaxPool2d {
    fn from(layer: pool::MaxPool2d) -> Self {
        let pool::MaxPool2d { stride, kernel_size, padding, dilation, ceil_mode } = layer;
        MaxPool2d { stride, kernel_size, padding, dilation, ceil_mode }
    }
}

impl From<MaxPool2d> for pool::MaxPool2d {
    fn from(layer: MaxPool2d) -> Self {
        let MaxPool2d { stride, kernel_size, padding, dilation, ceil_mode } = layer;
        pool::MaxPool2d { stride, kernel_size, padding, dilation, ceil_mode }
    }
}

impl From<pool::AvgPool2d> for AvgPool2d {
    fn from(layer: pool::AvgPool2d) -> Self {
        let pool::AvgPool2d { stride, kernel_size, padding, count_include_pad, ceil_mode } = layer;
        AvgPool2d { stride, kernel_size, padding, count_include_pad, ceil_mode }
    }
}

impl From<AvgPool2d> for pool::AvgPool2d {
    fn from(layer: AvgPool2d) -> Self {
        let AvgPool2d { stride, kernel_size, padding, count_include_pad, ceil_mode } = layer;
        pool::AvgPool2d { stride, kernel_size, padding, count_include_pad, ceil_mode }
    }
}
