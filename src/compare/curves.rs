//! Learning curves of arms: the middle and the extent over seeds, along the budget.

use crate::compare::comparison::{Comparison, Evaluation, Run};
use crate::compare::stats::median;
use crate::compare::summary::Summary;
use crate::train::history::Part;
use crate::train::{Budget, Status};
use std::collections::BTreeMap;

/// The learning curves of a workload's arms.
#[derive(Debug, Clone, PartialEq)]
pub struct Curves {
    /// What the curves run along: "epoch" or "step".
    pub along: &'static str,
    /// What they show: "validation accuracy", or "training loss" where there is no validation part.
    pub quantity: String,
    /// Whether a larger value is better.
    pub larger_is_better: bool,
    /// The workload's target, if the curves show its metric.
    pub target: Option<f64>,
    /// One curve for each of the summaries, in their order.
    pub arms: Vec<Curve>,
}

/// The learning curve of an arm.
#[derive(Debug, Clone, PartialEq)]
pub struct Curve {
    /// Over seeds, at each place where at least one was evaluated.
    pub points: Vec<Point>,
    /// For each seed that diverged, its last place and value; no value if it was never evaluated.
    pub diverged: Vec<(f64, Option<f64>)>,
}

/// What the seeds of an arm say at one place.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// Epochs or steps.
    pub at: f64,
    /// The median over the seeds that came so far.
    pub median: f64,
    /// The smallest value.
    pub low: f64,
    /// The largest value.
    pub high: f64,
}

impl Curves {
    /// The curves of the arms that `summaries`, all of one workload, are about.
    pub fn of(comparison: &Comparison, summaries: &[&Summary]) -> Self {
        let arms = comparison.arms();
        let runs_of = |summary: &&Summary| -> Vec<&Run> {
            let arm = arms.iter().find(|runs| summary.is_about(&runs[0].trial));
            arm.cloned().unwrap_or_default()
        };
        let runs: Vec<Vec<&Run>> = summaries.iter().map(runs_of).collect();
        let all: Vec<&Run> = runs.iter().flatten().copied().collect();
        let validates = all.iter().any(|run| validation_metric(run).next().is_some());
        let by_epoch = all.iter().all(|run| is_evaluated_once_an_epoch(run, validates));
        let first = summaries.first();
        let metric = first.map_or("", |summary| summary.metric.as_str());
        Curves {
            along: if by_epoch { "epoch" } else { "step" },
            quantity: match (validates, metric) {
                (false, _) => "training loss".into(),
                (true, "") => "validation metric".into(),
                (true, metric) => format!("validation {metric}"),
            },
            larger_is_better: validates && first.is_none_or(|summary| summary.larger_is_better),
            target: first.and_then(|summary| summary.target).filter(|_| validates),
            arms: runs.iter().map(|runs| curve(runs, by_epoch, validates)).collect(),
        }
    }
}

impl Curve {
    /// The median at the last place.
    pub fn last(&self) -> Option<f64> {
        self.points.last().map(|point| point.median)
    }
}

fn curve(runs: &[&Run], by_epoch: bool, validates: bool) -> Curve {
    let mut places: BTreeMap<usize, Vec<f64>> = BTreeMap::new();
    let mut diverged = Vec::new();
    for run in runs {
        let mut last = (0, None);
        for (evaluation, value) in values(run, validates) {
            let at = if by_epoch { evaluation.epoch } else { evaluation.step };
            places.entry(at).or_default().push(value);
            last = (at, Some(value));
        }
        if run.outcome.as_ref().is_some_and(|outcome| outcome.status == Status::Diverged) {
            diverged.push((last.0 as f64, last.1));
        }
    }
    let point = |(at, values): (usize, Vec<f64>)| {
        Some(Point {
            at: at as f64,
            median: median(&values)?,
            low: values.iter().copied().fold(f64::INFINITY, f64::min),
            high: values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        })
    };
    Curve { points: places.into_iter().filter_map(point).collect(), diverged }
}

fn validation_metric(run: &Run) -> impl Iterator<Item = (&Evaluation, f64)> {
    let validation = run.evaluations.iter().filter(|evaluation| evaluation.part == Part::Validation);
    validation
        .filter_map(|evaluation| Some((evaluation, evaluation.metric.filter(|value| value.is_finite())?)))
}

fn values(run: &Run, validates: bool) -> Vec<(&Evaluation, f64)> {
    if validates {
        return validation_metric(run).collect();
    }
    let train = run.evaluations.iter().filter(|evaluation| evaluation.part == Part::Train);
    let value = |evaluation: &Evaluation| evaluation.loss.filter(|loss| loss.is_finite());
    train.filter_map(|evaluation| Some((evaluation, value(evaluation)?))).collect()
}

fn is_evaluated_once_an_epoch(run: &Run, validates: bool) -> bool {
    let epochs: Vec<usize> = values(run, validates).iter().map(|(evaluation, _)| evaluation.epoch).collect();
    matches!(run.trial.budget, Budget::Epochs(_)) && epochs.windows(2).all(|pair| pair[0] < pair[1])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::made_up::{comparison, lost, run, trial};

    fn curves(runs: Vec<Run>) -> Curves {
        let comparison = comparison(runs);
        let summaries = comparison.summaries();
        Curves::of(&comparison, &summaries.iter().collect::<Vec<_>>())
    }

    #[test]
    fn a_curve_is_the_median_and_the_extent_over_seeds() {
        let seeds = [[0.5, 0.9], [0.1, 0.7], [0.4, 0.8]];
        let runs = (0..3).map(|seed| run(trial("digits-cnn", "adamw", seed as u64), &seeds[seed]));
        let curves = curves(runs.collect());
        assert_eq!((curves.along, curves.quantity.as_str()), ("epoch", "validation accuracy"));
        let first = Point { at: 1.0, median: 0.4, low: 0.1, high: 0.5 };
        let second = Point { at: 2.0, median: 0.8, low: 0.7, high: 0.9 };
        assert_eq!(curves.arms, [Curve { points: vec![first, second], diverged: vec![] }]);
    }

    #[test]
    fn a_seed_that_diverged_leaves_a_mark_where_it_was_last_seen() {
        let mut first = run(trial("digits-cnn", "adamw", 0), &[0.5, 0.3]);
        let mut second = run(trial("digits-cnn", "adamw", 1), &[]);
        first.outcome = Some(lost(Status::Diverged, "loss is NaN at step 90"));
        second.outcome = Some(lost(Status::Diverged, "loss is NaN at step 1"));
        let curves = curves(vec![first, second]);
        assert_eq!(curves.arms[0].diverged, [(2.0, Some(0.3)), (0.0, None)]);
    }

    #[test]
    fn without_a_validation_part_the_curves_show_the_training_loss_and_no_target() {
        let mut only = run(trial("digits-cnn", "adamw", 0), &[0.5, 0.9]);
        only.evaluations.iter_mut().for_each(|evaluation| evaluation.part = Part::Train);
        let curves = curves(vec![only]);
        assert_eq!(
            (curves.quantity.as_str(), curves.larger_is_better, curves.target),
            ("training loss", false, None)
        );
        assert_eq!(curves.arms[0].last(), Some(1.0 - 0.9));
    }

    #[test]
    fn a_run_evaluated_more_than_once_an_epoch_is_drawn_along_its_steps() {
        let mut only = run(trial("digits-cnn", "adamw", 0), &[0.5, 0.9]);
        only.evaluations.iter_mut().for_each(|evaluation| evaluation.epoch = 1);
        let curves = curves(vec![only]);
        assert_eq!((curves.along, curves.arms[0].points[1].at), ("step", 80.0));
    }
}
