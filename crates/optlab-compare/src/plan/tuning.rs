//! The tuning of the arms of a comparison before they are compared.

use crate::Error;
use optlab_core::random::{Purpose, stream};
use optlab_core::range::check_seed;
use optlab_stats::search::{Pruner, Sampler, Space};
use optlab_stats::statistics::describe::median;
use optlab_train::train::{Outcome, Status};
use rand::Rng;
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// The first seed of tuning trials. Final trials have seeds below it, so no seed is used for both.
pub const FIRST_SEED: u64 = 1_000_000;

/// The largest number of trials of a search; a larger number is taken for a typing error.
pub const MOST_TRIALS: usize = 1_000_000;

/// The largest number of runs per point.
const MOST_SEEDS: u64 = 1000;

/// The settings of the tuning. Every arm has the same number of trials, at points of its search space that do
/// not depend on earlier results, so a larger tuning contains the trials of a smaller one.
///
/// | key         | default    | range                                      |
/// |:------------|:-----------|:-------------------------------------------|
/// | `trials`    | `0`        | `0…`; 0 for no tuning                      |
/// | `sampler`   | `"halton"` | `random`, `halton`, `sobol`                |
/// | `seed`      | `0`        | a whole number up to 2⁶³ − 1; decides the points |
/// | `seeds`     | `1`        | `1…`: runs per point; their median counts        |
/// | `pruner`    | `"none"`   | `none`; the others only in a study         |
/// | `repeats`   | `"seeds"`  | `"seeds"`: a tuning for each seed of the plan; `1`: one for all seeds |
/// | `selection` | `"metric"` | `metric`, `time`                           |
/// | `spaces`    | each rule's default | a table: the name of an arm or a rule, and its search space |
#[derive(Debug, Clone, PartialEq)]
pub struct Tuning {
    /// Number of points to try per arm.
    pub trials: usize,
    /// Sampler of the points.
    pub sampler: Sampler,
    /// Seed of the sampler.
    pub seed: u64,
    /// Number of runs per point.
    pub seeds: u64,
    /// The number of tunings of an arm.
    pub repeats: Repeats,
    /// Pruner, which ends trials that are worse than others.
    pub pruner: Pruner,
    /// Criterion for the best point.
    pub selection: Selection,
    /// Search spaces by the name of an arm or of its rule; the other arms have the default spaces of their
    /// rules.
    pub spaces: Vec<(String, Space)>,
}

/// The number of tunings of an arm: one for each seed, or one.
///
/// A tuning is chance: its points, its training seed, its held-out examples. Two tunings of one rule choose
/// different settings, and these often differ by more than two rules do. Only repeated tunings show how much.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Repeats {
    /// Once for each seed of the plan: seed and tuning together are a *replicate* of the arm, and a verdict
    /// is about the arm with its search space and this number of trials.
    #[default]
    EachSeed,
    /// Once: all seeds run with the same settings, and a verdict is about these settings.
    Once,
}

/// The part of a tuning's randomness that decides one replicate of every arm. The arms share it, so their
/// replicates are paired: the same shift of the points, the same training seeds, the same held-out examples.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Replicate {
    /// The seed of its final run; `None` for the only tuning of [`Repeats::Once`].
    pub number: Option<u64>,
}

/// The criterion for the best point of an arm's tuning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Selection {
    /// The best metric on the validation part.
    #[default]
    Metric,
    /// The training seconds to the workload's target, as in AlgoPerf; the metric for points that do not reach
    /// it.
    Time,
}

impl Default for Tuning {
    fn default() -> Self {
        Tuning {
            trials: 0,
            sampler: Sampler::Halton,
            seed: 0,
            seeds: 1,
            repeats: Repeats::default(),
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
        if !(1..=MOST_SEEDS).contains(&self.seeds) {
            return Err(Error::invalid("plan", "tuning.seeds", "in [1, 1000]", self.seeds));
        }
        check_seed("plan", "tuning.seed", self.seed)?;
        Ok(())
    }

    /// Returns whether arms are tuned once for each seed.
    pub fn is_repeated(&self) -> bool {
        self.trials > 0 && self.repeats == Repeats::EachSeed
    }

    /// Returns the replicates of an arm whose final trials have these seeds.
    pub fn replicates(&self, seeds: &[u64]) -> Vec<Replicate> {
        match self.repeats {
            Repeats::EachSeed => seeds.iter().map(|&seed| Replicate { number: Some(seed) }).collect(),
            Repeats::Once => vec![Replicate { number: None }],
        }
    }

    /// Returns the training seeds of the trials at each point in a replicate. No two replicates share one.
    pub fn training_seeds(&self, replicate: Replicate) -> Range<u64> {
        let first = FIRST_SEED + replicate.number.unwrap_or(0) * MOST_SEEDS;
        first..first + self.seeds
    }

    /// Returns the seed of the points in a replicate.
    pub fn point_seed(&self, replicate: Replicate) -> u64 {
        let of = |number| stream(self.seed, Purpose::Replicates, number).next_u64();
        replicate.number.map_or(self.seed, of)
    }

    /// Returns the seeds of the final trials that run with the settings of a replicate; `seeds` are all seeds
    /// of the plan.
    pub fn final_seeds(&self, replicate: Replicate, seeds: &[u64]) -> Vec<u64> {
        replicate.number.map_or_else(|| seeds.to_vec(), |seed| vec![seed])
    }
}

/// Returns the value of a run for a search, where smaller is better: the cost of its best metric on the
/// validation part. Infinite if the run diverged, failed, was pruned or was never evaluated, and also if it
/// was unstable: its best metric is that of a moment before its loss exploded.
pub fn value(outcome: &Outcome) -> f64 {
    let counts = outcome.has_ended_well() && outcome.instability().is_none();
    if counts { value_so_far(outcome) } else { f64::INFINITY }
}

/// Returns the same value as [`value`], but for a pruned run the one from its evaluations so far.
pub fn value_so_far(outcome: &Outcome) -> f64 {
    let is_told = outcome.has_ended_well() || outcome.status == Status::Pruned;
    match outcome
        .best_validation
        .as_ref()
        .filter(|_| is_told)
        .map(|score| score.metric)
        .filter(|metric| metric.is_finite())
    {
        None => f64::INFINITY,
        Some(metric) => outcome.metric.direction.cost(metric),
    }
}

/// Returns the value of a run that ended, stable or not.
fn value_of_unstable(outcome: &Outcome) -> f64 {
    if outcome.has_ended_well() { value_so_far(outcome) } else { f64::INFINITY }
}

impl Selection {
    /// Returns the index of the best of `points`, the first of equal ones; each point is given by the
    /// outcomes of its seeds. Unstable runs only count if all others were lost. `None` if there are no points
    /// or every run was lost.
    pub fn best(self, points: &[Vec<&Outcome>]) -> Option<usize> {
        self.best_by(points, value).or_else(|| self.best_by(points, value_of_unstable))
    }

    fn best_by(self, points: &[Vec<&Outcome>], value: fn(&Outcome) -> f64) -> Option<usize> {
        let ranked = points.iter().map(|outcomes| self.rank(outcomes, value));
        let best = ranked.enumerate().min_by(|(_, a), (_, b)| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
        let has_value =
            |rank: (f64, f64)| rank.1.is_finite() || self == Selection::Time && rank.0.is_finite();
        best.filter(|(_, rank)| has_value(*rank)).map(|(place, _)| place)
    }

    /// Returns the sort key of a point: the seconds to the target (0 for [`Selection::Metric`]), then the
    /// value of the metric; each is the median over seeds.
    fn rank(self, outcomes: &[&Outcome], value: fn(&Outcome) -> f64) -> (f64, f64) {
        let middle = |values: Vec<f64>| median(&values).unwrap_or(f64::INFINITY);
        let metric = middle(outcomes.iter().map(|outcome| value(outcome)).collect());
        let seconds = |outcome: &&Outcome| match outcome.target_reached {
            Some(target) if value(outcome).is_finite() || !outcome.has_ended_well() => {
                target.training_seconds
            }
            _ => f64::INFINITY,
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
    use crate::made_up::{self, lost, outcome};
    use optlab_core::{Direction, Metric};

    #[test]
    fn the_best_point_has_the_best_median_metric_and_is_the_first_of_equal_ones() {
        let [low, high, middle] = [0.5, 0.9, 0.7].map(|metric| outcome(metric, None));
        let nan = lost(Status::Diverged, "the loss is NaN at step 3");
        let best = |points: &[Vec<&Outcome>]| Selection::Metric.best(points);
        assert_eq!(best(&[vec![&low], vec![&high], vec![&middle], vec![&high]]), Some(1));
        // The medians are 0.5, 0.7 and worse than any number.
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
    fn selection_by_time_takes_the_fastest_to_the_target_and_ranks_the_others_by_metric() {
        let soon = outcome(0.8, Some(10));
        let late = outcome(0.9, Some(20));
        let never = outcome(0.94, None);
        let best = |points: &[Vec<&Outcome>]| Selection::Time.best(points);
        assert_eq!(best(&[vec![&late], vec![&soon], vec![&never]]), Some(1));
        assert_eq!(Selection::Metric.best(&[vec![&late], vec![&soon], vec![&never]]), Some(2));
        let worse = outcome(0.6, None);
        assert_eq!(best(&[vec![&worse], vec![&never]]), Some(1));
        // A run that reached the target and diverged later still counts as having reached it.
        let mut gone = lost(Status::Diverged, "the loss is NaN at step 30");
        gone.target_reached = outcome(0.9, Some(5)).target_reached;
        assert_eq!(best(&[vec![&soon], vec![&gone]]), Some(1));
    }

    #[test]
    fn an_unstable_run_is_chosen_only_if_no_other_ended() {
        let (unstable, stable) = (made_up::unstable(0.95), outcome(0.6, None));
        let nan = lost(Status::Diverged, "the loss is NaN at step 3");
        for selection in [Selection::Metric, Selection::Time] {
            assert_eq!(selection.best(&[vec![&unstable], vec![&stable]]), Some(1), "{selection:?}");
            assert_eq!(selection.best(&[vec![&nan], vec![&unstable]]), Some(1), "{selection:?}");
        }
        assert_eq!(value(&unstable), f64::INFINITY);
    }

    #[test]
    fn a_pruned_run_counts_in_value_so_far_and_is_infinite_in_value() {
        let pruned = Outcome { status: Status::Pruned, ..outcome(0.8, None) };
        let whole = outcome(0.8, None);
        assert_eq!((value_so_far(&pruned), value(&pruned)), (value(&whole), f64::INFINITY));
        assert_eq!(value(&whole), -0.81);
        assert_eq!(value_so_far(&lost(Status::Failed, "no memory")), f64::INFINITY);
    }
}
