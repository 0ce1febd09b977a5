//! Runs the trials of a comparison in worker processes, several at once, and each trial once.
//!
//! | content of the run's folder      | action                                                            |
//! |:---------------------------------|:------------------------------------------------------------------|
//! | nothing                          | trains the trial                                                  |
//! | checkpoints, no outcome          | the worker resumes from the newest valid checkpoint               |
//! | files that cannot be resumed     | the worker says so, and the second attempt begins anew            |
//! | an outcome                       | skips the trial; a diverged trial is a result                     |
//! | an outcome that is damaged or another trial's | runs it again                                        |
//! | an outcome "failed"              | runs it again: the cause (memory, a full disk) may be gone        |
//!
//! A worker that dies without an outcome, or sends no message for too long, is started once more and resumes
//! from its newest checkpoint. If it dies again, the runner writes the outcome "failed" for it and continues
//! with the other trials. If the next command finds a failed trial whose worker dies again without a step, it
//! begins the trial anew, since the files that the worker resumes from may be the cause.

mod attempts;
mod heard;

use crate::Error;
use crate::run::cores;
use crate::run::events::{Next, Queue, RunnerEvents};
use crate::run::folder::Folder;
use crate::run::queue::List;
use crate::run::worker::{Children, Conditions, WorkerCommand, WorkerEvent};
use attempts::Place;
use optlab_train::train::{Outcome, Trial};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

/// The default of [`Runner::stall_limit`].
pub const STALL_LIMIT: Duration = Duration::from_secs(600);

/// Runs trials in worker processes.
#[derive(Debug, Clone)]
pub struct Runner {
    /// The command that starts a worker.
    pub command: WorkerCommand,
    /// Number of workers that run at once, `1…`.
    pub jobs: usize,
    /// Whether workers that run at once are each pinned to their own processors, if the system can do that;
    /// they then disturb each other's times less.
    pub is_pinned: bool,
    /// Whether a trial leaves only its evaluations and its outcome, without history rows for steps and
    /// without checkpoints.
    pub is_brief: bool,
    /// The time without a message after which a worker counts as hanging.
    pub stall_limit: Duration,
}

/// A message from the thread of a trial to the runner's thread.
enum Message {
    Started { index: usize, attempt: usize },
    Event { index: usize, event: Box<WorkerEvent> },
    Noted { note: String },
    Ended { index: usize, outcome: Box<Result<Option<Outcome>, Error>> },
}

/// A trial whose worker is alive.
struct RunningTrial {
    trial: Arc<Trial>,
    slot: usize,
    pruned: Arc<Pruned>,
}

/// The step after which a trial was pruned; 0 if it was not.
#[derive(Default)]
struct Pruned(AtomicUsize);

impl Pruned {
    fn after(&self) -> Option<usize> {
        Some(self.0.load(Ordering::Relaxed)).filter(|&step| step > 0)
    }

    fn set(&self, step: usize) {
        self.0.store(step, Ordering::Relaxed);
    }
}

/// The state that all threads of a run share.
struct RunnerShared<'a> {
    runner: &'a Runner,
    folder: &'a Folder,
    children: Children,
    /// Whether the queue judges each evaluation before its worker continues.
    is_judged: bool,
}

impl Runner {
    /// Creates a runner with one worker at a time, which uses all processors.
    pub fn new(command: WorkerCommand) -> Self {
        Runner { command, jobs: 1, is_pinned: true, is_brief: false, stall_limit: STALL_LIMIT }
    }

    /// Returns the number of threads of each worker's CPU backend, unless `RAYON_NUM_THREADS` is set: an
    /// equal share of the processors.
    pub fn threads(&self) -> usize {
        cores::threads(self.jobs)
    }

    /// Runs the trials that have no outcome yet and returns all outcomes, in the order of `trials`.
    ///
    /// No worker is left running when it returns, even after an error.
    ///
    /// # Errors
    /// [`InvalidConfig`](optlab_core::Error::InvalidConfig) for no jobs; [`Io`](optlab_core::Error::Io) if a
    /// worker cannot be started, a folder cannot be written, or the run was interrupted; and the errors of
    /// [`RunnerEvents::finished`]. Outcomes that exist by then stay.
    pub fn run(
        &self,
        folder: &Folder,
        trials: &[Trial],
        events: &mut dyn RunnerEvents,
    ) -> Result<Vec<Outcome>, Error> {
        events.planned(trials.len());
        self.run_trials(folder, trials, events)
    }

    /// Does the same as [`run`](Self::run) without telling `events` the number of trials, for trials that are
    /// a part of those that it knows of.
    pub(super) fn run_trials(
        &self,
        folder: &Folder,
        trials: &[Trial],
        events: &mut dyn RunnerEvents,
    ) -> Result<Vec<Outcome>, Error> {
        let mut list = List::new(folder, trials, events)?;
        self.run_queue(folder, &mut list, events)?;
        Ok(list.into_outcomes())
    }

    /// Runs the trials of `queue` until it has no more, and reports their evaluations and outcomes to it.
    ///
    /// # Errors
    /// The errors of [`run`](Self::run), and of the queue.
    pub fn run_queue(
        &self,
        folder: &Folder,
        queue: &mut dyn Queue,
        events: &mut dyn RunnerEvents,
    ) -> Result<(), Error> {
        if self.jobs == 0 {
            return Err(Error::invalid("compare", "jobs", "at least 1", 0));
        }
        let is_judged = queue.judges();
        let shared = RunnerShared { runner: self, folder, children: Children::default(), is_judged };
        let (sender, messages) = mpsc::channel();
        std::thread::scope(|scope| {
            // Stops all workers however this closure ends, even by a panic in `events`.
            let _stop = StopOnDrop(&shared.children);
            let mut free: Vec<usize> = (0..self.jobs).rev().collect();
            let mut running: BTreeMap<usize, RunningTrial> = BTreeMap::new();
            loop {
                while let Some(slot) = free.pop() {
                    let Next::Trial { index, trial } = queue.next()? else {
                        free.push(slot);
                        break;
                    };
                    let trial: Arc<Trial> = Arc::from(trial);
                    let pruned = Arc::<Pruned>::default();
                    let at = Place { index, slot, pruned: pruned.clone() };
                    running.insert(index, RunningTrial { trial: trial.clone(), slot, pruned });
                    let (sender, shared) = (sender.clone(), &shared);
                    scope.spawn(move || {
                        let outcome = shared.run_trial(&at, &trial, &sender);
                        // Sending fails only if the run is being stopped.
                        drop(sender.send(Message::Ended { index: at.index, outcome: Box::new(outcome) }));
                    });
                }
                // No trial is running and the queue has none, so the run is complete.
                if running.is_empty() {
                    return folder.check_in_place();
                }
                handle(&messages, &mut running, &mut free, &shared, queue, events)?;
            }
        })
    }
}

/// Waits for the next message and passes it to `events` and `queue`.
fn handle(
    messages: &Receiver<Message>,
    running: &mut BTreeMap<usize, RunningTrial>,
    free: &mut Vec<usize>,
    shared: &RunnerShared,
    queue: &mut dyn Queue,
    events: &mut dyn RunnerEvents,
) -> Result<(), Error> {
    let Ok(message) = messages.recv() else { return Ok(()) };
    match message {
        Message::Started { index, attempt } => {
            if let Some(at) = running.get(&index) {
                events.started(index, &at.trial, attempt);
            }
        }
        Message::Noted { note } => events.noted(&note),
        Message::Event { index, event } => {
            let Some(at) = running.get(&index) else { return Ok(()) };
            match *event {
                WorkerEvent::Start(measure) => {
                    events.measures(index, &measure);
                    queue.begins(index, &measure);
                }
                WorkerEvent::Step(progress) => events.progress(index, &at.trial, progress),
                WorkerEvent::Evaluated(_) if at.pruned.after().is_some() => {}
                WorkerEvent::CannotResume { .. } => {}
                WorkerEvent::Evaluated(evaluated) => {
                    events.evaluated(index, &at.trial, &evaluated);
                    if queue.prunes(index, &at.trial, &evaluated) {
                        at.pruned.set(evaluated.step);
                        shared.children.stop_one(index);
                    } else if shared.is_judged {
                        shared.children.let_continue(index);
                    }
                }
            }
        }
        Message::Ended { index, outcome } => {
            let Some(at) = running.remove(&index) else { return Ok(()) };
            free.push(at.slot);
            if let Some(outcome) = (*outcome)? {
                events.finished(index, &at.trial, &outcome)?;
                queue.finished(index, &at.trial, outcome)?;
            }
        }
    }
    Ok(())
}

impl Runner {
    fn conditions(&self, slot: usize, is_judged: bool) -> Conditions {
        let threads = self.threads();
        let is_held = self.is_pinned && self.jobs > 1;
        Conditions {
            threads,
            cores: is_held.then(|| cores::share(slot, threads)).flatten(),
            is_brief: self.is_brief,
            is_judged,
            stall_limit: self.stall_limit,
        }
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
