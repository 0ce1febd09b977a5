//! What an arm came to, over its seeds.

use crate::compare::comparison::{Comparison, Run};
use crate::compare::stats::{Spread, mean, median};
use crate::train::{Outcome, Score, Status, Trial};
use serde::Serialize;
use std::collections::HashMap;

/// An arm (all of a trial but its seed) over its seeds.
///
/// Metrics are over the seeds that ended, as completed or stopped early; [`Spread::count`] says how many those are. The
/// others are in `diverged`, `failed` and `not_run`, and no arm that lost a seed ranks before one that did not.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// What all its trials have in common, hashed.
    #[serde(skip)]
    arm: String,
    /// The workload's name.
    pub workload: String,
    /// The backend and device.
    pub backend: String,
    /// The optimizer as text.
    pub optimizer: String,
    /// The base learning rate.
    pub lr: f64,
    /// The schedule as text.
    pub schedule: String,
    /// The metric's name; empty if no seed came far enough to say.
    pub metric: String,
    /// Whether a larger metric is better.
    pub larger_is_better: bool,
    /// The workload's target.
    pub target: Option<f64>,
    /// How many seeds the plan has.
    pub seeds: usize,
    /// The metric on the validation part after the last step.
    pub final_validation: Option<Spread>,
    /// The best metric on the validation part.
    pub best_validation: Option<Spread>,
    /// The metric on the test part.
    pub test: Option<Spread>,
    /// How many seeds reached the target, whatever became of them later.
    pub reached_target: usize,
    /// Optimizer steps to the target, the mean over the seeds that reached it.
    pub steps_to_target: Option<f64>,
    /// Training seconds to the target, the mean over the seeds that reached it.
    pub seconds_to_target: Option<f64>,
    /// Milliseconds a step, the median over seeds.
    pub step_milliseconds: Option<f64>,
    /// Seconds to the end of the first step, the median over seeds.
    pub first_step_seconds: Option<f64>,
    /// The seeds that diverged, with what happened.
    pub diverged: Vec<Lost>,
    /// The seeds that failed, with what happened.
    pub failed: Vec<Lost>,
    /// The seeds that have no outcome yet.
    pub not_run: Vec<u64>,
}

/// A seed that did not end as it should.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Lost {
    /// The seed.
    pub seed: u64,
    /// What happened.
    pub reason: String,
}

impl Summary {
    /// How many seeds diverged or failed.
    pub fn lost(&self) -> usize {
        self.diverged.len() + self.failed.len()
    }

    /// Whether `trial` is of this arm.
    pub fn is_about(&self, trial: &Trial) -> bool {
        self.arm == arm_id(trial)
    }

    /// What arms are ranked by: the final metric on the validation part, or on the test part where there is none.
    fn ranked_by(&self) -> Option<f64> {
        self.final_validation.or(self.test).map(|spread| spread.mean)
    }

    fn of(runs: &[&Run], workload: &Workload) -> Self {
        let trial = &runs[0].trial;
        let outcomes: Vec<&Outcome> = runs.iter().filter_map(|run| run.outcome.as_ref()).collect();
        let is_ended =
            |outcome: &&Outcome| matches!(outcome.status, Status::Completed | Status::StoppedEarly);
        let ended: Vec<&Outcome> = outcomes.iter().copied().filter(is_ended).collect();
        let spread = |score: fn(&Outcome) -> Option<Score>| {
            let metrics = ended.iter().filter_map(|outcome| score(outcome));
            Spread::of(&metrics.map(|score| score.metric).collect::<Vec<_>>())
        };
        let reached: Vec<_> = outcomes.iter().filter_map(|outcome| outcome.target_reached).collect();
        let steps: Vec<f64> = reached.iter().map(|target| target.step as f64).collect();
        let seconds: Vec<f64> = reached.iter().map(|target| target.training_seconds).collect();
        let step_times: Vec<f64> = outcomes.iter().filter_map(|outcome| outcome.step_milliseconds).collect();
        let stepped = outcomes.iter().filter(|outcome| outcome.first_step_seconds > 0.0);
        let first_steps: Vec<f64> = stepped.map(|outcome| outcome.first_step_seconds).collect();
        Summary {
            arm: arm_id(trial),
            workload: trial.workload.clone(),
            backend: trial.backend.clone(),
            optimizer: trial.optimizer.to_string(),
            lr: trial.lr,
            schedule: trial.schedule.to_string(),
            metric: workload.metric.clone(),
            larger_is_better: workload.larger_is_better,
            target: workload.target,
            seeds: runs.len(),
            final_validation: spread(|outcome| outcome.final_validation),
            best_validation: spread(|outcome| outcome.best_validation),
            test: spread(|outcome| outcome.test),
            reached_target: reached.len(),
            steps_to_target: mean(&steps),
            seconds_to_target: mean(&seconds),
            step_milliseconds: median(&step_times),
            first_step_seconds: median(&first_steps),
            diverged: lost(runs, Status::Diverged),
            failed: lost(runs, Status::Failed),
            not_run: runs.iter().filter(|run| run.outcome.is_none()).map(|run| run.trial.seed).collect(),
        }
    }
}

/// What the runs of a workload say about its metric.
struct Workload {
    metric: String,
    larger_is_better: bool,
    target: Option<f64>,
}

impl Workload {
    fn of(comparison: &Comparison, name: &str) -> Self {
        // A failed run may have ended before it knew.
        let told = comparison
            .runs
            .iter()
            .filter(|run| run.trial.workload == name)
            .filter_map(|run| run.outcome.as_ref())
            .find(|outcome| !outcome.metric.is_empty());
        Workload {
            metric: told.map_or_else(String::new, |outcome| outcome.metric.clone()),
            larger_is_better: told.is_none_or(|outcome| outcome.larger_is_better),
            target: told.map(|outcome| outcome.target),
        }
    }
}

/// The name of a trial's arm: of all of the trial but its seed.
fn arm_id(trial: &Trial) -> String {
    let arm = Trial { seed: 0, ..trial.clone() };
    arm.id()
}

/// The runs of each arm, in the order in which the arms first appear.
pub(super) fn group(runs: &[Run]) -> Vec<Vec<&Run>> {
    let mut places: HashMap<String, usize> = HashMap::new();
    let mut arms: Vec<Vec<&Run>> = Vec::new();
    for run in runs {
        let place = *places.entry(arm_id(&run.trial)).or_insert(arms.len());
        if place == arms.len() {
            arms.push(Vec::new());
        }
        arms[place].push(run);
    }
    arms
}

/// A summary of each arm: workloads in the plan's order, in each the best arm first.
pub(super) fn summarize(comparison: &Comparison) -> Vec<Summary> {
    let arms = comparison.arms();
    let mut summaries = Vec::new();
    for name in comparison.workloads() {
        let workload = Workload::of(comparison, name);
        let mut of_workload: Vec<Summary> = arms
            .iter()
            .filter(|runs| runs[0].trial.workload == name)
            .map(|runs| Summary::of(runs, &workload))
            .collect();
        let worst = if workload.larger_is_better { f64::MIN } else { f64::MAX };
        let sign = if workload.larger_is_better { -1.0 } else { 1.0 };
        let rank = |summary: &Summary| sign * summary.ranked_by().unwrap_or(worst);
        of_workload.sort_by(|a, b| {
            let by_metric = rank(a).total_cmp(&rank(b));
            (a.lost() > 0).cmp(&(b.lost() > 0)).then(by_metric)
        });
        summaries.extend(of_workload);
    }
    summaries
}

fn lost(runs: &[&Run], status: Status) -> Vec<Lost> {
    let of_status = |run: &&Run| {
        let outcome = run.outcome.as_ref().filter(|outcome| outcome.status == status)?;
        Some(Lost { seed: run.trial.seed, reason: outcome.reason.clone().unwrap_or_default() })
    };
    runs.iter().filter_map(of_status).collect()
}

#[cfg(test)]
mod tests;
