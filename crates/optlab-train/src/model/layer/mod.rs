//! The layers of models that [`nn`](crate::nn) does not have.

mod batch_norm;
mod block;
mod layer_norm;
mod recurrent;

pub use batch_norm::BatchNorm;
pub use block::{Attention, Block};
pub use layer_norm::LayerNorm;
pub use recurrent::Recurrent;

/// Added to a variance before its square root is taken, as PyTorch does.
const EPSILON: f64 = 1e-5;
