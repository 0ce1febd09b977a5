//! An arm as a plan has it: what is compared, before anything is tuned.

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

/// What is compared with the others: an optimizer with a schedule, and anything else that a trial has.
#[derive(Debug, Clone, PartialEq)]
pub struct Arm {
    /// What it is called; one and the same on every workload and backend.
    pub name: String,
    /// The optimizer, with a learning rate if it is not the rule's own.
    pub optimizer: OptimizerChoice,
    /// The schedule.
    pub schedule: ScheduleSpec,
    /// Settings that are others than the plan's, by the names of [`setting`].
    pub settings: Vec<(String, Value)>,
    /// Where its settings are searched; none is [`Arm::space`]'s default.
    pub space: Option<Space>,
}

impl Arm {
    /// An arm that differs from the plan in nothing but its optimizer and its schedule.
    pub fn new(name: String, optimizer: OptimizerChoice, schedule: ScheduleSpec) -> Self {
        Arm { name, optimizer, schedule, settings: Vec::new(), space: None }
    }

    /// Where its settings are searched: the space that its plan gives, or that of its rule, without what its spec sets
    /// itself.
    pub fn space(&self) -> Space {
        self.space.clone().unwrap_or_else(|| default_space_of(&self.optimizer))
    }

    /// `trial` with the settings of this arm that are others than the plan's.
    ///
    /// # Errors
    /// Those of [`setting::set`].
    pub fn apply(&self, trial: Trial) -> Result<Trial, Error> {
        self.settings.iter().try_fold(trial, |trial, (name, value)| setting::set(&trial, name, value))
    }
}

/// What an arm is called where its plan does not say: its optimizer, and its schedule where that tells it from others.
pub fn grid_name(optimizer: &OptimizerChoice, schedule: Option<&ScheduleSpec>) -> String {
    schedule.map_or_else(|| optimizer.to_string(), |schedule| format!("{optimizer} · {schedule}"))
}

/// `trial` with the settings that `point` of `space` stands for.
///
/// # Errors
/// Those of [`setting::set`].
pub fn at(space: &Space, trial: &Trial, point: &[f64]) -> Result<Trial, Error> {
    let values = space.values(point);
    values.iter().try_fold(trial.clone(), |trial, (name, value)| setting::set(&trial, name, value))
}

/// Returns the default space of an optimizer without the settings that its spec sets itself; the rate always stays.
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
