//! What runs on the numbers themselves, where they are in the memory of the host.
//!
//! - The steps of optimizers: a rule's arithmetic is an [`Update`], a function over any [`Value`], and [`Operands`] are what
//!   it works on. It runs in one pass over the buffers on the host and as a formula of tensors anywhere else; which way
//!   never shows in the result but in its last bits.
//! - The operations of layers, forward and backward: [`conv2d`], [`max_pool2d`], [`avg_pool2d`], [`linear`], [`rnn`],
//!   [`dropout`] and [`softmax_cross_entropy`]. Each takes and returns tensors of Burn, tracked for gradients like those of
//!   Burn's own operations. They are for `flex` and `ndarray`, on the same slices; [`is_on_host`] tells, and on any other
//!   backend the layers of [`nn`](crate::nn) are Burn's.
//!
//! Work is divided into pieces whose size depends on the shapes alone, and sums over pieces are added up in their order: a
//! result has the same bits for every number of threads.

mod activation;
mod buffer;
mod conv2d;
mod cross_entropy;
mod dropout;
mod elementary;
mod host_backend;
mod linear;
mod matmul;
mod operation;
mod philox;
mod pieces;
mod pool2d;
mod rank;
mod recycle;
mod rnn;
mod scratch;
mod source;
mod strided;
mod threads;
mod unfold;
mod update;
mod vectorize;
mod window;

pub use activation::Activation;
pub use buffer::{Buffer, HostBuffer};
pub use conv2d::conv2d;
pub use cross_entropy::softmax_cross_entropy;
pub use dropout::{DropoutMask, dropout};
pub use host_backend::is_on_host;
pub use linear::linear;
pub use pool2d::{avg_pool2d, max_pool2d};
pub(crate) use rank::with_rank;
pub use rnn::{RnnParameters, rnn};
pub use threads::compute_on_this_thread;
pub use update::{MAX_BUFFERS, MAX_SUMS, Operands, Sum, Update, Value, in_one_region};
pub use window::Window;

/// `[batch, channels, height, width]` to `[batch, height, width, channels]`, and back.
///
/// With the channels last a product over channels, a pooling or a bias works on neighbours. Tensors keep the shape that Burn
/// gives them, and only lie in memory in this order.
const CHANNELS_LAST: &[usize] = &[0, 2, 3, 1];
const CHANNELS_FIRST: &[usize] = &[0, 3, 1, 2];
