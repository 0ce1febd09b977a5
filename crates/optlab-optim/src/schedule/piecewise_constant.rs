//! A list of rates, each constant up to its boundary.

use crate::Error;
use crate::schedule::span::Span;
use crate::schedule::spec::ScheduleConfig;
use crate::schedule::{Run, Schedule};
use optlab_core::range::{self, NON_NEGATIVE};
use serde::{Deserialize, Serialize};

/// Settings of [`PiecewiseConstant`], where their ranges are listed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PiecewiseConstantConfig {
    /// The last step of each rate, except for the last rate.
    pub boundaries: Vec<Span>,
    /// The rates, one more than the boundaries.
    pub values: Vec<f64>,
}

impl ScheduleConfig for PiecewiseConstantConfig {
    fn build(&self, run: Run) -> Result<Box<dyn Schedule>, Error> {
        let owner = "piecewise_constant";
        if self.boundaries.is_empty() && self.values.is_empty() {
            range::check(owner, [("the run's rate", run.lr, NON_NEGATIVE)])?;
            let values = vec![run.lr, run.lr / 10.0, run.lr / 100.0];
            return Ok(Box::new(PiecewiseConstant { boundaries: run.half_and_three_quarters(), values }));
        }
        let boundaries = run.rising_steps(owner, "boundaries", &self.boundaries)?;
        let values = self.values.clone();
        if values.len() != boundaries.len() + 1 {
            let allowed = format!("{} rates, one more than there are boundaries", boundaries.len() + 1);
            return Err(Error::invalid(owner, "values", &allowed, values.len()));
        }
        for value in &values {
            range::check(owner, [("values", *value, NON_NEGATIVE)])?;
        }
        Ok(Box::new(PiecewiseConstant { boundaries, values }))
    }
}

/// A list of rates, each constant up to its boundary.
///
/// ```text
/// η(t) = ηᵢ        i = the number of boundaries bⱼ < t
/// ```
///
/// | field        | symbol   | default                                        | range              |
/// |:-------------|:---------|:-----------------------------------------------|:-------------------|
/// | `boundaries` | `b₀, …`  | half and three quarters of the run             | rising from 0…     |
/// | `values`     | `η₀, …`  | the run's rate, a tenth and a hundredth of it  | `[0, ∞)`, one more |
///
/// A boundary is the last step of its rate. The defaults apply if both lists are empty. After the last
/// boundary the last rate is used.
///
/// # Errors
/// [`build`](ScheduleConfig::build): [`Error::InvalidConfig`] if a rate is out of range or NaN, if a boundary
/// is not later than the previous one, or if there is not exactly one more rate than boundaries.
///
/// # Example
/// ```
/// use optlab_optim::schedule::{Run, ScheduleSpec};
///
/// let spec: ScheduleSpec = "piecewise_constant:boundaries=[2,50%],values=[0.3,0.1,0.2]".parse()?;
/// let schedule = spec.build(Run::new(1.0, 10))?;
/// assert_eq!([0, 2, 3, 5, 6, 99].map(|step| schedule.lr_at(step)), [0.3, 0.3, 0.1, 0.1, 0.2, 0.2]);
/// # Ok::<(), optlab_optim::Error>(())
/// ```
///
/// # Differs from
/// Keras's `PiecewiseConstantDecay` only in that both lists have a default. `multi_step` and optax's
/// `piecewise_constant_schedule` change the rate at a boundary, one step earlier.
#[derive(Debug, Clone)]
pub struct PiecewiseConstant {
    boundaries: Vec<usize>,
    values: Vec<f64>,
}

impl Schedule for PiecewiseConstant {
    fn lr_at(&self, step: usize) -> f64 {
        self.values[self.boundaries.partition_point(|boundary| *boundary < step)]
    }
}
