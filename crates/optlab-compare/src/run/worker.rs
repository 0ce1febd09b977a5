//! Runs one trial in its own process.
//!
//! Burn 0.22 seeds a backend through one global per process, so two trials in one process would disturb each
//! other's random numbers. A process that dies does not end the others.
//!
//! The worker's standard input is a pipe that the runner holds open. When the runner
//! ends, however it ends, the pipe closes, and a worker that called [`exit_with_runner`] ends too.
//!
//! In a search with a pruner the runner judges each evaluation before the worker continues: it writes a byte
//! to the pipe, or kills the worker. So a worker never trains, and never writes an outcome, past a pruning.

mod children;
mod silence;

use crate::Error;
use crate::run::signals;
use crate::run::worker::silence::Silence;
use optlab_core::Metric;
use optlab_core::bounded_file;
use optlab_train::train::Score;
use serde::{Deserialize, Serialize};
use std::ffi::OsString;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::Duration;

pub(super) use children::Children;

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
    /// The files of an interrupted run are damaged or do not belong together, so that the run cannot be
    /// resumed. The worker ends without an outcome.
    CannotResume {
        /// The file, and what is wrong with it.
        reason: String,
    },
}

impl WorkerEvent {
    /// Returns the message about the error of a run in `run_dir` that has made no step; `None` for an error
    /// that is not about the files that it resumes from.
    pub fn of_resuming(error: &Error, run_dir: &Path) -> Option<Self> {
        let is_of_run = match error {
            Error::Checkpoint { .. } => true,
            Error::Core(optlab_core::Error::File { path, .. }) => path.starts_with(run_dir),
            Error::Core(optlab_core::Error::Io { action: "read", path, .. }) => path.starts_with(run_dir),
            _ => false,
        };
        is_of_run.then(|| WorkerEvent::CannotResume { reason: error.to_string() })
    }
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
    /// Whether it waits after each evaluation until the runner lets it continue.
    pub is_judged: bool,
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

/// The runner that started this process, if one did.
#[derive(Debug)]
pub struct HeldByRunner {
    permissions: Option<Receiver<()>>,
}

impl HeldByRunner {
    /// Waits until the runner lets this process continue after an evaluation. Returns at once in a process
    /// that no runner started.
    pub fn wait_for_permission(&self) {
        if let Some(permissions) = &self.permissions {
            // The channel closes only when this process is about to exit.
            permissions.recv().unwrap_or_default();
        }
    }
}

/// Ends this process when the runner that started it is gone. Does nothing in a process that no runner
/// started.
pub fn exit_with_runner() -> HeldByRunner {
    if std::env::var_os(HELD_BY_RUNNER).is_none() {
        return HeldByRunner { permissions: None };
    }
    let (sender, permissions) = mpsc::channel();
    std::thread::spawn(move || {
        let mut permission = [0; 1];
        // Blocks until the runner writes or the pipe closes. Exiting is safe at any moment, since each file
        // of a run becomes visible by a rename.
        while matches!(std::io::stdin().read(&mut permission), Ok(1)) {
            if sender.send(()).is_err() {
                break;
            }
        }
        std::process::exit(1);
    });
    HeldByRunner { permissions: Some(permissions) }
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
    /// Why the worker could not resume its run, if it could not.
    pub cannot_resume: Option<String>,
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
        match self.cannot_resume.as_ref().or(self.last_words.as_ref()) {
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
    let file = bounded_file::open_to_write(stderr, File::options().create(true).append(true))?;
    let mut process = Command::new(&command.program);
    process.args(&command.arguments);
    if conditions.is_brief {
        process.arg("--brief");
    }
    if conditions.is_judged {
        process.arg("--judged");
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
    let mut cannot_resume = None;
    let mut silence = Silence::new(conditions.stall_limit);
    let mut stalled = None;
    loop {
        let line = match lines.recv_timeout(silence.tick()) {
            Ok(line) => line.map_err(Error::io("listen to", &command.program))?,
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) if !silence.goes_on(silence::is_stopped(child.process())) => {
                continue;
            }
            Err(RecvTimeoutError::Timeout) => {
                stalled = Some(conditions.stall_limit);
                child.kill();
                break;
            }
        };
        silence.is_broken();
        match serde_json::from_slice::<WorkerEvent>(&line) {
            Ok(WorkerEvent::CannotResume { reason }) => cannot_resume = Some(reason),
            Ok(told) => {
                if let WorkerEvent::Step(Progress { step, .. })
                | WorkerEvent::Evaluated(Evaluated { step, .. }) = told
                {
                    last_step = step;
                }
                listen(told);
            }
            // A line that the model's own code printed.
            Err(_) => {}
        }
    }
    let status = child.wait().map_err(Error::io("wait for", &command.program))?;
    let last_words = last_words(stderr)?;
    if last_words.is_none() {
        std::fs::remove_file(stderr).map_err(Error::io("remove", stderr))?;
    }
    Ok(Ended { status, last_step, last_words, cannot_resume, stalled })
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
