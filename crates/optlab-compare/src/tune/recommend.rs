//! Recommends one of several optimizers within a time limit: trains many settings for a short time and the
//! better ones for longer, and compares the best optimizers on seeds that were not used before.
//!
//! ```text
//! rung 0: N settings, E/9 epochs ──> the best third: E/3 ──> the best third again: E      60 % of the time
//! the best settings of the three best optimizers, E epochs, seed after seed              40 % of the time
//! ```
//!
//! The validation part of the final runs chooses, see [`Choice`](crate::result::choice::Choice). AdamW at its
//! defaults runs on the same seeds, and the test part compares the choice with it.
//!
//! This is successive halving with a reduction factor of 3 (Jamieson & Talwalkar, 2016,
//! <https://arxiv.org/abs/1502.07943>). `N` is chosen by the time that the first trial took.

use crate::Error;
use crate::plan::Plan;
use crate::plan::arm::Arm;
use crate::plan::entry::{Entry, Stage};
use crate::plan::grid::{ArmOnWorkload, check_can_be_tuned};
use crate::plan::tuning::{self, FIRST_SEED};
use crate::result::choice::{BASELINE, FINALISTS};
use crate::run::events::RunnerEvents;
use crate::run::experiment;
use crate::run::folder::{self, Folder, Invocation, Kind};
use crate::run::runner::Runner;
use crate::tune::study;
use optlab_stats::search::Sampler;
use optlab_train::train::{Budget, Outcome, Recipe, Trial};
use std::collections::HashSet;
use std::path::Path;
use std::time::{Duration, Instant};

/// The factor by which each rung is longer than the one before, and by which the number of settings shrinks.
const REDUCTION: usize = 3;
/// Number of rungs before the final trials.
const RUNGS: u32 = 3;
/// The rungs' share of the time.
const SHARE_OF_RUNGS: f64 = 0.6;
/// The largest number of settings of an optimizer.
const MOST_SETTINGS: usize = 81;
/// The largest number of seeds of a finalist.
const MOST_SEEDS: u64 = 30;
/// The largest seed of a recommendation, so that its final seeds stay below those of the rungs.
const LARGEST_SEED: u64 = 30_000;

/// The longest time budget, which is taken for a typing error beyond.
const LONGEST: Duration = Duration::from_hours(24 * 1000);
/// The smallest number of seeds of a finalist.
const LEAST_SEEDS: u64 = 3;

/// A recommendation that is ready to run.
#[derive(Debug)]
pub struct Recommender {
    plan: Plan,
    sides: Vec<ArmOnWorkload>,
    baseline: ArmOnWorkload,
    time: Duration,
    began: Instant,
}

/// The number of settings that were tried, and the finalists.
#[derive(Debug, Clone, PartialEq)]
pub struct Recommendation {
    /// Number of settings on the first rung.
    pub settings: usize,
    /// The arms that were compared in the end, the most promising first.
    pub finalists: Vec<String>,
}

/// An arm with one choice of its settings, and its value on the latest rung.
struct Candidate {
    side: usize,
    trial: Trial,
    value: f64,
}

impl Recommender {
    /// Creates the recommendation of a plan with one workload and one backend; it takes about `time` from
    /// now.
    ///
    /// # Errors
    /// The errors of [`Plan::arms_on_workloads`]; [`InvalidConfig`](optlab_core::Error::InvalidConfig) for
    /// less than a second or more than a thousand days; [`Usage`](optlab_core::Error::Usage) for a budget in
    /// steps.
    pub fn new(
        plan: Plan,
        time: Duration,
        defaults: &dyn Fn(&str) -> Result<Trial, Error>,
    ) -> Result<Self, Error> {
        if time < Duration::from_secs(1) {
            let given = humantime::format_duration(time);
            return Err(Error::invalid("recommend", "budget", "at least 1s", given));
        }
        if time > LONGEST {
            let given = humantime::format_duration(time);
            return Err(Error::invalid("recommend", "budget", "at most 1000 days", given));
        }
        plan.arms()?;
        let with_baseline = Plan { arms: [plan.arms.as_slice(), &[baseline()?]].concat(), ..plan.clone() };
        let mut sides = with_baseline.arms_on_workloads(defaults)?;
        // The last of the arms of the only workload and backend.
        let baseline = sides.pop().ok_or_else(|| Error::usage("a recommendation needs a workload"))?;
        sides.iter().try_for_each(|side| check_can_be_tuned(&side.trial))?;
        if plan.recipe.steps.is_some() {
            return Err(Error::usage("a recommendation is for a number of epochs, not of steps"));
        }
        if plan.tuning.seed > LARGEST_SEED {
            let allowed = format!("at most {LARGEST_SEED}");
            return Err(Error::invalid("recommend", "seed", &allowed, plan.tuning.seed));
        }
        Ok(Recommender { plan, sides, baseline, time, began: Instant::now() })
    }

    /// Creates the recommendation's folder at `path`, or resumes it.
    ///
    /// # Errors
    /// The errors of [`Folder::claim`].
    pub fn claim(&self, path: &Path, invocation: &Invocation) -> Result<Folder, Error> {
        study::claim(&self.plan, path, Kind::Recommendation, &self.baseline.trial.workload, invocation)
    }

    /// Runs the rungs and the final trials in `folder`, and adds their trials to its list.
    ///
    /// # Errors
    /// The errors of [`Runner::run`]; [`Usage`](optlab_core::Error::Usage) if every setting was lost.
    pub fn run(
        &self,
        folder: &Folder,
        runner: &Runner,
        events: &mut dyn RunnerEvents,
    ) -> Result<Recommendation, Error> {
        let epochs = self.epochs();
        if let Some(note) = folder.note() {
            events.noted(&note);
        }
        let earlier = folder::read_entries(folder.path())?;
        let mut trials = Trials { folder, runner, entries: Vec::new(), earlier, events };
        // Measures the time of one trial of the first rung, including the start of its process.
        let probe_began = Instant::now();
        let mut probe = self.candidates(1)?;
        probe.truncate(1);
        let outcomes = self.run_rung(&mut trials, &mut probe, 0)?;
        // If the trial already has an outcome, the training time in it is used instead.
        let trained: f64 = outcomes.iter().map(|outcome| outcome.training_seconds).sum();
        let seconds = probe_began.elapsed().as_secs_f64().max(trained);
        let count = self.settings(seconds, epochs, runner.jobs);
        let mut candidates = self.candidates(count.div_ceil(self.sides.len()))?;
        let settings = candidates.len();
        trials.entries.clear();
        for rung in 0..RUNGS {
            self.run_rung(&mut trials, &mut candidates, rung)?;
            candidates.sort_by(|a, b| a.value.total_cmp(&b.value));
            if rung + 1 < RUNGS {
                let kept = candidates.len().div_ceil(REDUCTION).max(FINALISTS.min(candidates.len()));
                candidates.truncate(kept);
            }
        }
        let finalists = finalists(candidates)?;
        self.run_finals(&mut trials, &finalists)?;
        folder.write_entries(&trials.entries)?;
        let name = |candidate: &Candidate| self.sides[candidate.side].arm.name.clone();
        Ok(Recommendation { settings, finalists: finalists.iter().map(name).collect() })
    }

    fn epochs(&self) -> usize {
        match self.sides.first().map(|side| side.trial.recipe.budget) {
            Some(Budget::Epochs(epochs)) => epochs,
            _ => 1,
        }
    }

    /// Returns the number of settings that the time allows, if one takes `seconds` on the first rung.
    fn settings(&self, seconds: f64, epochs: usize, jobs: usize) -> usize {
        let seconds_of_epoch = seconds.max(1e-3) / rung_epochs(epochs, 0) as f64;
        let epochs_of = |rung: u32| rung_epochs(epochs, rung) as f64 / (REDUCTION as f64).powi(rung as i32);
        let seconds_of_setting = seconds_of_epoch * (0..RUNGS).map(epochs_of).sum::<f64>();
        let time = self.time.as_secs_f64() * SHARE_OF_RUNGS * jobs as f64;
        let affordable = (time / seconds_of_setting).floor() as usize;
        affordable.clamp(self.sides.len(), MOST_SETTINGS * self.sides.len())
    }

    /// Returns the first `each` settings of every arm: its own, then points of its search space.
    fn candidates(&self, each: usize) -> Result<Vec<Candidate>, Error> {
        let mut candidates = Vec::new();
        for number in 0..each {
            for (place, side) in self.sides.iter().enumerate() {
                let trial = match number.checked_sub(1) {
                    None => side.trial.clone(),
                    Some(number) => side.at_point_of(Sampler::Halton, self.plan.tuning.seed, number)?,
                };
                candidates.push(Candidate { side: place, trial, value: f64::INFINITY });
            }
        }
        Ok(candidates)
    }

    /// Runs every candidate with the budget of the rung, and stores the resulting values.
    fn run_rung(
        &self,
        trials: &mut Trials,
        candidates: &mut [Candidate],
        rung: u32,
    ) -> Result<Vec<Outcome>, Error> {
        let budget = Budget::Epochs(rung_epochs(self.epochs(), rung));
        let seed = FIRST_SEED + self.plan.tuning.seed * u64::from(RUNGS) + u64::from(rung);
        let first = trials.entries.len();
        let entry = |(number, candidate): (usize, &Candidate)| Entry {
            arm: self.sides[candidate.side].arm.name.clone(),
            stage: Stage::Tuning { number: first + number, replicate: None },
            point: Vec::new(),
            trial: Trial {
                seed,
                recipe: Recipe { budget, ..candidate.trial.recipe.clone() },
                ..candidate.trial.clone()
            },
        };
        let outcomes = trials.run(candidates.iter().enumerate().map(entry).collect(), true)?;
        for (candidate, outcome) in candidates.iter_mut().zip(&outcomes) {
            candidate.value = tuning::value(outcome);
        }
        Ok(outcomes)
    }

    /// Runs every finalist on one seed after another until the time is over, on at least 3 seeds and at most
    /// [`MOST_SEEDS`].
    fn run_finals(&self, trials: &mut Trials, finalists: &[Candidate]) -> Result<(), Error> {
        let mut longest = Duration::ZERO;
        let first = self.plan.tuning.seed * MOST_SEEDS;
        for seed in first..first + MOST_SEEDS {
            if seed >= first + LEAST_SEEDS && self.began.elapsed() + longest > self.time {
                break;
            }
            let began = Instant::now();
            let entry = |finalist: &Candidate| {
                self.plan.final_entry(&self.sides[finalist.side], &finalist.trial, seed)
            };
            let baseline = self.plan.final_entry(&self.baseline, &self.baseline.trial, seed);
            trials.run(finalists.iter().map(entry).chain([baseline]).collect(), false)?;
            longest = longest.max(began.elapsed());
        }
        Ok(())
    }
}

/// Returns AdamW at its defaults, with a constant rate.
fn baseline() -> Result<Arm, Error> {
    Ok(Arm::new(BASELINE.into(), "adamw".parse()?, "constant".parse()?))
}

/// The trials of a recommendation so far.
struct Trials<'a> {
    folder: &'a Folder,
    runner: &'a Runner,
    entries: Vec<Entry>,
    /// The trials of an earlier command, which stay in the list until this command has its own.
    earlier: Vec<Entry>,
    events: &'a mut dyn RunnerEvents,
}

impl Trials<'_> {
    /// Adds trials to the folder's list and runs them.
    fn run(&mut self, entries: Vec<Entry>, is_brief: bool) -> Result<Vec<Outcome>, Error> {
        let trials = experiment::trials(&entries);
        self.entries.extend(entries);
        let known: HashSet<String> = self.entries.iter().map(|entry| entry.trial.id()).collect();
        let earlier = self.earlier.iter().filter(|entry| !known.contains(&entry.trial.id()));
        self.folder.extend_entries(&self.entries.iter().chain(earlier).cloned().collect::<Vec<_>>())?;
        Runner { is_brief, ..self.runner.clone() }.run(self.folder, &trials, self.events)
    }
}

/// Returns the best candidate of each of the best arms.
fn finalists(ranked: Vec<Candidate>) -> Result<Vec<Candidate>, Error> {
    let mut finalists: Vec<Candidate> = Vec::new();
    for candidate in ranked.into_iter().filter(|candidate| candidate.value.is_finite()) {
        if finalists.len() < FINALISTS && finalists.iter().all(|other| other.side != candidate.side) {
            finalists.push(candidate);
        }
    }
    if finalists.is_empty() {
        let message = "every setting that was tried diverged or failed; give the optimizers smaller rates if they diverged";
        return Err(Error::usage(message));
    }
    Ok(finalists)
}

/// Returns the number of epochs on a rung.
fn rung_epochs(epochs: usize, rung: u32) -> usize {
    epochs.div_ceil(REDUCTION.pow(RUNGS - 1 - rung)).max(1)
}
