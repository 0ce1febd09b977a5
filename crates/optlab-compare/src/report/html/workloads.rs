//! The data that the page shows per workload.

use crate::report::html::Known;
use crate::report::html::curves::Curves;
use crate::report::html::number_text::rounded;
use crate::report::labels::{self, Labels};
use crate::report::words;
use crate::result::comparison::Comparison;
use crate::result::summary::{Quartiles, Summary};
use crate::run::command;
use optlab_core::{Direction, Metric};
use optlab_stats::statistics::bootstrap::{Description, Estimate};
use optlab_stats::statistics::verdict;
use serde::Serialize;

/// The largest number of points of an arm's budget curve, and of its tried learning rates.
const MOST_TRIALS_SHOWN: usize = 200;

/// A workload and its arms, the best first.
#[derive(Serialize)]
pub struct Workload {
    name: String,
    metric: String,
    unit: &'static str,
    scale: f64,
    larger_is_better: bool,
    target: Option<f64>,
    summary: String,
    reference: Option<usize>,
    verdicts: Vec<String>,
    arms: Vec<ArmRow>,
}

/// Three numbers: a value with the ends of an interval.
type Triple = [f64; 3];

#[derive(Serialize)]
struct ArmRow {
    arm: usize,
    spec: String,
    lr: f64,
    schedule: String,
    backend: String,
    command: String,
    seeds: usize,
    diverged: usize,
    failed: usize,
    median: Option<Triple>,
    iqm: Option<Triple>,
    mean: Option<Triple>,
    difference: Option<[Option<f64>; 3]>,
    improvement: Option<Triple>,
    effect: Option<f64>,
    p: Option<f64>,
    verdict: &'static str,
    seeds_to_settle: Option<u64>,
    reached: usize,
    steps_to_target: Option<Triple>,
    seconds_to_target: Option<Triple>,
    step_milliseconds: Option<f64>,
    first_step_seconds: Option<f64>,
    peak_memory_mib: Option<f64>,
    curves: Curves,
    budget: Option<Budget>,
    lr_sensitivity: Vec<(f64, Option<f64>)>,
    outcomes: Vec<f64>,
}

/// The best of 1, 2, … tuning trials.
#[derive(Serialize)]
struct Budget {
    trials: Vec<usize>,
    median: Vec<f64>,
    low: Vec<f64>,
    high: Vec<f64>,
}

impl Workload {
    /// Returns the workload of `summaries`.
    pub fn of(comparison: &Comparison, labels: &Labels, known: &Known, summaries: &[&Summary]) -> Self {
        let first = summaries.first();
        let metric = first.map_or_else(Metric::unknown, |arm| arm.metric.clone());
        let is_share = metric.is_share();
        let arms = comparison.arms().len();
        let mut verdicts = words::verdicts(labels, summaries);
        verdicts.extend(labels::lost_seeds(labels, summaries).into_iter().map(|line| format!("{line}.")));
        let is_reference =
            |arm: &&&Summary| arm.against.as_ref().is_some_and(|against| against.arm == arm.arm);
        Workload {
            name: first.map_or_else(String::new, |arm| arm.workload.clone()),
            metric: metric.name.clone(),
            unit: if is_share { "%" } else { "" },
            scale: if is_share { 100.0 } else { 1.0 },
            larger_is_better: metric.direction.is_larger(),
            target: metric.target,
            summary: labels.shared(comparison, summaries),
            reference: summaries.iter().find(is_reference).map(|arm| known.place(&labels.label(arm))),
            verdicts,
            arms: summaries
                .iter()
                .map(|arm| ArmRow::of(comparison, known.place(&labels.label(arm)), arm, arms))
                .collect(),
        }
    }
}

impl ArmRow {
    fn of(comparison: &Comparison, place: usize, arm: &Summary, arms: usize) -> Self {
        let runs = comparison.runs_of(arm);
        let against = arm.against.as_ref().and_then(|against| against.comparison.as_ref());
        let is_reference = arm.against.as_ref().is_some_and(|against| against.arm == arm.arm);
        let result =
            |part: fn(&Description) -> &Estimate| arm.result.as_ref().map(|result| triple(part(result)));
        let command = comparison.model_run(arm).map(|run| command::train(&run.trial));
        ArmRow {
            arm: place,
            spec: arm.optimizer.clone(),
            lr: rounded(arm.lr),
            schedule: arm.schedule.clone(),
            backend: arm.backend.clone(),
            command: command.unwrap_or_default(),
            seeds: arm.seeds,
            diverged: arm.diverged.len(),
            failed: arm.failed.len(),
            median: result(|result| &result.median),
            iqm: result(|result| &result.interquartile_mean),
            mean: result(|result| &result.mean),
            difference: against.map(|of| difference(of, arm.metric.direction)),
            improvement: against.map(|of| triple(&of.improvement)),
            effect: against.and_then(|of| of.effect).map(rounded),
            p: against.map(|of| rounded(of.adjusted_p)),
            verdict: match against.map(|of| of.verdict) {
                None if is_reference => "reference",
                None | Some(verdict::Verdict::NotShown) => "not_shown",
                Some(verdict::Verdict::Better) => "better",
                Some(verdict::Verdict::Worse) => "worse",
            },
            seeds_to_settle: against.and_then(|of| of.seeds_to_settle),
            reached: arm.reached_target,
            steps_to_target: arm.steps_to_target.map(quartiles),
            seconds_to_target: arm.seconds_to_target.map(quartiles),
            step_milliseconds: arm.step_milliseconds.map(rounded),
            first_step_seconds: arm.first_step_seconds.map(rounded),
            peak_memory_mib: arm.peak_memory_mib.map(rounded),
            curves: Curves::of(&runs, arms),
            budget: Budget::of(arm),
            lr_sensitivity: lr_sensitivity(arm),
            outcomes: arm.values.iter().map(|(_, value)| rounded(*value)).collect(),
        }
    }
}

impl Budget {
    fn of(arm: &Summary) -> Option<Self> {
        let best_of = &arm.tuned.as_ref()?.best_of;
        let stride = best_of.len().div_ceil(MOST_TRIALS_SHOWN).max(1);
        let shown = || {
            best_of.iter().filter(move |best| (best.trials - 1) % stride == 0 || best.trials == best_of.len())
        };
        Some(Budget {
            trials: shown().map(|best| best.trials).collect(),
            median: shown().map(|best| rounded(best.median)).collect(),
            low: shown().map(|best| rounded(best.median.min(best.unlucky).min(best.lucky))).collect(),
            high: shown().map(|best| rounded(best.median.max(best.unlucky).max(best.lucky))).collect(),
        })
    }
}

fn lr_sensitivity(arm: &Summary) -> Vec<(f64, Option<f64>)> {
    let by_lr = arm.tuned.as_ref().map_or(&[][..], |tuned| &tuned.by_lr);
    let shown = by_lr.iter().take(MOST_TRIALS_SHOWN);
    shown.map(|(lr, metric)| (rounded(*lr), metric.map(rounded))).collect()
}

/// Returns the arm's metric minus the reference's, with the ends of the interval. If smaller is better, a
/// positive difference is worse.
fn difference(of: &verdict::Comparison, direction: Direction) -> [Option<f64>; 3] {
    let [value, low, high] = match direction {
        Direction::Larger => [of.difference, Some(of.low), Some(of.high)],
        Direction::Smaller => [of.difference.map(|value| -value), Some(-of.high), Some(-of.low)],
    };
    [value, low, high].map(|end| end.map(rounded))
}

fn triple(of: &Estimate) -> Triple {
    [of.value, of.low, of.high].map(rounded)
}

fn quartiles(of: Quartiles) -> Triple {
    [of.median, of.low, of.high].map(rounded)
}
