//! The product of several schedules.

use crate::Error;
use crate::schedule::combinators::{Combined, base};
use crate::schedule::spec::{ScheduleConfig, ScheduleSpec};
use crate::schedule::{Run, Schedule, product};
use serde::{Deserialize, Serialize};

/// Settings of [`Product`], where their ranges are listed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ProductConfig {
    /// The schedules to multiply: the first gives a rate, the others give factors.
    pub schedules: Vec<ScheduleSpec>,
}

impl Default for ProductConfig {
    fn default() -> Self {
        ProductConfig { schedules: vec![*base()] }
    }
}

impl ScheduleConfig for ProductConfig {
    fn build(&self, run: Run) -> Result<Box<dyn Schedule>, Error> {
        if self.schedules.is_empty() {
            return Err(Error::invalid("product", "schedules", "at least one schedule", "none"));
        }
        let of_factors = Run { lr: 1.0, ..run };
        let runs = std::iter::once(run).chain(std::iter::repeat(of_factors));
        let schedules = self.schedules.iter().zip(runs).map(|(spec, run)| spec.build(run));
        Ok(Box::new(Product { schedules: schedules.collect::<Result<_, _>>()? }))
    }
}

/// The rates of one schedule, multiplied by other schedules as factors.
///
/// ```text
/// η(t) = η₁(t) η₂(t) … ηₙ(t)
/// ```
///
/// | field       | symbol    | default        | range                 |
/// |:------------|:----------|:---------------|:----------------------|
/// | `schedules` | `η₁ … ηₙ` | `[constant]`   | at least one schedule |
///
/// The first takes its rate from the run. For the others the run's rate is 1, so that by default they are
/// factors.
///
/// # Errors
/// [`build`](ScheduleConfig::build): [`Error::InvalidConfig`] without a schedule; the errors of the
/// schedules.
///
/// # Example
/// ```
/// use optlab_optim::schedule::{Run, ScheduleSpec};
///
/// let spec: ScheduleSpec = "product:schedules=[cosine,(step:step_size=5,gamma=0.5)]".parse()?;
/// let schedule = spec.build(Run::new(0.8, 10))?;
/// assert_eq!([0, 5, 10].map(|step| schedule.lr_at(step)), [0.8, 0.2, 0.0]);
/// # Ok::<(), optlab_optim::Error>(())
/// ```
pub struct Product {
    schedules: Vec<Box<dyn Schedule>>,
}

impl Combined for Product {
    fn lr_at(&self, step: usize) -> f64 {
        self.schedules.iter().map(|schedule| schedule.lr_at(step)).fold(1.0, product)
    }

    fn parts(&self) -> Vec<&dyn Schedule> {
        self.schedules.iter().map(|schedule| &**schedule).collect()
    }
}
