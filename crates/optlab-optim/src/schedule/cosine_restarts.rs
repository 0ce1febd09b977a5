//! Half cosines that restart at the initial rate.

use crate::Error;
use crate::schedule::shape::half_cosine;
use crate::schedule::span::Span;
use crate::schedule::spec::ScheduleConfig;
use crate::schedule::{Run, Schedule};
use optlab_core::range::{self, NON_NEGATIVE, Range};
use serde::{Deserialize, Serialize};

/// Settings of [`CosineRestarts`], where their ranges are listed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CosineRestartsConfig {
    /// The rate at the start of each period.
    pub initial_lr: Option<f64>,
    /// Steps of the first period.
    pub first_period: Option<Span>,
    /// Ratio of the length of a period to the length of the previous one.
    pub period_factor: usize,
    /// The rate that each period decays towards.
    pub min_lr: f64,
}

impl Default for CosineRestartsConfig {
    fn default() -> Self {
        CosineRestartsConfig { initial_lr: None, first_period: None, period_factor: 1, min_lr: 0.0 }
    }
}

impl ScheduleConfig for CosineRestartsConfig {
    fn build(&self, run: Run) -> Result<Box<dyn Schedule>, Error> {
        let owner = "cosine_restarts";
        let initial_lr = self.initial_lr.unwrap_or(run.lr);
        let first_period = run.steps_or(owner, "first_period", self.first_period, run.quarter())?;
        let period_factor = self.period_factor;
        range::check(owner, [("initial_lr", initial_lr, NON_NEGATIVE)])?;
        range::check(owner, [("min_lr", self.min_lr, Range::up_to(initial_lr))])?;
        range::check_at_least_one(owner, [("first_period", first_period), ("period_factor", period_factor)])?;
        Ok(Box::new(CosineRestarts { initial_lr, first_period, period_factor, min_lr: self.min_lr }))
    }
}

/// Repeated half cosines, each restarting at the initial rate and at least as long as the previous one
/// (Loshchilov & Hutter, 2016).
///
/// ```text
/// nᵢ = n₀ fⁱ                                                the steps of period i
/// sᵢ = n₀ + … + nᵢ₋₁                                        its first step
/// η(t) = η_min + (η₀ − η_min) (1 + cos(π (t − sᵢ) / nᵢ)) / 2       for sᵢ ≤ t < sᵢ₊₁
/// ```
///
/// | field           | symbol  | default              | range             |
/// |:----------------|:--------|:---------------------|:------------------|
/// | `initial_lr`    | `η₀`    | the run's rate       | `[0, ∞)`          |
/// | `first_period`  | `n₀`    | a quarter of the run | 1…                |
/// | `period_factor` | `f`     | 1                    | 1…                |
/// | `min_lr`        | `η_min` | 0                    | `[0, initial_lr]` |
///
/// The schedule never ends, so there is no final rate to hold.
///
/// # Errors
/// [`build`](ScheduleConfig::build): [`Error::InvalidConfig`] if a field is out of range or NaN.
///
/// # Example
/// With a factor of 2 the first step of a period is 0, 2, 6, 14, …
/// ```
/// use optlab_optim::schedule::{Run, ScheduleSpec};
///
/// let spec: ScheduleSpec = "cosine_restarts:first_period=2,period_factor=2".parse()?;
/// let schedule = spec.build(Run::new(1.0, 20))?;
/// let rates = [0, 1, 2, 4, 6, 10, 14].map(|step| schedule.lr_at(step));
/// assert_eq!(rates, [1.0, 0.5, 1.0, 0.5, 1.0, 0.5, 1.0]);
/// # Ok::<(), optlab_optim::Error>(())
/// ```
///
/// # Differs from
/// PyTorch's `CosineAnnealingWarmRestarts` in two points: `first_period`, its `T_0`, has a default, and
/// periods are counted in integers, so that every restart is exactly on its step, however late.
///
/// # Reference
/// Loshchilov & Hutter, *SGDR: Stochastic Gradient Descent with Warm Restarts*, 2016,
/// <https://arxiv.org/abs/1608.03983>
#[derive(Debug, Clone)]
pub struct CosineRestarts {
    initial_lr: f64,
    first_period: usize,
    period_factor: usize,
    min_lr: f64,
}

impl CosineRestarts {
    /// Returns the number of steps since the last restart, and the length of the current period.
    fn place(&self, step: usize) -> (u128, u128) {
        // The last period may exceed 64 bits, but not 128: it is the product of two 64-bit numbers.
        let (mut since, mut period) = (step as u128, self.first_period as u128);
        if self.period_factor == 1 {
            return (since % period, period);
        }
        // Each period is at least twice as long as the previous one, so the loop ends after at most 64
        // periods.
        while since >= period {
            since -= period;
            period *= self.period_factor as u128;
        }
        (since, period)
    }
}

impl Schedule for CosineRestarts {
    fn lr_at(&self, step: usize) -> f64 {
        let (since, period) = self.place(step);
        let progress = since as f64 / period as f64;
        half_cosine(self.initial_lr, self.min_lr, progress)
    }
}
