//! The power scheduler: a power of the number of tokens, whatever the length of the run.

use crate::Error;
use crate::schedule::span::Span;
use crate::schedule::spec::ScheduleConfig;
use crate::schedule::{Run, Schedule, product};
use optlab_core::range::{self, NON_NEGATIVE, POSITIVE};
use serde::{Deserialize, Serialize};

/// Settings of [`Power`], where their ranges are listed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PowerConfig {
    /// The highest rate.
    pub max_lr: Option<f64>,
    /// The rate after one token, if it were not above `max_lr`.
    pub factor: Option<f64>,
    /// The exponent of the decay.
    pub power: f64,
    /// Number of tokens, or of whatever the decay counts, in a step.
    pub tokens_per_step: f64,
    /// Number of steps from a rate of 0 to the decay.
    pub warmup_steps: Option<Span>,
}

impl Default for PowerConfig {
    fn default() -> Self {
        PowerConfig { max_lr: None, factor: None, power: 0.51, tokens_per_step: 1.0, warmup_steps: None }
    }
}

impl ScheduleConfig for PowerConfig {
    fn build(&self, run: Run) -> Result<Box<dyn Schedule>, Error> {
        let owner = "power";
        let max_lr = self.max_lr.unwrap_or(run.lr);
        let warmup_steps = run.steps_or(owner, "warmup_steps", self.warmup_steps, run.tenth())?;
        let (power, tokens_per_step) = (self.power, self.tokens_per_step);
        range::check(
            owner,
            [
                ("max_lr", max_lr, NON_NEGATIVE),
                ("power", power, POSITIVE),
                ("tokens_per_step", tokens_per_step, POSITIVE),
            ],
        )?;
        let tokens = product(tokens_per_step, warmup_steps.max(1) as f64);
        let factor = self.factor.unwrap_or_else(|| product(max_lr, tokens.powf(power)));
        range::check(owner, [("factor", factor, NON_NEGATIVE)])?;
        Ok(Box::new(Power { max_lr, factor, power, tokens_per_step, warmup_steps }))
    }
}

/// A power of the number of tokens seen, after a linear warm-up (Shen et al., 2024). It does not depend on
/// the length of the run.
///
/// ```text
/// f(t) = min(η_max, a (c t)^−p)
/// η(t) = f(W) t / W             for t ≤ W
/// η(t) = f(t)                   for t > W, or without a warm-up
/// ```
///
/// | field             | symbol  | default                                         | range    |
/// |:------------------|:--------|:------------------------------------------------|:---------|
/// | `max_lr`          | `η_max` | the run's rate                                  | `[0, ∞)` |
/// | `factor`          | `a`     | `η_max (c max(W, 1))^p`: the decay starts at once | `[0, ∞)` |
/// | `power`           | `p`     | 0.51                                            | `(0, ∞)` |
/// | `tokens_per_step` | `c`     | 1                                               | `(0, ∞)` |
/// | `warmup_steps`    | `W`     | a tenth of the run                              | 0…       |
///
/// The paper's `a` is 4 for each example of a batch, and its `η_max` 0.02, for a language model with maximum
/// update parametrization. The schedule never ends, so there is no final rate to hold; a `sequence` or
/// `warmup_stable_decay` adds a decay at the end.
///
/// # Errors
/// [`build`](ScheduleConfig::build): [`Error::InvalidConfig`] if a field is out of range or NaN.
///
/// # Example
/// ```
/// use optlab_optim::schedule::{Run, ScheduleSpec};
///
/// let text = "power:factor=8,power=0.5,tokens_per_step=16,warmup_steps=2";
/// let schedule = text.parse::<ScheduleSpec>()?.build(Run::new(1.0, 100))?;
/// let rates = [0, 1, 2, 4, 16, 64].map(|step| schedule.lr_at(step));
/// assert_eq!(rates, [0.0, 0.5, 1.0, 1.0, 0.5, 0.25]);
/// # Ok::<(), optlab_optim::Error>(())
/// ```
///
/// # Differs from
/// Its authors' code only in the sign of the exponent, and in that every field has a default.
///
/// # Reference
/// Shen et al., *Power Scheduler: A Batch Size and Token Number Agnostic Learning Rate Scheduler*, 2024,
/// <https://arxiv.org/abs/2408.13359>; code: <https://github.com/open-lm-engine/lm-engine>
#[derive(Debug, Clone)]
pub struct Power {
    max_lr: f64,
    factor: f64,
    power: f64,
    tokens_per_step: f64,
    warmup_steps: usize,
}

impl Power {
    fn decayed(&self, step: usize) -> f64 {
        let tokens = self.tokens_per_step * step as f64;
        product(self.factor, tokens.powf(-self.power)).min(self.max_lr)
    }
}

impl Schedule for Power {
    fn lr_at(&self, step: usize) -> f64 {
        if step < self.warmup_steps {
            return self.decayed(self.warmup_steps) * (step as f64 / self.warmup_steps as f64);
        }
        self.decayed(step)
    }
}
