//! Runs the trials of a comparison in worker processes, several at once, and each trial once.
//!
//! | content of the run's folder      | action                                                            |
//! |:---------------------------------|:------------------------------------------------------------------|
//! | nothing                          | trains the trial                                                  |
//! | checkpoints, no outcome          | the worker resumes from the newest valid checkpoint               |
//! | an outcome                       | skips the trial; a diverged trial is a result                     |
//! | an outcome "failed"              | runs it again: the cause (memory, a full disk) may be gone        |
//!
//! A worker that dies without an outcome, or sends no message for too long, is started once more and resumes
//! from its newest checkpoint. If it dies again, the runner writes the outcome "failed" for it and continues
//! with the other trials.

use crate::Error;
use crate::run::cores;
use crate::run::events::{Next, Queue, RunnerEvents};
use crate::run::folder::{self, Folder};
use crate::run::queue::List;
use crate::run::worker::{self, Children, Conditions, Evaluated, Measure, WorkerCommand, WorkerEvent};
use optlab_core::Metric;
use optlab_train::train::{Outcome, RunDirectory, Status, Trial};
use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::Duration;

/// The largest number of attempts for a trial whose worker dies.
const ATTEMPTS: usize = 2;

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
        let shared = RunnerShared { runner: self, folder, children: Children::default() };
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
                    return Ok(());
                }
                handle(&messages, &mut running, &mut free, &shared.children, queue, events)?;
            }
        })
    }
}

/// Waits for the next message and passes it to `events` and `queue`.
fn handle(
    messages: &Receiver<Message>,
    running: &mut BTreeMap<usize, RunningTrial>,
    free: &mut Vec<usize>,
    children: &Children,
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
        Message::Event { index, event } => {
            let Some(at) = running.get(&index) else { return Ok(()) };
            match *event {
                WorkerEvent::Start(measure) => {
                    events.measures(index, &measure);
                    queue.begins(index, &measure);
                }
                WorkerEvent::Step(progress) => events.progress(index, &at.trial, progress),
                WorkerEvent::Evaluated(_) if at.pruned.after().is_some() => {}
                WorkerEvent::Evaluated(evaluated) => {
                    events.evaluated(index, &at.trial, &evaluated);
                    if queue.prunes(index, &at.trial, &evaluated) {
                        at.pruned.set(evaluated.step);
                        children.stop_one(index);
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

/// The index of a trial, the slot of its worker, and whether it was pruned.
struct Place {
    index: usize,
    slot: usize,
    pruned: Arc<Pruned>,
}

/// The messages of a worker so far.
#[derive(Default)]
struct WorkerLog {
    measure: Option<Measure>,
    evaluated: Vec<Evaluated>,
}

impl RunnerShared<'_> {
    /// Runs one trial and returns its outcome; `None` if the whole run was stopped meanwhile.
    fn run_trial(
        &self,
        at: &Place,
        trial: &Trial,
        sender: &Sender<Message>,
    ) -> Result<Option<Outcome>, Error> {
        let index = at.index;
        let run_dir = self.folder.prepare_run(trial)?;
        let stderr = run_dir.join("stderr.txt");
        // Both are from an earlier run; an old failed outcome would be taken for the new one.
        remove_stale(&run_dir.join("outcome.json"))?;
        remove_stale(&stderr)?;
        let conditions = self.runner.conditions(at.slot);
        let mut heard = WorkerLog::default();
        let mut reason = String::new();
        let mut steps = 0;
        for attempt in 1..=ATTEMPTS {
            // Sending fails only if the run is being stopped, which the next check notices.
            let tell = |message| sender.send(message).is_ok();
            if self.children.is_stopped() || !tell(Message::Started { index, attempt }) {
                return Ok(None);
            }
            let command = &self.runner.command;
            let ended =
                worker::run(command, &conditions, &run_dir, &stderr, &self.children, index, |told| {
                    heard.note(&told);
                    tell(Message::Event { index, event: Box::new(told) });
                })?;
            if let Some(step) = at.pruned.after() {
                let outcome = heard.pruned(step);
                let run_dir = RunDirectory::new(run_dir);
                if self.runner.is_brief {
                    run_dir.remove_checkpoints()?;
                }
                run_dir.write_outcome(&outcome)?;
                return Ok(Some(outcome));
            }
            if let Some(outcome) = folder::read_outcome(&run_dir, trial)? {
                return Ok(Some(outcome));
            }
            if self.children.is_stopped() {
                return Ok(None);
            }
            if ended.is_interrupted() {
                let interrupted = std::io::Error::new(ErrorKind::Interrupted, "interrupted");
                return Err(Error::io("finish", run_dir)(interrupted));
            }
            reason = ended.reason();
            steps = ended.last_step;
        }
        let outcome = Outcome { steps, ..heard.outcome(reason) };
        RunDirectory::new(run_dir).write_outcome(&outcome)?;
        Ok(Some(outcome))
    }
}

impl Runner {
    fn conditions(&self, slot: usize) -> Conditions {
        let threads = self.threads();
        let is_held = self.is_pinned && self.jobs > 1;
        Conditions {
            threads,
            cores: is_held.then(|| cores::share(slot, threads)).flatten(),
            is_brief: self.is_brief,
            stall_limit: self.stall_limit,
        }
    }
}

impl WorkerLog {
    fn note(&mut self, told: &WorkerEvent) {
        match told {
            WorkerEvent::Start(measure) => self.measure = Some(measure.clone()),
            WorkerEvent::Step(_) => {}
            WorkerEvent::Evaluated(evaluated) => self.evaluated.push(evaluated.clone()),
        }
    }

    /// Returns the metric; unknown if the worker died before it reported it.
    fn metric(&self) -> Metric {
        self.measure.as_ref().map_or_else(Metric::unknown, |measure| measure.metric.clone())
    }

    /// Returns the best of these evaluations.
    fn best<'a>(&self, evaluated: impl Iterator<Item = &'a Evaluated>) -> Option<&'a Evaluated> {
        let direction = self.metric().direction;
        let value = |it: &Evaluated| direction.cost(it.score.metric);
        // `min_by` returns the first of equal evaluations.
        evaluated.min_by(|a, b| value(a).total_cmp(&value(b)))
    }

    /// Returns the outcome of a failed trial. The metric of a worker that died at once may be unknown.
    fn outcome(&self, reason: String) -> Outcome {
        Outcome::failed(reason, self.metric())
    }

    /// Returns the outcome of a trial that was pruned after `step`. Work done after the pruning decision is
    /// discarded.
    fn pruned(&self, step: usize) -> Outcome {
        let seen = || self.evaluated.iter().filter(move |evaluated| evaluated.step <= step);
        let (latest, best) = (seen().next_back(), self.best(seen()));
        Outcome {
            status: Status::Pruned,
            reason: None,
            steps: step,
            epochs: latest.map_or(0, |latest| latest.epoch),
            training_seconds: latest.map_or(0.0, |latest| latest.training_seconds),
            final_validation: latest.map(|latest| latest.score.clone()),
            best_validation: best.map(|best| best.score.clone()),
            best_step: best.map(|best| best.step),
            ..self.outcome(String::new())
        }
    }
}

fn remove_stale(path: &Path) -> Result<(), Error> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(Error::io("remove", path)(error)),
        _ => Ok(()),
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
