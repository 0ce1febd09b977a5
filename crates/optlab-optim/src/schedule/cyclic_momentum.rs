//! The momentum beside cycles of the rate: down while the rate rises, and up while it falls.

use crate::Error;
use crate::schedule::cyclic::{Cyclic, CyclicConfig, CyclicMode};
use crate::schedule::span::Span;
use crate::schedule::spec::ScheduleConfig;
use crate::schedule::{Run, Schedule};
use optlab_core::range::{self, BELOW_ONE, Range};
use serde::{Deserialize, Serialize};

/// Settings of [`CyclicMomentum`], where their ranges are listed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CyclicMomentumConfig {
    /// The momentum at the top of the first cycle of the rate.
    pub base_momentum: f64,
    /// The momentum at the start of each cycle.
    pub max_momentum: f64,
    /// Number of steps of a cycle in which the rate rises and the momentum falls.
    pub step_size_up: Option<Span>,
    /// Number of steps of a cycle in which the rate falls and the momentum rises.
    pub step_size_down: Option<Span>,
    /// How the depth of the cycles changes.
    pub mode: CyclicMode,
    /// The factor of the depth per step, for [`CyclicMode::ExpRange`].
    pub gamma: Option<f64>,
}

impl Default for CyclicMomentumConfig {
    fn default() -> Self {
        CyclicMomentumConfig {
            base_momentum: 0.8,
            max_momentum: 0.9,
            step_size_up: None,
            step_size_down: None,
            mode: CyclicMode::Triangular,
            gamma: None,
        }
    }
}

impl ScheduleConfig for CyclicMomentumConfig {
    fn build(&self, run: Run) -> Result<Box<dyn Schedule>, Error> {
        let owner = "cyclic_momentum";
        range::check(owner, [("max_momentum", self.max_momentum, BELOW_ONE)])?;
        range::check(owner, [("base_momentum", self.base_momentum, Range::up_to(self.max_momentum))])?;
        let height = CyclicConfig {
            base_lr: Some(0.0),
            max_lr: Some(self.max_momentum - self.base_momentum),
            step_size_up: self.step_size_up,
            step_size_down: self.step_size_down,
            mode: self.mode,
            gamma: self.gamma,
        };
        Ok(Box::new(CyclicMomentum { max_momentum: self.max_momentum, height: height.build_as(owner, run)? }))
    }
}

/// The momentum falls while the rate of [`Cyclic`] rises, and rises while it falls.
///
/// ```text
/// μ(t) = μ_max − (μ_max − μ_base) h(n) s        h(n) and the factor s of the mode as in `cyclic`
/// ```
///
/// | field            | symbol   | default                        | range                                    |
/// |:-----------------|:---------|:-------------------------------|:-----------------------------------------|
/// | `base_momentum`  | `μ_base` | 0.8                            | `[0, max_momentum]`                      |
/// | `max_momentum`   | `μ_max`  | 0.9                            | `[0, 1)`                                 |
/// | `step_size_up`   | `u`      | a tenth of the run, at least 1 | 1…                                       |
/// | `step_size_down` | `d`      | `step_size_up`                 | 1…                                       |
/// | `mode`           |          | `triangular`                   | `triangular`, `triangular2`, `exp_range` |
/// | `gamma`          | `γ`      | `0.01^(1/T)`                   | `(0, 1]`                                 |
///
/// It is for a number of a rule: `sgd:momentum=cyclic_momentum`, beside the schedule `cyclic` with the same
/// steps and mode. The schedule never ends, so there is no final value to hold.
///
/// # Errors
/// [`build`](ScheduleConfig::build): [`Error::InvalidConfig`] if a field is out of range or NaN.
///
/// # Example
/// ```
/// use optlab_optim::schedule::{Run, ScheduleSpec};
///
/// let text = "cyclic_momentum:base_momentum=0.5,max_momentum=0.75,step_size_up=2";
/// let schedule = text.parse::<ScheduleSpec>()?.build(Run::new(0.0, 10))?;
/// assert_eq!([0, 1, 2, 3, 4].map(|step| schedule.lr_at(step)), [0.75, 0.625, 0.5, 0.625, 0.75]);
/// # Ok::<(), optlab_optim::Error>(())
/// ```
///
/// # Differs from
/// PyTorch's `CyclicLR` with `cycle_momentum`, which it matches, where [`Cyclic`] differs from it.
#[derive(Debug, Clone)]
pub struct CyclicMomentum {
    max_momentum: f64,
    /// The depth below the largest momentum.
    height: Cyclic,
}

impl Schedule for CyclicMomentum {
    fn lr_at(&self, step: usize) -> f64 {
        self.max_momentum - self.height.lr_at(step)
    }
}
