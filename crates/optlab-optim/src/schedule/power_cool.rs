//! A constant rate, then a power of the remaining steps.

use crate::Error;
use crate::schedule::span::Span;
use crate::schedule::spec::ScheduleConfig;
use crate::schedule::{Run, Schedule};
use optlab_core::range::{self, NON_NEGATIVE, POSITIVE};
use serde::{Deserialize, Serialize};

/// Settings of [`PowerCool`], where their ranges are listed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PowerCoolConfig {
    /// The constant rate.
    pub initial_lr: Option<f64>,
    /// The step that reaches 0.
    pub total_steps: Option<Span>,
    /// Number of steps from `initial_lr` to 0.
    pub decay_steps: Option<Span>,
    /// The exponent of the remaining share of the decay.
    pub power: f64,
}

impl Default for PowerCoolConfig {
    fn default() -> Self {
        PowerCoolConfig { initial_lr: None, total_steps: None, decay_steps: None, power: 1.2 }
    }
}

impl ScheduleConfig for PowerCoolConfig {
    fn build(&self, run: Run) -> Result<Box<dyn Schedule>, Error> {
        let owner = "power_cool";
        let initial_lr = self.initial_lr.unwrap_or(run.lr);
        let total_steps = run.steps_or(owner, "total_steps", self.total_steps, run.total_steps)?;
        range::check(owner, [("initial_lr", initial_lr, NON_NEGATIVE), ("power", self.power, POSITIVE)])?;
        let decay_steps = match self.decay_steps {
            None => (total_steps / 2).max(1),
            Some(span) => {
                let steps = run.steps(owner, "decay_steps", span)?;
                let end = (self.total_steps, total_steps);
                let begin = run.begin_of_last(owner, "decay_steps", end, span)?;
                if let Span::Steps(_) = span { steps } else { total_steps - begin }
            }
        };
        range::check_at_least_one(owner, [("total_steps", total_steps), ("decay_steps", decay_steps)])?;
        if decay_steps > total_steps {
            let allowed = format!("at most the {total_steps} steps in all");
            return Err(Error::invalid(owner, "decay_steps", &allowed, decay_steps));
        }
        Ok(Box::new(PowerCool { initial_lr, total_steps, decay_steps, power: self.power }))
    }
}

/// A constant rate, then a power of the remaining steps, down to 0.
///
/// ```text
/// η(t) = η₀                         for t ≤ T − D
/// η(t) = c (T − t)^p                for T − D < t ≤ T, then 0;  c = η₀ / D^p
/// ```
///
/// | field         | symbol | default                     | range              |
/// |:--------------|:-------|:----------------------------|:-------------------|
/// | `initial_lr`  | `η₀`   | the run's rate              | `[0, ∞)`           |
/// | `total_steps` | `T`    | the run's length            | 1…                 |
/// | `decay_steps` | `D`    | half of `T`, at least 1     | `[1, total_steps]` |
/// | `power`       | `p`    | 1.2                         | `(0, ∞)`           |
///
/// With a `power` of 1 it is `warmup_stable_decay` without a warm-up; a larger one ends with smaller rates.
///
/// # Errors
/// [`build`](ScheduleConfig::build): [`Error::InvalidConfig`] if a field is out of range or NaN, or if the
/// decay is longer than `total_steps`.
///
/// # Example
/// ```
/// use optlab_optim::schedule::{Run, ScheduleSpec};
///
/// let schedule = "power_cool:decay_steps=4,power=2".parse::<ScheduleSpec>()?.build(Run::new(1.0, 10))?;
/// let rates = [0, 6, 7, 8, 9, 10, 11].map(|step| schedule.lr_at(step));
/// assert_eq!(rates, [1.0, 1.0, 0.5625, 0.25, 0.0625, 0.0, 0.0]);
/// # Ok::<(), optlab_optim::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct PowerCool {
    initial_lr: f64,
    total_steps: usize,
    decay_steps: usize,
    power: f64,
}

impl Schedule for PowerCool {
    fn lr_at(&self, step: usize) -> f64 {
        let left = self.total_steps.saturating_sub(step).min(self.decay_steps) as f64;
        self.initial_lr * (left / self.decay_steps as f64).powf(self.power)
    }
}
