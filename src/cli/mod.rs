//! The command line: one file per subcommand, which turns arguments into the library's types and prints the
//! result.

mod bars;
mod bench;
mod calibrate;
mod compare;
mod data_warnings;
mod describe;
mod diagnose;
mod evaluate;
mod explain;
mod flag_hint;
mod folder_arg;
mod generate;
mod inspect;
mod list;
mod lr_find;
mod new;
mod one_workload;
pub mod output;
mod predict;
mod progress;
mod recommend;
mod report;
mod schedule;
mod score;
pub mod train;
mod trial_settings;
mod tune;
mod verify;
mod worker;
mod workers;
mod workload_arg;

use crate::Error;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory, Parser, Subcommand};
use optlab_compare::chart::Chart;
use optlab_compare::run::command::quoted;
use optlab_compare::run::signals;
use optlab_core::line::{self, one_line};
use optlab_train::files::disk;
use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

/// Which optimizer, which learning-rate schedule, on my problem and my hardware?
#[derive(Debug, Parser)]
#[command(name = "optlab", version, about, propagate_version = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show workloads, optimizers, schedules and backends with their defaults
    List(list::ListArgs),
    /// Train a workload, with checkpoints to resume from
    Train(train::TrainCommand),
    /// Load a checkpoint on any backend and print its test metrics
    Evaluate(evaluate::EvaluateArgs),
    /// Predict for new examples with a trained run
    ///
    /// The examples are rows of CSV files, pictures or texts, prepared as the run's training data were.
    Predict(predict::PredictArgs),
    /// Write a text with a trained language model
    Generate(generate::GenerateArgs),
    /// Show what the outputs of a trained run depend on: pixels, columns, time steps, tokens
    ///
    /// A method attributes an output to the elements of an input. docs/explaining.md says what each method
    /// answers and when it misleads.
    Explain(explain::ExplainArgs),
    /// Show data and model of a workload: columns, parts, layers, warnings
    Describe(describe::DescribeArgs),
    /// Show the parameters of a trained run: paths, shapes, norms, coefficients
    Inspect(inspect::InspectArgs),
    /// Say what a run shows: overfitting, oscillation, dead units, a leak; each with evidence and remedy
    ///
    /// A run that was trained with --diagnose says more.
    Diagnose(diagnose::DiagnoseArgs),
    /// Compare optimizers, schedules and backends over seeds, with tuning and statistical verdicts
    Compare(compare::CompareArgs),
    /// Search for the best settings of one optimizer
    ///
    /// The same command, or `optlab tune DIR` with the study's folder, resumes a study that was stopped, and
    /// repeats no trial. A larger --trials extends the study.
    Tune(tune::TuneArgs),
    /// Recommend an optimizer within a time budget, with the evidence and the command that trains it
    Recommend(recommend::RecommendArgs),
    /// Measure how often verdicts on a workload are wrong, and the smallest difference that they can show
    ///
    /// The optimizer is compared with itself, over many random splits of its runs.
    Calibrate(calibrate::CalibrateArgs),
    /// Write the reports of a comparison, a study or a recommendation again
    Report(report::ReportArgs),
    /// Score submissions by their times to target, as AlgoPerf does
    Score(score::ScoreArgs),
    /// Time optimizer steps next to Burn's optimizers and a plain memory copy
    Bench(bench::BenchArgs),
    /// Draw learning-rate schedules
    Schedule(schedule::ScheduleArgs),
    /// Find a learning rate: raise it from step to step and watch the loss
    ///
    /// The range test of Smith, 2015. The rate rises exponentially from step to step until the loss blows up.
    /// No file is written except the chart of --svg.
    LrFind(lr_find::LrFindArgs),
    /// Check rules and schedules against the numbers of their references
    ///
    /// Burn's built-ins are shown too, with the same settings. The exit code is 1 if one of optlab's own
    /// differs from its reference, or if nothing was compared; differences of Burn's built-ins and files for
    /// unknown rules do not change it.
    Verify(verify::VerifyArgs),
    /// Write a project with a workload of your own: a Burn model, its data, a test
    New(new::NewArgs),
    /// Write shell completions to standard output
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Train the trial of a run folder, for `compare`
    #[command(hide = true)]
    Worker(worker::WorkerArgs),
}

/// Runs the program: reads the arguments, runs the subcommand, prints at most one line of error.
///
/// Exit codes: 0 for success, 1 for a run that failed or a result that could not be printed, 2 for an invalid
/// request; 130, 143 or 129 after Ctrl-C, SIGTERM or SIGHUP.
pub fn main() -> ExitCode {
    main_or("")
}

/// Runs [`main`] with a default command: without arguments, the program is given the space-separated words of
/// `default`.
pub fn main_or(default: &str) -> ExitCode {
    let mut arguments: Vec<OsString> = std::env::args_os().collect();
    if arguments.len() == 1 {
        arguments.extend(default.split_whitespace().map(OsString::from));
    }
    signals::survive_file_size_limit();
    finish(parse_from::<Cli>(&arguments).and_then(|cli| match cli.command {
        Command::List(args) => list::run(&args),
        Command::Train(args) => train::run(&args),
        Command::Evaluate(args) => evaluate::run(&args),
        Command::Predict(args) => predict::run(&args),
        Command::Generate(args) => generate::run(&args),
        Command::Explain(args) => explain::run(&args),
        Command::Describe(args) => describe::run(&args),
        Command::Inspect(args) => inspect::run(&args),
        Command::Diagnose(args) => diagnose::run(&args),
        Command::Compare(args) => compare::run(&args, &arguments),
        Command::Tune(args) => tune::run(&args, &arguments),
        Command::Recommend(args) => recommend::run(&args, &arguments),
        Command::Calibrate(args) => calibrate::run(&args, &arguments),
        Command::Report(args) => report::run(&args),
        Command::Score(args) => score::run(&args),
        Command::Bench(args) => bench::run(&args),
        Command::Schedule(args) => schedule::run(&args),
        Command::LrFind(args) => lr_find::run(&args),
        Command::Verify(args) => verify::run(&args),
        Command::New(args) => new::run(&args),
        Command::Completions { shell } => {
            completions(shell);
            Ok(())
        }
        Command::Worker(args) => worker::run(&args),
    }))
}

/// Runs [`main_or`] after a program registered its own workloads, optimizers and schedules; prints the error
/// if that failed.
pub fn main_with<E: Into<Exit>>(registered: Result<(), E>, default: &str) -> ExitCode {
    match registered {
        Ok(()) => main_or(default),
        Err(error) => finish(Err(error.into())),
    }
}

/// The reason for which the program ends early.
#[derive(Debug)]
pub enum Exit {
    /// Help or a version was printed.
    Printed,
    /// The arguments do not parse; the line says why.
    Arguments(String),
    /// An error of the library.
    Error(Error),
    /// The request was carried out, and its result is a failure that was already printed.
    Failure,
}

impl From<Error> for Exit {
    fn from(error: Error) -> Self {
        Exit::Error(error)
    }
}

impl From<optlab_core::Error> for Exit {
    fn from(error: optlab_core::Error) -> Self {
        Exit::Error(error.into())
    }
}

/// Reads the program's arguments.
///
/// # Errors
/// [`Exit::Printed`] after `--help` and the like; [`Exit::Arguments`].
pub fn parse<T: Parser>() -> Result<T, Exit> {
    parse_from(&std::env::args_os().collect::<Vec<_>>())
}

fn parse_from<T: Parser>(arguments: &[OsString]) -> Result<T, Exit> {
    T::try_parse_from(arguments).map_err(|error| match error.kind() {
        ErrorKind::DisplayHelp
        | ErrorKind::DisplayVersion
        | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            let help = error.render();
            if error.use_stderr() {
                output::note_help(&help);
                return Exit::Failure;
            }
            output::print_help(&help);
            Exit::Printed
        }
        _ => {
            if let Some(hint) = hinted::<T>(&error, arguments) {
                return Exit::Arguments(one_line(&hint, line::MOST));
            }
            let text = error.render().to_string();
            let lines = text.lines().map(str::trim).take_while(|line| !line.starts_with("Usage:"));
            let is_said = |line: &&str| !line.is_empty() && !line.starts_with("For more information");
            let told: Vec<&str> = lines.filter(is_said).collect();
            Exit::Arguments(one_line(told.join(" ").trim_start_matches("error: "), line::MOST))
        }
    })
}

/// Returns the line about a flag that does not exist, with what to write instead; `None` for another mistake.
fn hinted<T: Parser>(error: &clap::Error, arguments: &[OsString]) -> Option<String> {
    let Some(ContextValue::String(flag)) = error.get(ContextKind::InvalidArg) else { return None };
    if error.kind() != ErrorKind::UnknownArgument || !flag.starts_with('-') {
        return None;
    }
    let hint = flag_hint::hint(&T::command(), arguments, flag);
    let similar = || match error.get(ContextKind::SuggestedArg) {
        Some(ContextValue::String(similar)) => format!(" (did you mean {similar}?)"),
        _ => String::new(),
    };
    Some(format!("there is no flag {flag}{}", hint.map_or_else(similar, |hint| format!(": {hint}"))))
}

/// Prints the line of an error and returns the exit code.
pub fn finish(result: Result<(), Exit>) -> ExitCode {
    if result.is_err() {
        signals::end_if_requested();
    }
    let (line, code) = match result {
        Ok(()) | Err(Exit::Printed) => return output::exit_code(),
        Err(Exit::Failure) => return ExitCode::from(1),
        Err(Exit::Arguments(line)) => (line, 2),
        Err(Exit::Error(Error::Interrupted { step, directory })) => {
            let (program, folder) = (program(), quoted(&directory.to_string_lossy()));
            let line =
                format!("interrupted after step {step}; resume with: {program} train --resume {folder}");
            (line, signals::code())
        }
        Err(Exit::Error(error)) => (error.to_string(), if error.is_usage() { 2 } else { 1 }),
    };
    output::error(line);
    ExitCode::from(code)
}

/// Returns the name that this program was called by, without its folder.
fn program() -> String {
    let program = std::env::args_os().next().unwrap_or_default();
    Path::new(&program).file_stem().map_or_else(|| "optlab".into(), |name| quoted(&name.to_string_lossy()))
}

/// Warns about damaged checkpoints, in place of which an older one was taken.
fn warn_passed_over(errors: &[Error]) {
    for error in errors {
        output::warn(format_args!("{error}; using an older checkpoint"));
    }
}

/// Suggests `--output` in the error of a default output folder that may not be written.
fn with_output_hint(error: Error, output: Option<&Path>) -> Error {
    match error {
        Error::Core(optlab_core::Error::Io { action, path, source })
            if output.is_none() && is_denied(source.kind()) =>
        {
            let told = format!("{source}; name a folder that can be written with --output");
            Error::io(action, path)(std::io::Error::new(source.kind(), told))
        }
        error => error,
    }
}

fn is_denied(kind: std::io::ErrorKind) -> bool {
    matches!(kind, std::io::ErrorKind::PermissionDenied | std::io::ErrorKind::ReadOnlyFilesystem)
}

fn completions(shell: clap_complete::Shell) {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "optlab", &mut script);
    output::print(script);
}

/// Draws on standard output, and into the file `svg` if there is one.
fn print_chart(chart: &Chart, svg: Option<&Path>) -> Result<(), Exit> {
    if let Some(path) = svg {
        disk::replace(path, chart.svg().as_bytes())?;
    }
    output::print(chart.terminal(output::width().map_or(80, |columns| columns.min(120))));
    Ok(())
}
