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
use optlab_train::data::Augmentation;
use optlab_train::train::{Budget, LrScaling};
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
/// | `epochs` or `steps`               | the workload's own               | `1…`, not both                            |
/// | `batch_size`, `validation`        | the workload's own               | `1…`, `[0, 1)`                            |
/// | `micro_batch_size`                | none                           | `1…` or none                              |
/// | `lr_scaling`                      | none                             | `linear`, `sqrt`, or with a batch size: `linear:256` |
/// | `l1`, `l2`                        | `0`                              | `[0, ∞)`                                  |
/// | `clip_norm`, `clip_value`         | none                             | `(0, ∞)`                                  |
/// | `early_stopping`                  | none                             | `1…` evaluations                          |
/// | `shift`, `rotation`               | `0`                              | pixels; degrees in `[0, 180]`             |
/// | `pad`                             | `false`                          |                                           |
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
    /// How long each trial trains; none is the workload's own number of epochs.
    pub budget: Option<Budget>,
    /// Examples a step; none is the workload's own.
    pub batch_size: Option<usize>,
    /// Examples that go through the model at once; none for the whole batch.
    pub micro_batch_size: Option<usize>,
    /// How the learning rate follows the batch size; none for not at all.
    pub lr_scaling: Option<LrScaling>,
    /// Share of the training data held out; none is the workload's own.
    pub validation: Option<f64>,
    /// Weight of the L1 penalty.
    pub l1: f64,
    /// Weight of the L2 penalty.
    pub l2: f64,
    /// Largest global gradient norm.
    pub clip_norm: Option<f64>,
    /// Largest absolute gradient element.
    pub clip_value: Option<f64>,
    /// Patience, in evaluations.
    pub early_stopping: Option<usize>,
    /// Shift and rotation of training images.
    pub augmentation: Augmentation,
    /// Whether images are padded to 32 × 32.
    pub pad: bool,
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

/// What a workload brings where a plan does not say it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WorkloadDefaults {
    /// Examples a step.
    pub batch_size: usize,
    /// Passes over the training data.
    pub epochs: usize,
    /// Share of the training data held out.
    pub validation: f64,
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
            budget: None,
            batch_size: None,
            micro_batch_size: None,
            lr_scaling: None,
            validation: None,
            l1: 0.0,
            l2: 0.0,
            clip_norm: None,
            clip_value: None,
            early_stopping: None,
            augmentation: Augmentation::default(),
            pad: false,
            reference: None,
            timing: Timing::default(),
            tuning: Tuning::default(),
        }
    }
}

#[cfg(test)]
mod tests;
