//! The results of an arm over its seeds.

use crate::plan::tuning::{self, Repeats};
use crate::result::choice::Choice;
use crate::result::comparison::{ArmRuns, Comparison, Run};
use crate::result::shared_settings::SharedSettings;
use crate::result::tuned::Tuned;
use crate::result::verdicts::{self, Against, Candidate};
use crate::run::folder::Kind;
use optlab_core::{Direction, Metric};
use optlab_stats::statistics::bootstrap::Description;
use optlab_stats::statistics::describe::{Spread, median, quantile};
use optlab_stats::statistics::signed_ranks::SignedRanks;
use optlab_train::train::{Outcome, Score, Status, Trial};
use serde::Serialize;

/// The results of an arm over its seeds, on one workload and backend.
///
/// A seed that diverged or failed counts as worse than any number. `result` is over all seeds with an
/// outcome, so its mean is infinite if one of them was lost. [`Spread`]s are over the seeds that ended well;
/// [`Spread::count`] is their number.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// The arm's name.
    pub arm: String,
    /// The workload's name.
    pub workload: String,
    /// The backend and device.
    pub backend: String,
    /// The optimizer as text, without the settings that differ between replicates.
    pub optimizer: String,
    /// The base learning rate, the median over replicates.
    pub lr: f64,
    /// The smallest and the largest base learning rate; `None` if all runs have the same.
    pub lr_range: Option<(f64, f64)>,
    /// The schedule as text, without the settings that differ between replicates.
    pub schedule: String,
    /// The metric, with its target; unknown if no run got far enough to report it.
    #[serde(flatten)]
    pub metric: Metric,
    /// Number of seeds in the plan.
    pub seeds: usize,
    /// The metric that the arm is judged by, with intervals: on the test part with the best checkpoint, or on
    /// the validation part after the last step if there is no test part.
    pub result: Option<Description>,
    /// The same metric for each seed that has an outcome; infinite for a lost seed.
    pub values: Vec<(u64, f64)>,
    /// The metric on the validation part after the last step.
    pub final_validation: Option<Spread>,
    /// The best metric on the validation part.
    pub best_validation: Option<Spread>,
    /// The metric on the test part.
    pub test: Option<Spread>,
    /// Number of seeds that reached the target, even if they were lost later.
    pub reached_target: usize,
    /// Optimizer steps to the target.
    pub steps_to_target: Option<Quartiles>,
    /// Training seconds to the target.
    pub seconds_to_target: Option<Quartiles>,
    /// Milliseconds per step, the median over seeds.
    pub step_milliseconds: Option<f64>,
    /// The time of a step as a multiple of that of the arm it is compared with, the typical ratio over the
    /// seeds that both ran, with the ends of its 95 % interval; `None` for that arm itself.
    pub step_time_ratio: Option<[f64; 3]>,
    /// Seconds to the end of the first step, the median over seeds.
    pub first_step_seconds: Option<f64>,
    /// Peak memory of a run's process in MiB, the median over seeds.
    pub peak_memory_mib: Option<f64>,
    /// The seeds that diverged, with the reason.
    pub diverged: Vec<Lost>,
    /// The seeds that ended well, but with a loss far above its start or its best, and how; they count.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unstable: Vec<Lost>,
    /// The seeds that failed, with the reason.
    pub failed: Vec<Lost>,
    /// The seeds that have no outcome yet.
    pub not_run: Vec<u64>,
    /// The reasons why outcomes that are there do not count: they are damaged or another trial's.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unclear: Vec<String>,
    /// The comparison with the reference, or with the best arm.
    pub against: Option<Against>,
    /// The results of its tuning; `None` without tuning.
    pub tuned: Option<Tuned>,
}

/// A seed that diverged, failed or was unstable.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Lost {
    /// The seed.
    pub seed: u64,
    /// The reason.
    pub reason: String,
}

/// The median and the quartiles over the seeds; seeds that did not reach the target count as infinite.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Quartiles {
    /// The median.
    pub median: f64,
    /// The lower quartile.
    pub low: f64,
    /// The upper quartile.
    pub high: f64,
}

impl Quartiles {
    fn of(values: &[f64]) -> Option<Self> {
        Some(Quartiles {
            median: median(values)?,
            low: quantile(values, 0.25)?,
            high: quantile(values, 0.75)?,
        })
    }
}

impl Summary {
    /// Returns the number of seeds that diverged or failed.
    pub fn lost(&self) -> usize {
        self.diverged.len() + self.failed.len()
    }

    /// Returns whether `run` is a tuning or final run of this arm on its workload and backend.
    pub fn has(&self, run: &Run) -> bool {
        let Trial { workload, backend, .. } = &run.trial;
        run.arm == self.arm && workload.name == self.workload && *backend == self.backend
    }

    /// Returns whether `run` is a final run of this arm on its workload and backend.
    pub fn is_about(&self, run: &Run) -> bool {
        run.is_final() && self.has(run)
    }

    /// Returns the values of this arm that its verdict is made from.
    pub fn candidate(&self) -> Candidate<'_> {
        Candidate { arm: &self.arm, backend: &self.backend, values: &self.values }
    }

    /// Returns the sort key of the arm, where smaller is better: the mean, then the interquartile mean and
    /// the median, which rank the arms that lost a seed.
    fn rank(&self) -> [f64; 3] {
        let direction = self.metric.direction;
        let of = |part: fn(&Description) -> f64| {
            self.result.as_ref().map_or(f64::INFINITY, |result| direction.cost(part(result)))
        };
        let parts: [fn(&Description) -> f64; 3] = [
            |result| result.mean.value,
            |result| result.interquartile_mean.value,
            |result| result.median.value,
        ];
        parts.map(of)
    }

    /// Returns the summary of an arm whose final runs are to have the seeds `planned`; `None` if the folder
    /// lists all of them.
    fn of(arm: &ArmRuns, workload: &Metric, planned: Option<&[u64]>) -> Option<Self> {
        let runs = &arm.finals;
        let listed: Vec<u64> = runs.iter().map(|run| run.trial.seed).collect();
        let planned = planned.unwrap_or(&listed);
        let has_ended = |seed: &u64| runs.iter().any(|run| run.trial.seed == *seed && run.outcome.is_some());
        let trial = best_so_far(arm).or(arm.trial())?;
        let finals: Vec<&Trial> = runs.iter().map(|run| &run.trial).collect();
        let settings =
            SharedSettings::of(if finals.is_empty() { std::slice::from_ref(&trial) } else { &finals })?;
        let outcomes: Vec<&Outcome> = runs.iter().filter_map(|run| run.outcome.as_ref()).collect();
        let ended: Vec<&Outcome> =
            outcomes.iter().copied().filter(|outcome| outcome.has_ended_well()).collect();
        let spread = |score: fn(&Outcome) -> Option<&Score>| {
            let metrics = ended.iter().filter_map(|outcome| score(outcome));
            Spread::of(&metrics.map(|score| score.metric).collect::<Vec<_>>())
        };
        let reached: Vec<_> = outcomes.iter().filter_map(|outcome| outcome.target_reached).collect();
        let quartiles = |part: fn(optlab_train::train::TargetReached) -> f64| {
            let values = outcomes.iter().map(|outcome| outcome.target_reached.map_or(f64::INFINITY, part));
            Quartiles::of(&values.collect::<Vec<_>>()).filter(|_| !reached.is_empty())
        };
        let middle = |part: fn(&Outcome) -> Option<f64>| {
            median(&outcomes.iter().filter_map(|outcome| part(outcome)).collect::<Vec<_>>())
        };
        let values = values(runs, workload.direction);
        Some(Summary {
            arm: arm.name.into(),
            workload: trial.workload.name.clone(),
            backend: trial.backend.clone(),
            optimizer: settings.optimizer,
            lr: settings.lr,
            lr_range: settings.lr_range,
            schedule: settings.schedule,
            metric: workload.clone(),
            seeds: planned.len(),
            result: Description::of(&values.iter().map(|(_, value)| *value).collect::<Vec<_>>()),
            values,
            final_validation: spread(|outcome| outcome.final_validation.as_ref()),
            best_validation: spread(|outcome| outcome.best_validation.as_ref()),
            test: spread(|outcome| outcome.test.as_ref()),
            reached_target: reached.len(),
            steps_to_target: quartiles(|target| target.step as f64),
            seconds_to_target: quartiles(|target| target.training_seconds),
            step_milliseconds: middle(|outcome| outcome.step_milliseconds),
            step_time_ratio: None,
            first_step_seconds: middle(|outcome| {
                Some(outcome.first_step_seconds).filter(|&seconds| seconds > 0.0)
            }),
            peak_memory_mib: middle(|outcome| {
                outcome.peak_memory_bytes.map(|bytes| bytes as f64 / f64::from(1 << 20))
            }),
            diverged: lost(runs, Status::Diverged),
            unstable: unstable(runs),
            failed: lost(runs, Status::Failed),
            not_run: planned.iter().copied().filter(|seed| !has_ended(seed)).collect(),
            unclear: arm.tuning.iter().chain(runs).filter_map(|run| run.unclear.clone()).collect(),
            against: None,
            tuned: Tuned::of(&arm.tuning, workload.direction),
        })
    }
}

/// Returns the time of a step of `arm` as a multiple of that of the arm it is compared with, from the seeds
/// that both ran: pairs cancel what slowed the machine down for a while. Each pair's ratio is a difference of
/// logarithms.
fn step_time_ratio(comparison: &Comparison, arm: &Summary, arms: &[Summary]) -> Option<[f64; 3]> {
    let name = &arm.against.as_ref().filter(|against| against.arm != arm.arm)?.arm;
    let other = arms.iter().find(|other| other.arm == *name && other.backend == arm.backend)?;
    let times = |arm: &Summary| -> Vec<(u64, f64)> {
        let time = |run: &&Run| Some((run.trial.seed, run.outcome.as_ref()?.step_milliseconds?));
        comparison.runs_of(arm).iter().filter_map(time).collect()
    };
    let (own, others) = (times(arm), times(other));
    let (own, others) = Candidate { values: &own, ..arm.candidate() }
        .paired_with(Candidate { values: &others, ..other.candidate() });
    let ratios = own.iter().zip(&others).map(|(own, other)| (own / other).ln());
    let ratios: Vec<f64> = ratios.filter(|ratio| ratio.is_finite()).collect();
    let ranks = SignedRanks::of(&ratios)?;
    let (low, high) = ranks.interval(0.95);
    Some([ranks.pseudo_median()?, low, high].map(f64::exp))
}

/// Returns the best tuning trial of an arm that has no final trials yet.
fn best_so_far<'a>(arm: &ArmRuns<'a>) -> Option<&'a Trial> {
    if !arm.finals.is_empty() {
        return None;
    }
    let valued = arm.tuning.iter().filter_map(|run| Some((&run.trial, tuning::value(run.outcome.as_ref()?))));
    let best = valued.filter(|(_, value)| value.is_finite()).min_by(|a, b| a.1.total_cmp(&b.1));
    best.map(|(trial, _)| trial)
}

/// Returns the metric that a seed is judged by; worse than any number if the seed was lost.
fn judged(outcome: &Outcome, direction: Direction) -> f64 {
    let score = outcome.judged().filter(|_| outcome.has_ended_well());
    let worst = direction.worst();
    score.map(|score| score.metric).filter(|metric| metric.is_finite()).unwrap_or(worst)
}

fn values(runs: &[&Run], direction: Direction) -> Vec<(u64, f64)> {
    let value = |run: &&Run| Some((run.trial.seed, judged(run.outcome.as_ref()?, direction)));
    runs.iter().filter_map(value).collect()
}

impl Comparison {
    /// Returns the final runs of the arm that `summary` describes.
    pub fn runs_of(&self, summary: &Summary) -> Vec<&Run> {
        self.runs.iter().filter(|run| summary.is_about(run)).collect()
    }

    /// Returns the final run whose settings stand for the arm that `summary` describes: the one with the best
    /// metric on the validation part, if each seed was tuned by itself; else the first.
    pub fn model_run(&self, summary: &Summary) -> Option<&Run> {
        let runs = self.runs_of(summary);
        if summary.tuned.as_ref().is_none_or(|tuned| tuned.repeats == Repeats::Once) {
            return runs.first().copied();
        }
        let value = |run: &&Run| run.outcome.as_ref().map_or(f64::INFINITY, tuning::value);
        runs.into_iter().min_by(|a, b| value(a).total_cmp(&value(b)))
    }

    /// Returns a trial of the arm that `summary` describes, a final one if there is one.
    pub fn trial_of(&self, summary: &Summary) -> Option<&Trial> {
        let of_arm = || self.runs.iter().filter(|run| summary.has(run));
        of_arm().find(|run| run.is_final()).or_else(|| of_arm().next()).map(|run| &run.trial)
    }

    /// Summarizes each arm. Workloads are in the plan's order; within each workload the best arm is first.
    pub fn summaries(&self) -> Vec<Summary> {
        summarize(self)
    }
}

/// Returns the metric of a workload from the first run that reports it, since a failed run may have ended
/// before.
fn metric_of(comparison: &Comparison, workload: &str) -> Metric {
    let runs = comparison.runs.iter().filter(|run| run.trial.workload.name == workload);
    let told = runs.filter_map(|run| run.outcome.as_ref()).find(|outcome| outcome.metric.is_known());
    told.map_or_else(Metric::unknown, |outcome| outcome.metric.clone())
}

/// Summarizes each arm, in the order of [`Comparison::summaries`].
fn summarize(comparison: &Comparison) -> Vec<Summary> {
    let arms = comparison.arms();
    // A final run is listed once its replicate is tuned, so the plan tells how many there are to be.
    let is_begun = comparison.plan.tuning.is_repeated() && comparison.runs.iter().any(Run::is_final);
    let planned = comparison.plan.seeds.to_vec().ok().filter(|_| is_begun);
    let mut summaries = Vec::new();
    for name in comparison.workloads() {
        let metric = metric_of(comparison, name);
        let of_workload =
            arms.iter().filter(|arm| arm.trial().is_some_and(|trial| trial.workload.name == name));
        // Arms that a recommendation dropped in its rungs are not compared.
        let is_dropped = |arm: &&ArmRuns| comparison.kind == Kind::Recommendation && arm.finals.is_empty();
        let mut of_workload: Vec<Summary> = of_workload
            .filter(|arm| !is_dropped(arm))
            .filter_map(|arm| Summary::of(arm, &metric, planned.as_deref()))
            .collect();
        // A mean of ∞ − ∞ is NaN, which ranks as infinite.
        let key = |value: f64| if value.is_nan() { f64::INFINITY } else { value };
        of_workload.sort_by(|a, b| {
            let ranks = a.rank().into_iter().zip(b.rank());
            ranks.fold(std::cmp::Ordering::Equal, |order, (a, b)| order.then(key(a).total_cmp(&key(b))))
        });
        let candidates: Vec<Candidate> = of_workload.iter().map(Summary::candidate).collect();
        let reference = match comparison.kind {
            Kind::Recommendation => Choice::arm_of(comparison),
            _ => comparison.plan.reference(),
        };
        let judged =
            verdicts::judge(&candidates, metric.direction, reference.as_deref(), comparison.plan.test);
        for (summary, against) in of_workload.iter_mut().zip(judged) {
            summary.against = against;
        }
        let ratios: Vec<Option<[f64; 3]>> =
            of_workload.iter().map(|arm| step_time_ratio(comparison, arm, &of_workload)).collect();
        of_workload.iter_mut().zip(ratios).for_each(|(arm, ratio)| arm.step_time_ratio = ratio);
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

fn unstable(runs: &[&Run]) -> Vec<Lost> {
    let of_run = |run: &&Run| {
        let instability = run.outcome.as_ref()?.instability()?;
        Some(Lost { seed: run.trial.seed, reason: instability.to_string() })
    };
    runs.iter().filter_map(of_run).collect()
}

#[cfg(test)]
mod tests;
