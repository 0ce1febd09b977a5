//! Which optimizer, which learning-rate schedule, on my problem and my hardware?
//!
//! `optlab` trains [Burn](burn) modules on swappable backends with its own and Burn's optimizers and schedules, compares
//! them under one protocol, and keeps checkpoints that go on exactly where they stopped.

mod atomic_file;
pub mod bench;
pub mod chart;
mod checksum;
pub mod cli;
pub mod compare;
pub mod data;
pub mod device;
pub mod error;
mod json_file;
pub mod kernel;
pub mod model;
pub mod nn;
pub mod optim;
pub mod random;
pub mod range;
pub mod report;
pub mod schedule;
pub mod search;
pub mod spec;
pub mod statistics;
pub mod train;
pub mod tune;
pub mod verify;
pub mod workload;

pub use error::Error;

// What `#[derive(RecordState)]` expands to outside of burn-optim.
pub(crate) use burn::optim::{RecordState, StateSink, StateSource};
