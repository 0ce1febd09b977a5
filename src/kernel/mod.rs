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

mod buffer;
mod host_backend;
mod layer;
mod rank;
mod recycle;
mod source;
mod strided;
mod threads;
mod update;
mod vectorize;

pub use buffer::{Buffer, HostBuffer};
pub use host_backend::is_on_host;
pub use layer::{
    Activation, DropoutMask, RnnParameters, Window, avg_pool2d, conv2d, dropout, linear, max_pool2d, rnn,
    softmax_cross_entropy,
};
pub(crate) use rank::with_rank;
pub use threads::compute_on_this_thread;
pub use update::{MAX_BUFFERS, MAX_SUMS, Operands, Sum, Update, Value, in_one_region};
