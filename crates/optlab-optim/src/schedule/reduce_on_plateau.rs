//! Reduces the rate when a measurement stops improving.

use crate::Error;
use crate::schedule::spec::ScheduleConfig;
use crate::schedule::{Measured, Run, Schedule};
use optlab_core::range::{self, NON_NEGATIVE, POSITIVE_BELOW_ONE, Range};
use serde::{Deserialize, Serialize};
use std::slice::Iter;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Settings of [`ReduceOnPlateau`], where their ranges are listed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ReduceOnPlateauConfig {
    /// The rate until the first reduction.
    pub initial_lr: Option<f64>,
    /// The factor from one rate to the next.
    pub factor: f64,
    /// Number of measurements without improvement that are tolerated; the next one reduces the rate.
    pub patience: usize,
    /// Improvement over the best measurement that counts as progress.
    pub threshold: f64,
    /// Whether `threshold` is relative or absolute.
    pub threshold_mode: ThresholdMode,
    /// Number of measurements after a reduction that are not counted as lacking improvement.
    pub cooldown: usize,
    /// The smallest rate.
    pub min_lr: f64,
    /// Reductions up to this size are not made.
    pub epsilon: f64,
    /// Whether smaller or larger measurements are better.
    pub mode: Mode,
    /// The measurement that is monitored.
    pub monitor: Monitor,
}

/// Whether smaller or larger measurements are better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Smaller is better, as for a loss.
    Min,
    /// Larger is better, as for an accuracy.
    Max,
}

/// How a threshold is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ThresholdMode {
    /// Relative to the best measurement.
    Rel,
    /// As an absolute difference.
    Abs,
}

/// The part of a measurement that is monitored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Monitor {
    /// The loss.
    Loss,
    /// The metric of the task.
    Metric,
}

impl Default for ReduceOnPlateauConfig {
    fn default() -> Self {
        ReduceOnPlateauConfig {
            initial_lr: None,
            factor: 0.1,
            patience: 10,
            threshold: 1e-4,
            threshold_mode: ThresholdMode::Rel,
            cooldown: 0,
            min_lr: 0.0,
            epsilon: 1e-8,
            mode: Mode::Min,
            monitor: Monitor::Loss,
        }
    }
}

impl ScheduleConfig for ReduceOnPlateauConfig {
    fn build(&self, run: Run) -> Result<Box<dyn Schedule>, Error> {
        let owner = "reduce_on_plateau";
        let initial_lr = self.initial_lr.unwrap_or(run.lr);
        range::check(
            owner,
            [
                ("initial_lr", initial_lr, NON_NEGATIVE),
                ("factor", self.factor, POSITIVE_BELOW_ONE),
                ("threshold", self.threshold, NON_NEGATIVE),
                ("epsilon", self.epsilon, NON_NEGATIVE),
            ],
        )?;
        range::check(owner, [("min_lr", self.min_lr, Range::up_to(initial_lr))])?;
        let state = PlateauState { lr: initial_lr, best: None, bad: 0, cooldown: 0 };
        Ok(Box::new(ReduceOnPlateau { config: self.clone(), state: Mutex::new(state) }))
    }
}

/// The rate is multiplied by a factor when the monitored measurement has not improved for some time.
///
/// ```text
/// after a measurement m:
///   m is better than the best, by the threshold:  best = m, bad = 0          otherwise  bad = bad + 1
///   in a cooldown:                                cooldown = cooldown − 1, bad = 0
///   bad > patience:                               η = max(γ η, η_min), a cooldown begins, bad = 0
/// ```
///
/// A measurement `m` is better than the best, `b`, if `m < b (1 − τ)` with `mode = min` and
/// `threshold_mode = rel`, or `m < b − τ` with `abs`; with `mode = max`, if `m > b (1 + τ)` or `m > b + τ`.
/// The first finite measurement counts as better. A measurement that is not finite never does.
///
/// The rate of a step depends on the measurements passed to [`observe`](Schedule::observe) before it, and not
/// on the step number. A trial passes the loss and the metric of the validation part after each epoch, or
/// without one the loss of the epoch's batches.
///
/// | field            | symbol  | default         | range             |
/// |:-----------------|:--------|:----------------|:------------------|
/// | `initial_lr`     | `η₀`    | the run's rate  | `[0, ∞)`          |
/// | `factor`         | `γ`     | 0.1             | `(0, 1)`          |
/// | `patience`       |         | 10              | 0…                |
/// | `threshold`      | `τ`     | 1e-4            | `[0, ∞)`          |
/// | `threshold_mode` |         | `rel`           | `rel`, `abs`      |
/// | `cooldown`       |         | 0               | 0…                |
/// | `min_lr`         | `η_min` | 0               | `[0, initial_lr]` |
/// | `epsilon`        |         | 1e-8            | `[0, ∞)`          |
/// | `mode`           |         | `min`           | `min`, `max`      |
/// | `monitor`        |         | `loss`          | `loss`, `metric`  |
///
/// A reduction by at most `epsilon` is not made. With `monitor = metric`, `mode` must suit the metric: `max`
/// for an accuracy. The schedule never ends.
///
/// State: the rate, the best measurement, two counts.
///
/// # Errors
/// [`build`](ScheduleConfig::build): [`Error::InvalidConfig`] if a field is out of range or NaN.
///
/// # Example
/// ```
/// use optlab_optim::schedule::{Run, ScheduleSpec};
///
/// let spec: ScheduleSpec = "reduce_on_plateau:patience=1,factor=0.5".parse()?;
/// let schedule = spec.build(Run::new(1.0, 10))?;
/// let rates = [3.0, 2.0, 2.0, 2.0, 1.0].into_iter().enumerate().map(|(step, loss)| {
///     schedule.observe(step, loss.into());
///     schedule.lr_at(step + 1)
/// });
/// assert_eq!(rates.collect::<Vec<_>>(), [1.0, 1.0, 1.0, 0.5, 0.5]);
/// # Ok::<(), optlab_optim::Error>(())
/// ```
///
/// # Differs from
/// PyTorch's `ReduceLROnPlateau`: an infinite measurement is never the best, and `eps` is called `epsilon`.
#[derive(Debug)]
pub struct ReduceOnPlateau {
    config: ReduceOnPlateauConfig,
    state: Mutex<PlateauState>,
}

#[derive(Debug, Clone, Copy)]
struct PlateauState {
    lr: f64,
    best: Option<f64>,
    bad: usize,
    cooldown: usize,
}

impl ReduceOnPlateau {
    fn lock(&self) -> MutexGuard<'_, PlateauState> {
        // A poisoned lock is fine: the state is only ever replaced as a whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_better(&self, value: f64, best: Option<f64>) -> bool {
        let ReduceOnPlateauConfig { threshold, threshold_mode, mode, .. } = self.config;
        let Some(best) = best else { return value.is_finite() };
        let bound = match (mode, threshold_mode) {
            (Mode::Min, ThresholdMode::Rel) => best * (1.0 - threshold),
            (Mode::Min, ThresholdMode::Abs) => best - threshold,
            (Mode::Max, ThresholdMode::Rel) => best * (1.0 + threshold),
            (Mode::Max, ThresholdMode::Abs) => best + threshold,
        };
        value.is_finite() && if mode == Mode::Min { value < bound } else { value > bound }
    }
}

impl Schedule for ReduceOnPlateau {
    fn lr_at(&self, _step: usize) -> f64 {
        self.lock().lr
    }

    fn observe(&self, _step: usize, measured: Measured) {
        let value = match self.config.monitor {
            Monitor::Loss => measured.loss,
            Monitor::Metric => measured.metric.unwrap_or(f64::NAN),
        };
        let mut state = self.lock();
        let PlateauState { mut lr, mut best, mut bad, mut cooldown } = *state;
        if self.is_better(value, best) {
            (best, bad) = (Some(value), 0);
        } else {
            bad += 1;
        }
        if cooldown > 0 {
            (cooldown, bad) = (cooldown - 1, 0);
        }
        if bad > self.config.patience {
            let reduced = (lr * self.config.factor).max(self.config.min_lr);
            if lr - reduced > self.config.epsilon {
                lr = reduced;
            }
            (cooldown, bad) = (self.config.cooldown, 0);
        }
        *state = PlateauState { lr, best, bad, cooldown };
    }

    fn state(&self) -> Vec<f64> {
        let PlateauState { lr, best, bad, cooldown } = *self.lock();
        let has_best = if best.is_some() { 1.0 } else { 0.0 };
        vec![lr, has_best, best.unwrap_or(0.0), bad as f64, cooldown as f64]
    }

    fn load_state(&self, state: &mut Iter<'_, f64>) {
        let numbers: Vec<f64> = state.by_ref().take(5).copied().collect();
        if let [lr, has_best, best, bad, cooldown] = numbers[..] {
            let best = (has_best != 0.0).then_some(best);
            *self.lock() = PlateauState { lr, best, bad: bad as usize, cooldown: cooldown as usize };
        }
    }
}
