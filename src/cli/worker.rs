use crate::cli::Exit;
use crate::compare::worker::exit_with_runner;
use crate::train::{self, Observer, Outcome, RunDirectory, RunOptions, Start};
use crate::workload::{self, Workload};
use clap::Args;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Arguments of the hidden `optlab worker`.
#[derive(Debug, Args)]
pub struct WorkerArgs {
    /// The run's folder, with its trial.json
    run_dir: PathBuf,
    /// Folder with data that does not ship with the program
    #[arg(long)]
    data_dir: Option<PathBuf>,
}

/// Trains the trial of a run folder, telling the parent process about it on standard output.
///
/// # Errors
/// A folder without a trial, or one that cannot be written. Any other error becomes the run's outcome.
pub fn run(args: &WorkerArgs) -> Result<(), Exit> {
    exit_with_runner();
    let directory = RunDirectory::new(&args.run_dir);
    let trial = directory.read_trial()?;
    let workload = workload::find(&trial.workload)?;
    let mut options = RunOptions::new(directory);
    options.source.data_dir = args.data_dir.clone();
    options.resume = true;
    options.keep_checkpoints = 1;
    let mut reporter = Reporter { total_steps: 0, latest: None };
    let Err(error) = train::run(&workload, &trial, &options, &mut reporter) else { return Ok(()) };
    let info = workload.info();
    let (metric, larger_is_better) = (info.task.metric(), info.task.larger_is_better());
    let outcome = Outcome::failed(error.to_string(), metric, larger_is_better, info.target);
    options.directory.write_outcome(&outcome)?;
    Ok(())
}

/// Prints a line of JSON a few times a second.
struct Reporter {
    total_steps: usize,
    latest: Option<Instant>,
}

impl Observer for Reporter {
    fn start(&mut self, start: &Start) {
        self.total_steps = start.total_steps;
    }

    fn step(&mut self, step: usize, loss: f64) {
        let is_due = self.latest.is_none_or(|latest| latest.elapsed() > Duration::from_millis(200));
        if is_due {
            self.latest = Some(Instant::now());
            let finite = loss.is_finite().then_some(loss);
            let line = serde_json::json!({"step": step, "total_steps": self.total_steps, "loss": finite});
            println!("{line}");
        }
    }
}
