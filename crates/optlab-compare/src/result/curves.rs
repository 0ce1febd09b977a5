//! Learning curves of arms: the median and the quartiles over seeds, along the budget.

use crate::result::comparison::{Comparison, Evaluation, Run};
use crate::result::summary::Summary;
use optlab_core::{Direction, Metric};
use optlab_stats::statistics::describe::{median, quantile};
use optlab_train::train::history::Part;
use optlab_train::train::{Budget, Status};
use std::collections::BTreeMap;

/// The quantity that a curve shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quantity {
    /// The mean loss of an epoch's batches.
    TrainLoss,
    /// The loss on the validation part.
    ValidationLoss,
    /// The metric on the validation part.
    Metric,
}

/// The learning curves of a workload's arms.
#[derive(Debug, Clone, PartialEq)]
pub struct Curves {
    /// Unit of the budget along the curves: "epoch" or "step".
    pub along: &'static str,
    /// Name of the quantity: "validation accuracy", or "training loss" if there is no validation part.
    pub quantity: String,
    /// The metric that the curves show, with its target; if there is no validation part, the loss without a
    /// target.
    pub metric: Metric,
    /// One curve per summary, in the order of the summaries.
    pub arms: Vec<Curve>,
}

/// The learning curve of an arm.
#[derive(Debug, Clone, PartialEq)]
pub struct Curve {
    /// The points of the curve, at each place where at least one seed was evaluated.
    pub points: Vec<Point>,
    /// The last place and value of each seed that diverged; no value if it was never evaluated.
    pub diverged: Vec<(Place, Option<f64>)>,
}

/// A place along the budget.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Place {
    /// Steps made.
    pub step: usize,
    /// Epochs begun.
    pub epoch: usize,
    /// Training seconds, the median over the seeds that got this far.
    pub seconds: f64,
}

/// The values of an arm's seeds at one place.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// The place.
    pub at: Place,
    /// The median over the seeds that got this far.
    pub median: f64,
    /// Their lower quartile.
    pub low: f64,
    /// Their upper quartile.
    pub high: f64,
}

impl Curves {
    /// Returns the curves of the arms that `summaries` describe; all are of one workload.
    pub fn of(comparison: &Comparison, summaries: &[&Summary]) -> Self {
        let runs: Vec<Vec<&Run>> = summaries.iter().map(|summary| comparison.runs_of(summary)).collect();
        let all = || runs.iter().flatten();
        let validates = all().any(|run| values(run, Quantity::Metric).next().is_some());
        let quantity = if validates { Quantity::Metric } else { Quantity::TrainLoss };
        let by_epoch = all().all(|run| is_evaluated_once_an_epoch(run, quantity));
        let first = summaries.first();
        let metric = first.map_or_else(Metric::unknown, |summary| summary.metric.clone());
        Curves {
            along: if by_epoch { "epoch" } else { "step" },
            quantity: match (validates, metric.is_known()) {
                (false, _) => "training loss".into(),
                (true, false) => "validation metric".into(),
                (true, true) => format!("validation {metric}"),
            },
            metric: if validates { metric } else { loss() },
            arms: runs.iter().map(|runs| Curve::of(runs, quantity)).collect(),
        }
    }

    /// Returns the position of a place along the curves, in epochs or steps.
    pub fn place(&self, at: Place) -> f64 {
        if self.along == "epoch" { at.epoch as f64 } else { at.step as f64 }
    }
}

/// Returns the training loss as a metric.
fn loss() -> Metric {
    Metric { name: "loss".into(), direction: Direction::Smaller, ..Metric::unknown() }
}

impl Curve {
    /// Returns the curve of `quantity` over these runs of an arm.
    pub fn of(runs: &[&Run], quantity: Quantity) -> Self {
        let mut places: BTreeMap<usize, Vec<(&Evaluation, f64)>> = BTreeMap::new();
        let mut diverged = Vec::new();
        for run in runs {
            let mut last = (Place::default(), None);
            for (evaluation, value) in values(run, quantity) {
                places.entry(evaluation.step).or_default().push((evaluation, value));
                let Evaluation { step, epoch, training_seconds: seconds, .. } = *evaluation;
                last = (Place { step, epoch, seconds }, Some(value));
            }
            if run.outcome.as_ref().is_some_and(|outcome| outcome.status == Status::Diverged) {
                diverged.push(last);
            }
        }
        Curve { points: places.into_values().filter_map(|seeds| point(&seeds)).collect(), diverged }
    }

    /// Returns the median at the last place.
    pub fn last(&self) -> Option<f64> {
        self.points.last().map(|point| point.median)
    }
}

fn point(seeds: &[(&Evaluation, f64)]) -> Option<Point> {
    let (first, _) = seeds.first()?;
    let values: Vec<f64> = seeds.iter().map(|(_, value)| *value).collect();
    let seconds: Vec<f64> = seeds.iter().map(|(evaluation, _)| evaluation.training_seconds).collect();
    Some(Point {
        at: Place { step: first.step, epoch: first.epoch, seconds: median(&seconds)? },
        median: median(&values)?,
        low: quantile(&values, 0.25)?,
        high: quantile(&values, 0.75)?,
    })
}

/// Returns the evaluations of a run that have a finite value of `quantity`, with that value.
fn values(run: &Run, quantity: Quantity) -> impl Iterator<Item = (&Evaluation, f64)> {
    let part = if quantity == Quantity::TrainLoss { Part::Train } else { Part::Validation };
    run.evaluations.iter().filter(move |evaluation| evaluation.part == part).filter_map(move |evaluation| {
        let value = if quantity == Quantity::Metric { evaluation.metric } else { evaluation.loss };
        Some((evaluation, value.filter(|value| value.is_finite())?))
    })
}

fn is_evaluated_once_an_epoch(run: &Run, quantity: Quantity) -> bool {
    let epochs: Vec<usize> = values(run, quantity).map(|(evaluation, _)| evaluation.epoch).collect();
    matches!(run.trial.recipe.budget, Budget::Epochs(_)) && epochs.windows(2).all(|pair| pair[0] < pair[1])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::made_up::{comparison, lost, run, trial};

    fn curves(runs: Vec<Run>) -> Curves {
        let comparison = comparison(runs);
        let summaries = comparison.summaries();
        Curves::of(&comparison, &summaries.iter().collect::<Vec<_>>())
    }

    #[test]
    fn a_curve_is_the_median_and_the_quartiles_over_seeds() {
        let seeds = [[0.5, 0.9], [0.1, 0.7], [0.4, 0.8]];
        let runs = (0..3).map(|seed| run(trial("digits-cnn", "adamw", seed as u64), &seeds[seed]));
        let curves = curves(runs.collect());
        assert_eq!((curves.along, curves.quantity.as_str()), ("epoch", "validation accuracy"));
        let at = |step, epoch, seconds| Place { step, epoch, seconds };
        // Quartiles of 0.1, 0.4, 0.5 and of 0.7, 0.8, 0.9, halfway between neighbours.
        let expected = [(at(40, 1, 2.0), 0.4, 0.25, 0.45), (at(80, 2, 4.0), 0.8, 0.75, 0.85)];
        assert_eq!(curves.arms.len(), 1);
        assert_eq!(curves.arms[0].points.len(), 2);
        for (point, (at, median, low, high)) in curves.arms[0].points.iter().zip(expected) {
            assert_eq!(point.at, at);
            for (found, expected) in [(point.median, median), (point.low, low), (point.high, high)] {
                assert!((found - expected).abs() < 1e-12, "{point:?}");
            }
        }
        assert!(curves.arms[0].diverged.is_empty());
    }

    #[test]
    fn a_seed_that_diverged_leaves_a_mark_where_it_was_last_seen() {
        let mut first = run(trial("digits-cnn", "adamw", 0), &[0.5, 0.3]);
        let mut second = run(trial("digits-cnn", "adamw", 1), &[]);
        first.outcome = Some(lost(Status::Diverged, "loss is NaN at step 90"));
        second.outcome = Some(lost(Status::Diverged, "loss is NaN at step 1"));
        let curves = curves(vec![first, second]);
        let second = Place { step: 80, epoch: 2, seconds: 4.0 };
        assert_eq!(curves.arms[0].diverged, [(second, Some(0.3)), (Place::default(), None)]);
    }

    #[test]
    fn without_a_validation_part_the_curves_show_the_training_loss_and_no_target() {
        let mut only = run(trial("digits-cnn", "adamw", 0), &[0.5, 0.9]);
        only.evaluations.iter_mut().for_each(|evaluation| evaluation.part = Part::Train);
        let curves = curves(vec![only]);
        assert_eq!(
            (curves.quantity.as_str(), curves.metric.direction, curves.metric.target),
            ("training loss", Direction::Smaller, None)
        );
        assert_eq!(curves.arms[0].last(), Some(1.0 - 0.9));
    }

    #[test]
    fn a_run_evaluated_more_than_once_an_epoch_is_drawn_along_its_steps() {
        let mut only = run(trial("digits-cnn", "adamw", 0), &[0.5, 0.9]);
        only.evaluations.iter_mut().for_each(|evaluation| evaluation.epoch = 1);
        let curves = curves(vec![only]);
        assert_eq!((curves.along, curves.place(curves.arms[0].points[1].at)), ("step", 80.0));
    }
}
