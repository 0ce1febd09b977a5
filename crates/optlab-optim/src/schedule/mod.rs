//! Learning-rate schedules: one file per schedule, and a spec that names them.
//!
//! A schedule is a pure function of the step, so a resumed run needs nothing but its step number; only
//! `reduce_on_plateau` looks at what is measured, and remembers a few numbers. Burn's training loop takes one as a
//! [`CountingSchedule`].

mod burn_schedules;
mod combinators;
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
mod reduce_on_plateau;
mod registry;
mod rex;
mod shape;
mod span;
pub mod spec;
mod step;
mod warmup_cosine;
mod warmup_stable_decay;

pub use burn_schedules::*;
pub use combinators::*;
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
pub use reduce_on_plateau::{Mode, Monitor, ReduceOnPlateau, ReduceOnPlateauConfig, ThresholdMode};
pub use registry::{Registered, custom, register};
pub use rex::{Rex, RexConfig};
pub use shape::Shape;
pub use span::Span;
pub use spec::{ScheduleConfig, ScheduleSpec};
pub use step::{Step, StepConfig};
pub use warmup_cosine::{WarmupCosine, WarmupCosineConfig};
pub use warmup_stable_decay::{WarmupStableDecay, WarmupStableDecayConfig};

use crate::Error;

/// A learning rate for each step.
pub trait Schedule: Send + Sync {
    /// The rate that step `step` uses; the first step is 0. Past its end a schedule holds its last rate.
    fn lr_at(&self, step: usize) -> f64;

    /// Tells it what was measured after step `step`, of which most schedules take no notice.
    fn observe(&self, _step: usize, _measured: Measured) {}

    /// What it remembers of what it was told: finite numbers, always as many, none for most schedules.
    fn state(&self) -> Vec<f64> {
        Vec::new()
    }

    /// Goes on from a [`state`](Self::state), of which it takes its numbers from the front. The function
    /// [`load_state`] sees to it that there are as many.
    fn load_state(&self, _state: &mut std::slice::Iter<'_, f64>) {}
}

/// Makes `schedule` go on from a [`state`](Schedule::state).
///
/// # Errors
/// [`Error::Usage`] for the state of another schedule, which changes nothing.
pub fn load_state(schedule: &dyn Schedule, state: &[f64]) -> Result<(), Error> {
    load_states(&[schedule], state)
}

/// Makes each of `schedules` go on from its part of a state that has those of all, one after the other.
///
/// # Errors
/// [`Error::Usage`] for the state of others, which changes nothing.
pub fn load_states(schedules: &[&dyn Schedule], state: &[f64]) -> Result<(), Error> {
    if schedules.iter().map(|schedule| schedule.state().len()).sum::<usize>() != state.len() {
        return Err(Error::Usage("the state is that of another schedule".into()));
    }
    let mut numbers = state.iter();
    schedules.iter().for_each(|schedule| schedule.load_state(&mut numbers));
    Ok(())
}

/// What was measured after a step: the loss on data that the model does not learn from, where there are such.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Measured {
    /// The loss.
    pub loss: f64,
    /// The metric of the task, where it was computed.
    pub metric: Option<f64>,
}

impl From<f64> for Measured {
    fn from(loss: f64) -> Self {
        Measured { loss, metric: None }
    }
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
