//! The operations of layers, forward and backward, on slices.
//!
//! Images lie in memory with their channels last: a product over channels, a pooling or a bias then works on neighbours.
//! Tensors keep the shape that Burn gives them.

mod activation;
mod conv2d;
mod cross_entropy;
mod dropout;
mod elementary;
mod linear;
mod matmul;
mod operation;
mod philox;
mod pieces;
mod pool2d;
mod rnn;
mod scratch;
mod unfold;
mod window;

pub use activation::Activation;
pub use conv2d::conv2d;
pub use cross_entropy::softmax_cross_entropy;
pub use dropout::{DropoutMask, dropout};
pub use linear::linear;
pub use pool2d::{avg_pool2d, max_pool2d};
pub use rnn::{RnnParameters, rnn};
pub use window::Window;

/// `[batch, channels, height, width]` to `[batch, height, width, channels]`, and back.
const CHANNELS_LAST: &[usize] = &[0, 2, 3, 1];
const CHANNELS_FIRST: &[usize] = &[0, 3, 1, 2];
