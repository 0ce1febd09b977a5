//! `optlab compare`: runs a comparison, or compares two finished ones.

use crate::Error;
use crate::cli::Exit;
use crate::cli::trial_settings::TrialSettings;
use crate::cli::workers::WorkerSettings;
use crate::cli::workload_arg::text_of;
use clap::Args;
use optlab_compare::plan::arm::{Arm, grid_name};
use optlab_compare::plan::tuning::Tuning;
use optlab_compare::plan::{Plan, Seeds, Timing};
use optlab_compare::report;
use optlab_compare::result::comparison::Comparison;
use optlab_compare::run::experiment::Experiment;
use optlab_compare::run::folder::{self, Kind};
use optlab_optim::schedule::ScheduleSpec;
use optlab_optim::{OptimizerChoice, split_specs};
use optlab_stats::search::Sampler;
use optlab_train::data::Source;
use optlab_train::device;
use optlab_train::model::ModelPatch;
use optlab_train::registry;
use optlab_train::train::RecipePatch;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Arguments of `optlab compare`.
#[derive(Debug, Args)]
pub struct CompareArgs {
    /// A TOML plan instead of the flags, the folder of a comparison to resume, or the folders of two finished
    /// comparisons to compare with each other
    #[arg(value_name = "PLAN.toml|DIR", num_args = 0..=2)]
    plans: Vec<PathBuf>,
    #[command(flatten)]
    grid: GridArgs,
    #[command(flatten)]
    workers: WorkerSettings,
    /// Print the plan with every default and run nothing
    #[arg(long)]
    print_plan: bool,
    /// Output folder [default: artifacts/NAME, with a name made from the plan]
    #[arg(long, value_name = "DIR")]
    output: Option<PathBuf>,
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
    /// Settings of the model that differ from the workload's, as mlp=[32],dropout=0.2; given several times,
    /// each is compared with every optimizer
    #[arg(long, value_name = "SPEC")]
    model: Vec<ModelPatch>,
    /// Number of seeds per arm: 0, 1, … [default: 1]
    #[arg(long, allow_negative_numbers = true, value_name = "N")]
    seeds: Option<u64>,
    /// Tune every arm with TRIALS trials in its rule's search space, on separate seeds [default: 0]
    #[arg(long, allow_negative_numbers = true, value_name = "TRIALS")]
    tune: Option<usize>,
    /// Sampler of the tuning trials: random, halton or sobol [default: halton]
    #[arg(long, value_name = "SAMPLER")]
    sampler: Option<Sampler>,
    /// Optimizer to compare the others with [default: compare all pairs, which needs more seeds]
    #[arg(long, value_name = "SPEC")]
    reference: Option<String>,
    /// Run the final trials one at a time on all cores, whatever --jobs is
    #[arg(long)]
    time_alone: bool,
    #[command(flatten)]
    trial: TrialSettings,
}

impl GridArgs {
    /// Returns the plan of the grid; `problems` are further workloads.
    fn plan(&self, problems: &[String]) -> Result<Plan, Error> {
        let default = Plan::default();
        let optimizers = self.optimizers.as_deref().map(split_specs).unwrap_or_default();
        let schedules = self.schedules.as_deref().map(split_specs);
        let given = || problems.iter().chain(&self.workloads);
        if given().next().is_none() || optimizers.is_empty() {
            let message = "name a PLAN.toml, or a problem's file or --workloads A,B, and --optimizers SPEC,…";
            return Err(Error::usage(message));
        }
        let workloads = given().map(|text| text_of(text, None)).collect::<Result<_, _>>()?;
        let optimizers: Vec<OptimizerChoice> =
            optimizers.iter().map(|text| text.parse()).collect::<Result<_, _>>()?;
        let schedules: Vec<ScheduleSpec> = match schedules {
            Some(schedules) => schedules.iter().map(|text| text.parse()).collect::<Result<_, _>>()?,
            None => default.schedules.clone(),
        };
        let (model, arms) = match &self.model[..] {
            [] => (ModelPatch::default(), Vec::new()),
            [model] => (model.clone(), Vec::new()),
            several => (ModelPatch::default(), arms_of(&optimizers, &schedules, several)),
        };
        Ok(Plan {
            workloads,
            model,
            arms,
            optimizers: if self.model.len() > 1 { Vec::new() } else { optimizers },
            schedules,
            backends: match self.backends.as_slice() {
                [] => vec![device::default_backend().into()],
                backends => backends.to_vec(),
            },
            seeds: self.seeds.map_or(default.seeds.clone(), Seeds::Count),
            reference: self.reference.clone(),
            timing: if self.time_alone { Timing::Alone } else { Timing::Pinned },
            tuning: Tuning {
                trials: self.tune.unwrap_or(0),
                sampler: self.sampler.unwrap_or(default.tuning.sampler),
                ..default.tuning.clone()
            },
            recipe: self.trial.0.with_fixed_defaults(),
        })
    }
}

/// Returns whether a file describes a problem rather than a plan.
fn is_problem(path: &Path) -> bool {
    let text = if path.is_file() { std::fs::read_to_string(path).unwrap_or_default() } else { String::new() };
    toml::from_str::<toml::Table>(&text).is_ok_and(|table| table.contains_key("data"))
}

/// Returns the plan in the file `path` with the whole paths of its problems' files, which are relative to it.
fn with_whole_paths(mut plan: Plan, path: &Path) -> Result<Plan, Error> {
    let folder = path.parent().unwrap_or(Path::new(""));
    for text in plan.workloads.iter_mut().filter(|text| registry::is_path(text)) {
        *text = text_of(&folder.join(&*text).to_string_lossy(), None)?;
    }
    Ok(plan)
}

/// Returns an arm for each optimizer, schedule and model.
fn arms_of(optimizers: &[OptimizerChoice], schedules: &[ScheduleSpec], models: &[ModelPatch]) -> Vec<Arm> {
    let mut arms = Vec::new();
    for optimizer in optimizers {
        for schedule in schedules {
            for model in models {
                let name = grid_name(optimizer, (schedules.len() > 1).then_some(schedule));
                let mut arm = Arm::new(format!("{name} · {model}"), optimizer.clone(), schedule.clone());
                arm.settings.push(("model".into(), model.to_string().into()));
                arms.push(arm);
            }
        }
    }
    arms
}

/// Runs `optlab compare`; `arguments` is the command line.
///
/// # Errors
/// An invalid plan; a folder that holds something else or cannot be written. Trials that diverge or fail are
/// results, not errors.
pub fn run(args: &CompareArgs, arguments: &[OsString]) -> Result<(), Exit> {
    if let [first, second] = args.plans.as_slice() {
        return compare_two(args, first, second);
    }
    let problems = args.plans.iter().filter(|path| is_problem(path));
    let problems: Vec<String> = problems.map(|path| path.to_string_lossy().into_owned()).collect();
    let (plan, own_folder) = match args.plans.first() {
        Some(_) if !problems.is_empty() => (args.grid.plan(&problems)?, None),
        Some(_) if args.grid != GridArgs::default() => {
            let message = "a PLAN.toml replaces the flags: only --jobs, --stall-limit, --print-plan, --output and --data-dir can be added";
            return Err(Error::usage(message).into());
        }
        Some(path) if path.is_dir() => {
            // Fails with the reason if the folder holds no comparison.
            for entry in folder::read_entries(path)? {
                registry::open(&entry.trial.workload)?;
            }
            (Plan::read(&path.join(folder::PLAN))?, Some(path.clone()))
        }
        Some(path) => (with_whole_paths(Plan::read(path)?, path)?, None),
        None => (args.grid.plan(&[])?, None),
    };
    let defaults = |workload: &str| args.workers.defaults(workload);
    let experiment = Experiment::new(plan.clone(), &defaults)?;
    if args.print_plan {
        return crate::cli::print(print_plan(&plan)?.as_bytes());
    }
    let runner = args.workers.runner(&plan.workloads, &plan.backends)?;
    let output = match args.output.clone().or(own_folder) {
        Some(output) => output,
        None => Path::new("artifacts").join(format!("compare-{}", plan.id()?)),
    };
    let invocation = args.workers.invocation(arguments, plan.timing == Timing::Alone);
    let folder = experiment.claim(&output, Kind::Comparison, &invocation)?;
    let mut bars = args.workers.bars();
    experiment.run(&folder, &runner, &mut bars)?;
    bars.clear()?;
    show(&Comparison::read(folder.path())?, folder.path())
}

/// Writes the reports of `comparison` into its folder `path`, and prints its tables and verdicts.
///
/// # Errors
/// A report that cannot be written.
pub fn show(comparison: &Comparison, path: &Path) -> Result<(), Exit> {
    let summaries = comparison.summaries();
    report::write_all(comparison, &summaries, path)?;
    // A file or a pipe takes lines of any length.
    let width = console::Term::stdout().size_checked().map_or(usize::MAX, |(_rows, columns)| columns.into());
    crate::cli::print(report::terminal::render(comparison, &summaries, width).as_bytes())?;
    say_where(path)
}

/// Prints where the reports are.
///
/// # Errors
/// Standard output that cannot be written.
pub fn say_where(path: &Path) -> Result<(), Exit> {
    let line =
        format!("written to {0}; open {0}/{1} in a browser\n", path.display(), report::html::FILE_NAME);
    crate::cli::print(line.as_bytes())
}

/// Returns the plan as TOML, with a comment for each key without a value, and with the search spaces.
fn print_plan(plan: &Plan) -> Result<String, Error> {
    let own = |name: &str| -> Result<String, Error> {
        let of = |workload: &String| {
            let values = registry::trial(workload, &Source::default())?.recipe.to_patch().values();
            let value = values.into_iter().find(|(setting, _)| *setting == name).map(|(_, value)| value);
            Ok(format!("{workload} {}", value.unwrap_or_default()))
        };
        let all = plan.workloads.iter().map(of).collect::<Result<Vec<_>, Error>>()?;
        Ok(format!("the workload's default ({})", all.join(", ")))
    };
    let has_length = plan.recipe.budget().is_some();
    let mut notes = Vec::new();
    for setting in RecipePatch::SETTINGS {
        let note = match setting.name {
            "epochs" | "steps" if has_length => continue,
            "steps" => "instead of epochs".into(),
            name @ ("epochs" | "batch_size" | "validation") => own(name)?,
            _ => setting.default.into(),
        };
        notes.push((setting.name, note));
    }
    notes.push(("reference", "none: all pairs of arms are compared".into()));
    plan.to_toml_with_notes(plan.spaces()?, &notes)
}

fn compare_two(args: &CompareArgs, first: &Path, second: &Path) -> Result<(), Exit> {
    if args.grid != GridArgs::default() || args.print_plan || args.output.is_some() {
        let message = "two finished comparisons are compared as they are: leave out all other arguments";
        return Err(Error::usage(message).into());
    }
    let (first, second) = (Comparison::read(first)?, Comparison::read(second)?);
    crate::cli::print(report::between::render(&first, &second)?.as_bytes())
}
