//! Comparisons: a plan becomes trials, each runs in a worker process of its own, and what they left in their folders
//! becomes a [`Comparison`] with statistics over seeds.
//!
//! ```text
//! plan.toml ──> Plan ──> trials ──> Runner ──> OUT/runs/<trial>/… ──> Comparison ──> summaries, curves
//! ```
//!
//! Everything is in the folder: a comparison that was interrupted goes on from it, and a report is made from it alone.

pub mod arm;
pub mod comparison;
pub mod curves;
pub mod folder;
#[cfg(test)]
pub(crate) mod made_up;
pub mod plan;
mod plan_file;
pub mod runner;
pub mod stats;
pub mod summary;
pub mod worker;

pub use crate::train::{Budget, LrScaling, Outcome, Score, Status, TargetReached, Trial};
pub use arm::Arm;
pub use comparison::{Comparison, Run};
pub use folder::{Folder, Invocation};
pub use plan::{Plan, Seeds, WorkloadDefaults};
pub use runner::{Runner, RunnerEvents};
pub use stats::Spread;
pub use summary::Summary;
pub use worker::{Progress, WorkerCommand};
