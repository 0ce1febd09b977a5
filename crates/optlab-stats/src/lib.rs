//! Statistics of comparisons and the search for settings: pure functions of numbers, without Burn.

pub mod search;
pub mod statistics;

pub use optlab_core::Error;
