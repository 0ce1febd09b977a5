//! The time that a comparison takes, estimated from the first trial of each arm, and plans that take less.

use crate::Error;
use crate::plan::{ALPHA, Plan};
use optlab_stats::statistics::paired::least_seeds;
use std::time::Duration;

/// A plan that takes at least this long is offered cheaper ones.
const LONG: Duration = Duration::from_secs(30 * 60);

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
    /// Plans that take less.
    pub offers: Vec<Offer>,
}

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
    /// Estimates the time of `plan` with this number of arms; `seconds` is the time that a trial of each
    /// workload takes, as trials follow each other with the runner's jobs.
    ///
    /// # Errors
    /// [`InvalidConfig`](optlab_core::Error::InvalidConfig) for a plan without seeds.
    pub fn of(plan: &Plan, arms: usize, seconds: &[(String, f64)]) -> Result<Self, Error> {
        let trials = trials(plan)?;
        let time = |trials: usize| {
            let of_all: f64 = seconds.iter().map(|(_, each)| each * (trials * arms) as f64).sum();
            duration(of_all)
        };
        let mut cost = Cost {
            trials: trials * arms * seconds.len(),
            time: time(trials),
            by_workload: Vec::new(),
            is_measured: true,
            offers: Vec::new(),
        };
        for (workload, each) in seconds {
            cost.by_workload.push((workload.clone(), duration(each * (trials * arms) as f64)));
        }
        if cost.time >= LONG && plan.tuning.is_repeated() {
            cost.offers = offers(plan, arms, time)?;
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

/// Returns plans with half the points, with the fewest seeds that can give a verdict, and with one tuning.
fn offers(plan: &Plan, arms: usize, time: impl Fn(usize) -> Duration) -> Result<Vec<Offer>, Error> {
    let seeds = plan.seeds.to_vec()?.len();
    let points = plan.tuning.trials * plan.tuning.seeds as usize;
    let comparisons = if plan.reference.is_some() { arms - 1 } else { arms * (arms - 1) / 2 };
    let mut offers = Vec::new();
    if plan.tuning.trials >= 10 {
        let half = plan.tuning.trials / 2;
        offers.push(Offer {
            change: format!("{half} tuning trials"),
            consequence: "verdicts are about rules that are tuned less",
            time: time(seeds * (half * plan.tuning.seeds as usize + 1)),
        });
    }
    // Two more than the fewest, with which every replicate has to agree.
    let fewest = least_seeds(ALPHA / comparisons.max(1) as f64).map(|least| least as usize + 2);
    if let Some(fewest) = fewest.filter(|&fewest| fewest < seeds) {
        offers.push(Offer {
            change: format!("{fewest} seeds"),
            consequence: "only large differences can be shown",
            time: time(fewest * (points + 1)),
        });
    }
    offers.push(Offer {
        change: "one tuning for all seeds (--tune-once, or tuning.repeats = 1)".into(),
        consequence: "verdicts are about the settings that it happens to choose, not about the rules",
        time: time(points + seeds),
    });
    Ok(offers)
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
        Cost::of(plan, 3, &[("a".into(), 2.0), ("b".into(), 0.5)]).unwrap()
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
    fn a_long_plan_is_offered_fewer_points_fewer_seeds_and_one_tuning() {
        let offers = cost(&plan(30, Repeats::EachSeed)).offers;
        let told: Vec<(&str, u64)> =
            offers.iter().map(|offer| (offer.change.as_str(), offer.time.as_secs())).collect();
        // Three comparisons need 7 seeds at least.
        assert_eq!(
            told,
            [
                ("15 tuning trials", 20 * 16 * 3 * 5 / 2),
                ("9 seeds", 9 * 31 * 3 * 5 / 2),
                ("one tuning for all seeds (--tune-once, or tuning.repeats = 1)", 50 * 3 * 5 / 2)
            ]
        );
        assert!(cost(&plan(2, Repeats::EachSeed)).offers.is_empty());
        assert!(cost(&plan(900, Repeats::Once)).offers.is_empty());
    }
}
