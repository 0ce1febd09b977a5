//! Statistics of arms that were run on several seeds, and their uncertainty.
//!
//! Everything here is a pure function of numbers in f64: no clock, no thread, no state. A value may be
//! infinite, which stands for a seed that diverged or was lost; it is never NaN.
//!
//! | question                                                  | answered by                        |
//! |:----------------------------------------------------------|:-----------------------------------|
//! | what are the results of an arm?                           | [`bootstrap::Description`]         |
//! | is one arm better than another on the same seeds?         | [`verdict::compare`]               |
//! | how much better, whatever the distribution?               | [`paired::Paired`]                 |
//! | and if runs were lost, or a few are far off?              | [`signed_ranks::SignedRanks`]      |
//! | how often does it win on the same seed?                   | [`improvement::of`]                |
//! | which of many comparisons hold when taken together?       | [`holm::held`]                     |
//! | how many seeds would settle it?                           | [`power::seeds`]                   |
//! | what would tuning with fewer trials have given?           | [`budget_curve::of`]               |
//! | who reaches the target first, over many workloads?        | [`performance_profile::profiles`]  |
//! | does the verdict err as rarely as it claims, and find enough? | [`calibration::Calibration`]   |

mod beta;
pub mod bootstrap;
pub mod budget_curve;
pub mod calibration;
pub mod describe;
mod draw;
mod half_sums;
pub mod holm;
pub mod improvement;
mod intervals;
pub mod normal;
pub mod paired;
pub mod paired_test;
pub mod performance_profile;
pub mod power;
pub mod proportion;
mod rounded_sums;
pub mod sentence;
pub mod signed_ranks;
#[cfg(test)]
mod simulated;
#[cfg(test)]
mod simulations;
mod subset_mean;
mod subsets;
#[cfg(test)]
mod timings;
pub mod verdict;
