//! Compares optimizers: expands a plan into trials, runs each trial in its own worker process, and reads the
//! run folders back as a [`Comparison`] with statistics over seeds.
//!
//! ```text
//! plan.toml ──> Plan ──> tuning trials ──> the best settings of each arm ──> final trials
//!                              └───────── Runner ──> OUT/runs/<trial>/… ────────┘
//!                                                         └──> Comparison ──> summaries, verdicts, curves
//! ```
//!
//! Everything is in the folder: an interrupted comparison resumes from it, and reports are made from it
//! alone.

pub mod chart;
#[cfg(test)]
pub(crate) mod made_up;
pub mod plan;
pub mod report;
pub mod result;
pub mod run;
pub mod tune;

pub use optlab_train::Error;
pub use optlab_train::train::{Budget, LrScaling, Outcome, Score, Status, TargetReached, Trial};
pub use plan::arm::Arm;
pub use plan::entry::{Entry, Stage};
pub use plan::tuning::Tuning;
pub use plan::{Plan, Seeds};
pub use result::comparison::{ArmRuns, Comparison, Run};
pub use result::summary::{Quartiles, Summary};
pub use run::events::RunnerEvents;
pub use run::experiment::Experiment;
pub use run::folder::{Folder, Invocation, Kind};
pub use run::runner::Runner;
pub use run::worker::{Evaluated, Progress, WorkerCommand};
