//! Step decay at chosen milestones.

use crate::Error;
use crate::schedule::span::Span;
use crate::schedule::spec::ScheduleConfig;
use crate::schedule::{Run, Schedule, product};
use optlab_core::range::{self, NON_NEGATIVE, POSITIVE};
use serde::{Deserialize, Serialize};

/// Settings of [`MultiStep`], where their ranges are listed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MultiStepConfig {
    /// The rate of step 0.
    pub initial_lr: Option<f64>,
    /// The first step of each rate after the first.
    pub milestones: Vec<Span>,
    /// The factor from one rate to the next.
    pub gamma: f64,
}

impl Default for MultiStepConfig {
    fn default() -> Self {
        MultiStepConfig { initial_lr: None, milestones: Vec::new(), gamma: 0.1 }
    }
}

impl ScheduleConfig for MultiStepConfig {
    fn build(&self, run: Run) -> Result<Box<dyn Schedule>, Error> {
        let owner = "multi_step";
        let initial_lr = self.initial_lr.unwrap_or(run.lr);
        let milestones = match self.milestones.is_empty() {
            true => run.half_and_three_quarters(),
            false => run.rising_steps(owner, "milestones", &self.milestones)?,
        };
        range::check(owner, [("initial_lr", initial_lr, NON_NEGATIVE), ("gamma", self.gamma, POSITIVE)])?;
        // There is at least one milestone, and the first is the smallest. A share may round to step 0.
        if !matches!(self.milestones.first(), Some(Span::Percent(share)) if *share > 0.0) {
            range::check_at_least_one(owner, [("milestones", milestones[0])])?;
        }
        let schedule = MultiStep { initial_lr, milestones, gamma: self.gamma };
        let largest = initial_lr * self.gamma.powf(schedule.milestones.len() as f64);
        if !largest.is_finite() {
            return Err(Error::invalid(
                owner,
                "gamma",
                "a factor that leaves the last rate finite",
                self.gamma,
            ));
        }
        Ok(Box::new(schedule))
    }
}

/// Step decay at milestones: at each milestone the rate is multiplied by a factor.
///
/// ```text
/// η(t) = η₀ γⁿ        n = the number of milestones mᵢ ≤ t
/// ```
///
/// | field        | symbol | default                            | range          |
/// |:-------------|:-------|:-----------------------------------|:---------------|
/// | `initial_lr` | `η₀`   | the run's rate                     | `[0, ∞)`       |
/// | `milestones` | `mᵢ`   | half and three quarters of the run | rising from 1… |
/// | `gamma`      | `γ`    | 0.1                                | `(0, ∞)`       |
///
/// An empty list of milestones means the default milestones. In a short run, two milestones that are shares
/// may be the same step, and the first may be step 0. From the last milestone on the rate is constant.
///
/// # Errors
/// [`build`](ScheduleConfig::build): [`Error::InvalidConfig`] if a field is out of range or NaN, if a
/// milestone is not later than the previous one, or if the last rate is infinite.
///
/// # Example
/// ```
/// use optlab_optim::schedule::{Run, ScheduleSpec};
///
/// let spec: ScheduleSpec = "multi_step:milestones=[2,50%],gamma=0.5".parse()?;
/// let schedule = spec.build(Run::new(1.0, 10))?;
/// assert_eq!([1, 2, 4, 5, 50].map(|step| schedule.lr_at(step)), [1.0, 0.5, 0.5, 0.25, 0.25]);
/// # Ok::<(), optlab_optim::Error>(())
/// ```
///
/// # Differs from
/// PyTorch's `MultiStepLR`, which sorts its milestones, multiplies twice at a milestone that is listed twice,
/// and accepts 0 as a milestone; here `milestones` has a default.
#[derive(Debug, Clone)]
pub struct MultiStep {
    initial_lr: f64,
    milestones: Vec<usize>,
    gamma: f64,
}

impl Schedule for MultiStep {
    fn lr_at(&self, step: usize) -> f64 {
        let passed = self.milestones.partition_point(|milestone| *milestone <= step);
        product(self.initial_lr, self.gamma.powf(passed as f64))
    }
}
