//! A warm-up before any schedule.

use crate::Error;
use crate::schedule::combinators::{Combined, base};
use crate::schedule::shape::Shape;
use crate::schedule::span::Span;
use crate::schedule::spec::{ScheduleConfig, ScheduleSpec};
use crate::schedule::{Run, Schedule};
use optlab_core::range::{self, SHARE};
use serde::{Deserialize, Serialize};

/// Settings of [`Warmup`], where their ranges are listed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WarmupConfig {
    /// The schedule after the warm-up.
    pub base: Box<ScheduleSpec>,
    /// The length of the warm-up.
    pub steps: Option<Span>,
    /// The shape of the rise.
    pub shape: Shape,
    /// The rate of step 0, as a share of the rate at the end of the warm-up.
    pub initial_factor: f64,
}

impl Default for WarmupConfig {
    fn default() -> Self {
        WarmupConfig { base: base(), steps: None, shape: Shape::Linear, initial_factor: 0.0 }
    }
}

impl ScheduleConfig for WarmupConfig {
    fn build(&self, run: Run) -> Result<Box<dyn Schedule>, Error> {
        let owner = "warmup";
        let steps = run.warmup_steps(owner, "steps", self.steps, run.tenth(), run.total_steps)?;
        range::check(owner, [("initial_factor", self.initial_factor, SHARE)])?;
        if steps >= run.total_steps.max(1) {
            let allowed = format!("less than the {} steps in all", run.total_steps);
            return Err(Error::invalid(owner, "steps", &allowed, steps));
        }
        let base = self.base.build(Run { total_steps: run.total_steps - steps, ..run })?;
        Ok(Box::new(Warmup { base, steps, shape: self.shape, initial_factor: self.initial_factor }))
    }
}

/// A warm-up before any schedule; the schedule begins where the warm-up ends.
///
/// ```text
/// η(t) = η_base(0) (f + (1 − f) s(t / W))      for t < W
/// η(t) = η_base(t − W)                         from W on
/// s(x) = x, (1 − cos(π x)) / 2, √x or x²       linear, cosine, sqrt or square
/// ```
///
/// | field            | symbol   | default            | range                              |
/// |:-----------------|:---------|:-------------------|:-----------------------------------|
/// | `base`           | `η_base` | `constant`         | a schedule                         |
/// | `steps`          | `W`      | a tenth of the run | less than the run                  |
/// | `shape`          | `s`      | `linear`           | `linear`, `cosine`, `sqrt`, `square` |
/// | `initial_factor` | `f`      | 0                  | `[0, 1]`                           |
///
/// The base is built for the steps that remain after the warm-up.
///
/// # Errors
/// [`build`](ScheduleConfig::build): [`Error::InvalidConfig`] if a field is out of range or NaN, or if no
/// step remains after the warm-up; the errors of the base.
///
/// # Example
/// ```
/// use optlab_optim::schedule::{Run, ScheduleSpec};
///
/// let spec: ScheduleSpec = "warmup:steps=20%,base=linear:end_lr=0".parse()?;
/// let schedule = spec.build(Run::new(1.0, 10))?;
/// assert_eq!([0, 1, 2, 6, 10].map(|step| schedule.lr_at(step)), [0.0, 0.5, 1.0, 0.5, 0.0]);
/// # Ok::<(), optlab_optim::Error>(())
/// ```
///
/// # Reference
/// Goyal et al., *Accurate, Large Minibatch SGD*, 2017, <https://arxiv.org/abs/1706.02677>
pub struct Warmup {
    base: Box<dyn Schedule>,
    steps: usize,
    shape: Shape,
    initial_factor: f64,
}

impl Combined for Warmup {
    fn lr_at(&self, step: usize) -> f64 {
        if step >= self.steps {
            return self.base.lr_at(step - self.steps);
        }
        let progress = self.shape.risen(step as f64 / self.steps as f64);
        self.base.lr_at(0) * (self.initial_factor + (1.0 - self.initial_factor) * progress)
    }

    fn parts(&self) -> Vec<&dyn Schedule> {
        vec![&*self.base]
    }

    fn told(&self, step: usize) -> Vec<(&dyn Schedule, usize)> {
        step.checked_sub(self.steps).map(|step| (&*self.base, step)).into_iter().collect()
    }
}
