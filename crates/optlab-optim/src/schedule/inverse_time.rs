//! The rate divided by a linearly growing number.

use crate::Error;
use crate::schedule::span::Span;
use crate::schedule::spec::ScheduleConfig;
use crate::schedule::{Run, Schedule};
use optlab_core::range::{self, NON_NEGATIVE};
use serde::{Deserialize, Serialize};

/// Settings of [`InverseTime`], where their ranges are listed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct InverseTimeConfig {
    /// The rate of step 0.
    pub initial_lr: Option<f64>,
    /// Number of steps in which the divisor grows by `decay_rate`.
    pub decay_steps: Option<Span>,
    /// Growth of the divisor in `decay_steps`.
    pub decay_rate: f64,
    /// Whether the divisor grows once every `decay_steps` instead of at every step.
    pub staircase: bool,
}

impl Default for InverseTimeConfig {
    fn default() -> Self {
        InverseTimeConfig { initial_lr: None, decay_steps: None, decay_rate: 1.0, staircase: false }
    }
}

impl ScheduleConfig for InverseTimeConfig {
    fn build(&self, run: Run) -> Result<Box<dyn Schedule>, Error> {
        let owner = "inverse_time";
        let initial_lr = self.initial_lr.unwrap_or(run.lr);
        let decay_steps = run.steps_or(owner, "decay_steps", self.decay_steps, run.tenth().max(1))?;
        let (decay_rate, staircase) = (self.decay_rate, self.staircase);
        range::check(
            owner,
            [("initial_lr", initial_lr, NON_NEGATIVE), ("decay_rate", decay_rate, NON_NEGATIVE)],
        )?;
        range::check_at_least_one(owner, [("decay_steps", decay_steps)])?;
        Ok(Box::new(InverseTime { initial_lr, decay_steps, decay_rate, staircase }))
    }
}

/// The rate is divided by a number that grows linearly or as a staircase.
///
/// ```text
/// η(t) = η₀ / (1 + k t / n)             staircase = false
/// η(t) = η₀ / (1 + k ⌊t / n⌋)           staircase = true
/// ```
///
/// | field         | symbol | default                        | range    |
/// |:--------------|:-------|:-------------------------------|:---------|
/// | `initial_lr`  | `η₀`   | the run's rate                 | `[0, ∞)` |
/// | `decay_steps` | `n`    | a tenth of the run, at least 1 | 1…       |
/// | `decay_rate`  | `k`    | 1                              | `[0, ∞)` |
/// | `staircase`   |        | `false`                        |          |
///
/// The schedule never ends, so there is no final rate to hold.
///
/// # Errors
/// [`build`](ScheduleConfig::build): [`Error::InvalidConfig`] if a field is out of range or NaN.
///
/// # Example
/// ```
/// use optlab_optim::schedule::{Run, ScheduleSpec};
///
/// let rates = |text: &str| {
///     let schedule = text.parse::<ScheduleSpec>()?.build(Run::new(1.0, 40))?;
///     Ok::<_, optlab_optim::Error>([0, 2, 4, 12].map(|step| schedule.lr_at(step)))
/// };
/// assert_eq!(rates("inverse_time:decay_rate=2")?, [1.0, 0.5, 1.0 / 3.0, 1.0 / 7.0]);
/// assert_eq!(rates("inverse_time:decay_rate=2,staircase=true")?, [1.0, 1.0, 1.0 / 3.0, 1.0 / 7.0]);
/// # Ok::<(), optlab_optim::Error>(())
/// ```
///
/// # Differs from
/// Keras's `InverseTimeDecay` only in that every field has a default.
#[derive(Debug, Clone)]
pub struct InverseTime {
    initial_lr: f64,
    decay_steps: usize,
    decay_rate: f64,
    staircase: bool,
}

impl Schedule for InverseTime {
    fn lr_at(&self, step: usize) -> f64 {
        let time = match self.staircase {
            true => (step / self.decay_steps) as f64,
            false => step as f64 / self.decay_steps as f64,
        };
        self.initial_lr / (1.0 + self.decay_rate * time)
    }
}
