//! Runs the trials of a comparison, several at once, each exactly once.
//!
//! | what the run's folder holds      | what is done                                                      |
//! |:---------------------------------|:------------------------------------------------------------------|
//! | nothing                          | it is trained                                                     |
//! | checkpoints, no outcome          | the worker goes on from the newest valid one                      |
//! | an outcome                       | nothing; that it diverged is a result                             |
//! | an outcome "failed"              | it is run again: what failed it (memory, a full disk) may be gone |
//!
//! A worker that dies without an outcome is started once more. If it dies again, the runner writes the outcome
//! "failed" in its place, and the comparison goes on.

use crate::compare::folder::{self, Folder};
use crate::compare::worker::{self, Children, Progress, WorkerCommand};
use crate::error::Error;
use crate::train::{Outcome, RunDirectory, Status, Trial};
use std::io::ErrorKind;
use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Sender};

/// How often a worker that dies is started.
const ATTEMPTS: usize = 2;

/// What a runner tells while it works; `index` is the trial's place in the list that the runner was given.
pub trait RunnerEvents {
    /// A trial has an outcome from an earlier time and is not run.
    fn skipped(&mut self, _index: usize, _trial: &Trial, _outcome: &Outcome) {}

    /// A worker was started; the first attempt is 1.
    fn started(&mut self, _index: usize, _trial: &Trial, _attempt: usize) {}

    /// A worker made steps.
    fn progress(&mut self, _index: usize, _trial: &Trial, _progress: Progress) {}

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

/// Runs trials in worker processes.
#[derive(Debug, Clone)]
pub struct Runner {
    /// What starts a worker.
    pub command: WorkerCommand,
    /// How many workers run at once, `1…`.
    pub jobs: usize,
}

enum Message {
    Started { index: usize, attempt: usize },
    Progress { index: usize, progress: Progress },
    Finished { index: usize, outcome: Outcome },
    Broken(Error),
}

impl Runner {
    /// The threads that each worker's CPU backend gets, unless `RAYON_NUM_THREADS` is set: the cores, shared.
    pub fn threads(&self) -> usize {
        let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
        (cores / self.jobs.max(1)).max(1)
    }

    /// Runs what of `trials` has no outcome yet and returns all outcomes, in the order of `trials`.
    ///
    /// When it returns, no worker is left running, whatever happened.
    ///
    /// # Errors
    /// [`Error::InvalidConfig`] for no jobs; [`Error::Io`] if a worker cannot be started, a folder not be written, or
    /// the run was interrupted; and what [`RunnerEvents::finished`] returns. What had ended by then stays.
    pub fn run(
        &self,
        folder: &Folder,
        trials: &[Trial],
        events: &mut dyn RunnerEvents,
    ) -> Result<Vec<Outcome>, Error> {
        if self.jobs == 0 {
            return Err(Error::invalid("compare", "jobs", "at least 1", 0));
        }
        let mut outcomes: Vec<Option<Outcome>> = Vec::with_capacity(trials.len());
        for (index, trial) in trials.iter().enumerate() {
            let outcome = folder::read_outcome(&folder.run_dir(trial), trial)?
                .filter(|outcome| outcome.status != Status::Failed);
            if let Some(outcome) = &outcome {
                events.skipped(index, trial, outcome);
            }
            outcomes.push(outcome);
        }
        let pending: Vec<usize> = (0..trials.len()).filter(|&index| outcomes[index].is_none()).collect();
        self.run_pending(folder, trials, &pending, &mut outcomes, events)?;
        // Each is there: a trial without an outcome has ended the run with an error.
        Ok(outcomes.into_iter().flatten().collect())
    }

    fn run_pending(
        &self,
        folder: &Folder,
        trials: &[Trial],
        pending: &[usize],
        outcomes: &mut [Option<Outcome>],
        events: &mut dyn RunnerEvents,
    ) -> Result<(), Error> {
        let children = Children::default();
        let next = AtomicUsize::new(0);
        let (sender, messages) = mpsc::channel();
        std::thread::scope(|scope| {
            // However this closure ends, by a panic in `events` as well: no worker outlives it.
            let _stop = StopOnDrop(&children);
            for _ in 0..self.jobs.min(pending.len()) {
                let (sender, next, children) = (sender.clone(), &next, &children);
                scope.spawn(move || {
                    while let Some(&index) = pending.get(next.fetch_add(1, Ordering::Relaxed)) {
                        let message = match self.run_trial(folder, index, &trials[index], children, &sender) {
                            Ok(Some(outcome)) => Message::Finished { index, outcome },
                            Ok(None) => return,
                            Err(error) => Message::Broken(error),
                        };
                        if sender.send(message).is_err() {
                            return;
                        }
                    }
                });
            }
            drop(sender);
            for message in messages {
                match message {
                    Message::Started { index, attempt } => events.started(index, &trials[index], attempt),
                    Message::Progress { index, progress } => events.progress(index, &trials[index], progress),
                    Message::Finished { index, outcome } => {
                        events.finished(index, &trials[index], &outcome)?;
                        outcomes[index] = Some(outcome);
                    }
                    Message::Broken(error) => return Err(error),
                }
            }
            Ok(())
        })
    }

    /// Runs one trial to its outcome; none if all was stopped meanwhile.
    fn run_trial(
        &self,
        folder: &Folder,
        index: usize,
        trial: &Trial,
        children: &Children,
        sender: &Sender<Message>,
    ) -> Result<Option<Outcome>, Error> {
        let run_dir = folder.prepare_run(trial)?;
        let stderr = run_dir.join("stderr.txt");
        // Both are of an earlier time, and a failed outcome would be taken for this one's.
        for stale in [&run_dir.join("outcome.json"), &stderr] {
            match std::fs::remove_file(stale) {
                Err(error) if error.kind() != ErrorKind::NotFound => {
                    return Err(Error::io("remove", stale)(error));
                }
                _ => {}
            }
        }
        let mut reason = String::new();
        let mut steps = 0;
        for attempt in 1..=ATTEMPTS {
            // If nobody listens any more, the run is being stopped, which the next check notices.
            let tell = |message| sender.send(message).is_ok();
            if children.is_stopped() || !tell(Message::Started { index, attempt }) {
                return Ok(None);
            }
            let ended =
                worker::run(&self.command, self.threads(), &run_dir, &stderr, children, |progress| {
                    tell(Message::Progress { index, progress });
                })?;
            if let Some(outcome) = folder::read_outcome(&run_dir, trial)? {
                return Ok(Some(outcome));
            }
            if children.is_stopped() {
                return Ok(None);
            }
            if ended.is_interrupted() {
                let interrupted = std::io::Error::new(ErrorKind::Interrupted, "interrupted");
                return Err(Error::io("finish", run_dir)(interrupted));
            }
            reason = ended.reason();
            steps = ended.last_step;
        }
        // The runner does not know the workload, so the metric has no name.
        let outcome = Outcome { steps, ..Outcome::failed(reason, "", true, 0.0) };
        RunDirectory::new(run_dir).write_outcome(&outcome)?;
        Ok(Some(outcome))
    }
}

struct StopOnDrop<'a>(&'a Children);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.stop();
    }
}

#[cfg(all(test, unix))]
mod tests;
