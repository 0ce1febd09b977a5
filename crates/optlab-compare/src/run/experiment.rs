//! Runs a comparison: tunes the arms, selects the best settings of each, and runs them with seeds that the
//! tuning has not used; all of that again for each replicate.

use crate::Error;
use crate::plan::entry::Entry;
use crate::plan::grid::{self, ArmOnWorkload};
use crate::plan::tuning::Replicate;
use crate::plan::{Plan, Timing};
use crate::run::cost::{self, Cost};
use crate::run::events::RunnerEvents;
use crate::run::folder::{Folder, Invocation, Kind};
use crate::run::runner::Runner;
use crate::run::worker::{Evaluated, Measure, Progress};
use optlab_train::train::{Outcome, Status, Trial};
use std::path::Path;
use std::time::{Duration, Instant};

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
    /// Without tuning the arms run seed by seed. A tuned comparison goes replicate by replicate: it tunes
    /// every arm, then runs the final trials of that replicate, so whatever disturbs the machine for a while
    /// disturbs all arms, and a comparison that was stopped has whole replicates.
    ///
    /// # Errors
    /// The errors of [`Runner::run`].
    pub fn run(&self, folder: &Folder, runner: &Runner, events: &mut dyn RunnerEvents) -> Result<(), Error> {
        let finisher = self.finisher(runner);
        if let Some(note) = folder.note() {
            events.noted(&note);
        }
        events.planned(cost::trials(&self.plan)? * self.sides.len());
        // A comparison that resumes has been estimated before.
        if self.is_new(folder)? {
            let cost = self.measure(folder, runner, events, cost::LONG)?;
            events.estimated(&cost);
        }
        if self.plan.tuning.trials == 0 {
            finisher.run_trials(folder, &trials(&self.entries), events)?;
            return Ok(());
        }
        let tuner = Runner { is_brief: true, ..runner.clone() };
        let mut known = self.known_finals(folder)?;
        folder.write_entries(&[self.entries.as_slice(), &known.concat()].concat())?;
        for (tuning, finals) in self.replicates()?.iter().zip(&mut known) {
            let outcomes = tuner.run_trials(folder, &trials(tuning.entries), events)?;
            if finals.is_empty() {
                *finals = self.finals(tuning, &outcomes)?;
                folder.append(finals)?;
            }
            finisher.run_trials(folder, &trials(finals), events)?;
        }
        Ok(())
    }

    /// Returns whether no trial has an outcome yet.
    fn is_new(&self, folder: &Folder) -> Result<bool, Error> {
        let first = self.entries.first().map(|entry| folder.read_outcome(&entry.trial)).transpose()?;
        Ok(first.flatten().is_none())
    }

    /// Runs the first trial of each arm on each workload, and estimates from them what all trials take, and
    /// what cheaper plans do, if that is longer than `within`.
    ///
    /// # Errors
    /// The errors of [`Runner::run`].
    pub fn measure(
        &self,
        folder: &Folder,
        runner: &Runner,
        events: &mut dyn RunnerEvents,
        within: Duration,
    ) -> Result<Cost, Error> {
        let runner = match self.plan.tuning.trials {
            0 => self.finisher(runner),
            _ => Runner { is_brief: true, ..runner.clone() },
        };
        let mut seconds = Vec::new();
        let (mut arms, mut is_measured) = (0, true);
        // All families have the same arms, so the same number of trials; an arm's first is one arm's trials
        // on.
        let families: Vec<&[ArmOnWorkload]> = grid::families(&self.sides).collect();
        let trials_of_family = self.entries.len() / families.len().max(1);
        let stride = self.trials_of_tuning().max(1);
        for (family, entries) in families.into_iter().zip(self.entries.chunks(trials_of_family.max(1))) {
            let first = trials(entries).into_iter().step_by(stride).take(family.len()).collect::<Vec<_>>();
            let is_new = match first.first() {
                Some(trial) => folder.read_outcome(trial)?.is_none(),
                None => false,
            };
            let began = Instant::now();
            let outcomes = runner.run_trials(folder, &first, &mut Untold(events))?;
            arms = family.len();
            // Trials that had an outcome took no time now; their own clock leaves out the start and
            // evaluation.
            let each = match is_new {
                true => began.elapsed().as_secs_f64() / arms.div_ceil(runner.jobs) as f64,
                false => outcomes.iter().map(|outcome| outcome.training_seconds).sum::<f64>() / arms as f64,
            };
            is_measured &= is_new;
            let name = family.first().map_or_else(String::new, |side| side.trial.workload.name.clone());
            seconds.push((name, each / runner.jobs as f64));
        }
        Ok(Cost { is_measured, ..Cost::of(&self.plan, arms, &seconds, within)? })
    }

    /// Returns the runner of final trials.
    fn finisher(&self, runner: &Runner) -> Runner {
        let jobs = if self.plan.timing == Timing::Alone { 1 } else { runner.jobs };
        Runner { jobs, ..runner.clone() }
    }

    /// Returns the number of trials of one tuning of an arm; 0 without tuning.
    fn trials_of_tuning(&self) -> usize {
        self.plan.tuning.trials * self.plan.tuning.seeds as usize
    }

    /// Returns the tuning of the arms of each workload and backend in every replicate, in the order in which
    /// they run; the trials of a tuned plan are in this order.
    fn replicates(&self) -> Result<Vec<ReplicateOfArms<'_>>, Error> {
        let replicates = self.plan.tuning.replicates(&self.plan.seeds.to_vec()?);
        let mut rest = self.entries.as_slice();
        let mut all = Vec::new();
        for family in grid::families(&self.sides) {
            for &replicate in &replicates {
                let (entries, others) = rest.split_at(family.len() * self.trials_of_tuning());
                all.push(ReplicateOfArms { family, replicate, entries });
                rest = others;
            }
        }
        Ok(all)
    }

    /// Returns the final trials of each replicate whose tuning has ended in `folder`; none for the others.
    fn known_finals(&self, folder: &Folder) -> Result<Vec<Vec<Entry>>, Error> {
        let of = |tuning: &ReplicateOfArms| {
            let mut outcomes = Vec::new();
            for entry in tuning.entries {
                // A failed trial runs again.
                match folder.read_outcome(&entry.trial)?.filter(|it| it.status != Status::Failed) {
                    Some(outcome) => outcomes.push(outcome),
                    None => return Ok(Vec::new()),
                }
            }
            self.finals(tuning, &outcomes)
        };
        self.replicates()?.iter().map(of).collect()
    }

    /// Returns the final trials of a replicate, given the outcomes of its tuning trials: seed by seed, each
    /// arm at its best point, or with the plan's settings if all its tuning trials were lost.
    fn finals(&self, of: &ReplicateOfArms, outcomes: &[Outcome]) -> Result<Vec<Entry>, Error> {
        let &ReplicateOfArms { family, replicate, .. } = of;
        let tuning = &self.plan.tuning;
        let mut chosen = Vec::new();
        for (side, of_side) in family.iter().zip(outcomes.chunks(self.trials_of_tuning())) {
            let points: Vec<Vec<&Outcome>> =
                of_side.chunks(tuning.seeds as usize).map(|outcomes| outcomes.iter().collect()).collect();
            chosen.push(match tuning.selection.best(&points) {
                Some(number) => self.plan.tuning_trial(side, replicate, number)?,
                None => side.trial.clone(),
            });
        }
        let seeds = tuning.final_seeds(replicate, &self.plan.seeds.to_vec()?);
        let of_seed = |seed: u64| {
            family.iter().zip(&chosen).map(move |(side, trial)| self.plan.final_entry(side, trial, seed))
        };
        Ok(seeds.into_iter().flat_map(of_seed).collect())
    }
}

/// The arms of a workload and backend in one replicate, with the trials of their tuning.
struct ReplicateOfArms<'a> {
    family: &'a [ArmOnWorkload],
    replicate: Replicate,
    entries: &'a [Entry],
}

/// Passes on what happens to trials that run ahead of their turn, except that they were skipped or have
/// ended: they are counted when it is their turn.
struct Untold<'a>(&'a mut dyn RunnerEvents);

impl RunnerEvents for Untold<'_> {
    fn noted(&mut self, note: &str) {
        self.0.noted(note);
    }

    fn started(&mut self, index: usize, trial: &Trial, attempt: usize) {
        self.0.started(index, trial, attempt);
    }

    fn measures(&mut self, index: usize, measure: &Measure) {
        self.0.measures(index, measure);
    }

    fn progress(&mut self, index: usize, trial: &Trial, progress: Progress) {
        self.0.progress(index, trial, progress);
    }

    fn evaluated(&mut self, index: usize, trial: &Trial, evaluated: &Evaluated) {
        self.0.evaluated(index, trial, evaluated);
    }
}

/// Returns the trials of `entries`.
pub fn trials(entries: &[Entry]) -> Vec<Trial> {
    entries.iter().map(|entry| entry.trial.clone()).collect()
}
