//! What can be said of arms that were run on several seeds, and how sure it is.
//!
//! Everything here is a function of numbers in f64 that depends on nothing else: no clock, no thread, no state. A value
//! may be infinite, which stands for a seed that diverged or was lost; it is never NaN.
//!
//! | question                                                  | answered by                        |
//! |:----------------------------------------------------------|:-----------------------------------|
//! | what did an arm come to?                                  | [`bootstrap::Description`]         |
//! | is one arm better than another on the same seeds?         | [`verdict::compare`]               |
//! | how much better, whatever the distribution?               | [`paired::Paired`]                 |
//! | how often does it win?                                    | [`improvement::of`]                |
//! | what do many comparisons at once allow to say?            | [`holm::held`]                     |
//! | how many seeds would settle it?                           | [`power::seeds`]                   |
//! | what does tuning with fewer trials come to?               | [`budget_curve::of`]               |
//! | who gets to the target soonest, over many workloads?      | [`performance_profile::profiles`]  |
//! | does the verdict err as rarely as it says, and see enough? | [`calibration::Calibration`]       |

pub mod bootstrap;
pub mod budget_curve;
pub mod calibration;
pub mod describe;
mod draw;
pub mod holm;
pub mod improvement;
pub mod normal;
pub mod paired;
pub mod performance_profile;
pub mod power;
pub mod proportion;
mod sentence;
mod subsets;
pub mod verdict;
