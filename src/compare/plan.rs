//! What is to be compared: lists whose grid is the trials.

use crate::checksum;
use crate::compare::arm::Arm;
use crate::compare::arm_plan::ArmPlan;
use crate::compare::plan_file;
use crate::compare::tuning::Tuning;
use crate::data::Augmentation;
use crate::error::Error;
use crate::schedule::ScheduleSpec;
use crate::search::Space;
use crate::train::{Budget, LrScaling};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// The most seeds an arm may have; a larger number is a slip of the hand.
const MOST_SEEDS: u64 = 100_000;

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
    pub optimizers: Vec<Arm>,
    /// Schedules.
    pub schedules: Vec<ScheduleSpec>,
    /// Arms besides those that optimizers and schedules make.
    pub arms: Vec<ArmPlan>,
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

/// The seeds of each arm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seeds {
    /// The seeds `0 … n−1`.
    Count(u64),
    /// These seeds.
    List(Vec<u64>),
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

impl Seeds {
    /// The seeds one by one.
    ///
    /// # Errors
    /// [`Error::InvalidConfig`] for none at all, or more than 100,000.
    pub fn to_vec(&self) -> Result<Vec<u64>, Error> {
        let refuse = |given| {
            let allowed = "a count in [1, 100000] or a list of at least one seed";
            Err(Error::invalid("plan", "seeds", allowed, given))
        };
        match self {
            Seeds::Count(count) if !(1..=MOST_SEEDS).contains(count) => refuse(count.to_string()),
            Seeds::Count(count) => Ok((0..*count).collect()),
            Seeds::List(seeds) if seeds.is_empty() => refuse("[]".into()),
            Seeds::List(seeds) => Ok(seeds.clone()),
        }
    }
}

impl Plan {
    /// Reads a TOML file.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::File`] for what is not TOML; [`Error::UnknownField`] for a key that no plan has, with the
    /// nearest one; [`Error::InvalidConfig`] or [`Error::Usage`] for a value. Each names the file.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let text = std::fs::read_to_string(path).map_err(Error::io("read", path))?;
        plan_file::parse(&text, path)
    }

    /// The plan as TOML, every default that does not depend on the workload written out.
    ///
    /// # Errors
    /// [`Error::Usage`] for a value that TOML cannot hold.
    pub fn to_toml(&self) -> Result<String, Error> {
        plan_file::render(self)
    }

    /// The same with `spaces` for those that are searched, and a comment for each key of `notes` that has no value.
    ///
    /// # Errors
    /// [`Error::Usage`] for a value that TOML cannot hold.
    pub fn to_toml_with_notes(
        &self,
        spaces: Vec<(String, Space)>,
        notes: &[(&str, String)],
    ) -> Result<String, Error> {
        plan_file::render_with_notes(self, spaces, notes)
    }

    /// 8 hexadecimal digits that name this plan's folder. Seeds and tuning trials do not count, so that the same plan with
    /// more of them goes on in the same folder.
    ///
    /// # Errors
    /// [`Error::Usage`] for a value that TOML cannot hold.
    pub fn id(&self) -> Result<String, Error> {
        let spaces = if self.tuning.trials == 0 { Vec::new() } else { self.spaces()? };
        let tuning = Tuning { trials: self.tuning.trials.min(1), spaces, ..self.tuning.clone() };
        let least = Plan { seeds: Seeds::Count(1), tuning, ..self.clone() };
        let mut id = checksum::sha256(least.to_toml()?.as_bytes());
        id.truncate(8);
        Ok(id)
    }
}

#[cfg(test)]
mod tests;
