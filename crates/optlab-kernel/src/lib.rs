//! Computations on the numbers of tensors that are in host memory.
//!
//! - The steps of optimizers: an [`Update`] is a rule's arithmetic, a function over any [`Value`], and
//!   [`Operands`] are the buffers it works on. It runs in one pass over the buffers on the host and as a
//!   formula of tensors anywhere else; the two results differ only in their last bits.
//! - The operations of layers, forward and backward: [`conv2d`], [`max_pool2d`], [`avg_pool2d`], [`linear`],
//!   [`rnn`], [`dropout`] and [`softmax_cross_entropy`]. Each takes and returns Burn tensors, tracked for
//!   gradients like the results of Burn's own operations. They support the backends `flex` and `ndarray` on
//!   the same slices; [`is_on_host`] returns whether a tensor is on one of them. On any other backend the
//!   layers of `optlab_train::nn` use Burn's operations.
//! - Dense matrices: [`matrix`] has products, orthonormal bases, eigenvectors and inverse roots.
//!
//! Work is divided into pieces whose size depends on the shapes alone, and the sums of pieces are added in
//! order: a result has the same bits for every number of threads.

mod layer;
pub mod matrix;
mod memory;
mod threads;
mod update;
mod vectorize;

pub use layer::{
    Activation, AttentionInput, DropoutMask, GatedCell, GatedParameters, RnnParameters, Window, activate,
    attention, avg_pool2d, conv2d, dropout, embedding, gated, layer_norm, linear, linear_add, max_pool2d,
    rms_norm, rnn, softmax_cross_entropy,
};
pub use memory::{Buffer, CompactBuffer, Format, HostBuffer, Rounding, is_on_host};
pub use threads::compute_on_this_thread;
pub use update::{MAX_BUFFERS, MAX_SUMS, Operands, Sum, Update, Value, in_one_region};
