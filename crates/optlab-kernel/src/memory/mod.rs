//! Tensors as buffers of numbers in host memory.

pub(crate) mod buffer;
pub(crate) mod compact;
pub(crate) mod host_backend;
pub(crate) mod pool;
mod rank;
pub(crate) mod scratch;
pub(crate) mod source;
pub(crate) mod strided;

pub use buffer::{Buffer, HostBuffer};
pub use compact::{CompactBuffer, Format, Rounding};
pub use host_backend::is_on_host;
