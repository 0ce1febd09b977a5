//! What is to be compared: lists whose grid is the trials.

use crate::checksum;
use crate::compare::arm::Arm;
use crate::compare::plan_file;
use crate::data::Augmentation;
use crate::error::Error;
use crate::schedule::{self, ScheduleSpec};
use crate::train::{self, Budget, LrScaling, Trial};
use std::collections::HashSet;
use std::fmt::Display;
use std::path::Path;

/// The most seeds an arm may have; a larger number is a slip of the hand.
const MOST_SEEDS: u64 = 100_000;

/// A schedule is checked before the length of an epoch is known: at one that suits every schedule that is not wrong in
/// itself.
const LONG_EPOCH: usize = 100_000;

/// A comparison as its author writes it: every workload × backend × optimizer × schedule × seed is one trial.
///
/// | key                               | default                          | range                                     |
/// |:----------------------------------|:---------------------------------|:------------------------------------------|
/// | `workloads`                       | (required)                       | names, at least one                       |
/// | `optimizers`                      | (required)                       | specs, text or table, with `lr` or without |
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

    /// 8 hexadecimal digits that name this plan's folder. Seeds do not count, so that the same plan with more seeds goes
    /// on in the same folder.
    ///
    /// # Errors
    /// [`Error::Usage`] for a value that TOML cannot hold.
    pub fn id(&self) -> Result<String, Error> {
        let without_seeds = Plan { seeds: Seeds::Count(1), ..self.clone() };
        let mut id = checksum::sha256(without_seeds.to_toml()?.as_bytes());
        id.truncate(8);
        Ok(id)
    }

    /// All trials of the grid, checked; in the order workload, backend, optimizer, schedule, seed, the last fastest.
    ///
    /// `defaults` says what a workload brings, and is where an unknown workload is noticed.
    ///
    /// # Errors
    /// [`Error::InvalidConfig`] for an empty list or a value out of its range, [`Error::Usage`] for something that is
    /// there twice, and what `defaults` returns.
    pub fn trials(
        &self,
        defaults: &dyn Fn(&str) -> Result<WorkloadDefaults, Error>,
    ) -> Result<Vec<Trial>, Error> {
        let seeds = self.seeds.to_vec()?;
        check_list("workloads", &self.workloads)?;
        check_list("optimizers", &self.optimizers)?;
        check_list("schedules", &self.schedules)?;
        check_list("backends", &self.backends)?;
        check_list("seeds", &seeds)?;
        let mut trials = Vec::new();
        for workload in &self.workloads {
            let own = defaults(workload)?;
            for backend in &self.backends {
                for arm in &self.optimizers {
                    for schedule in &self.schedules {
                        let trial = self.trial(workload, own, backend, arm, schedule);
                        trial.validate()?;
                        check_specs(&trial)?;
                        trials.extend(seeds.iter().map(|&seed| Trial { seed, ..trial.clone() }));
                    }
                }
            }
        }
        let mut seen = HashSet::new();
        match trials.iter().find(|trial| !seen.insert(trial.id())) {
            None => Ok(trials),
            Some(twice) => Err(Error::Usage(format!(
                "the plan holds the same trial twice: {} with {} at lr {} and {}",
                twice.workload, twice.optimizer, twice.lr, twice.schedule
            ))),
        }
    }

    fn trial(
        &self,
        workload: &str,
        own: WorkloadDefaults,
        backend: &str,
        arm: &Arm,
        schedule: &ScheduleSpec,
    ) -> Trial {
        Trial {
            workload: workload.into(),
            optimizer: arm.optimizer.clone(),
            schedule: schedule.clone(),
            lr: arm.learning_rate(),
            backend: backend.into(),
            seed: 0,
            budget: self.budget.unwrap_or(Budget::Epochs(own.epochs)),
            batch_size: self.batch_size.unwrap_or(own.batch_size),
            micro_batch_size: self.micro_batch_size,
            lr_scaling: self.lr_scaling,
            validation: self.validation.unwrap_or(own.validation),
            l1: self.l1,
            l2: self.l2,
            clip_norm: self.clip_norm,
            clip_value: self.clip_value,
            early_stopping: self.early_stopping,
            augmentation: self.augmentation,
            pad: self.pad,
        }
    }
}

/// Builds a trial's rule and schedules once, so that a value out of range stops the comparison before it begins.
fn check_specs(trial: &Trial) -> Result<(), Error> {
    let optimizer = trial.optimizer.build()?;
    let (total_steps, steps_per_epoch) = match trial.budget {
        Budget::Steps(steps) => (steps, 1),
        Budget::Epochs(epochs) => (epochs.saturating_mul(LONG_EPOCH), LONG_EPOCH),
    };
    let run = schedule::Run { lr: trial.lr, total_steps, steps_per_epoch: Some(steps_per_epoch) };
    train::check_schedules(&trial.schedule, optimizer.groups(), run)
}

fn check_list<T: Display>(key: &str, list: &[T]) -> Result<(), Error> {
    if list.is_empty() {
        return Err(Error::invalid("plan", key, "a list of at least one", "empty"));
    }
    let mut seen = HashSet::new();
    match list.iter().map(T::to_string).find(|text| !seen.insert(text.clone())) {
        None => Ok(()),
        Some(twice) => Err(Error::Usage(format!("plan: `{key}` names `{twice}` twice"))),
    }
}

#[cfg(test)]
mod tests;
