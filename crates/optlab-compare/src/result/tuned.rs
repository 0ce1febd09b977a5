//! The results of the tuning of an arm.

use crate::plan::entry::Stage;
use crate::plan::tuning::{self, Repeats};
use crate::result::comparison::Run;
use optlab_core::Direction;
use optlab_stats::statistics::budget_curve::{self, BestOf};
use optlab_stats::statistics::describe::median;
use serde::Serialize;
use std::collections::{BTreeMap, HashSet};

/// The results of an arm's tuning, over all its replicates.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Tuned {
    /// The number of tunings: one for each seed, or one for all seeds.
    pub repeats: Repeats,
    /// The expected best of 1, 2, … of its trials.
    pub best_of: Vec<BestOf>,
    /// The learning rate and the best validation metric of each trial; for a pruned trial the best before it
    /// was pruned, and `None` for a lost trial.
    pub by_lr: Vec<(f64, Option<f64>)>,
    /// The replicates whose tuning trials were all lost, so that they run with the settings given.
    pub lost_replicates: Vec<u64>,
    /// The best of these metrics; `None` if every trial was lost.
    pub best: Option<f64>,
}

impl Tuned {
    /// Returns the results of an arm's tuning; the value of each point is the median over its seeds. Only
    /// trials with the longest budget count, since a recommendation also has shorter ones.
    pub fn of(runs: &[&Run], direction: Direction) -> Option<Self> {
        // All budgets of an arm have the same unit.
        let length = |run: &Run| run.trial.recipe.budget.steps(1);
        let longest = runs.iter().map(|run| length(run)).max()?;
        let mut points: Vec<(Stage, f64, Vec<f64>)> = Vec::new();
        for run in runs.iter().filter(|run| length(run) == longest) {
            let Some(outcome) = &run.outcome else { continue };
            let value = tuning::value_so_far(outcome);
            match points.last_mut().filter(|(last, ..)| *last == run.stage) {
                Some((.., values)) => values.push(value),
                None => points.push((run.stage, run.trial.lr, vec![value])),
            }
        }
        let by_lr: Vec<(f64, f64)> = points
            .iter()
            .filter_map(|(_, lr, values)| Some((*lr, direction.cost(median(values)?))))
            .collect();
        let results: Vec<f64> = by_lr.iter().map(|(_, metric)| *metric).collect();
        let best = results
            .iter()
            .copied()
            .filter(|result| result.is_finite())
            .min_by(|a, b| direction.cost(*a).total_cmp(&direction.cost(*b)));
        let begun = runs.iter().filter(|run| run.outcome.is_some());
        let replicates: HashSet<Option<u64>> = begun.map(|run| run.replicate()).collect();
        // The best of at most as many trials as one tuning has.
        let trials_each = results.len().div_ceil(replicates.len().max(1));
        let mut best_of = budget_curve::of(&results, direction);
        best_of.truncate(trials_each);
        (!results.is_empty()).then(|| Tuned {
            repeats: if replicates.contains(&None) { Repeats::Once } else { Repeats::EachSeed },
            best,
            lost_replicates: lost_replicates(runs),
            best_of,
            by_lr: by_lr
                .into_iter()
                .map(|(lr, metric)| (lr, Some(metric).filter(|it| it.is_finite())))
                .collect(),
        })
    }

    /// Returns how much better the best of all trials of a tuning is than the best of half of them, the
    /// medians over all ways to draw these; `None` for fewer than four trials, and if one is infinite.
    pub fn gain_of_last_half(&self, direction: Direction) -> Option<f64> {
        let of =
            |trials: usize| self.best_of.iter().find(|best| best.trials == trials).map(|best| best.median);
        let trials = self.best_of.len();
        let gain = direction.cost(of(trials / 2)?) - direction.cost(of(trials)?);
        (trials >= 4 && gain.is_finite()).then_some(gain)
    }
}

/// Returns the replicates whose tuning trials have all ended and were all lost.
fn lost_replicates(runs: &[&Run]) -> Vec<u64> {
    let mut is_lost: BTreeMap<u64, bool> = BTreeMap::new();
    for run in runs {
        let Some(replicate) = run.replicate() else { continue };
        let lost = run.outcome.as_ref().is_some_and(|outcome| !tuning::value(outcome).is_finite());
        *is_lost.entry(replicate).or_insert(true) &= lost;
    }
    is_lost.into_iter().filter(|(_, lost)| *lost).map(|(replicate, _)| replicate).collect()
}
