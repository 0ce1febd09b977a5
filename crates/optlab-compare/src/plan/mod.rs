//! What is to be compared: lists whose grid is the trials.

pub mod arm;
pub mod default_space;
pub mod entry;
mod file;
pub mod grid;
mod seeds;
pub mod setting;
pub mod tuning;

pub use seeds::Seeds;

use crate::plan::arm::Arm;
use crate::plan::tuning::Tuning;
use optlab_optim::OptimizerChoice;
use optlab_optim::schedule::ScheduleSpec;
use optlab_train::train::RecipePatch;
use serde::{Deserialize, Serialize};

/// A comparison as its author writes it: every optimizer with every schedule is an arm, beside those of `arms`, and every
/// workload × backend × arm × seed is one trial.
///
/// | key                               | default                          | range                                     |
/// |:----------------------------------|:---------------------------------|:------------------------------------------|
/// | `workloads`                       | (required)                       | names, at least one                       |
/// | `optimizers`                      | (required)                       | specs, text or table, with `lr` or without |
/// | `arms`                            | none                             | tables: `optimizer`, and what is not as here: `name`, `schedule`, `space`, any key below |
/// | `schedules`                       | `["constant"]`                   | specs, text or table                      |
/// | `backends`                        | `["flex"]`                       | names, at least one                       |
/// | `seeds`                           | `1`                              | a count `n ≥ 1` (seeds `0 … n−1`), or a list |
/// | each setting of a [`RecipePatch`]  | the workload's own, or off       | `epochs` or `steps`, not both; `batch_size`, `validation`, `clip_norm`, … |
/// | `reference`                       | none: each arm with each         | the name of an arm                        |
/// | `timing`                          | `"pinned"`                       | `pinned`, `alone`                         |
/// | `tuning`                          | none                             | a table: [`Tuning`]                       |
///
/// How many trials run at once is no part of a plan: it changes no result.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// Names of workloads.
    pub workloads: Vec<String>,
    /// Optimizers with their learning rates.
    pub optimizers: Vec<OptimizerChoice>,
    /// Schedules.
    pub schedules: Vec<ScheduleSpec>,
    /// Arms besides those that optimizers and schedules make.
    pub arms: Vec<Arm>,
    /// Backends and devices: "flex", "cuda:1".
    pub backends: Vec<String>,
    /// The seeds of each arm.
    pub seeds: Seeds,
    /// The settings of the training that are not the workload's defaults.
    pub recipe: RecipePatch,
    /// The arm that the others are compared with; none to compare each with each, which takes more seeds.
    pub reference: Option<String>,
    /// How the final trials are timed.
    pub timing: Timing,
    /// How the arms are tuned before.
    pub tuning: Tuning,
}

/// How the final trials are timed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Timing {
    /// As many at once as there are jobs, each held to processors of its own.
    #[default]
    Pinned,
    /// One at a time, with all processors.
    Alone,
}

impl Default for Plan {
    /// No workload and no optimizer yet; one seed, the constant schedule, the `flex` backend.
    fn default() -> Self {
        Plan {
            workloads: Vec::new(),
            optimizers: Vec::new(),
            schedules: ScheduleSpec::all()
                .into_iter()
                .filter(|schedule| schedule.name() == "constant")
                .collect(),
            arms: Vec::new(),
            backends: vec!["flex".into()],
            seeds: Seeds::Count(1),
            recipe: RecipePatch::default(),
            reference: None,
            timing: Timing::default(),
            tuning: Tuning::default(),
        }
    }
}

#[cfg(test)]
mod tests;
