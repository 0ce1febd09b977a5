//! Learning-rate schedules: one file per schedule, and a spec that names them.
//!
//! A schedule is a pure function of the step, so a resumed run needs nothing but its step number.

mod cosine;
pub mod spec;

pub use cosine::{Cosine, CosineConfig};
pub use spec::{ScheduleConfig, ScheduleSpec};

/// A learning rate for each step.
pub trait Schedule: Send + Sync {
    /// The rate that step `step` uses; the first step is 0. Past its end a schedule holds its last rate.
    fn lr_at(&self, step: usize) -> f64;
}

/// What a schedule takes from its run where its own fields do not say it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Run {
    /// The trial's base learning rate.
    pub lr: f64,
    /// The trial's length in steps.
    pub total_steps: usize,
}
