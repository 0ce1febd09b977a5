//! The queue of trials that are known from the start.

use crate::Error;
use crate::run::events::{Next, Queue, RunnerEvents};
use crate::run::folder::Folder;
use optlab_train::train::{Outcome, Status, Trial};
use std::collections::HashMap;

/// A queue of trials that are known from the start. A trial that is listed twice runs once.
pub(super) struct List<'a> {
    trials: &'a [Trial],
    /// For each trial, the index of the first trial equal to it; mostly its own index.
    first: Vec<usize>,
    outcomes: Vec<Option<Outcome>>,
    next: usize,
}

impl<'a> List<'a> {
    /// Creates the queue. Trials with an outcome in `folder` are skipped and reported to `events`, except
    /// failed ones.
    pub fn new(folder: &Folder, trials: &'a [Trial], events: &mut dyn RunnerEvents) -> Result<Self, Error> {
        let mut places = HashMap::new();
        let mut list = List { trials, first: Vec::new(), outcomes: Vec::new(), next: 0 };
        for (index, trial) in trials.iter().enumerate() {
            list.first.push(*places.entry(trial.id()).or_insert(index));
            let outcome = folder.read_outcome(trial)?.filter(|outcome| outcome.status != Status::Failed);
            if let Some(outcome) = &outcome {
                events.skipped(index, trial, outcome);
            }
            list.outcomes.push(outcome);
        }
        Ok(list)
    }

    /// Returns the outcomes, in the order of the trials.
    pub fn into_outcomes(self) -> Vec<Outcome> {
        // No outcome is missing, since a trial without one ends the run with an error.
        let outcome = |&first: &usize| self.outcomes.get(first).cloned().flatten();
        self.first.iter().filter_map(outcome).collect()
    }
}

impl Queue for List<'_> {
    fn next(&mut self) -> Result<Next, Error> {
        while let Some(trial) = self.trials.get(self.next) {
            let index = self.next;
            self.next += 1;
            if self.outcomes[index].is_none() && self.first[index] == index {
                return Ok(Next::Trial { index, trial: Box::new(trial.clone()) });
            }
        }
        Ok(Next::Wait)
    }

    fn finished(&mut self, index: usize, _trial: &Trial, outcome: Outcome) -> Result<(), Error> {
        self.outcomes[index] = Some(outcome);
        Ok(())
    }
}
