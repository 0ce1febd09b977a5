//! Layers with the names, parameters and shapes of [`burn::nn`], computed by our own [kernels](crate::kernel) where the
//! numbers are in the memory of the host (`flex` and `ndarray`, 32-bit floats), and by Burn's operations anywhere else.
//!
//! Each layer is made from Burn's of the same name and becomes it again with `from` and `into`; its parameters have the same
//! paths, so that a record of one loads into the other.
//!
//! # Example
//! ```
//! use burn::nn::conv::Conv2dConfig;
//! use burn::tensor::{Device, Tensor};
//! use optlab::nn::Conv2d;
//!
//! let device = Device::default();
//! let burns = Conv2dConfig::new([1, 8], [3, 3]).init(&device);
//! let ours = Conv2d::from(burns.clone()).with_relu();
//! let images = Tensor::<4>::ones([2, 1, 28, 28], &device);
//! assert_eq!(ours.forward(images.clone()).dims(), burns.forward(images).dims());
//! ```

mod conv2d;
mod dropout;
mod linear;
mod loss;
mod padding;
mod pool2d;
mod rnn;

pub use conv2d::Conv2d;
pub use dropout::{Dropout, Mode};
pub use linear::Linear;
pub use loss::cross_entropy;
pub use pool2d::{AvgPool2d, MaxPool2d};
pub use rnn::Rnn;
