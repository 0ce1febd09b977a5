//! How the arms of a comparison are tuned before they are compared.

use crate::Error;
use optlab_stats::search::{Pruner, Sampler, Space};
use optlab_stats::statistics::describe::median;
use optlab_train::train::{Outcome, Status};
use serde::{Deserialize, Serialize};

/// The first seed of tuning trials: final trials have the seeds from 0, and none is in both.
pub const FIRST_SEED: u64 = 1_000_000;

/// The most trials of a search; a larger number is a slip of the hand.
pub const MOST_TRIALS: usize = 1_000_000;

/// How every arm is tuned: the same number of trials for each, at points of its space that do not depend on what came of
/// earlier ones, so that a larger number of trials contains the smaller.
///
/// | key         | default    | range                                      |
/// |:------------|:-----------|:-------------------------------------------|
/// | `trials`    | `0`        | `0…`; 0 compares the settings as they are  |
/// | `sampler`   | `"halton"` | `random`, `halton`, `sobol`                |
/// | `seed`      | `0`        | decides the points                         |
/// | `seeds`     | `1`        | `1…`: runs of each point, whose median counts |
/// | `pruner`    | `"none"`   | `none`; a study has the others too         |
/// | `selection` | `"metric"` | `metric`, `time`                           |
/// | `spaces`    | each rule's own | a table: the name of an arm or a rule, and its space |
#[derive(Debug, Clone, PartialEq)]
pub struct Tuning {
    /// Points that each arm is tried at.
    pub trials: usize,
    /// What chooses the points.
    pub sampler: Sampler,
    /// Decides the points.
    pub seed: u64,
    /// How often each point is run.
    pub seeds: u64,
    /// What ends trials that are worse than others were.
    pub pruner: Pruner,
    /// What the best point is chosen by.
    pub selection: Selection,
    /// Spaces of arms by their names, or by the names of their rules; the others have those that come with their rules.
    pub spaces: Vec<(String, Space)>,
}

/// What the best of an arm's tuning trials is chosen by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Selection {
    /// The best evaluation of the validation part.
    #[default]
    Metric,
    /// The training seconds to the workload's target, as AlgoPerf does; of those that do not reach it, the metric.
    Time,
}

impl Default for Tuning {
    fn default() -> Self {
        Tuning {
            trials: 0,
            sampler: Sampler::Halton,
            seed: 0,
            seeds: 1,
            pruner: Pruner::None,
            selection: Selection::default(),
            spaces: Vec::new(),
        }
    }
}

impl Tuning {
    /// Checks every field against its range.
    ///
    /// # Errors
    /// [`InvalidConfig`](optlab_core::Error::InvalidConfig).
    pub fn validate(&self) -> Result<(), Error> {
        if self.trials > MOST_TRIALS {
            return Err(Error::invalid("plan", "tuning.trials", "in [0, 1000000]", self.trials));
        }
        if !matches!(self.sampler, Sampler::Random | Sampler::Halton | Sampler::Sobol) {
            let allowed = "random, halton or sobol, whose points do not depend on results (`optlab tune` has the others)";
            return Err(Error::invalid("plan", "tuning.sampler", allowed, self.sampler));
        }
        if self.pruner != Pruner::None {
            let allowed = "none: an arm must not lose a trial to another's (`optlab tune` has the others)";
            return Err(Error::invalid("plan", "tuning.pruner", allowed, self.pruner));
        }
        if !(1..=1000).contains(&self.seeds) {
            return Err(Error::invalid("plan", "tuning.seeds", "in [1, 1000]", self.seeds));
        }
        Ok(())
    }
}

/// What a run is worth to a search: the best evaluation of its validation part, such that smaller is better; infinite where it
/// diverged, failed, was pruned or was never evaluated.
pub fn value(outcome: &Outcome) -> f64 {
    if outcome.has_ended_well() { value_so_far(outcome) } else { f64::INFINITY }
}

/// The same, of a pruned run what it had come to by then.
pub fn value_so_far(outcome: &Outcome) -> f64 {
    let is_told = outcome.has_ended_well() || outcome.status == Status::Pruned;
    match outcome
        .best_validation
        .filter(|_| is_told)
        .map(|score| score.metric)
        .filter(|metric| metric.is_finite())
    {
        None => f64::INFINITY,
        Some(metric) => outcome.metric.direction.cost(metric),
    }
}

impl Selection {
    /// Which of these points, each with the outcomes of its seeds, is the best; the first of equal ones. None of none, or where
    /// every run was lost.
    pub fn best(self, points: &[Vec<&Outcome>]) -> Option<usize> {
        let ranked = points.iter().map(|outcomes| self.rank(outcomes));
        let best = ranked.enumerate().min_by(|(_, a), (_, b)| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
        let has_value =
            |rank: (f64, f64)| rank.1.is_finite() || self == Selection::Time && rank.0.is_finite();
        best.filter(|(_, rank)| has_value(*rank)).map(|(place, _)| place)
    }

    /// Seconds to the target, where they count, then the metric; each the median over seeds.
    fn rank(self, outcomes: &[&Outcome]) -> (f64, f64) {
        let middle = |values: Vec<f64>| median(&values).unwrap_or(f64::INFINITY);
        let metric = middle(outcomes.iter().map(|outcome| value(outcome)).collect());
        let seconds = |outcome: &&Outcome| match outcome.target_reached {
            Some(target) => target.training_seconds,
            None => f64::INFINITY,
        };
        match self {
            Selection::Metric => (0.0, metric),
            Selection::Time => (middle(outcomes.iter().map(seconds).collect()), metric),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::made_up::{lost, outcome};
    use optlab_core::{Direction, Metric};

    #[test]
    fn the_best_point_is_that_of_the_best_median_metric_and_the_first_of_equal_ones() {
        let [low, high, middle] = [0.5, 0.9, 0.7].map(|metric| outcome(metric, None));
        let nan = lost(Status::Diverged, "the loss is NaN at step 3");
        let best = |points: &[Vec<&Outcome>]| Selection::Metric.best(points);
        assert_eq!(best(&[vec![&low], vec![&high], vec![&middle], vec![&high]]), Some(1));
        // Medians 0.5, 0.7 and worse than any number.
        assert_eq!(
            best(&[vec![&low, &low, &high], vec![&middle, &middle, &nan], vec![&high, &nan, &nan]]),
            Some(1)
        );
        let smaller = |outcome: &Outcome| Outcome {
            metric: Metric { direction: Direction::Smaller, ..outcome.metric.clone() },
            ..outcome.clone()
        };
        let (low, high) = (smaller(&low), smaller(&high));
        assert_eq!(best(&[vec![&high], vec![&low]]), Some(1));
        assert_eq!((best(&[vec![&nan], vec![&nan]]), best(&[])), (None, None));
    }

    #[test]
    fn by_time_the_soonest_at_the_target_is_the_best_and_of_those_that_miss_it_the_metric() {
        let soon = outcome(0.8, Some(10));
        let late = outcome(0.9, Some(20));
        let never = outcome(0.94, None);
        let best = |points: &[Vec<&Outcome>]| Selection::Time.best(points);
        assert_eq!(best(&[vec![&late], vec![&soon], vec![&never]]), Some(1));
        assert_eq!(Selection::Metric.best(&[vec![&late], vec![&soon], vec![&never]]), Some(2));
        let worse = outcome(0.6, None);
        assert_eq!(best(&[vec![&worse], vec![&never]]), Some(1));
        // One that was there and diverged later was there.
        let mut gone = lost(Status::Diverged, "the loss is NaN at step 30");
        gone.target_reached = outcome(0.9, Some(5)).target_reached;
        assert_eq!(best(&[vec![&soon], vec![&gone]]), Some(1));
    }

    #[test]
    fn a_pruned_run_is_worth_what_it_had_come_to_and_nothing_where_only_whole_runs_count() {
        let pruned = Outcome { status: Status::Pruned, ..outcome(0.8, None) };
        let whole = outcome(0.8, None);
        assert_eq!((value_so_far(&pruned), value(&pruned)), (value(&whole), f64::INFINITY));
        assert_eq!(value(&whole), -0.81);
        assert_eq!(value_so_far(&lost(Status::Failed, "no memory")), f64::INFINITY);
    }
}
