//! Linear cycles between two rates.

use crate::Error;
use crate::schedule::span::Span;
use crate::schedule::spec::ScheduleConfig;
use crate::schedule::{Run, Schedule};
use optlab_core::range::{self, NON_NEGATIVE, POSITIVE_UP_TO_ONE, Range};
use serde::{Deserialize, Serialize};

/// Settings of [`Cyclic`], where their ranges are listed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CyclicConfig {
    /// The rate at the start of each cycle.
    pub base_lr: Option<f64>,
    /// The rate at the top of the first cycle.
    pub max_lr: Option<f64>,
    /// Number of rising steps of a cycle.
    pub step_size_up: Option<Span>,
    /// Number of falling steps of a cycle.
    pub step_size_down: Option<Span>,
    /// How the height of the cycles changes.
    pub mode: CyclicMode,
    /// The factor of the height per step, for [`CyclicMode::ExpRange`].
    pub gamma: Option<f64>,
}

/// How the height of [`Cyclic`] above its lowest rate changes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CyclicMode {
    /// The height is constant.
    #[default]
    Triangular,
    /// The height halves from cycle to cycle.
    Triangular2,
    /// The height is multiplied by `gamma` at every step.
    ExpRange,
}

impl ScheduleConfig for CyclicConfig {
    fn build(&self, run: Run) -> Result<Box<dyn Schedule>, Error> {
        Ok(Box::new(self.build_as("cyclic", run)?))
    }
}

impl CyclicConfig {
    /// Builds the schedule; errors name `owner`.
    pub(super) fn build_as(&self, owner: &str, run: Run) -> Result<Cyclic, Error> {
        let max_lr = self.max_lr.unwrap_or(run.lr);
        // A run of one step never reaches the top.
        let base_lr = self.base_lr.unwrap_or(if run.total_steps > 1 { max_lr / 10.0 } else { max_lr });
        let up = run.steps_or(owner, "step_size_up", self.step_size_up, run.tenth().max(1))?;
        let down = match (self.step_size_up, self.step_size_down) {
            (_, None) => up,
            // The two parts of a cycle end at the rounded sums of their shares.
            (Some(rise @ Span::Percent(_)), Some(fall @ Span::Percent(share))) if share > 0.0 => {
                let borders = run.borders(owner, "step_size_down", &[rise, fall])?;
                (borders[1] - borders[0]).max(1)
            }
            (_, Some(fall)) => run.steps(owner, "step_size_down", fall)?,
        };
        let gamma = self.gamma.unwrap_or(run.gamma());
        range::check(owner, [("max_lr", max_lr, NON_NEGATIVE), ("gamma", gamma, POSITIVE_UP_TO_ONE)])?;
        range::check(owner, [("base_lr", base_lr, Range::up_to(max_lr))])?;
        range::check_at_least_one(owner, [("step_size_up", up), ("step_size_down", down)])?;
        Ok(Cyclic { base_lr, max_lr, up: up as u128, down: down as u128, mode: self.mode, gamma })
    }
}

/// The rate rises and falls linearly between two rates, repeatedly (Smith, 2015).
///
/// ```text
/// i = ⌊t / (u + d)⌋,   n = t − i (u + d)          the cycle, and the step of the cycle
/// h(n) = n / u  for n ≤ u,   (u + d − n) / d  for n > u
///
/// η(t) = η_base + (η_max − η_base) h(n)           mode = triangular
/// η(t) = η_base + (η_max − η_base) h(n) / 2ⁱ      mode = triangular2
/// η(t) = η_base + (η_max − η_base) h(n) γᵗ        mode = exp_range
/// ```
///
/// | field            | symbol   | default                        | range                                    |
/// |:-----------------|:---------|:-------------------------------|:-----------------------------------------|
/// | `base_lr`        | `η_base` | a tenth of `max_lr`; `max_lr` in a run of one step | `[0, max_lr]`        |
/// | `max_lr`         | `η_max`  | the run's rate                 | `[0, ∞)`                                 |
/// | `step_size_up`   | `u`      | a tenth of the run, at least 1 | 1…                                       |
/// | `step_size_down` | `d`      | `step_size_up`                 | 1…                                       |
/// | `mode`           |          | `triangular`                   | `triangular`, `triangular2`, `exp_range` |
/// | `gamma`          | `γ`      | `0.01^(1/T)`: a hundredth is left after the run's `T` steps | `(0, 1]`    |
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
/// let text = "cyclic:base_lr=0.5,step_size_up=1,step_size_down=2,mode=triangular2";
/// let schedule = text.parse::<ScheduleSpec>()?.build(Run::new(1.0, 10))?;
/// let rates = [0, 1, 2, 3, 4, 5, 6].map(|step| schedule.lr_at(step));
/// assert_eq!(rates, [0.5, 1.0, 0.75, 0.5, 0.75, 0.625, 0.5]);
/// # Ok::<(), optlab_optim::Error>(())
/// ```
///
/// # Differs from
/// PyTorch's `CyclicLR`, which also changes the momentum (here `cyclic_momentum` does), accepts a `gamma`
/// above 1 (its default is 1), and computes the position in the cycle in floats; here it is counted in
/// integers.
///
/// # Reference
/// Smith, *Cyclical Learning Rates for Training Neural Networks*, 2015, <https://arxiv.org/abs/1506.01186>
#[derive(Debug, Clone)]
pub struct Cyclic {
    base_lr: f64,
    max_lr: f64,
    // In 128 bits, because the sum of two 64-bit numbers may need 65 bits.
    up: u128,
    down: u128,
    mode: CyclicMode,
    gamma: f64,
}

impl Schedule for Cyclic {
    fn lr_at(&self, step: usize) -> f64 {
        let length = self.up + self.down;
        let (cycle, n) = (step as u128 / length, step as u128 % length);
        let height = match n <= self.up {
            true => n as f64 / self.up as f64,
            false => (length - n) as f64 / self.down as f64,
        };
        let scale = match self.mode {
            CyclicMode::Triangular => 1.0,
            CyclicMode::Triangular2 => 0.5_f64.powf(cycle as f64),
            CyclicMode::ExpRange => self.gamma.powf(step as f64),
        };
        self.base_lr + (self.max_lr - self.base_lr) * height * scale
    }
}
