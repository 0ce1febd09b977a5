//! Layers with the names, parameters and shapes of [`burn::nn`]. Our own [kernels](optlab_kernel) compute
//! them in host memory (`flex` and `ndarray`, 32-bit floats), and Burn's operations anywhere else.
//!
//! Each layer converts from and to Burn's layer of the same name with `from` and `into`. Its parameters have
//! the same paths, so a record of one loads into the other.
//!
//! # Example
//! ```
//! use burn::nn::conv::Conv2dConfig;
//! use burn::tensor::{Device, Tensor};
//! use optlab_train::nn::Conv2d;
//!
//! let device = Device::default();
//! let burns = Conv2dConfig::new([1, 8], [3, 3]).init(&device);
//! let ours = Conv2d::from(burns.clone()).with_relu();
//! let images = Tensor::<4>::ones([2, 1, 28, 28], &device);
//! assert_eq!(ours.forward(images.clone()).dims(), burns.forward(images).dims());
//! ```

mod attention;
mod conv2d;
mod dropout;
mod embedding;
mod linear;
mod loss;
mod norm;
mod padding;
mod pool2d;
mod rnn;
mod scores;
pub mod tap;

pub use attention::{ATTENTION, AttentionInput, attention};
pub use conv2d::Conv2d;
pub use dropout::{Dropout, Mode};
pub use embedding::Embedding;
pub use linear::Linear;
pub(crate) use linear::multiplied;
pub use loss::{cross_entropy, cross_entropy_of_some};
pub(crate) use norm::layer_norm;
pub use norm::{LayerNorm, RmsNorm};
pub use pool2d::{AvgPool2d, MaxPool2d};
pub use rnn::Rnn;
pub use scores::{LargestScores, largest_scores};
pub use tap::tap;
