use crate::error::Error;
use crate::schedule::{Run, Schedule, ScheduleConfig};
use serde::{Deserialize, Serialize};

/// Settings of [`Cosine`].
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CosineConfig {
    /// The rate of step 0, `[0, ∞)`; the trial's rate if not given.
    pub initial_lr: Option<f64>,
    /// The step that reaches `min_lr`, `1…`; the trial's length if not given.
    pub total_steps: Option<usize>,
    /// The rate at the end, `[0, ∞)`.
    pub min_lr: f64,
}

impl ScheduleConfig for CosineConfig {
    fn build(&self, run: Run) -> Result<Box<dyn Schedule>, Error> {
        let initial_lr = self.initial_lr.unwrap_or(run.lr);
        let total_steps = self.total_steps.unwrap_or(run.total_steps);
        Ok(Box::new(Cosine {
            initial_lr,
            total_steps,
            min_lr: self.min_lr,
        }))
    }
}

/// Half a cosine from the initial rate to the smallest (Loshchilov & Hutter, 2016).
#[derive(Debug, Clone)]
pub struct Cosine {
    initial_lr: f64,
    total_steps: usize,
    min_lr: f64,
}

impl Schedule for Cosine {
    fn lr_at(&self, step: usize) -> f64 {
        let progress = step.min(self.total_steps) as f64 / self.total_steps as f64;
        self.min_lr + (self.initial_lr - self.min_lr) * 0.5 * (1.0 + (std::f64::consts::PI * progress).cos())
    }
}
