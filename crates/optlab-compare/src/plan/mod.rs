//! Plans: lists of workloads, optimizers, schedules, backends and seeds, whose grid gives the trials of a
//! comparison.

pub mod arm;
pub mod default_space;
pub mod entry;
mod file;
pub mod grid;
mod seeds;
pub mod setting;
mod size;
pub mod tuning;

pub use file::PLAN;
pub use seeds::Seeds;

use crate::plan::arm::Arm;
use crate::plan::tuning::Tuning;
use optlab_optim::OptimizerChoice;
use optlab_optim::schedule::ScheduleSpec;
use optlab_stats::statistics::paired_test::Test;
use optlab_train::model::ModelPatch;
use optlab_train::train::RecipePatch;
use serde::{Deserialize, Serialize};

/// The largest probability of a wrong verdict in a family.
pub const ALPHA: f64 = 0.05;

/// A comparison as its author writes it. Every optimizer with every schedule is an arm, in addition to the
/// arms in `arms`, and every workload × backend × arm × seed is one trial.
///
/// | key                               | default                          | range                                     |
/// |:----------------------------------|:---------------------------------|:------------------------------------------|
/// | `workloads`                       | (required)                       | names, at least one                       |
/// | `optimizers`                      | (required)                       | specs, text or table, with or without `lr` |
/// | `arms`                            | none                             | tables: `optimizer`, and optionally `name`, `schedule`, `space` and settings of a [`RecipePatch`] |
/// | `schedules`                       | `["constant"]`                   | specs, text or table                      |
/// | `backends`                        | `["flex"]`                       | names, at least one                       |
/// | `seeds`                           | `1`                              | a count `n ≥ 1` (seeds `0 … n−1`), or a list |
/// | each setting of a [`RecipePatch`]  | the workload's default, or off   | `epochs` or `steps`, not both; `batch_size`, `validation`, `clip_norm`, … |
/// | `reference`                       | none: compares all pairs of arms | the name of an arm                        |
/// | `test`                            | `"mean"`                         | `mean`, `ranks`: the [`Test`] behind the verdicts |
/// | `split`                           | `"fixed"`                        | `fixed`, `resampled`: the [`Split`] of the data |
/// | `timing`                          | `"pinned"`                       | `pinned`, `alone`                         |
/// | `model`                           | the workload's own               | settings of the model: `"mlp=[32],dropout=0.2"` |
/// | `tuning`                          | none                             | a table: [`Tuning`]                       |
///
/// The number of trials that run at once is not part of a plan, since it does not change any result.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// Names of workloads.
    pub workloads: Vec<String>,
    /// Optimizers with their learning rates.
    pub optimizers: Vec<OptimizerChoice>,
    /// Schedules.
    pub schedules: Vec<ScheduleSpec>,
    /// Arms in addition to the grid of optimizers and schedules.
    pub arms: Vec<Arm>,
    /// Backends and devices: "flex", "cuda:1".
    pub backends: Vec<String>,
    /// The seeds of each arm.
    pub seeds: Seeds,
    /// The settings of the model that override the workload's own.
    pub model: ModelPatch,
    /// The settings of the training that override the workload's defaults.
    pub recipe: RecipePatch,
    /// The arm that the others are compared with; `None` compares all pairs, which needs more seeds.
    pub reference: Option<String>,
    /// The test behind the verdicts.
    pub test: Test,
    /// The choice of the test examples.
    pub split: Split,
    /// The timing of the final trials.
    pub timing: Timing,
    /// The tuning of the arms before they are compared.
    pub tuning: Tuning,
}

/// The choice of the test examples.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Split {
    /// The same for all trials, as the data set has it.
    #[default]
    Fixed,
    /// Others for each seed: where the data are few, the choice of test examples decides as much as the
    /// optimizer does (Bouthillier et al., 2021, <https://arxiv.org/abs/2103.03098>). Every arm has the same
    /// ones, and no tuning sees them. A series keeps its last examples.
    Resampled,
}

/// The timing of the final trials.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Timing {
    /// As many trials at once as there are jobs, each pinned to its own processors.
    #[default]
    Pinned,
    /// One trial at a time, with all processors.
    Alone,
}

impl Default for Plan {
    /// Returns a plan without workloads and optimizers, with one seed, the constant schedule and the `flex`
    /// backend.
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
            model: ModelPatch::default(),
            recipe: RecipePatch::default().with_fixed_defaults(),
            reference: None,
            test: Test::default(),
            split: Split::default(),
            timing: Timing::default(),
            tuning: Tuning::default(),
        }
    }
}

#[cfg(test)]
mod tests;
