//! Which optimizer, which learning-rate schedule, on my problem and my hardware?
//!
//! `optlab` trains [Burn](burn) modules on swappable backends with its own and Burn's optimizers and schedules, compares
//! them under one protocol, and keeps checkpoints that go on exactly where they stopped.

pub mod compare;
pub mod data;
pub mod error;
pub mod optim;
pub mod random;
pub mod report;
pub mod schedule;
pub mod spec;
pub mod train;

pub use error::Error;

// What `#[derive(RecordState)]` expands to outside of burn-optim.
pub(crate) use burn::optim::{RecordState, StateSink, StateSource};
