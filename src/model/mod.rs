//! Models as Burn modules. Initial weights and dropout masks are drawn by [`random`](crate::random), so they are the
//! same on every backend.

mod cnn;
mod dropout;
mod init;
mod linear_regression;
mod rnn;

pub use cnn::{Cnn, CnnConfig};
pub use dropout::{Dropout, Mode};
pub use init::Init;
pub use linear_regression::LinearRegression;
pub use rnn::{SimpleRnn, SimpleRnnConfig};
