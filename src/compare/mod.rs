//! Comparisons: a plan becomes trials, each runs in a worker process of its own, and what they left in their folders
//! becomes a [`Comparison`] with statistics over seeds.
//!
//! ```text
//! plan.toml ──> Plan ──> tuning trials ──> the best settings of each arm ──> final trials
//!                              └───────── Runner ──> OUT/runs/<trial>/… ────────┘
//!                                                         └──> Comparison ──> summaries, verdicts, curves
//! ```
//!
//! Everything is in the folder: a comparison that was interrupted goes on from it, and a report is made from it alone.

pub mod arm;
pub mod arm_plan;
pub mod command;
pub mod comparison;
pub mod cores;
pub mod curves;
pub mod entry;
pub mod experiment;
pub mod folder;
pub mod grid;
#[cfg(test)]
pub(crate) mod made_up;
pub mod plan;
mod plan_file;
pub mod queue;
pub mod runner;
pub mod setting;
pub mod summary;
pub mod tuning;
pub mod verdicts;
pub mod worker;

pub use crate::train::{Budget, LrScaling, Outcome, Score, Status, TargetReached, Trial};
pub use arm::Arm;
pub use arm_plan::ArmPlan;
pub use comparison::{ArmRuns, Comparison, Run};
pub use entry::{Entry, Stage};
pub use experiment::Experiment;
pub use folder::{Folder, Invocation, Kind};
pub use plan::{Plan, Seeds, WorkloadDefaults};
pub use runner::{Runner, RunnerEvents};
pub use summary::{Quartiles, Summary};
pub use tuning::Tuning;
pub use worker::{Evaluated, Progress, WorkerCommand};
