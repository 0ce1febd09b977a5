//! The traits by which a runner reports its work and gets its trials.

use crate::Error;
use crate::run::cost::Cost;
use crate::run::worker::{Evaluated, Measure, Progress};
use optlab_train::train::{Outcome, Trial};

/// A receiver of a runner's reports; `index` is the index of the trial among the runner's trials.
pub trait RunnerEvents {
    /// Receives the number of trials in all, including trials that already have an outcome.
    fn planned(&mut self, _trials: usize) {}

    /// Receives a sentence about something unusual in the folder: a list that was not whole, a run that
    /// begins anew.
    fn noted(&mut self, _note: &str) {}

    /// Receives the estimated time, once the first trial of each arm has run.
    fn estimated(&mut self, _cost: &Cost) {}

    /// Receives a trial that is not run because it already has an outcome.
    fn skipped(&mut self, _index: usize, _trial: &Trial, _outcome: &Outcome) {}

    /// Receives the start of a worker; the first attempt is 1.
    fn started(&mut self, _index: usize, _trial: &Trial, _attempt: usize) {}

    /// Receives the metric of a worker, before its first step.
    fn measures(&mut self, _index: usize, _measure: &Measure) {}

    /// Receives the progress of a worker.
    fn progress(&mut self, _index: usize, _trial: &Trial, _progress: Progress) {}

    /// Receives an evaluation of the validation part.
    fn evaluated(&mut self, _index: usize, _trial: &Trial, _evaluated: &Evaluated) {}

    /// Receives the outcome of a trial that ended.
    ///
    /// # Errors
    /// Any error ends the run, for example if the outcome cannot be passed on because the disk is full.
    fn finished(&mut self, _index: usize, _trial: &Trial, _outcome: &Outcome) -> Result<(), Error> {
        Ok(())
    }
}

/// Ignores all reports.
impl RunnerEvents for () {}

/// The answer of a queue when a worker is free.
#[derive(Debug)]
pub enum Next {
    /// A trial to run, with its index in all further reports.
    Trial {
        /// The index of the trial.
        index: usize,
        /// The trial.
        trial: Box<Trial>,
    },
    /// No trial now: a running trial has to end first, or there are no more trials.
    Wait,
}

/// A source of trials that receives their results.
pub trait Queue {
    /// Returns the next trial. [`Next::Wait`] ends the run if no trial is running.
    ///
    /// # Errors
    /// Any error ends the run.
    fn next(&mut self) -> Result<Next, Error>;

    /// Returns whether trials may be pruned. Each worker then waits after an evaluation until
    /// [`prunes`](Self::prunes) has returned.
    fn judges(&self) -> bool {
        false
    }

    /// Receives the metric of a trial, before its first step.
    fn begins(&mut self, _index: usize, _measure: &Measure) {}

    /// Receives an evaluation of a trial; returns true to end the trial here, as pruned.
    fn prunes(&mut self, _index: usize, _trial: &Trial, _evaluated: &Evaluated) -> bool {
        false
    }

    /// Receives the outcome of a trial that ended.
    ///
    /// # Errors
    /// Any error ends the run.
    fn finished(&mut self, index: usize, trial: &Trial, outcome: Outcome) -> Result<(), Error>;
}
