//! Runs one trial in its own process.
//!
//! Burn 0.22 seeds a backend through one global per process, so two trials in one process would disturb each
//! other's random numbers. A process that dies does not end the others.
//!
//! The worker's standard input is a pipe that the runner holds open and never writes to. When the runner
//! ends, however it ends, the pipe closes, and a worker that called [`exit_with_runner`] ends too.

use crate::Error;
use crate::run::signals;
use optlab_core::Metric;
use optlab_core::bounded_file;
use optlab_train::train::Score;
use serde::{Deserialize, Serialize};
use std::ffi::OsString;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The environment variable that tells a worker that its standard input is a runner's pipe.
const HELD_BY_RUNNER: &str = "OPTLAB_HELD_BY_RUNNER";

/// The environment variable with the number of threads of a worker's CPU backend.
const THREADS: &str = "RAYON_NUM_THREADS";

/// A message from a worker to its runner, one line of JSON:
/// `{"event": "step", "step": 120, "total_steps": 474, "loss": 0.31}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum WorkerEvent {
    /// The metric of the run; sent once, at its beginning.
    Start(Measure),
    /// The progress of the run; sent a few times per second.
    Step(Progress),
    /// An evaluation of the validation part.
    Evaluated(Evaluated),
}

/// The metric of a run and the number of its evaluations.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Measure {
    /// The metric, with its target.
    #[serde(flatten)]
    pub metric: Metric,
    /// Number of evaluations of the validation part in the whole run.
    pub evaluations: usize,
}

/// The progress of a worker.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// Optimizer steps made.
    pub step: usize,
    /// Optimizer steps that the budget allows.
    pub total_steps: usize,
    /// The last batch's loss; `None` if it is not finite.
    pub loss: Option<f64>,
}

/// An evaluation of the validation part during a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evaluated {
    /// Optimizer steps made before it.
    pub step: usize,
    /// Epochs begun before it.
    pub epoch: usize,
    /// Training seconds before it.
    pub training_seconds: f64,
    /// Loss and metric.
    #[serde(flatten)]
    pub score: Score,
}

/// The command that starts a worker: a program and the arguments before the run's folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkerCommand {
    /// The program.
    pub program: PathBuf,
    /// Its arguments; the run's folder is appended to them.
    pub arguments: Vec<OsString>,
}

/// The conditions that a worker runs under, which do not change its result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Conditions {
    /// Number of threads of its CPU backend.
    pub threads: usize,
    /// The processors that it is pinned to; `None` for all.
    pub cores: Option<String>,
    /// Whether it writes no history rows for steps and leaves no checkpoint.
    pub is_brief: bool,
    /// The time without a message after which it counts as hanging.
    pub stall_limit: Duration,
}

impl WorkerCommand {
    /// Returns the command `optlab worker RUN_DIR` for the running program, whose `main` must end in
    /// `optlab::cli::main`.
    ///
    /// # Errors
    /// [`Io`](optlab_core::Error::Io) if the system does not report the path of this program.
    pub fn this_program() -> Result<Self, Error> {
        Ok(WorkerCommand {
            program: std::env::current_exe().map_err(Error::io("find", "this program"))?,
            arguments: vec!["worker".into()],
        })
    }
}

/// Ends this process when the runner that started it is gone. Does nothing in a process that no runner
/// started.
pub fn exit_with_runner() {
    if std::env::var_os(HELD_BY_RUNNER).is_none() {
        return;
    }
    std::thread::spawn(|| {
        let mut nothing = [0; 1];
        // Blocks until the pipe closes: nothing is ever written to it. Exiting is safe at any moment, since
        // each file of a run becomes visible by a rename.
        while matches!(std::io::stdin().read(&mut nothing), Ok(1)) {}
        std::process::exit(1);
    });
}

/// The end of a worker process.
#[derive(Debug)]
pub(super) struct Ended {
    /// The exit status from the system.
    pub status: ExitStatus,
    /// The last step that the worker reported.
    pub last_step: usize,
    /// The message of the worker's panic, or the last line of its standard error.
    pub last_words: Option<String>,
    /// The time without a message for which the worker was killed, if it was.
    pub stalled: Option<Duration>,
}

impl Ended {
    /// Returns why the worker ended, for an outcome that it did not write itself.
    pub fn reason(&self) -> String {
        let how = match (self.stalled, signal(&self.status), self.status.code()) {
            (Some(limit), ..) => format!("hung: no step in {}", humantime::format_duration(limit)),
            (None, Some(9), _) => "killed by signal 9, out of memory?".into(),
            (None, Some(signal), _) => format!("killed by signal {signal}"),
            (None, None, Some(code)) => format!("exit code {code} without an outcome"),
            (None, None, None) => "no exit code".into(),
        };
        match &self.last_words {
            Some(words) => format!("{words} (worker: {how})"),
            None => format!("worker: {how}"),
        }
    }

    /// Returns whether someone pressed Ctrl-C, which stops the whole comparison and is not a failure of the
    /// trial.
    pub fn is_interrupted(&self) -> bool {
        signal(&self.status) == Some(2)
    }
}

/// Runs one worker to its end. Appends its standard error to the file `stderr`, and removes that file if it
/// stays empty.
pub(super) fn run(
    command: &WorkerCommand,
    conditions: &Conditions,
    run_dir: &Path,
    stderr: &Path,
    children: &Children,
    index: usize,
    mut listen: impl FnMut(WorkerEvent),
) -> Result<Ended, Error> {
    let file = File::options().create(true).append(true).open(stderr).map_err(Error::io("write", stderr))?;
    let mut process = Command::new(&command.program);
    process.args(&command.arguments);
    if conditions.is_brief {
        process.arg("--brief");
    }
    if let Some(cores) = &conditions.cores {
        process.args(["--cores", cores]);
    }
    process.arg(run_dir).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(file);
    process.env(HELD_BY_RUNNER, "1");
    if std::env::var_os(THREADS).is_none() {
        process.env(THREADS, conditions.threads.to_string());
    }
    signals::restore_for_children();
    let mut child = process.spawn().map_err(Error::io("start", &command.program))?;
    let lines = lines_of(child.stdout.take());
    let child = children.add(index, child);
    let mut last_step = 0;
    let mut stalled = None;
    loop {
        let line = match lines.recv_timeout(conditions.stall_limit) {
            Ok(line) => line.map_err(Error::io("listen to", &command.program))?,
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => {
                stalled = Some(conditions.stall_limit);
                kill(&child.child);
                break;
            }
        };
        if let Ok(told) = serde_json::from_slice::<WorkerEvent>(&line) {
            if let WorkerEvent::Step(Progress { step, .. }) | WorkerEvent::Evaluated(Evaluated { step, .. }) =
                told
            {
                last_step = step;
            }
            listen(told);
        }
    }
    let status = child.wait().map_err(Error::io("wait for", &command.program))?;
    let last_words = last_words(stderr)?;
    if last_words.is_none() {
        std::fs::remove_file(stderr).map_err(Error::io("remove", stderr))?;
    }
    Ok(Ended { status, last_step, last_words, stalled })
}

/// Reads the lines of a pipe in a thread, so that the caller can wait for the next line with a timeout. The
/// channel closes with the pipe.
fn lines_of(pipe: Option<ChildStdout>) -> Receiver<std::io::Result<Vec<u8>>> {
    let (sender, lines) = mpsc::channel();
    std::thread::spawn(move || {
        let mut all = pipe.into_iter().flat_map(|pipe| BufReader::new(pipe).split(b'\n'));
        all.try_for_each(|line| sender.send(line))
    });
    lines
}

/// The running worker processes, which can be stopped together.
#[derive(Debug, Default)]
pub(super) struct Children {
    state: Mutex<ChildrenState>,
}

#[derive(Debug, Default)]
struct ChildrenState {
    stopped: bool,
    /// Each child with the index of its trial, to stop it alone.
    running: Vec<(usize, Arc<Mutex<Child>>)>,
}

/// A child that, when dropped, is killed if it is still alive and removed from the list.
struct RunningChild<'a> {
    child: Arc<Mutex<Child>>,
    children: &'a Children,
}

impl Children {
    /// Kills every child, and from now on each new one as it starts.
    pub fn stop(&self) {
        let mut state = unpoisoned(&self.state);
        state.stopped = true;
        state.running.iter().for_each(|(_, child)| kill(child));
    }

    /// Kills the child with that index, if it is running.
    pub fn stop_one(&self, index: usize) {
        let state = unpoisoned(&self.state);
        state.running.iter().filter(|(of, _)| *of == index).for_each(|(_, child)| kill(child));
    }

    /// Returns whether [`stop`](Self::stop) was called.
    pub fn is_stopped(&self) -> bool {
        unpoisoned(&self.state).stopped
    }

    fn add(&self, index: usize, child: Child) -> RunningChild<'_> {
        let child = Arc::new(Mutex::new(child));
        let mut state = unpoisoned(&self.state);
        state.running.push((index, child.clone()));
        if state.stopped {
            kill(&child);
        }
        RunningChild { child, children: self }
    }
}

impl RunningChild<'_> {
    /// Waits for the child without holding its lock, so that it can be killed meanwhile.
    fn wait(&self) -> std::io::Result<ExitStatus> {
        loop {
            if let Some(status) = unpoisoned(&self.child).try_wait()? {
                return Ok(status);
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for RunningChild<'_> {
    fn drop(&mut self) {
        kill(&self.child);
        let mut state = unpoisoned(&self.children.state);
        state.running.retain(|(_, child)| !Arc::ptr_eq(child, &self.child));
    }
}

fn kill(child: &Mutex<Child>) {
    let mut child = unpoisoned(child);
    // Killing fails only for a process that is already gone, which is fine. `wait` leaves no zombie.
    if child.kill().is_ok() {
        drop(child.wait());
    }
}

/// Locks a mutex even after a thread panicked while holding it: the lists are changed by single calls, so
/// they stay consistent.
fn unpoisoned<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Returns the message of the last panic in a worker's standard error, else its last line; `None` if there is
/// no line.
fn last_words(path: &Path) -> Result<Option<String>, Error> {
    let bytes = bounded_file::read_end(path, 1 << 20)?;
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    // A panic prints where it happened, its message, and a backtrace or a note on how to get one.
    let panic = lines.iter().rposition(|line| line.starts_with("thread '") && line.contains("panicked at"));
    let message = lines.iter().skip(panic.map_or(lines.len(), |at| at + 1));
    let is_message = |line: &&&str| !line.starts_with("note: ") && **line != "stack backtrace:";
    let message: Vec<&str> = message.take_while(is_message).copied().collect();
    let words =
        if message.is_empty() { lines.last().map(|line| line.to_string()) } else { Some(message.join(" ")) };
    Ok(words.map(|words| words.chars().take(300).collect()))
}

#[cfg(unix)]
fn signal(status: &ExitStatus) -> Option<i32> {
    std::os::unix::process::ExitStatusExt::signal(status)
}

#[cfg(not(unix))]
fn signal(_status: &ExitStatus) -> Option<i32> {
    None
}
