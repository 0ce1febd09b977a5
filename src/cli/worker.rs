//! `optlab worker`: trains one trial of a comparison in a process of its own.

use crate::Error;
use crate::cli::{Exit, output};
use clap::Args;
use optlab_compare::run::cores;
use optlab_compare::run::worker::{
    Evaluated, HeldByRunner, Measure, Progress, WorkerEvent, exit_with_runner,
};
use optlab_train::registry;
use optlab_train::train::{EpochReport, Observer, Outcome, RunDirectory, RunOptions, Start};
use optlab_train::workload::Info;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Arguments of the hidden `optlab worker`.
#[derive(Debug, Args)]
pub struct WorkerArgs {
    /// The run's folder, with its trial.json
    run_dir: PathBuf,
    /// Folder with data sets that are not built in
    #[arg(long)]
    data_dir: Option<PathBuf>,
    /// Write no history row per step and leave no checkpoint
    #[arg(long)]
    brief: bool,
    /// Wait after each evaluation until the parent process allows to continue
    #[arg(long)]
    judged: bool,
    /// Processors to run on, as 2,3
    #[arg(long)]
    cores: Option<String>,
}

/// Trains the trial of a run folder and reports progress to the parent process on standard output.
///
/// # Errors
/// A folder without a trial, or one that cannot be written. A run that cannot be resumed is reported to the
/// parent process; any other error becomes the run's outcome.
pub fn run(args: &WorkerArgs) -> Result<(), Exit> {
    let runner = exit_with_runner();
    if let Some(cores) = &args.cores {
        cores::hold_to(&cores::parse(cores)?)?;
    }
    let directory = RunDirectory::new(&args.run_dir);
    let trial = directory.read_trial()?;
    let workload = registry::open_trial(&trial)?;
    let mut options = RunOptions::new(directory);
    options.source.data_dir = args.data_dir.clone();
    options.resume = true;
    options.keep_checkpoints = 1;
    // Of thousands of trials that diverge, nobody reads where each of them did.
    options.traces_divergence = false;
    options.records_steps = !args.brief;
    let info = workload.info();
    let judge = args.judged.then_some(runner);
    let mut reporter = Reporter { info: info.clone(), total_steps: 0, latest: None, judge };
    match workload.train(&trial, &options, &mut reporter) {
        Ok(_) => {}
        // The outcome is its owner's to write.
        Err(error @ Error::InUse { .. }) => return Err(error.into()),
        Err(error) => {
            let of_resuming = WorkerEvent::of_resuming(&error, options.directory.path());
            if let Some(told) = of_resuming.filter(|_| reporter.latest.is_none()) {
                reporter.tell(&told);
                return Ok(());
            }
            let outcome = Outcome::failed(error.to_string(), info.metric());
            options.directory.write_outcome(&outcome)?;
        }
    }
    if args.brief {
        options.directory.remove_checkpoints()?;
    }
    Ok(())
}

/// Prints a line of JSON at the start, for each evaluation, and a few times a second.
struct Reporter {
    info: Info,
    total_steps: usize,
    /// When the latest step was reported; `None` before the first.
    latest: Option<Instant>,
    /// The runner, if it judges each evaluation.
    judge: Option<HeldByRunner>,
}

impl Reporter {
    fn tell(&self, told: &WorkerEvent) {
        // These events hold only finite numbers, which JSON can always express.
        output::send(serde_json::to_string(told).unwrap_or_default());
    }
}

impl Observer for Reporter {
    fn start(&mut self, start: &Start) {
        self.total_steps = start.total_steps;
        self.tell(&WorkerEvent::Start(Measure { metric: self.info.metric(), evaluations: start.epochs }));
    }

    fn step(&mut self, step: usize, loss: f64) {
        let is_due = self.latest.is_none_or(|latest| latest.elapsed() > Duration::from_millis(200));
        if is_due {
            self.latest = Some(Instant::now());
            let loss = loss.is_finite().then_some(loss);
            self.tell(&WorkerEvent::Step(Progress { step, total_steps: self.total_steps, loss }));
        }
    }

    fn epoch(&mut self, report: &EpochReport) {
        if let Some(score) = report.validation.clone() {
            let (step, epoch) = (report.step, report.epoch);
            let training_seconds = report.training_seconds;
            self.tell(&WorkerEvent::Evaluated(Evaluated { step, epoch, training_seconds, score }));
            // The clock of the training stands still.
            if let Some(runner) = &self.judge {
                runner.wait_for_permission();
            }
        }
    }
}
