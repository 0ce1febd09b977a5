//! What the trials left: read from the folder, summed up over seeds, judged.

pub mod comparison;
pub mod curves;
pub mod summary;
pub mod verdicts;
