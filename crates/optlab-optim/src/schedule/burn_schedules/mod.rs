//! Burn's built-in schedules under the names `burn.…`, with Burn's own field names.
//!
//! Burn's schedules count their own steps. All rates of the run are computed in advance, so that these
//! schedules too are pure functions of the step; after the end of the run the last rate is used.

mod cosine;
mod exponential;
mod linear;
mod noam;
mod step;

pub use cosine::BurnCosineConfig;
pub use exponential::BurnExponentialConfig;
pub use linear::BurnLinearConfig;
pub use noam::BurnNoamConfig;
pub use step::BurnStepConfig;

use crate::Error;
use crate::schedule::{Run, Schedule};
use burn::lr_scheduler::module_lr_scheduler::ModuleLrScheduler;

/// The longest run whose rates are computed: they take 80 megabytes.
const LONGEST_RUN: usize = 10_000_000;

/// The rates of a run.
struct Rates {
    rates: Vec<f64>,
}

impl Rates {
    /// Computes the rate of `scheduler` for each step of `run`.
    ///
    /// # Errors
    /// [`Error::Usage`] if Burn refused the settings, with its reason, or if the run is too long to compute
    /// its rates in advance.
    fn of_run(
        owner: &str,
        run: Run,
        scheduler: Result<ModuleLrScheduler, String>,
    ) -> Result<Box<dyn Schedule>, Error> {
        let mut scheduler =
            scheduler.map_err(|reason| Error::Usage(format!("schedule `{owner}`: {reason}")))?;
        if run.total_steps > LONGEST_RUN {
            return Err(Error::Usage(format!(
                "schedule `{owner}` is for runs of at most {LONGEST_RUN} steps, not {}",
                run.total_steps
            )));
        }
        // A factor above 1 may overflow, 0 times infinity is NaN, and a line to 0 may end just below it.
        let finite = |rate: f64| if rate.is_nan() { 0.0 } else { rate.clamp(0.0, f64::MAX) };
        let rates = (0..run.total_steps.max(1)).map(|_| finite(scheduler.step().base()));
        Ok(Box::new(Rates { rates: rates.collect() }))
    }
}

impl Schedule for Rates {
    fn lr_at(&self, step: usize) -> f64 {
        // There is at least one rate.
        self.rates[step.min(self.rates.len() - 1)]
    }
}
