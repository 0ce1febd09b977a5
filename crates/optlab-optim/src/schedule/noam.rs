//! Noam: a linear warm-up, then an inverse square root, scaled by the model's width.

use crate::Error;
use crate::schedule::span::Span;
use crate::schedule::spec::ScheduleConfig;
use crate::schedule::{Run, Schedule};
use optlab_core::range::{self, NON_NEGATIVE};
use serde::{Deserialize, Serialize};

/// Settings of [`Noam`], where their ranges are listed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NoamConfig {
    /// Scale of all rates.
    pub factor: Option<f64>,
    /// Width of the model.
    pub model_size: usize,
    /// Number of steps up to the highest rate.
    pub warmup_steps: Option<Span>,
}

impl Default for NoamConfig {
    fn default() -> Self {
        NoamConfig { factor: None, model_size: 512, warmup_steps: None }
    }
}

impl ScheduleConfig for NoamConfig {
    fn build(&self, run: Run) -> Result<Box<dyn Schedule>, Error> {
        let owner = "noam";
        let warmup_steps = run.steps_or(owner, "warmup_steps", self.warmup_steps, run.tenth().max(1))?;
        range::check_at_least_one(owner, [("model_size", self.model_size), ("warmup_steps", warmup_steps)])?;
        let (model_size, warmup_steps) = (self.model_size as f64, warmup_steps as f64);
        let factor = match self.factor {
            Some(factor) => factor,
            None => {
                range::check(owner, [("the run's rate", run.lr, NON_NEGATIVE)])?;
                run.lr * (model_size * warmup_steps).sqrt()
            }
        };
        range::check(owner, [("factor", factor, NON_NEGATIVE)])?;
        Ok(Box::new(Noam { factor, model_size, warmup_steps }))
    }
}

/// A linear warm-up, then the inverse square root of the step, scaled by the width of the model (Vaswani et
/// al., 2017).
///
/// ```text
/// n = t + 1
/// η(t) = c / √d · min(1 / √n, n / W^1.5)
/// ```
///
/// | field          | symbol | default                                     | range    |
/// |:---------------|:-------|:--------------------------------------------|:---------|
/// | `factor`       | `c`    | makes the highest rate the run's rate       | `[0, ∞)` |
/// | `model_size`   | `d`    | 512                                         | 1…       |
/// | `warmup_steps` | `W`    | a tenth of the run, at least 1              | 1…       |
///
/// Steps are counted from 1, so that no rate is 0; step `t = W − 1` has the highest rate, `c / √(d W)`. The
/// schedule never ends, so there is no final rate to hold.
///
/// # Errors
/// [`build`](ScheduleConfig::build): [`Error::InvalidConfig`] if a field is out of range or NaN.
///
/// # Example
/// ```
/// use optlab_optim::schedule::{Run, ScheduleSpec};
///
/// let spec: ScheduleSpec = "noam:factor=2,model_size=64,warmup_steps=4".parse()?;
/// let schedule = spec.build(Run::new(0.1, 100))?;
/// assert_eq!([0, 3, 15].map(|step| schedule.lr_at(step)), [0.03125, 0.125, 0.0625]);
/// # Ok::<(), optlab_optim::Error>(())
/// ```
///
/// # Differs from
/// The paper, whose factor is 1. Without a `factor` the width of the model makes no difference.
///
/// # Reference
/// Vaswani et al., *Attention Is All You Need*, 2017, <https://arxiv.org/abs/1706.03762>
#[derive(Debug, Clone)]
pub struct Noam {
    factor: f64,
    model_size: f64,
    warmup_steps: f64,
}

impl Schedule for Noam {
    fn lr_at(&self, step: usize) -> f64 {
        let n = step as f64 + 1.0;
        let rising = n / (self.warmup_steps * self.warmup_steps.sqrt());
        self.factor / self.model_size.sqrt() * rising.min(1.0 / n.sqrt())
    }
}
