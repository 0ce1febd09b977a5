//! Training of Burn models on real data, with checkpoints that survive anything.

pub mod data;
pub mod device;
pub mod error;
pub mod files;
pub mod model;
pub mod nn;
pub mod train;
pub mod workload;

pub use error::Error;
