//! Trains Burn models on real data, with checkpoints from which an interrupted run resumes exactly.

#[cfg(feature = "burn-train")]
pub mod burn_train;
pub mod data;
pub mod device;
pub mod diagnosis;
pub mod error;
pub mod files;
pub mod model;
pub mod nn;
pub mod objective;
pub mod prelude;
pub mod problem;
pub mod registry;
pub mod train;
pub mod workload;

pub use error::Error;
