//! One cycle: up to the highest rate once, then far below the first rate.

use crate::Error;
use crate::schedule::shape::half_cosine;
use crate::schedule::span::Span;
use crate::schedule::spec::ScheduleConfig;
use crate::schedule::{Run, Schedule};
use optlab_core::range::{self, NON_NEGATIVE, POSITIVE_BELOW_ONE, Range};
use serde::{Deserialize, Serialize};

/// Settings of [`OneCycle`], where their ranges are listed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OneCycleConfig {
    /// The highest rate.
    pub max_lr: Option<f64>,
    /// Total number of steps; the last one has the lowest rate.
    pub total_steps: Option<Span>,
    /// The share of the steps in which the rate rises.
    pub pct_start: f64,
    /// The curve of a phase from one rate to the next.
    pub anneal: Anneal,
    /// `max_lr` as a multiple of the rate of step 0.
    pub div_factor: f64,
    /// The rate of step 0 as a multiple of the last.
    pub final_div_factor: f64,
    /// Whether the rate falls back to the rate of step 0 as fast as it rose, with a third phase from there to
    /// the last rate.
    pub three_phase: bool,
}

/// The curve of [`OneCycle`] from one rate to the next.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Anneal {
    /// Half a cosine.
    #[default]
    Cosine,
    /// A straight line.
    Linear,
}

impl Anneal {
    /// Returns the rate after a share `z` of the phase.
    fn between(self, from: f64, to: f64, z: f64) -> f64 {
        match self {
            Anneal::Cosine => half_cosine(from, to, z),
            Anneal::Linear => from + (to - from) * z,
        }
    }
}

impl Default for OneCycleConfig {
    fn default() -> Self {
        OneCycleConfig {
            max_lr: None,
            total_steps: None,
            pct_start: 0.3,
            anneal: Anneal::Cosine,
            div_factor: 25.0,
            final_div_factor: 1e4,
            three_phase: false,
        }
    }
}

impl ScheduleConfig for OneCycleConfig {
    fn build(&self, run: Run) -> Result<Box<dyn Schedule>, Error> {
        let owner = "one_cycle";
        let max_lr = self.max_lr.unwrap_or(run.lr);
        let total_steps = run.steps_or(owner, "total_steps", self.total_steps, run.total_steps)?;
        range::check(
            owner,
            [
                ("max_lr", max_lr, NON_NEGATIVE),
                ("pct_start", self.pct_start, POSITIVE_BELOW_ONE),
                ("div_factor", self.div_factor, Range::starting_at(1.0)),
                ("final_div_factor", self.final_div_factor, Range::starting_at(1.0)),
            ],
        )?;
        range::check_at_least_one(owner, [("total_steps", total_steps)])?;
        let initial_lr = max_lr / self.div_factor;
        let last_step = total_steps - 1;
        let mut phases = vec![Phase { end: self.pct_start * total_steps as f64 - 1.0, to: max_lr }];
        if self.three_phase {
            phases.push(Phase { end: 2.0 * self.pct_start * total_steps as f64 - 2.0, to: initial_lr });
        }
        phases.push(Phase { end: last_step as f64, to: initial_lr / self.final_div_factor });
        Ok(Box::new(OneCycle { initial_lr, phases, last_step, anneal: self.anneal }))
    }
}

/// The rate rises once to the highest rate, then falls far below the first (Smith & Topin, 2017).
///
/// ```text
/// η₀ = η_max / d,   η_end = η₀ / f
///
/// phase  from a   to b     its end e              three_phase = false
/// 1      η₀       η_max    p T − 1
/// 2      η_max    η_end    T − 1
///
/// phase  from a   to b     its end e              three_phase = true
/// 1      η₀       η_max    p T − 1
/// 2      η_max    η₀       2 p T − 2
/// 3      η₀       η_end    T − 1
///
/// z = (t − s) / (e − s)        in the first phase with t ≤ e; s is the previous phase's end, 0 for the first
/// η(t) = b + (a − b) (1 + cos(π z)) / 2           anneal = cosine
/// η(t) = a + (b − a) z                            anneal = linear
/// ```
///
/// | field              | symbol  | default          | range              |
/// |:-------------------|:--------|:-----------------|:-------------------|
/// | `max_lr`           | `η_max` | the run's rate   | `[0, ∞)`           |
/// | `total_steps`      | `T`     | the run's length | 1…                 |
/// | `pct_start`        | `p`     | 0.3              | `(0, 1)`           |
/// | `anneal`           |         | `cosine`         | `cosine`, `linear` |
/// | `div_factor`       | `d`     | 25               | `[1, ∞)`           |
/// | `final_div_factor` | `f`     | 10000            | `[1, ∞)`           |
/// | `three_phase`      |         | `false`          |                    |
///
/// The ends of phases need not be whole steps; then no step has exactly `η_max`. If `p T < 1`, the first
/// phase has no step, and a run of one step has only `η_end`. After step `T − 1` the rate stays constant.
///
/// # Errors
/// [`build`](ScheduleConfig::build): [`Error::InvalidConfig`] if a field is out of range or NaN.
///
/// # Example
/// ```
/// use optlab_optim::schedule::{Run, ScheduleSpec};
///
/// let spec: ScheduleSpec = "one_cycle:pct_start=0.5,div_factor=4,final_div_factor=2,anneal=linear".parse()?;
/// let schedule = spec.build(Run::new(1.0, 6))?;
/// let rates = [0, 1, 2, 5, 6].map(|step| schedule.lr_at(step));
/// assert_eq!(rates, [0.25, 0.625, 1.0, 0.125, 0.125]);
/// # Ok::<(), optlab_optim::Error>(())
/// ```
///
/// # Differs from
/// PyTorch's `OneCycleLR`, which also changes the momentum (here `one_cycle_momentum` does), goes one step
/// further in its last phase and then fails, divides by zero for `p T = 1` (here the only step of the first
/// phase then has `η_max`), and accepts divisors below 1.
///
/// # Reference
/// Smith & Topin, *Super-Convergence: Very Fast Training of Neural Networks Using Large Learning Rates*,
/// 2017, <https://arxiv.org/abs/1708.07120>
#[derive(Debug, Clone)]
pub struct OneCycle {
    pub(super) initial_lr: f64,
    pub(super) phases: Vec<Phase>,
    pub(super) last_step: usize,
    pub(super) anneal: Anneal,
}

/// A phase: the curve to a rate.
#[derive(Debug, Clone)]
pub(super) struct Phase {
    /// The step at which the rate is reached; it need not be whole.
    pub end: f64,
    pub to: f64,
}

impl Schedule for OneCycle {
    fn lr_at(&self, step: usize) -> f64 {
        let step = step.min(self.last_step) as f64;
        let (mut begin, mut from) = (0.0, self.initial_lr);
        for &Phase { end, to } in &self.phases {
            if step <= end {
                // A first phase that consists of step 0 alone has length 0.
                let z = if end > begin { (step - begin) / (end - begin) } else { 1.0 };
                return self.anneal.between(from, to, z);
            }
            (begin, from) = (end, to);
        }
        from
    }
}
