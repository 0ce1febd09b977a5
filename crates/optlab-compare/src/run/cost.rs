//! The time that a comparison takes, estimated from the first trial of each arm, and plans that take less.

use crate::Error;
use crate::plan::{ALPHA, Plan};
use optlab_stats::statistics::paired::least_seeds;
use std::time::Duration;

/// A plan that takes longer is offered cheaper ones, unless another time is given.
pub const LONG: Duration = Duration::from_secs(30 * 60);

/// The fewest tuning trials that are offered: fewer are hardly a tuning.
const FEWEST_TRIALS: usize = 4;

/// The estimated time of a comparison.
#[derive(Debug, Clone, PartialEq)]
pub struct Cost {
    /// Number of trials of the whole plan.
    pub trials: usize,
    /// The time of all of them.
    pub time: Duration,
    /// The time of each workload, in the plan's order.
    pub by_workload: Vec<(String, Duration)>,
    /// Whether the first trials ran for this estimate. If they had run before, only their training time is
    /// known, without the start of a process and evaluation.
    pub is_measured: bool,
    /// Plans that take less, if this one takes longer than the time that was given.
    pub offers: Vec<Offer>,
}

/// The seconds that a trial of a workload takes, as trials follow each other with the runner's jobs.
pub type SecondsOf = (String, f64);

/// A change of a plan that makes it cheaper.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// The change, as its author would write it: "--tune 10".
    pub change: String,
    /// The consequence, empty if there is none but less certainty.
    pub consequence: &'static str,
    /// The time of the changed plan.
    pub time: Duration,
}

impl Cost {
    /// Estimates the time of `plan` with this number of arms, and of cheaper plans that take at most
    /// `within`, if it takes longer.
    ///
    /// # Errors
    /// [`InvalidConfig`](optlab_core::Error::InvalidConfig) for a plan without seeds.
    pub fn of(plan: &Plan, arms: usize, seconds: &[SecondsOf], within: Duration) -> Result<Self, Error> {
        let trials = trials(plan)?;
        let estimate = Estimate { arms, seconds, within };
        let mut cost = Cost {
            trials: trials * arms * seconds.len(),
            time: estimate.time(trials),
            by_workload: Vec::new(),
            is_measured: true,
            offers: Vec::new(),
        };
        for (workload, each) in seconds {
            cost.by_workload.push((workload.clone(), duration(each * (trials * arms) as f64)));
        }
        if cost.time > within && plan.tuning.is_repeated() {
            cost.offers = estimate.offers(plan, trials)?;
        }
        Ok(cost)
    }
}

/// Returns the number of trials of one arm on one workload and backend.
pub(super) fn trials(plan: &Plan) -> Result<usize, Error> {
    let seeds = plan.seeds.to_vec()?.len();
    let of_tuning = match plan.tuning.trials {
        0 => 0,
        trials => trials * plan.tuning.seeds as usize,
    };
    let tunings = if plan.tuning.is_repeated() { seeds } else { 1 };
    Ok(tunings * of_tuning + seeds)
}

/// What the times of a plan and of its changes are computed from.
struct Estimate<'a> {
    arms: usize,
    seconds: &'a [SecondsOf],
    within: Duration,
}

impl Estimate<'_> {
    /// Returns the time of a plan with so many trials of each arm on each workload.
    fn time(&self, trials: usize) -> Duration {
        duration(self.seconds.iter().map(|(_, each)| each * (trials * self.arms) as f64).sum())
    }

    /// Returns the largest number from `least` to below `most` with which a plan of `trials(number)` trials
    /// fits, or `least`, if none does; `None` if there is no such number.
    fn largest(&self, least: usize, most: usize, trials: impl Fn(usize) -> usize) -> Option<usize> {
        let fits = (least..most).rev().find(|&number| self.time(trials(number)) <= self.within);
        fits.or((least < most).then_some(least))
    }

    /// Returns plans with fewer points, fewer seeds, fewer workloads, and with one tuning.
    fn offers(&self, plan: &Plan, trials: usize) -> Result<Vec<Offer>, Error> {
        let seeds = plan.seeds.to_vec()?.len();
        let runs = plan.tuning.seeds as usize;
        let with_points = |points: usize| seeds * (points * runs + 1);
        let with_seeds = |seeds: usize| seeds * (plan.tuning.trials * runs + 1);
        let mut offers = Vec::new();
        if let Some(points) = self.largest(FEWEST_TRIALS, plan.tuning.trials, with_points) {
            offers.push(Offer {
                change: format!("{points} tuning trials"),
                consequence: "verdicts are about rules that are tuned less",
                time: self.time(with_points(points)),
            });
        }
        let arms = self.arms;
        let comparisons = if plan.reference.is_some() { arms - 1 } else { arms * (arms - 1) / 2 };
        // Two more than the fewest, with which every replicate has to agree.
        let fewest = least_seeds(ALPHA / comparisons.max(1) as f64).map(|least| least as usize + 2);
        if let Some(seeds) = fewest.and_then(|fewest| self.largest(fewest, seeds, with_seeds)) {
            offers.push(Offer {
                change: format!("{seeds} seeds"),
                consequence: "only larger differences can be shown",
                time: self.time(with_seeds(seeds)),
            });
        }
        offers.extend(self.fewer_workloads(trials));
        offers.push(Offer {
            change: "one tuning for all seeds (--tune-once, or tuning.repeats = 1)".into(),
            consequence: "verdicts are about the settings that it happens to choose, not about the rules",
            time: self.time(runs * plan.tuning.trials + seeds),
        });
        Ok(offers)
    }

    /// Returns the plan without its longest workloads, as many as are needed, but one is left.
    fn fewer_workloads(&self, trials: usize) -> Option<Offer> {
        let mut left = self.seconds.to_vec();
        left.sort_by(|a, b| a.1.total_cmp(&b.1));
        let mut dropped = Vec::new();
        let time = |left: &[SecondsOf]| Estimate { seconds: left, ..*self }.time(trials);
        while left.len() > 1 && time(&left) > self.within {
            dropped.extend(left.pop().map(|(workload, _)| workload));
        }
        (!dropped.is_empty()).then(|| Offer {
            change: format!("without {}", dropped.join(" and ")),
            consequence: "verdicts are about the other workloads",
            time: time(&left),
        })
    }
}

fn duration(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Seeds;
    use crate::plan::tuning::{Repeats, Tuning};

    fn plan(trials: usize, repeats: Repeats) -> Plan {
        let tuning = Tuning { trials, repeats, ..Tuning::default() };
        Plan { seeds: Seeds::Count(20), tuning, ..Plan::default() }
    }

    fn cost(plan: &Plan) -> Cost {
        Cost::of(plan, 3, &[("a".into(), 2.0), ("b".into(), 0.5)], LONG).unwrap()
    }

    #[test]
    fn the_cost_counts_a_tuning_for_each_seed_or_one_for_all() {
        let seconds = |cost: &Cost| (cost.trials, cost.time.as_secs());
        // 20 seeds × (30 + 1) trials × 3 arms on two workloads of 2 and half a second.
        assert_eq!(seconds(&cost(&plan(30, Repeats::EachSeed))), (2 * 1860, 1860 * 2 + 930));
        assert_eq!(seconds(&cost(&plan(30, Repeats::Once))), (2 * 150, 375));
        assert_eq!(seconds(&cost(&plan(0, Repeats::EachSeed))), (2 * 60, 150));
        let by_workload = cost(&plan(30, Repeats::EachSeed)).by_workload;
        assert_eq!(by_workload[0], ("a".into(), Duration::from_secs(3720)));
    }

    #[test]
    fn a_long_plan_is_offered_the_largest_plans_that_take_the_time_that_is_given() {
        let plan = plan(30, Repeats::EachSeed);
        let offers = |minutes: u64| -> Vec<(String, u64)> {
            let within = Duration::from_secs(60 * minutes);
            let cost = Cost::of(&plan, 3, &[("a".into(), 2.0), ("b".into(), 0.5)], within).unwrap();
            cost.offers.into_iter().map(|offer| (offer.change, offer.time.as_secs())).collect()
        };
        let once =
            ("one tuning for all seeds (--tune-once, or tuning.repeats = 1)".to_string(), 50 * 3 * 5 / 2);
        // All of it takes 20 × 31 × 3 × 2.5 seconds, 77.5 minutes; a fifth of it on b. Three comparisons need
        // 7 seeds at least, and two more to show something if one disagrees.
        assert_eq!(
            offers(30),
            [
                ("11 tuning trials".into(), 20 * 12 * 3 * 5 / 2),
                ("9 seeds".into(), 9 * 31 * 3 * 5 / 2),
                ("without a".into(), 930),
                once.clone()
            ]
        );
        assert_eq!(
            offers(1),
            [
                ("4 tuning trials".into(), 20 * 5 * 3 * 5 / 2),
                ("9 seeds".into(), 9 * 31 * 3 * 5 / 2),
                ("without a".into(), 930),
                once
            ]
        );
        assert!(offers(78).is_empty());
        let once = Plan { tuning: Tuning { repeats: Repeats::Once, ..plan.tuning.clone() }, ..plan.clone() };
        assert!(cost(&once).offers.is_empty() && !cost(&plan).offers.is_empty());
    }
}
