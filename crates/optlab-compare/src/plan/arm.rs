//! The arms of a plan, before they are tuned.

use crate::Error;
use crate::plan::default_space::default_space;
use crate::plan::setting;
use optlab_core::spec::{self, Spec};
use optlab_optim::OptimizerChoice;
use optlab_optim::OptimizerSpec;
use optlab_optim::schedule::ScheduleSpec;
use optlab_stats::search::Space;
use optlab_train::train::Trial;
use serde_json::Value;

/// An optimizer with a schedule and any other settings of a trial, to be compared with other arms.
#[derive(Debug, Clone, PartialEq)]
pub struct Arm {
    /// The name, the same on every workload and backend.
    pub name: String,
    /// The optimizer, with a learning rate unless the rule's default applies.
    pub optimizer: OptimizerChoice,
    /// The schedule.
    pub schedule: ScheduleSpec,
    /// Settings that override the plan's, by the names of [`setting`].
    pub settings: Vec<(String, Value)>,
    /// The search space; `None` for the default of [`Arm::space`].
    pub space: Option<Space>,
}

impl Arm {
    /// Creates an arm that differs from the plan only in its optimizer and schedule.
    pub fn new(name: String, optimizer: OptimizerChoice, schedule: ScheduleSpec) -> Self {
        Arm { name, optimizer, schedule, settings: Vec::new(), space: None }
    }

    /// Returns the search space: the one given in the plan, or the rule's default without the settings that
    /// the arm's spec sets.
    pub fn space(&self) -> Space {
        self.space.clone().unwrap_or_else(|| default_space_of(&self.optimizer))
    }

    /// Returns `trial` with the settings of this arm that override the plan's.
    ///
    /// # Errors
    /// The errors of [`setting::set`].
    pub fn apply(&self, trial: Trial) -> Result<Trial, Error> {
        self.settings.iter().try_fold(trial, |trial, (name, value)| setting::set(&trial, name, value))
    }
}

/// Returns the name of an arm that the plan does not name: its optimizer, followed by its schedule if that is
/// given.
pub fn grid_name(optimizer: &OptimizerChoice, schedule: Option<&ScheduleSpec>) -> String {
    schedule.map_or_else(|| optimizer.to_string(), |schedule| format!("{optimizer} · {schedule}"))
}

/// Returns an arm for each optimizer with each schedule.
pub fn grid_arms(optimizers: &[OptimizerChoice], schedules: &[ScheduleSpec]) -> Vec<Arm> {
    let mut arms = Vec::new();
    for optimizer in optimizers {
        for schedule in schedules {
            let name = grid_name(optimizer, (schedules.len() > 1).then_some(schedule));
            arms.push(Arm::new(name, optimizer.clone(), schedule.clone()));
        }
    }
    arms
}

/// Returns `trial` with the settings at `point` of `space`.
///
/// # Errors
/// The errors of [`setting::set`].
pub fn at(space: &Space, trial: &Trial, point: &[f64]) -> Result<Trial, Error> {
    let values = space.values(point);
    values.iter().try_fold(trial.clone(), |trial, (name, value)| setting::set(&trial, name, value))
}

/// Returns the default space of an optimizer without the settings that its spec sets itself; the rate always
/// stays.
fn default_space_of(choice: &OptimizerChoice) -> Space {
    let own = spec::to_value(&choice.optimizer);
    let space = default_space(&choice.optimizer);
    let default = OptimizerSpec::default_of(choice.optimizer.name()).map(|default| spec::to_value(&default));
    let is_set = |name: &str| {
        let of_default = default.as_ref().and_then(|default| default.get(name));
        own.get(name).is_some() && of_default != own.get(name)
    };
    let searched =
        space.dimensions().iter().filter(|dimension| dimension.name == "lr" || !is_set(&dimension.name));
    Space::of(searched.cloned().collect())
}
