//! Starting trials, for the subcommands that run many of them.

use crate::Error;
use crate::cli::bars::Bars;
use crate::cli::data_warnings::DataWarnings;
use crate::cli::output;
use clap::Args;
use optlab_compare::run::command::quoted;
use optlab_compare::run::cores;
use optlab_compare::run::folder::Invocation;
use optlab_compare::run::runner::{self, Runner};
use optlab_compare::run::signals;
use optlab_compare::run::worker::WorkerCommand;
use optlab_train::data::Source;
use optlab_train::device;
use optlab_train::registry;
use optlab_train::train::Trial;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// The largest number of trials that run at once: each is a process of its own.
const MOST_JOBS: usize = 1024;

/// Arguments that decide how trials are run; they change no result.
#[derive(Debug, Clone, Args)]
pub struct WorkerSettings {
    /// Number of trials to run at once; on Linux each is pinned to its share of the cores
    #[arg(long, allow_negative_numbers = true, default_value_t = 1, value_name = "J")]
    pub jobs: usize,
    /// Time without a step after which a trial is stopped and retried once, as 90s or 10m [default: 10m]
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    stall_limit: Option<Duration>,
    /// Folder with data sets that are not built in
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

impl WorkerSettings {
    /// Returns the runner of trials of these workloads on these backends. Loads the data first, so that
    /// missing data are one error rather than one per trial, and workers do not all download the same file.
    ///
    /// # Errors
    /// No jobs or too many, a backend that is not compiled in, data that cannot be read.
    pub fn runner(&self, workloads: &[String], backends: &[String]) -> Result<Runner, Error> {
        if self.jobs == 0 {
            return Err(Error::invalid("arguments", "jobs", "at least 1", 0));
        }
        if self.jobs > MOST_JOBS {
            return Err(Error::invalid("arguments", "jobs", &format!("at most {MOST_JOBS}"), self.jobs));
        }
        if self.stall_limit == Some(Duration::ZERO) {
            return Err(Error::invalid("arguments", "stall-limit", "longer than 0s", "0"));
        }
        for backend in backends {
            device::parse(backend)?;
        }
        let source = self.source();
        for workload in workloads {
            let trial = registry::trial(workload, &source)?;
            let workload = registry::open_trial(&trial)?;
            // The data of a workload with a version were read for it.
            if trial.workload.version.is_none() {
                workload.check_data(&source)?;
            }
            workload.share(&source)?;
        }
        let mut command = WorkerCommand::this_program()?;
        if let Some(data_dir) = &self.data_dir {
            let data_dir = std::path::absolute(data_dir).map_err(Error::io("find", data_dir))?;
            command.arguments.extend(["--data-dir".into(), data_dir.into()]);
        }
        let stall_limit = self.stall_limit.unwrap_or(runner::STALL_LIMIT);
        Ok(Runner { jobs: self.jobs, stall_limit, ..Runner::new(command) })
    }

    /// Returns the default trial of a workload, and adds what may be wrong with its data to `warnings`.
    ///
    /// # Errors
    /// [`UnknownName`](optlab_core::Error::UnknownName); data that cannot be read.
    pub fn defaults(&self, workload: &str, warnings: &DataWarnings) -> Result<Trial, Error> {
        let trial = registry::trial(workload, &self.source())?;
        warnings.find(&*registry::open_trial(&trial)?, &self.source())?;
        Ok(trial)
    }

    fn source(&self) -> Source {
        Source { data_dir: self.data_dir.clone(), show_progress: true }
    }

    /// Returns the record of the command that was given, as `arguments`.
    pub fn invocation(&self, arguments: &[OsString], is_timed_alone: bool) -> Invocation {
        Invocation {
            command: command_line(arguments),
            jobs: self.jobs,
            is_pinned: self.jobs > 1 && cores::are_enough(self.jobs),
            is_timed_alone,
            commit: commit(),
        }
    }

    /// Returns progress bars. From now on Ctrl-C, SIGTERM and SIGHUP print how to resume.
    pub fn bars(&self) -> Bars {
        say_how_to_resume();
        Bars::new()
    }
}

/// Lets Ctrl-C, SIGTERM and SIGHUP print how to resume, and end this process.
pub fn say_how_to_resume() {
    let command = command_line(&std::env::args_os().collect::<Vec<_>>());
    let handled = signals::end_on_stop(move || {
        // The workers notice that their parent is gone, and end.
        output::note(format_args!(
            "\ninterrupted; the same command resumes and repeats no trial: {command}\n"
        ));
    });
    if let Err(error) = handled {
        output::warn(format_args!("Ctrl-C will end the program without a message ({error})"));
    }
}

/// Returns the command as one would type it: `arguments`, without the program's folder.
fn command_line(arguments: &[OsString]) -> String {
    let program = arguments.first().and_then(|program| Path::new(program).file_stem());
    let words = program.into_iter().chain(arguments.iter().skip(1).map(OsString::as_os_str));
    words.map(|word| quoted(&word.to_string_lossy())).collect::<Vec<_>>().join(" ")
}

/// Returns the commit of the repository that holds the working folder, with `+` if tracked files differ;
/// `None` without a repository.
fn commit() -> Option<String> {
    let git = |arguments: &[&str]| {
        let output = Command::new("git").args(arguments).output().ok()?;
        let text = String::from_utf8(output.stdout).ok()?;
        output.status.success().then(|| text.trim().to_string())
    };
    let commit = git(&["rev-parse", "--short=12", "HEAD"])?;
    let differs = git(&["status", "--porcelain", "--untracked-files=no"])?;
    Some(if differs.is_empty() { commit } else { format!("{commit}+") })
}
