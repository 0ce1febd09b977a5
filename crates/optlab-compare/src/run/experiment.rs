//! Runs a comparison: tunes the arms, selects the best settings of each, and compares the arms with these
//! settings on seeds that the tuning has not used.

use crate::Error;
use crate::plan::entry::Entry;
use crate::plan::grid::ArmOnWorkload;
use crate::plan::{Plan, Timing};
use crate::run::events::RunnerEvents;
use crate::run::folder::{Folder, Invocation, Kind};
use crate::run::runner::Runner;
use optlab_train::train::{Outcome, Trial};
use std::path::Path;

/// A comparison that is ready to run.
#[derive(Debug)]
pub struct Experiment {
    plan: Plan,
    sides: Vec<ArmOnWorkload>,
    entries: Vec<Entry>,
}

impl Experiment {
    /// Creates the experiment of a plan and checks every trial that is known by now.
    ///
    /// # Errors
    /// The errors of [`Plan::arms_on_workloads`] and [`Plan::entries`].
    pub fn new(plan: Plan, defaults: &dyn Fn(&str) -> Result<Trial, Error>) -> Result<Self, Error> {
        let sides = plan.arms_on_workloads(defaults)?;
        let entries = plan.entries(&sides)?;
        Ok(Experiment { plan, sides, entries })
    }

    /// Creates the experiment's folder at `path`, or resumes it.
    ///
    /// # Errors
    /// The errors of [`Folder::claim`].
    pub fn claim(&self, path: &Path, kind: Kind, invocation: &Invocation) -> Result<Folder, Error> {
        Folder::claim(path, kind, &self.plan.to_toml()?, &self.entries, invocation)
    }

    /// Runs every trial that has no outcome in `folder`.
    ///
    /// # Errors
    /// The errors of [`Runner::run`].
    pub fn run(&self, folder: &Folder, runner: &Runner, events: &mut dyn RunnerEvents) -> Result<(), Error> {
        let finals = if self.plan.tuning.trials == 0 {
            self.entries.clone()
        } else {
            let tuner = Runner { is_brief: true, ..runner.clone() };
            let outcomes = tuner.run(folder, &trials(&self.entries), events)?;
            let finals = self.finals(&outcomes)?;
            folder.write_entries(&[self.entries.as_slice(), &finals].concat())?;
            finals
        };
        let jobs = match self.plan.timing {
            Timing::Pinned => runner.jobs,
            Timing::Alone => 1,
        };
        Runner { jobs, ..runner.clone() }.run(folder, &trials(&finals), events)?;
        Ok(())
    }

    /// Returns the final trials, given the outcomes of the tuning trials: each arm at its best point, or with
    /// the plan's settings if all its tuning trials were lost.
    fn finals(&self, outcomes: &[Outcome]) -> Result<Vec<Entry>, Error> {
        let tuning = &self.plan.tuning;
        let seeds = tuning.seeds as usize;
        let mut finals = Vec::new();
        for (side, of_side) in self.sides.iter().zip(outcomes.chunks(tuning.trials * seeds)) {
            let points: Vec<Vec<&Outcome>> =
                of_side.chunks(seeds).map(|outcomes| outcomes.iter().collect()).collect();
            let trial = match tuning.selection.best(&points) {
                Some(number) => self.plan.tuning_trial(side, number)?,
                None => side.trial.clone(),
            };
            finals.extend(self.plan.final_entries(side, &trial)?);
        }
        Ok(finals)
    }
}

/// Returns the trials of `entries`.
pub fn trials(entries: &[Entry]) -> Vec<Trial> {
    entries.iter().map(|entry| entry.trial.clone()).collect()
}
