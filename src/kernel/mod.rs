//! How the one definition of an element-wise rule is run: in one pass over the buffers where the numbers are in the memory
//! of the host, as a formula of tensors anywhere else.
//!
//! A rule's arithmetic is an [`Update`], a function over any [`Value`]; [`Operands`] are what it works on. Which way it
//! goes depends on the backend, the layout and the element type, and never shows in the result but in its last bits.

mod buffer;
mod operands;
mod pass;
mod rank;
mod strided;
mod threads;
mod update;
mod value;

pub use buffer::{Buffer, HostBuffer};
pub use operands::{Operands, Sum, in_one_region};
pub(crate) use rank::with_rank;
pub use threads::compute_on_this_thread;
pub use update::{MAX_BUFFERS, MAX_SUMS, Update};
pub use value::Value;
