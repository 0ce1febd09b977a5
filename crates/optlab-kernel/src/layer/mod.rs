//! The operations of layers, forward and backward, on slices.
//!
//! Images are in memory with their channels last, so that a product over channels, a pooling or a bias works
//! on adjacent elements. Tensors keep the shape that Burn gives them.

mod activate;
mod activation;
mod attention;
mod conv2d;
mod cross_entropy;
mod dropout;
mod elementary;
mod embedding;
mod gated;
mod linear;
mod matmul;
mod norm;
mod operation;
mod philox;
mod pieces;
mod pool2d;
mod rnn;
mod steps;
mod unfold;
mod window;

pub use activate::activate;
pub use activation::Activation;
pub use attention::{AttentionInput, attention};
pub use conv2d::conv2d;
pub use cross_entropy::softmax_cross_entropy;
pub use dropout::{DropoutMask, dropout};
pub use embedding::embedding;
pub use gated::{GatedCell, GatedParameters, gated};
pub use linear::{linear, linear_add};
pub use norm::{layer_norm, rms_norm};
pub use pool2d::{avg_pool2d, max_pool2d};
pub use rnn::{RnnParameters, rnn};
pub use window::Window;

/// Permutes `[batch, channels, height, width]` to `[batch, height, width, channels]`; the second one permutes
/// back.
const CHANNELS_LAST: &[usize] = &[0, 2, 3, 1];
const CHANNELS_FIRST: &[usize] = &[0, 3, 1, 2];
