//! Learning-rate schedules: one file per schedule, and a spec that names them.
//!
//! A schedule is a pure function of the step, so a resumed run needs only its step number; only
//! `reduce_on_plateau` depends on measurements, and keeps a few numbers as its state. Burn's training loop
//! takes a schedule as a [`CountingSchedule`].

mod burn_schedules;
mod chebyshev;
mod combinators;
mod constant;
mod cosine;
mod cosine_restarts;
mod counting;
mod cyclic;
mod cyclic_momentum;
mod exponential;
mod followed;
mod infinite_cosine;
mod inverse_sqrt;
mod inverse_time;
mod linear;
mod multi_step;
mod noam;
mod number_schedule;
mod one_cycle;
mod one_cycle_momentum;
mod piecewise_constant;
mod polynomial;
mod power;
mod power_cool;
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
pub use chebyshev::{Chebyshev, ChebyshevConfig};
pub use combinators::*;
pub use constant::{Constant, ConstantConfig};
pub use cosine::{Cosine, CosineConfig};
pub use cosine_restarts::{CosineRestarts, CosineRestartsConfig};
pub use counting::CountingSchedule;
pub use cyclic::{Cyclic, CyclicConfig, CyclicMode};
pub use cyclic_momentum::{CyclicMomentum, CyclicMomentumConfig};
pub use exponential::{Exponential, ExponentialConfig};
pub(crate) use followed::FollowedNumber;
pub use infinite_cosine::{InfiniteCosine, InfiniteCosineConfig};
pub use inverse_sqrt::{InverseSqrt, InverseSqrtConfig};
pub use inverse_time::{InverseTime, InverseTimeConfig};
pub use linear::{Linear, LinearConfig};
pub use multi_step::{MultiStep, MultiStepConfig};
pub use noam::{Noam, NoamConfig};
pub use number_schedule::NumberSchedule;
pub use one_cycle::{Anneal, OneCycle, OneCycleConfig};
pub use one_cycle_momentum::OneCycleMomentumConfig;
pub use piecewise_constant::{PiecewiseConstant, PiecewiseConstantConfig};
pub use polynomial::{Polynomial, PolynomialConfig};
pub use power::{Power, PowerConfig};
pub use power_cool::{PowerCool, PowerCoolConfig};
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
    /// Returns the rate of step `step`; the first step is 0. After its end a schedule stays at its last rate.
    ///
    /// The rates of the schedules of this crate are finite: a rate that exceeds every number stays at the
    /// largest.
    fn lr_at(&self, step: usize) -> f64;

    /// Passes the measurement after step `step` to the schedule. Most schedules ignore it.
    fn observe(&self, _step: usize, _measured: Measured) {}

    /// Returns the state derived from measurements: always the same number of finite numbers; none for most
    /// schedules.
    fn state(&self) -> Vec<f64> {
        Vec::new()
    }

    /// Restores a [`state`](Self::state) by taking its numbers from the front of `state`. The function
    /// [`load_state`] checks that there are enough.
    fn load_state(&self, _state: &mut std::slice::Iter<'_, f64>) {}
}

/// Restores `schedule` from a [`state`](Schedule::state).
///
/// # Errors
/// [`Error::Usage`] for the state of another schedule; then nothing is changed.
pub fn load_state(schedule: &dyn Schedule, state: &[f64]) -> Result<(), Error> {
    load_states(&[schedule], state)
}

/// Restores each of `schedules` from its part of `state`, which holds their states one after the other.
///
/// # Errors
/// [`Error::Usage`] for the state of other schedules; then nothing is changed.
pub fn load_states(schedules: &[&dyn Schedule], state: &[f64]) -> Result<(), Error> {
    if schedules.iter().map(|schedule| schedule.state().len()).sum::<usize>() != state.len() {
        return Err(Error::Usage("the state belongs to another schedule".into()));
    }
    let mut numbers = state.iter();
    schedules.iter().for_each(|schedule| schedule.load_state(&mut numbers));
    Ok(())
}

/// Returns the product of a rate and a factor, both at least 0 and possibly infinite: 0 if one of them is 0,
/// and at most the largest finite number.
fn product(rate: f64, factor: f64) -> f64 {
    let product = if rate == 0.0 || factor == 0.0 { 0.0 } else { rate * factor };
    if product > f64::MAX { f64::MAX } else { product }
}

/// A measurement after a step, on validation data if there is any.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Measured {
    /// The loss.
    pub loss: f64,
    /// The metric of the task, if it was computed.
    pub metric: Option<f64>,
}

impl From<f64> for Measured {
    fn from(loss: f64) -> Self {
        Measured { loss, metric: None }
    }
}

/// The facts about a run that a schedule uses for fields that are not set.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Run {
    /// The trial's base learning rate; for a schedule in place of a number of a rule, the number's default.
    pub lr: f64,
    /// The trial's length in steps.
    pub total_steps: usize,
    /// Number of steps of one pass over the training data, if the run has epochs.
    pub steps_per_epoch: Option<usize>,
}

impl Run {
    /// Returns a run without epochs.
    pub const fn new(lr: f64, total_steps: usize) -> Self {
        Run { lr, total_steps, steps_per_epoch: None }
    }

    /// The default final rate of a schedule that decays over the whole run, as a share of the initial rate.
    const FINAL_SHARE: f64 = 0.01;

    /// Returns a third of the run, but at least one step.
    fn third(self) -> usize {
        (self.total_steps / 3).max(1)
    }

    /// Returns a quarter of the run, but at least one step.
    fn quarter(self) -> usize {
        (self.total_steps / 4).max(1)
    }

    /// Returns half and three quarters of the run. Even in the shortest runs these are two different steps
    /// after step 0.
    fn half_and_three_quarters(self) -> Vec<usize> {
        let half = (self.total_steps / 2).max(1);
        vec![half, (self.total_steps / 2 + self.total_steps / 4).max(half + 1)]
    }

    /// Returns a tenth of the run.
    fn tenth(self) -> usize {
        self.total_steps / 10
    }

    /// Returns the factor per step that leaves a hundredth of the rate at the end of the run.
    fn gamma(self) -> f64 {
        Run::FINAL_SHARE.powf(1.0 / self.total_steps.max(1) as f64)
    }
}
