//! The results of a comparison: reads the folder, summarizes the arms over seeds, and judges them.

pub mod choice;
pub mod comparison;
pub mod curves;
mod shared_settings;
pub mod summary;
pub mod tuned;
pub mod verdicts;
