//! An arm as a plan has it: what is compared, before anything is tuned.

use crate::compare::arm::Arm;
use crate::compare::setting;
use crate::error::Error;
use crate::optim::OptimizerSpec;
use crate::schedule::ScheduleSpec;
use crate::search::{self, Space};
use crate::spec;
use crate::train::Trial;
use serde_json::Value;

/// What is compared with the others: an optimizer with a schedule, and anything else that a trial has.
#[derive(Debug, Clone, PartialEq)]
pub struct ArmPlan {
    /// What it is called; one and the same on every workload and backend.
    pub name: String,
    /// The optimizer, with a learning rate if it is not the rule's own.
    pub optimizer: Arm,
    /// The schedule.
    pub schedule: ScheduleSpec,
    /// Settings that are others than the plan's, by the names of [`setting`].
    pub settings: Vec<(String, Value)>,
    /// Where its settings are searched; none is [`ArmPlan::space`]'s default.
    pub space: Option<Space>,
}

impl ArmPlan {
    /// An arm that differs from the plan in nothing but its optimizer and its schedule.
    pub fn new(name: String, optimizer: Arm, schedule: ScheduleSpec) -> Self {
        ArmPlan { name, optimizer, schedule, settings: Vec::new(), space: None }
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
pub fn grid_name(optimizer: &Arm, schedule: Option<&ScheduleSpec>) -> String {
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

/// The space that comes with an optimizer's rule. What its spec sets itself is not searched, but for the rate.
fn default_space_of(arm: &Arm) -> Space {
    let own = spec::to_value(&arm.optimizer);
    let fields: Vec<(String, Value)> =
        own.as_object().into_iter().flatten().map(|(name, value)| (name.clone(), value.clone())).collect();
    let space = search::for_rule(arm.optimizer.name(), &fields, arm.optimizer.default_lr());
    let defaults = OptimizerSpec::all();
    let default = defaults.iter().find(|default| default.name() == arm.optimizer.name()).map(spec::to_value);
    let is_set = |name: &str| {
        let of_default = default.as_ref().and_then(|default| default.get(name));
        own.get(name).is_some() && of_default != own.get(name)
    };
    let searched =
        space.dimensions().iter().filter(|dimension| dimension.name == "lr" || !is_set(&dimension.name));
    // The rate is always there, so it is a space.
    Space::new(searched.cloned().collect()).unwrap_or(space)
}
