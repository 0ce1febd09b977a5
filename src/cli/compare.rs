use crate::cli::Exit;
use crate::cli::trial_settings::TrialSettings;
use crate::compare::arm::split_specs;
use crate::compare::{
    Comparison, Folder, Invocation, Outcome, Plan, Progress, Runner, RunnerEvents, Seeds, Trial,
    WorkerCommand, WorkloadDefaults,
};
use crate::data::{self, Source};
use crate::device;
use crate::error::Error;
use crate::report;
use crate::train::{Status, VALIDATION};
use crate::workload::{self, Workload};
use clap::Args;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Arguments of `optlab compare`.
#[derive(Debug, Args)]
pub struct CompareArgs {
    /// A plan in TOML, instead of the flags
    #[arg(value_name = "PLAN.toml")]
    plan: Option<PathBuf>,
    #[command(flatten)]
    grid: GridArgs,
    /// How many trials run at once, each with its share of the cores; more than one disturb each other's clock
    #[arg(long, allow_negative_numbers = true, default_value_t = 1, value_name = "J")]
    jobs: usize,
    /// The comparison's folder [default: artifacts/ and a name made from the plan]
    #[arg(long, value_name = "DIR")]
    output: Option<PathBuf>,
    /// Folder with data that does not ship with the program
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

/// The grid: every workload × backend × optimizer × schedule × seed is one trial.
#[derive(Debug, Default, PartialEq, Args)]
struct GridArgs {
    /// Workloads to train
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    workloads: Vec<String>,
    /// Optimizers: name or name:key=value,key=value; `lr` may be among the keys
    #[arg(long, value_name = "SPEC,…")]
    optimizers: Option<String>,
    /// Schedules: name or name:key=value,key=value [default: constant]
    #[arg(long, value_name = "SPEC,…")]
    schedules: Option<String>,
    /// Backends [default: a GPU backend if compiled in, else flex]
    #[arg(long, value_name = "N,…", value_delimiter = ',')]
    backends: Vec<String>,
    /// How many seeds each arm gets: 0, 1, … [default: 1]
    #[arg(long, allow_negative_numbers = true, value_name = "N")]
    seeds: Option<u64>,
    #[command(flatten)]
    trial: TrialSettings,
}

impl GridArgs {
    fn plan(&self) -> Result<Plan, Error> {
        let default = Plan::default();
        let optimizers = self.optimizers.as_deref().map(split_specs).unwrap_or_default();
        let schedules = self.schedules.as_deref().map(split_specs);
        if self.workloads.is_empty() || optimizers.is_empty() {
            let message = "name a PLAN.toml, or --workloads A,B and --optimizers SPEC,…";
            return Err(Error::Usage(message.into()));
        }
        Ok(Plan {
            workloads: self.workloads.clone(),
            optimizers: optimizers.iter().map(|text| text.parse()).collect::<Result<_, _>>()?,
            schedules: match schedules {
                Some(schedules) => schedules.iter().map(|text| text.parse()).collect::<Result<_, _>>()?,
                None => default.schedules,
            },
            backends: match self.backends.as_slice() {
                [] => vec![device::default_backend().into()],
                backends => backends.to_vec(),
            },
            seeds: self.seeds.map_or(default.seeds, Seeds::Count),
            budget: self.trial.budget(),
            batch_size: self.trial.batch_size,
            micro_batch_size: self.trial.micro_batch_size,
            lr_scaling: self.trial.lr_scaling,
            validation: self.trial.validation,
            l1: self.trial.l1.unwrap_or(0.0),
            l2: self.trial.l2.unwrap_or(0.0),
            clip_norm: self.trial.clip_norm,
            clip_value: self.trial.clip_value,
            early_stopping: self.trial.early_stopping,
            augmentation: self.trial.augmentation(),
            pad: self.trial.pad.unwrap_or(false),
        })
    }
}

/// Runs `optlab compare`, which was asked for by `arguments`.
///
/// # Errors
/// A plan that makes no sense, a folder that holds something else or cannot be written. Trials that diverge or fail are
/// results, not errors.
pub fn run(args: &CompareArgs, arguments: &[OsString]) -> Result<(), Exit> {
    let plan = match &args.plan {
        Some(_) if args.grid != GridArgs::default() => {
            let message = "a PLAN.toml says it all: only --jobs, --output and --data-dir go with it";
            return Err(Error::Usage(message.into()).into());
        }
        Some(path) => Plan::read(path)?,
        None => args.grid.plan()?,
    };
    if args.jobs == 0 {
        return Err(Error::invalid("compare", "jobs", "at least 1", 0).into());
    }
    let trials = plan.trials(&defaults)?;
    for backend in &plan.backends {
        device::parse(backend)?;
    }
    // Once and before anything is begun, so that data that are not there are one error, not one for each trial, and
    // workers do not all download the same file.
    let source = Source { data_dir: args.data_dir.clone(), show_progress: true };
    for workload in &plan.workloads {
        data::load(workload::find(workload)?.info().data_set, &source)?;
    }
    let output = match &args.output {
        Some(output) => output.clone(),
        None => Path::new("artifacts").join(format!("compare-{}", plan.id()?)),
    };
    let mut command = WorkerCommand::this_program()?;
    if let Some(data_dir) = &args.data_dir {
        let data_dir = std::path::absolute(data_dir).map_err(Error::io("find", data_dir))?;
        command.arguments.extend(["--data-dir".into(), data_dir.into()]);
    }
    let invocation = Invocation { command: command_line(arguments), jobs: args.jobs };
    let folder = Folder::claim(&output, &plan, &trials, &invocation)?;
    let mut bars = Bars::new(&trials);
    Runner { command, jobs: args.jobs }.run(&folder, &trials, &mut bars)?;
    bars.all.clear().map_err(Error::io("write", "standard error"))?;

    let comparison = Comparison::read(folder.path())?;
    report::write_all(&comparison, folder.path())?;
    // A file or a pipe takes lines of any length.
    let width = console::Term::stdout().size_checked().map_or(usize::MAX, |(_rows, columns)| columns.into());
    super::print(report::terminal::render(&comparison, width).as_bytes())?;
    println!("written to {}", folder.path().display());
    Ok(())
}

fn defaults(name: &str) -> Result<WorkloadDefaults, Error> {
    let info = workload::find(name)?.info();
    Ok(WorkloadDefaults { batch_size: info.batch_size, epochs: info.epochs, validation: VALIDATION })
}

/// The command as one would type it: `arguments`, without the folder that the program is in.
fn command_line(arguments: &[OsString]) -> String {
    let quote = |argument: String| {
        let is_plain = |c: char| c.is_alphanumeric() || "-_./:=,@%+".contains(c);
        if !argument.is_empty() && argument.chars().all(is_plain) {
            argument
        } else {
            format!("'{}'", argument.replace('\'', r"'\''"))
        }
    };
    let program = arguments.first().and_then(|program| Path::new(program).file_stem());
    let words = program.into_iter().chain(arguments.iter().skip(1).map(OsString::as_os_str));
    words.map(|word| quote(word.to_string_lossy().into())).collect::<Vec<_>>().join(" ")
}

/// A bar for all trials and one for each that is running.
struct Bars {
    all: MultiProgress,
    total: ProgressBar,
    running: BTreeMap<usize, ProgressBar>,
}

impl Bars {
    fn new(trials: &[Trial]) -> Self {
        let all = MultiProgress::new();
        let total = all.add(ProgressBar::new(trials.len() as u64));
        total.set_style(style("{elapsed:>4} [{bar:30}] {pos}/{len} trials, {eta} left"));
        total.enable_steady_tick(Duration::from_millis(500));
        Bars { all, total, running: BTreeMap::new() }
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template)
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("=> ")
}

fn title(trial: &Trial) -> String {
    format!("{} {} seed {}", trial.workload, trial.optimizer, trial.seed)
}

impl RunnerEvents for Bars {
    fn skipped(&mut self, _index: usize, _trial: &Trial, _outcome: &Outcome) {
        self.total.inc(1);
        self.total.reset_eta();
    }

    fn started(&mut self, index: usize, trial: &Trial, attempt: usize) {
        if attempt > 1 {
            self.all.suspend(|| eprintln!("{}: its worker died, trying again", title(trial)));
        }
        let bar = self.all.add(ProgressBar::new(0));
        bar.set_style(style("     starting {msg}"));
        bar.set_message(title(trial));
        self.running.insert(index, bar);
    }

    fn progress(&mut self, index: usize, trial: &Trial, progress: Progress) {
        if let Some(bar) = self.running.get(&index) {
            if bar.length() != Some(progress.total_steps as u64) {
                bar.set_style(style("     [{bar:30}] {pos}/{len} steps, {msg}"));
                bar.set_length(progress.total_steps as u64);
            }
            bar.set_position(progress.step as u64);
            let loss = progress.loss.map_or_else(|| "not finite".into(), |loss| format!("{loss:.4}"));
            bar.set_message(format!("{}, loss {loss}", title(trial)));
        }
    }

    fn finished(&mut self, index: usize, trial: &Trial, outcome: &Outcome) -> Result<(), Error> {
        if let Some(bar) = self.running.remove(&index) {
            bar.finish_and_clear();
        }
        self.total.inc(1);
        if matches!(outcome.status, Status::Diverged | Status::Failed) {
            let how = if outcome.status == Status::Diverged { "diverged" } else { "failed" };
            let reason = outcome.reason.as_deref().unwrap_or_default();
            self.all.suspend(|| eprintln!("{}: {how}: {reason}", title(trial)));
        }
        Ok(())
    }
}
