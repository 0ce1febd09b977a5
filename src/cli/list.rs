//! `optlab list`: prints names with their defaults, and the trials of a folder.

mod parts;

use crate::Error;
use crate::cli::{Exit, output};
use clap::{Args, ValueEnum};
use optlab_compare::plan::entry::Stage;
use optlab_compare::report::number;
use optlab_compare::run::folder::{self, Ended};
use optlab_optim::OptimizerSpec;
use optlab_optim::schedule::ScheduleSpec;
use optlab_train::device::{self, Backend};
use optlab_train::registry;
use std::path::{Path, PathBuf};

/// Arguments of `optlab list`.
#[derive(Debug, Args)]
pub struct ListArgs {
    /// What to list [default: everything except trials]
    what: Option<What>,
    /// For `trials`, the folder of a comparison or study
    #[arg(value_name = "DIR")]
    dir: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum What {
    Workloads,
    Optimizers,
    Schedules,
    Losses,
    Measures,
    Models,
    Explanations,
    Backends,
    Trials,
}

/// Runs `optlab list`.
///
/// # Errors
/// For trials, a folder without trials.
pub fn run(args: &ListArgs) -> Result<(), Exit> {
    match (args.what, &args.dir) {
        (Some(What::Trials), Some(dir)) => {
            output::print(trials(dir)?);
            return Ok(());
        }
        (Some(What::Trials), None) => {
            return Err(Error::usage("name the folder whose trials to list").into());
        }
        (_, Some(_)) => return Err(Error::usage("only trials take a folder").into()),
        (_, None) => {}
    }
    let sections: [(What, fn() -> String); 8] = [
        (What::Workloads, workloads),
        (What::Optimizers, optimizers),
        (What::Schedules, schedules),
        (What::Losses, parts::losses),
        (What::Measures, parts::measures),
        (What::Models, parts::models),
        (What::Explanations, parts::explanations),
        (What::Backends, backends),
    ];
    let chosen = sections.iter().filter(|(what, _)| args.what.is_none_or(|chosen| chosen == *what));
    let texts: Vec<String> = chosen.map(|(_, text)| text()).collect();
    output::print(texts.join("\n"));
    Ok(())
}

/// Returns a line per trial of a comparison or study.
fn trials(dir: &Path) -> Result<String, Error> {
    let mut text = String::new();
    for entry in folder::read_all_entries(dir)? {
        let run_dir = folder::run_dir(dir, &entry.trial);
        let ended = folder::ended(&run_dir, &entry.trial)?;
        let stage = match entry.stage {
            Stage::Tuning { number, replicate: Some(of) } => format!("tuning {number}, replicate {of}"),
            Stage::Tuning { number, replicate: None } => format!("tuning {number}"),
            Stage::Final => "final".into(),
        };
        let (status, outcome) = match &ended {
            Ended::NotYet => ("not run", None),
            Ended::Unclear(_) => ("damaged", None),
            Ended::With(outcome) => (outcome.status.name(), Some(outcome)),
        };
        let score = outcome.and_then(|outcome| outcome.test.as_ref().or(outcome.best_validation.as_ref()));
        let metric = match (outcome, score) {
            (Some(outcome), Some(score)) => number::metric(&outcome.metric, score.metric),
            _ => "–".into(),
        };
        let id = run_dir.file_name().unwrap_or_default().display();
        text += &format!("{stage:<24} {status:<14} {metric:>10}  {:<28} {id}\n", entry.arm);
    }
    Ok(text)
}

fn workloads() -> String {
    let mut text = String::from("WORKLOADS\n");
    for workload in registry::all() {
        let info = workload.info();
        let metric = info.metric();
        let sign = if metric.direction.is_larger() { "≥" } else { "≤" };
        let target = match metric.target {
            Some(target) => format!("target: validation {metric} {sign} {target}"),
            None => format!("metric: {metric}, no target"),
        };
        let length = match info.defaults.steps {
            Some(steps) => format!("{steps} steps"),
            None => format!("{} epochs", info.epochs),
        };
        let details = format!("batch size {}, {length}, {target}", info.batch_size);
        text += &entry(&info.name, &info.summary, &details);
    }
    text
}

fn optimizers() -> String {
    let rows = OptimizerSpec::all().into_iter().map(|spec| {
        let lr = format!("lr={}", spec.default_lr());
        (spec.name(), spec.summary(), std::iter::once(lr).chain(assignments(spec.fields())).collect())
    });
    section("OPTIMIZERS  (name or name:key=value,key=value; --lr sets the learning rate)", rows)
}

fn schedules() -> String {
    let rows = ScheduleSpec::all()
        .into_iter()
        .map(|spec| (spec.name(), spec.summary(), assignments(spec.fields()).collect()));
    section("SCHEDULES  (name or name:key=value,key=value; lr and length come from the run)", rows)
}

fn assignments(fields: Vec<(String, String)>) -> impl Iterator<Item = String> {
    fields.into_iter().map(|(key, value)| format!("{key}={value}"))
}

fn section(title: &str, rows: impl Iterator<Item = (&'static str, &'static str, Vec<String>)>) -> String {
    let mut text = format!("{title}\n");
    for (name, summary, fields) in rows {
        text += &entry(name, summary, &fields.join(", "));
    }
    text
}

/// Returns two lines, in columns as wide as the longest name, `binary_cross_entropy`.
fn entry(name: &str, summary: &str, details: &str) -> String {
    format!("  {name:<20} {summary}\n{:23}{details}\n", "")
}

fn backends() -> String {
    let mut text = String::from("BACKENDS\n");
    for backend in &device::BACKENDS {
        let state = if !backend.is_compiled {
            format!("not compiled in: build with --features {}", backend.name)
        } else {
            match device::open(backend.name) {
                Ok(_) if backend.name == device::default_backend() => "available, the default".into(),
                Ok(_) => "available".into(),
                Err(error) => error.to_string(),
            }
        };
        let Backend { name, summary, needs, tried, .. } = *backend;
        text += &entry(name, summary, &format!("{state}; needs {needs}; tried: {tried}"));
    }
    text
}
