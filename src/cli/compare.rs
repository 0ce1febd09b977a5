//! `optlab compare`: runs a comparison, or compares two finished ones.

use crate::Error;
use crate::cli::Exit;
use crate::cli::bars::cost_in_words;
use crate::cli::data_warnings::DataWarnings;
use crate::cli::folder_arg::{Held, kind_of_trials, refuse_results};
use crate::cli::output;
use crate::cli::trial_settings::{TrialSettings, model_patch};
use crate::cli::with_output_hint;
use crate::cli::workers::{WorkerSettings, say_how_to_resume};
use crate::cli::workload_arg::text_of;
use clap::Args;
use optlab_compare::plan::arm::{Arm, grid_name};
use optlab_compare::plan::tuning::{Repeats, Tuning};
use optlab_compare::plan::{Plan, Seeds, Split, Timing};
use optlab_compare::report;
use optlab_compare::result::comparison::Comparison;
use optlab_compare::run::command::quoted;
use optlab_compare::run::cost;
use optlab_compare::run::experiment::Experiment;
use optlab_compare::run::folder::{self, Kind};
use optlab_core::bounded_file::{self, WRITTEN_BY_HAND};
use optlab_optim::schedule::ScheduleSpec;
use optlab_optim::{OptimizerChoice, split_specs};
use optlab_stats::search::Sampler;
use optlab_stats::statistics::paired_test::Test;
use optlab_train::data::Source;
use optlab_train::device;
use optlab_train::model::ModelPatch;
use optlab_train::registry;
use optlab_train::train::RecipePatch;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Arguments of `optlab compare`.
#[derive(Debug, Args)]
pub struct CompareArgs {
    /// A workload: a name of `optlab list workloads`, a problem's file such as houses.toml, or a data file
    /// with --target. Or a TOML plan instead of the flags, the folder of a comparison to resume, or the
    /// folders of two finished comparisons to compare with each other
    #[arg(value_name = "WORKLOAD|PLAN.toml|DIR", num_args = 0..)]
    what: Vec<String>,
    /// For a data file: the column to predict; writes a problem's file NAME.toml and uses it
    #[arg(long, value_name = "COLUMN")]
    target: Option<String>,
    #[command(flatten)]
    grid: GridArgs,
    #[command(flatten)]
    workers: WorkerSettings,
    /// Print the plan with every default and run nothing
    #[arg(long)]
    print_plan: bool,
    /// Run the first trial of each arm, and print how long the whole plan takes and what cheaper plans would
    #[arg(long, conflicts_with = "print_plan")]
    cost: bool,
    /// With --cost, the time that cheaper plans may take, as 20m [default: 30m]
    #[arg(long, value_name = "TIME", requires = "cost", value_parser = humantime::parse_duration)]
    within: Option<Duration>,
    /// Output folder [default: artifacts/NAME, with a name made from the plan]
    #[arg(long, value_name = "DIR")]
    output: Option<PathBuf>,
}

/// The grid: every workload × backend × optimizer × schedule × seed is one trial.
#[derive(Debug, Default, PartialEq, Args)]
struct GridArgs {
    /// Several workloads to train
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
    #[arg(long, value_name = "SPEC", value_parser = model_patch)]
    model: Vec<ModelPatch>,
    /// Number of seeds per arm: 0, 1, …; with --tune each is a replicate, tuned by itself [default: 1]
    #[arg(long, allow_negative_numbers = true, value_name = "N")]
    seeds: Option<u64>,
    /// Tune every arm anew for each seed, with TRIALS trials in its rule's search space [default: 0]
    #[arg(long, allow_negative_numbers = true, value_name = "TRIALS")]
    tune: Option<usize>,
    /// Tune every arm once, for all its seeds: fewer trials, but the verdicts are about the settings that
    /// this tuning chose, and not about the optimizers
    #[arg(long, requires = "tune")]
    tune_once: bool,
    /// Sampler of the tuning trials: random, halton or sobol [default: halton]
    #[arg(long, value_name = "SAMPLER")]
    sampler: Option<Sampler>,
    /// Optimizer to compare the others with [default: compare all pairs, which needs more seeds]
    #[arg(long, value_name = "SPEC")]
    reference: Option<String>,
    /// Test behind the verdicts: mean, or ranks for results with heavy tails [default: mean]
    #[arg(long, value_name = "TEST")]
    test: Option<Test>,
    /// Draw the test part anew for each seed, from all examples: for data that are few
    #[arg(long)]
    resample_split: bool,
    /// Run the final trials one at a time on all cores, whatever --jobs is
    #[arg(long)]
    time_alone: bool,
    #[command(flatten)]
    trial: TrialSettings,
}

impl GridArgs {
    /// Returns the plan of the grid, on the workload of the text `named` or on those of `--workloads`.
    fn plan(&self, named: Option<String>) -> Result<Plan, Error> {
        let default = Plan::default();
        let optimizers = self.optimizers.as_deref().map(split_specs).unwrap_or_default();
        let schedules = self.schedules.as_deref().map(split_specs);
        let workloads = match named {
            Some(workload) => vec![workload],
            None => self.workloads.iter().map(|text| text_of(text, None)).collect::<Result<_, _>>()?,
        };
        if workloads.is_empty() {
            let message = "name a workload or --workloads A,B, with --optimizers SPEC,…; or a PLAN.toml";
            return Err(Error::usage(message));
        }
        if optimizers.is_empty() {
            return Err(Error::usage("name the optimizers to compare, as --optimizers adam,lion"));
        }
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
            test: self.test.unwrap_or_default(),
            split: if self.resample_split { Split::Resampled } else { Split::Fixed },
            timing: if self.time_alone { Timing::Alone } else { Timing::Pinned },
            tuning: Tuning {
                trials: self.tune.unwrap_or(0),
                sampler: self.sampler.unwrap_or(default.tuning.sampler),
                repeats: if self.tune_once { Repeats::Once } else { Repeats::EachSeed },
                ..default.tuning.clone()
            },
            recipe: self.trial.0.clone().with_fixed_defaults(),
        })
    }
}

/// The thing that the arguments without a flag name.
enum Subject {
    /// The grid of the flags, on this workload if one is named.
    Grid(Option<String>),
    /// A plan's file.
    Plan(PathBuf),
    /// The folder of a comparison to resume.
    Folder(PathBuf),
    /// Two comparisons to compare with each other.
    Two(PathBuf, PathBuf),
}

impl CompareArgs {
    /// Returns what the arguments without a flag name.
    ///
    /// # Errors
    /// [`Usage`](optlab_core::Error::Usage) for a file that is not there, a folder of other results, or
    /// several workloads; [`File`](optlab_core::Error::File) for a folder without a comparison beside one.
    fn subject(&self) -> Result<Subject, Error> {
        let is_folder =
            |what: &String| Ok::<bool, Error>(matches!(Held::at(what.as_ref())?, Held::Trials(_)));
        let subject = match &self.what[..] {
            [] => Subject::Grid(None),
            [first, second] if is_folder(first)? || is_folder(second)? => {
                kind_of_trials(first.as_ref())?;
                kind_of_trials(second.as_ref())?;
                Subject::Two(first.into(), second.into())
            }
            [one] => self.single(one)?,
            several => return Err(several_workloads(several)),
        };
        if matches!(subject, Subject::Grid(_)) {
            if self.target.is_some() && self.what.is_empty() {
                return Err(Error::usage("--target is for a data file that is named without a flag"));
            }
            return Ok(subject);
        }
        if self.target.is_some() || self.grid != GridArgs::default() {
            let message = match subject {
                Subject::Two(..) => {
                    "two finished comparisons are compared as they are: leave out all other arguments"
                }
                _ => {
                    "a PLAN.toml replaces the flags: only --jobs, --stall-limit, --print-plan, --cost, --output and --data-dir \
                     can be added"
                }
            };
            return Err(Error::usage(message));
        }
        Ok(subject)
    }

    /// Returns what a single argument names.
    fn single(&self, what: &str) -> Result<Subject, Error> {
        let path = Path::new(what);
        if Held::at(path)? == Held::Trials(Kind::Comparison) {
            return Ok(Subject::Folder(path.into()));
        }
        refuse_results(path)?;
        let is_missing = !path.exists();
        if registry::is_path(what) && !is_missing && !is_problem(path) {
            return Ok(Subject::Plan(path.into()));
        }
        if is_missing && (registry::is_path(what) || what.contains(std::path::MAIN_SEPARATOR)) {
            return Err(Error::usage(format!("{what}: no such file or folder")));
        }
        if !self.grid.workloads.is_empty() {
            return Err(several_workloads(&[&self.grid.workloads[..], &[what.into()]].concat()));
        }
        Ok(Subject::Grid(Some(text_of(what, self.target.as_deref())?)))
    }
}

/// Returns the error about several arguments that are not two comparisons.
fn several_workloads(given: &[String]) -> Error {
    let is_plan = |what: &&String| {
        let path = Path::new(what.as_str());
        registry::is_path(what) && path.exists() && !is_problem(path)
    };
    match given.iter().find(is_plan) {
        Some(plan) => {
            Error::usage(format!("{plan} is a plan, which stands alone: leave out the other names"))
        }
        None => Error::usage(format!(
            "several workloads are written in one list: --workloads {}",
            quoted(&given.join(","))
        )),
    }
}

/// Returns whether a file describes a problem rather than a plan.
fn is_problem(path: &Path) -> bool {
    let text = bounded_file::read_text(path, WRITTEN_BY_HAND).unwrap_or_default();
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
    let (plan, own_folder) = match args.subject()? {
        Subject::Two(first, second) => return compare_two(args, &first, &second),
        Subject::Grid(workload) => (args.grid.plan(workload)?, None),
        Subject::Plan(path) => (with_whole_paths(Plan::read(&path)?, &path)?, None),
        Subject::Folder(path) => {
            for entry in folder::read_entries(&path)? {
                registry::open(&entry.trial.workload)?;
            }
            (Plan::of_folder(&path)?, Some(path))
        }
    };
    if args.print_plan {
        Experiment::new(plan.clone(), &|workload| {
            args.workers.defaults(workload, &DataWarnings::new(false))
        })?;
        output::print(print_plan(&plan)?);
        return Ok(());
    }
    let output = match args.output.clone().or(own_folder) {
        Some(output) => output,
        None => Path::new("artifacts").join(format!("compare-{}", plan.id()?)),
    };
    let warnings = DataWarnings::new(!folder::holds_trials(&output));
    let defaults = |workload: &str| args.workers.defaults(workload, &warnings);
    let experiment = Experiment::new(plan.clone(), &defaults)?;
    let runner = args.workers.runner(&plan.workloads, &plan.backends)?;
    warnings.print();
    let invocation = args.workers.invocation(arguments, plan.timing == Timing::Alone);
    let folder = experiment
        .claim(&output, Kind::Comparison, &invocation)
        .map_err(|error| with_output_hint(error, args.output.as_deref()))?;
    if args.cost {
        say_how_to_resume();
        let within = args.within.unwrap_or(cost::LONG);
        let cost = experiment.measure(&folder, &runner, &mut (), within)?;
        output::print(cost_in_words(&cost));
        return Ok(());
    }
    let mut bars = args.workers.bars();
    experiment.run(&folder, &runner, &mut bars)?;
    bars.clear();
    show(&Comparison::read(folder.path())?, folder.path(), output::show)
}

/// Writes the reports of `comparison` into its folder `path`, and its tables and verdicts with `print`.
///
/// # Errors
/// A report that cannot be written.
pub fn show(comparison: &Comparison, path: &Path, print: fn(String)) -> Result<(), Exit> {
    let summaries = comparison.summaries();
    report::write_all(comparison, &summaries, path)?;
    print(report::terminal::render(comparison, &summaries, output::width().unwrap_or(usize::MAX)));
    say_where(path);
    Ok(())
}

/// Prints where the reports are.
pub fn say_where(path: &Path) {
    let page = report::html::FILE_NAME;
    output::tell(format_args!("written to {0}; open {0}/{page} in a browser", output::shown(path)));
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
            // The plan's own key.
            "split" => continue,
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
    if args.print_plan || args.cost || args.output.is_some() {
        let message = "two finished comparisons are compared as they are: leave out all other arguments";
        return Err(Error::usage(message).into());
    }
    let (first, second) = (Comparison::read(first)?, Comparison::read(second)?);
    output::print(report::between::render(&first, &second)?);
    Ok(())
}
