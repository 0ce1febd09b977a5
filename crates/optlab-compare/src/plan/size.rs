//! How large a plan may be; a larger one is taken for a typing error and refused before it takes memory.

use crate::Error;
use crate::plan::Plan;
use crate::plan::tuning::Repeats;

/// The most items of a list of a plan.
pub const MOST_ITEMS: usize = 10_000;

/// The most arms of a plan.
const MOST_ARMS: usize = 10_000;

/// The most trials of a plan, with those of its tuning.
const MOST_TRIALS: u64 = 1_000_000;

/// Checks the number of arms: those of the grid, and `others`.
///
/// # Errors
/// [`Usage`](optlab_core::Error::Usage) for more than 10,000 arms.
pub fn check_arms(optimizers: usize, schedules: usize, others: usize) -> Result<(), Error> {
    let arms = optimizers.saturating_mul(schedules).saturating_add(others);
    match arms > MOST_ARMS {
        true => Err(Error::usage(format!("the plan has {arms} arms, more than {MOST_ARMS}"))),
        false => Ok(()),
    }
}

/// Checks the number of trials of a plan with so many arms and seeds.
///
/// # Errors
/// [`Usage`](optlab_core::Error::Usage) for more than a million trials.
pub fn check_trials(plan: &Plan, arms: usize, seeds: usize) -> Result<(), Error> {
    let tuning = &plan.tuning;
    let tunings = if tuning.repeats == Repeats::EachSeed { seeds as u64 } else { 1 };
    let of_tuning = [tuning.trials as u64, tuning.seeds].into_iter().fold(tunings, u64::saturating_mul);
    let of_arm = of_tuning.saturating_add(seeds as u64);
    let sides = [plan.workloads.len(), plan.backends.len(), arms].map(|count| count as u64);
    let trials = sides.into_iter().fold(of_arm, u64::saturating_mul);
    match trials > MOST_TRIALS {
        true => Err(Error::usage(format!("the plan has {trials} trials, more than {MOST_TRIALS}"))),
        false => Ok(()),
    }
}
