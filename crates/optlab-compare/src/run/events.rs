//! What a runner reports while it works, and what gives it its trials.

use crate::Error;
use crate::run::worker::{Evaluated, Measure, Progress};
use optlab_train::train::{Outcome, Trial};

/// What a runner tells while it works; `index` is the trial's place among those that the runner was given.
pub trait RunnerEvents {
    /// So many trials are to be run in all, those that have an outcome already included.
    fn planned(&mut self, _trials: usize) {}

    /// A trial has an outcome from an earlier time and is not run.
    fn skipped(&mut self, _index: usize, _trial: &Trial, _outcome: &Outcome) {}

    /// A worker was started; the first attempt is 1.
    fn started(&mut self, _index: usize, _trial: &Trial, _attempt: usize) {}

    /// A worker says what it measures, before its first step.
    fn measures(&mut self, _index: usize, _measure: &Measure) {}

    /// A worker made steps.
    fn progress(&mut self, _index: usize, _trial: &Trial, _progress: Progress) {}

    /// A worker evaluated the validation part.
    fn evaluated(&mut self, _index: usize, _trial: &Trial, _evaluated: Evaluated) {}

    /// A trial ended.
    ///
    /// # Errors
    /// Any error ends the run, as when the outcome cannot be passed on because the disk is full.
    fn finished(&mut self, _index: usize, _trial: &Trial, _outcome: &Outcome) -> Result<(), Error> {
        Ok(())
    }
}

/// Tells nothing.
impl RunnerEvents for () {}

/// What a queue answers when a worker is free.
#[derive(Debug)]
pub enum Next {
    /// A trial, with the number that it is known by from here on.
    Trial {
        /// Its number.
        index: usize,
        /// What is to be trained.
        trial: Box<Trial>,
    },
    /// None now: a trial that is running has to end first, or there are no more.
    Wait,
}

/// Gives trials and hears what becomes of them.
pub trait Queue {
    /// The next trial. [`Next::Wait`] while nothing is running ends the run.
    ///
    /// # Errors
    /// Any error ends the run.
    fn next(&mut self) -> Result<Next, Error>;

    /// A trial's run says what it measures.
    fn begins(&mut self, _index: usize, _measure: &Measure) {}

    /// A trial was evaluated; true ends it here, as pruned.
    fn prunes(&mut self, _index: usize, _trial: &Trial, _evaluated: Evaluated) -> bool {
        false
    }

    /// A trial ended.
    ///
    /// # Errors
    /// Any error ends the run.
    fn finished(&mut self, index: usize, trial: &Trial, outcome: Outcome) -> Result<(), Error>;
}
