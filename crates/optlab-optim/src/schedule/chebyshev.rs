//! Chebyshev steps: the step sizes that minimize a quadratic fastest, in an order that keeps them stable.

use crate::Error;
use crate::schedule::spec::ScheduleConfig;
use crate::schedule::{Run, Schedule};
use optlab_core::range::{self, NON_NEGATIVE, Range};
use serde::{Deserialize, Serialize};
use std::f64::consts::PI;

/// Settings of [`Chebyshev`], where their ranges are listed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ChebyshevConfig {
    /// The upper bound of the rates.
    pub max_lr: Option<f64>,
    /// The ratio of the largest to the smallest curvature, and nearly of the largest to the smallest rate.
    pub condition: f64,
    /// Number of steps of a cycle, a power of two.
    pub cycle: Option<usize>,
    /// Whether the rates of a cycle are in the fractal order, or fall.
    pub fractal: bool,
}

impl Default for ChebyshevConfig {
    fn default() -> Self {
        ChebyshevConfig { max_lr: None, condition: 20.0, cycle: None, fractal: true }
    }
}

impl ScheduleConfig for ChebyshevConfig {
    fn build(&self, run: Run) -> Result<Box<dyn Schedule>, Error> {
        let owner = "chebyshev";
        let max_lr = self.max_lr.unwrap_or(run.lr);
        range::check(
            owner,
            [("max_lr", max_lr, NON_NEGATIVE), ("condition", self.condition, Range::starting_at(1.0))],
        )?;
        let cycle = self.cycle.unwrap_or(1 << run.total_steps.max(1).ilog2());
        if !cycle.is_power_of_two() {
            return Err(Error::invalid(owner, "cycle", "a power of two", cycle));
        }
        Ok(Box::new(Chebyshev { max_lr, condition: self.condition, cycle, fractal: self.fractal }))
    }
}

/// Chebyshev steps: in a cycle, the inverses of the zeros of a Chebyshev polynomial over the range of
/// curvatures, the step sizes with which gradient descent minimizes a quadratic fastest. The fractal order
/// (Lebedev & Finogenov, 1971; Agarwal et al., 2021) mixes large and small steps so that errors do not grow
/// in between.
///
/// ```text
/// γᵢ = η_max / ((κ + 1)/2 − (κ − 1)/2 cos(π (i + 1/2) / n))       i = 0 … n − 1
///    = η_max / (1 + (κ − 1) sin²(π (i + 1/2) / 2n))
/// σ₁ = [0],  σ₂ₖ(2j) = σₖ(j),  σ₂ₖ(2j + 1) = 2k − 1 − σₖ(j)
/// η(t) = γ_σₙ(t mod n)      fractal = true
/// η(t) = γ_(t mod n)        fractal = false
/// ```
///
/// | field       | symbol  | default                                          | range          |
/// |:------------|:--------|:-------------------------------------------------|:---------------|
/// | `max_lr`    | `η_max` | the run's rate                                   | `[0, ∞)`       |
/// | `condition` | `κ`     | 20                                               | `[1, ∞)`       |
/// | `cycle`     | `n`     | the largest power of two that is not above the run's length | a power of two |
/// | `fractal`   |         | `true`                                           |                |
///
/// `η_max` is the inverse of the smallest curvature; `η_max / κ`, the inverse of the largest, is the rate
/// that is stable by itself. The schedule repeats its cycle and never ends, so there is no final rate to
/// hold.
///
/// # Errors
/// [`build`](ScheduleConfig::build): [`Error::InvalidConfig`] if a field is out of range or NaN, or if
/// `cycle` is not a power of two.
///
/// # Example
/// With `κ` = 3, the rates of a cycle of two are the inverses of `2 ∓ √(1/2)`; the largest is the first:
/// ```
/// use optlab_optim::schedule::{Run, ScheduleSpec};
///
/// let schedule = "chebyshev:condition=3,cycle=2".parse::<ScheduleSpec>()?.build(Run::new(1.0, 10))?;
/// for (step, sign) in [(0, -1.0), (1, 1.0), (2, -1.0)] {
///     let inverse = 2.0 + sign * 0.5_f64.sqrt();
///     assert!((schedule.lr_at(step) * inverse - 1.0).abs() < 1e-12);
/// }
/// # Ok::<(), optlab_optim::Error>(())
/// ```
///
/// # Differs from
/// `pytorch_optimizer`, whose factors are relative to the inverse of the largest curvature, and which cuts
/// the order of the next power of two to other lengths of a cycle.
///
/// # Reference
/// Agarwal, Goel & Zhang, *Acceleration via Fractal Learning Rate Schedules*, 2021,
/// <https://arxiv.org/abs/2103.01338>
#[derive(Debug, Clone)]
pub struct Chebyshev {
    max_lr: f64,
    condition: f64,
    cycle: usize,
    fractal: bool,
}

/// Returns element `place` of the fractal order of `0 … length − 1`; `length` is a power of two.
fn fractal(place: usize, length: usize) -> usize {
    if length == 1 {
        return 0;
    }
    let of_half = fractal(place / 2, length / 2);
    if place.is_multiple_of(2) { of_half } else { length - 1 - of_half }
}

impl Schedule for Chebyshev {
    fn lr_at(&self, step: usize) -> f64 {
        let place = step % self.cycle;
        let zero = if self.fractal { fractal(place, self.cycle) } else { place };
        let sine = (PI / 2.0 * (zero as f64 + 0.5) / self.cycle as f64).sin();
        let inverse = 1.0 + (self.condition - 1.0) * sine * sine;
        self.max_lr / inverse
    }
}
