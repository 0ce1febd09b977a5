//! Burn's built-in schedules under the names `burn.…`, with Burn's own field names.
//!
//! Burn's schedules count their own steps. All rates of the run are asked for in advance, so that these too are pure
//! functions of the step; past the run the last one holds.

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

/// 80 megabytes of rates.
const LONGEST_RUN: usize = 10_000_000;

/// The rates of a run.
struct Rates {
    rates: Vec<f64>,
}

impl Rates {
    /// What `scheduler` says for each step of `run`.
    ///
    /// # Errors
    /// [`Error::Usage`] where Burn refused the settings, with its reason, or where the run is too long to ask in advance.
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
        let rates = (0..run.total_steps.max(1)).map(|_| scheduler.step().base());
        Ok(Box::new(Rates { rates: rates.collect() }))
    }
}

impl Schedule for Rates {
    fn lr_at(&self, step: usize) -> f64 {
        // There is at least one rate.
        self.rates[step.min(self.rates.len() - 1)]
    }
}
