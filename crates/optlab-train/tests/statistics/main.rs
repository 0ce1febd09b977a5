//! Running statistics under optimizers that evaluate other weights than the trained ones.

mod average;
mod evaluated;
mod optimizers;
mod resume;
mod subject;
