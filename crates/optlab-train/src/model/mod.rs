//! Models as Burn modules, built from the layers of [`nn`](crate::nn). Initial weights are drawn by
//! [`random`](optlab_core::random), so they are the same on every backend.

mod cnn;
mod init;
mod linear_regression;
mod rnn;

pub use cnn::{Cnn, CnnConfig};
pub use init::Init;
pub use linear_regression::LinearRegression;
pub use rnn::{SimpleRnn, SimpleRnnConfig};
