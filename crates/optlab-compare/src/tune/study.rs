//! Searches for the best settings of one optimizer: the point of each trial may depend on the results of
//! earlier trials, and a trial that is worse than others may be pruned.
//!
//! The folder of a study is a comparison folder with one arm that has only tuning trials. Each trial is
//! written before it runs and each outcome when it ends, so a study that was stopped resumes and runs nothing
//! twice.
//!
//! A search with one job at a time does not depend on where it was stopped: it has the same points, the same
//! prunings and the same outcomes, since every result that a decision depends on is on the disk before the
//! decision is.

mod search;

use crate::Error;
use crate::plan::grid::{self, ArmOnWorkload, check_can_be_tuned};
use crate::plan::tuning::{FIRST_SEED, MOST_TRIALS, Tuning};
use crate::plan::{Plan, arm as arm_plan};
use crate::run::events::RunnerEvents;
use crate::run::folder::{self, Claim, Folder, Invocation, Kind, PLAN};
use crate::run::runner::Runner;
use optlab_stats::search::Space;
use optlab_train::problem::WorkloadSpec;
use optlab_train::train::Trial;
use search::Search;
use std::path::Path;

/// A study that is ready to run.
#[derive(Debug)]
pub struct Study {
    plan: Plan,
    side: ArmOnWorkload,
    space: Space,
}

impl Study {
    /// Creates the study of a plan with one workload, one backend and one arm.
    ///
    /// # Errors
    /// [`Usage`](optlab_core::Error::Usage) for a plan with more of them; the errors of
    /// [`Plan::arms_on_workloads`].
    pub fn new(plan: Plan, defaults: &dyn Fn(&str) -> Result<Trial, Error>) -> Result<Self, Error> {
        // A study allows the samplers and pruners that a comparison refuses, so the plan is checked without
        // them.
        let checked = Plan {
            tuning: Tuning { spaces: plan.tuning.spaces.clone(), ..Tuning::default() },
            ..plan.clone()
        };
        let mut sides = checked.arms_on_workloads(defaults)?;
        if !(1..=MOST_TRIALS).contains(&plan.tuning.trials) {
            let allowed = format!("at least 1 and at most {MOST_TRIALS}");
            return Err(Error::invalid("study", "trials", &allowed, plan.tuning.trials));
        }
        let (Some(side), true) = (sides.pop(), sides.is_empty()) else {
            return Err(Error::usage("a study has one workload, one backend and one optimizer"));
        };
        check_can_be_tuned(&side.trial)?;
        let space = side.arm.space();
        let study = Study { plan, side, space };
        // Reports a search space with a field that the rule does not have, or beyond a field's range, before
        // anything runs.
        let middle = vec![0.5; study.space.dimensions().len()];
        study.trial(&middle)?;
        for (place, end) in (0..middle.len()).flat_map(|place| [(place, 0.0), (place, 1.0 - 1e-9)]) {
            let mut point = middle.clone();
            point[place] = end;
            study.trial(&point)?;
        }
        Ok(study)
    }

    /// Creates the study's folder at `path`, or resumes it.
    ///
    /// # Errors
    /// The errors of [`Folder::claim`].
    pub fn claim(&self, path: &Path, invocation: &Invocation) -> Result<Folder, Error> {
        claim(&self.plan, path, Kind::Study, &self.side.trial.workload, invocation)
    }

    /// Runs the trials that are missing in `folder`.
    ///
    /// # Errors
    /// The errors of [`Runner::run_queue`].
    pub fn run(&self, folder: &Folder, runner: &Runner, events: &mut dyn RunnerEvents) -> Result<(), Error> {
        if let Some(note) = folder.note() {
            events.noted(&note);
        }
        let mut search = Search::new(self, folder)?;
        events.planned(self.plan.tuning.trials);
        for (number, trial, outcome) in search.ended() {
            events.skipped(number, trial, outcome);
        }
        let runner = Runner { is_brief: true, ..runner.clone() };
        runner.run_queue(folder, &mut search, events)?;
        folder.put_away_unlisted()
    }

    /// Returns the trial at a point.
    fn trial(&self, point: &[f64]) -> Result<Trial, Error> {
        let trial = arm_plan::at(&self.space, &self.side.trial, point)?;
        grid::check(&trial)?;
        Ok(Trial { seed: FIRST_SEED, ..trial })
    }
}

/// Creates the folder of a search on `workload` at `path`, or resumes it with its trials if they are of the
/// same plan. The trials of a search are added while it runs.
pub(super) fn claim(
    plan: &Plan,
    path: &Path,
    kind: Kind,
    workload: &WorkloadSpec,
    invocation: &Invocation,
) -> Result<Folder, Error> {
    let plan_path = path.join(PLAN);
    let is_ours = plan_path.exists() && Plan::read(&plan_path)?.id()? == plan.id()?;
    let entries =
        if is_ours && folder::holds_trials(path) { folder::read_entries(path)? } else { Vec::new() };
    folder::refuse_other_version(path, &entries, &[workload])?;
    let claim = Claim { kind, plan: &plan.to_toml()?, entries: &entries, is_growing: is_ours };
    Folder::claim_for(path, &claim, invocation)
}

#[cfg(all(test, unix))]
mod tests;
