//! The momentum beside one cycle of the rate: down while the rate rises, and up again while it falls.

use crate::Error;
use crate::schedule::one_cycle::{Anneal, OneCycle, Phase};
use crate::schedule::span::Span;
use crate::schedule::spec::ScheduleConfig;
use crate::schedule::{Run, Schedule};
use optlab_core::range::{self, BELOW_ONE, POSITIVE_BELOW_ONE, Range};
use serde::{Deserialize, Serialize};

/// Settings of the momentum of one cycle, described at [`build`](ScheduleConfig::build).
///
/// ```text
/// from max_momentum to base_momentum in the first phase of `one_cycle`, and back in the second;
/// with three_phase, max_momentum in the third
/// ```
///
/// | field           | default          | range                |
/// |:----------------|:-----------------|:---------------------|
/// | `base_momentum` | 0.85             | `[0, max_momentum]`  |
/// | `max_momentum`  | 0.95             | `[0, 1)`             |
/// | `total_steps`   | the run's length | 1…                   |
/// | `pct_start`     | 0.3              | `(0, 1)`             |
/// | `anneal`        | `cosine`         | `cosine`, `linear`   |
/// | `three_phase`   | `false`          |                      |
///
/// It is for a number of a rule: `sgd:momentum=one_cycle_momentum`, `adam:beta_1=one_cycle_momentum`, beside
/// the schedule [`one_cycle`](OneCycle) with the same `total_steps`, `pct_start`, `anneal` and `three_phase`.
///
/// # Errors
/// [`build`](ScheduleConfig::build): [`Error::InvalidConfig`] if a field is out of range or NaN.
///
/// # Example
/// ```
/// use optlab_optim::schedule::{Run, ScheduleSpec};
///
/// let text = "one_cycle_momentum:pct_start=0.5,anneal=linear,base_momentum=0.5,max_momentum=0.75";
/// let schedule = text.parse::<ScheduleSpec>()?.build(Run::new(0.0, 6))?;
/// assert_eq!([0, 1, 2, 5, 6].map(|step| schedule.lr_at(step)), [0.75, 0.625, 0.5, 0.75, 0.75]);
/// # Ok::<(), optlab_optim::Error>(())
/// ```
///
/// # Differs from
/// PyTorch's `OneCycleLR` with `cycle_momentum`, which it matches, where [`OneCycle`] differs from it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OneCycleMomentumConfig {
    /// The momentum at the highest rate.
    pub base_momentum: f64,
    /// The momentum at the first and the last step.
    pub max_momentum: f64,
    /// Total number of steps.
    pub total_steps: Option<Span>,
    /// The share of the steps in which the rate rises and the momentum falls.
    pub pct_start: f64,
    /// The curve of a phase from one momentum to the next.
    pub anneal: Anneal,
    /// Whether the cycle of the rate has three phases.
    pub three_phase: bool,
}

impl Default for OneCycleMomentumConfig {
    fn default() -> Self {
        OneCycleMomentumConfig {
            base_momentum: 0.85,
            max_momentum: 0.95,
            total_steps: None,
            pct_start: 0.3,
            anneal: Anneal::Cosine,
            three_phase: false,
        }
    }
}

impl ScheduleConfig for OneCycleMomentumConfig {
    fn build(&self, run: Run) -> Result<Box<dyn Schedule>, Error> {
        let owner = "one_cycle_momentum";
        let total_steps = run.steps_or(owner, "total_steps", self.total_steps, run.total_steps)?;
        let (base, max) = (self.base_momentum, self.max_momentum);
        range::check(
            owner,
            [("max_momentum", max, BELOW_ONE), ("pct_start", self.pct_start, POSITIVE_BELOW_ONE)],
        )?;
        range::check(owner, [("base_momentum", base, Range::up_to(max))])?;
        range::check_at_least_one(owner, [("total_steps", total_steps)])?;
        let last_step = total_steps - 1;
        let rising = self.pct_start * total_steps as f64;
        let mut phases = vec![Phase { end: rising - 1.0, to: base }];
        if self.three_phase {
            phases.push(Phase { end: 2.0 * rising - 2.0, to: max });
        }
        phases.push(Phase { end: last_step as f64, to: max });
        Ok(Box::new(OneCycle { initial_lr: max, phases, last_step, anneal: self.anneal }))
    }
}
