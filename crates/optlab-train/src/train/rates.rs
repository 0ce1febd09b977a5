//! The learning rates of a run: from its schedule, and from the schedules of parameter groups that have their
//! own.

use crate::Error;
use optlab_optim::schedule::ScheduleSpec;
use optlab_optim::schedule::{self, Measured, Run, Schedule};
use optlab_optim::{Group, LearningRates};
use std::collections::BTreeMap;

/// Checks that the schedules of a run can be built: the run's own and those of its parameter groups.
///
/// # Errors
/// [`UnknownName`](optlab_core::Error::UnknownName), [`UnknownField`](optlab_core::Error::UnknownField) and
/// [`InvalidConfig`](optlab_core::Error::InvalidConfig) of any of them.
pub fn check_schedules(spec: &ScheduleSpec, groups: &[Group], run: Run) -> Result<(), Error> {
    Rates::of(spec, groups, run).map(drop)
}

/// The schedules of a run.
pub(super) struct Rates {
    base: Box<dyn Schedule>,
    groups: Vec<GroupRate>,
}

struct GroupRate {
    name: String,
    lr_factor: f64,
    /// The group's own schedule; `None` if it follows the run's.
    schedule: Option<Box<dyn Schedule>>,
}

/// The learning rates of a step.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct StepRates {
    pub base: f64,
    /// The rate of each group, without the group's factor.
    groups: Vec<f64>,
    /// The rate of each group, with the group's own factor.
    pub by_group: BTreeMap<String, f64>,
}

impl StepRates {
    /// Returns these rates times `factor`.
    pub fn times(mut self, factor: f64) -> Self {
        if factor != 1.0 {
            self.base *= factor;
            self.groups.iter_mut().chain(self.by_group.values_mut()).for_each(|lr| *lr *= factor);
        }
        self
    }

    pub fn for_optimizer(&self) -> LearningRates<'_> {
        LearningRates { base: self.base, groups: &self.groups }
    }
}

impl Rates {
    /// Builds the schedules of a run.
    ///
    /// # Errors
    /// [`UnknownName`](optlab_core::Error::UnknownName), [`UnknownField`](optlab_core::Error::UnknownField)
    /// and [`InvalidConfig`](optlab_core::Error::InvalidConfig) of any of the schedules.
    pub fn of(spec: &ScheduleSpec, groups: &[Group], run: Run) -> Result<Self, Error> {
        let groups = groups.iter().map(|group| {
            let build = |text: &String| text.parse::<ScheduleSpec>()?.build(run);
            let schedule = group.schedule.as_ref().map(build).transpose()?;
            Ok(GroupRate { name: group.patterns.to_string(), lr_factor: group.lr_factor, schedule })
        });
        Ok(Rates { base: spec.build(run)?, groups: groups.collect::<Result<_, Error>>()? })
    }

    pub fn at(&self, step: usize) -> StepRates {
        let base = self.base.lr_at(step);
        let lr_of = |group: &GroupRate| group.schedule.as_ref().map_or(base, |schedule| schedule.lr_at(step));
        let groups: Vec<f64> = self.groups.iter().map(lr_of).collect();
        let rates = self.groups.iter().zip(&groups);
        let by_group = rates.map(|(group, lr)| (group.name.clone(), lr * group.lr_factor)).collect();
        StepRates { base, groups, by_group }
    }

    /// Passes the measurements after step `step` to all schedules.
    pub fn observe(&self, step: usize, measured: Measured) {
        self.each().for_each(|schedule| schedule.observe(step, measured));
    }

    /// Returns the state of all schedules, one after the other.
    pub fn state(&self) -> Vec<f64> {
        self.each().flat_map(Schedule::state).collect()
    }

    /// Restores the state of all schedules.
    ///
    /// # Errors
    /// [`Usage`](optlab_core::Error::Usage) if the state belongs to other schedules.
    pub fn load_state(&self, state: &[f64]) -> Result<(), Error> {
        Ok(schedule::load_states(&self.each().collect::<Vec<_>>(), state)?)
    }

    fn each(&self) -> impl Iterator<Item = &dyn Schedule> {
        let own = self.groups.iter().filter_map(|group| group.schedule.as_deref());
        std::iter::once(&*self.base).chain(own)
    }
}
