//! Learning-rate schedules: one file per schedule, and a spec that names them.
//!
//! A schedule is a pure function of the step, so a resumed run needs nothing but its step number. Burn's training loop
//! takes one as a [`CountingSchedule`].

mod burn_schedules;
mod constant;
mod cosine;
mod cosine_restarts;
mod counting;
mod cyclic;
mod exponential;
mod inverse_sqrt;
mod inverse_time;
mod linear;
mod multi_step;
mod noam;
mod one_cycle;
mod piecewise_constant;
mod polynomial;
mod rex;
mod span;
pub mod spec;
mod step;
mod warmup_cosine;
mod warmup_stable_decay;

pub use burn_schedules::*;
pub use constant::{Constant, ConstantConfig};
pub use cosine::{Cosine, CosineConfig};
pub use cosine_restarts::{CosineRestarts, CosineRestartsConfig};
pub use counting::CountingSchedule;
pub use cyclic::{Cyclic, CyclicConfig, CyclicMode};
pub use exponential::{Exponential, ExponentialConfig};
pub use inverse_sqrt::{InverseSqrt, InverseSqrtConfig};
pub use inverse_time::{InverseTime, InverseTimeConfig};
pub use linear::{Linear, LinearConfig};
pub use multi_step::{MultiStep, MultiStepConfig};
pub use noam::{Noam, NoamConfig};
pub use one_cycle::{Anneal, OneCycle, OneCycleConfig};
pub use piecewise_constant::{PiecewiseConstant, PiecewiseConstantConfig};
pub use polynomial::{Polynomial, PolynomialConfig};
pub use rex::{Rex, RexConfig};
pub use span::Span;
pub use spec::{ScheduleConfig, ScheduleSpec};
pub use step::{Step, StepConfig};
pub use warmup_cosine::{WarmupCosine, WarmupCosineConfig};
pub use warmup_stable_decay::{DecayShape, WarmupStableDecay, WarmupStableDecayConfig};

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
    /// Steps of one pass over the training data, where the run has such.
    pub steps_per_epoch: Option<usize>,
}

impl Run {
    /// A run without epochs.
    pub const fn new(lr: f64, total_steps: usize) -> Self {
        Run { lr, total_steps, steps_per_epoch: None }
    }

    /// Where a rate that falls for the whole run ends by default, as a share of where it starts.
    const FINAL_SHARE: f64 = 0.01;

    /// A third of the run, but at least one step.
    fn third(self) -> usize {
        (self.total_steps / 3).max(1)
    }

    /// A quarter of the run, but at least one step.
    fn quarter(self) -> usize {
        (self.total_steps / 4).max(1)
    }

    /// Half and three quarters of the run. In the shortest of runs they are two different steps after the first too.
    fn half_and_three_quarters(self) -> Vec<usize> {
        let half = (self.total_steps / 2).max(1);
        vec![half, (self.total_steps / 2 + self.total_steps / 4).max(half + 1)]
    }

    /// A tenth of the run.
    fn tenth(self) -> usize {
        self.total_steps / 10
    }

    /// The factor per step that leaves a hundredth of the rate at the end of the run.
    fn gamma(self) -> f64 {
        Run::FINAL_SHARE.powf(1.0 / self.total_steps.max(1) as f64)
    }
}
