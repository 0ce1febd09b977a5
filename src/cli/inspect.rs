//! `optlab inspect`: shows the parameters of a trained model.

use crate::cli::Exit;
use crate::cli::describe::text;
use crate::cli::evaluate::WhichArg;
use crate::cli::folder_arg::open_run;
use crate::cli::{output, warn_passed_over};
use clap::Args;
use optlab_compare::report::number::short;
use optlab_compare::run::command::quoted;
use optlab_train::registry::{self, ParameterSummary, SavedRun};
use optlab_train::workload::Section;
use std::path::PathBuf;

/// The most values of a parameter that are printed.
const MOST_SHOWN: usize = 16;

/// Arguments of `optlab inspect`.
#[derive(Debug, Args)]
pub struct InspectArgs {
    /// The run's folder
    run_dir: PathBuf,
    /// Checkpoint: best, last or a step
    #[arg(long, default_value = "best", value_name = "best|last|STEP")]
    checkpoint: WhichArg,
    /// Print all values of the parameter with this path, a line each
    #[arg(long, value_name = "PATH")]
    values: Option<String>,
}

/// Runs `optlab inspect`.
///
/// # Errors
/// A folder without a run, a damaged checkpoint, a path that is no parameter's.
pub fn run(args: &InspectArgs) -> Result<(), Exit> {
    let (directory, trial) = open_run(&args.run_dir)?;
    let workload = registry::open_trial(&trial)?;
    let run = SavedRun { which: args.checkpoint.0, ..SavedRun::new(directory, trial) };
    let inspected = workload.inspect(&run)?;
    warn_passed_over(&inspected.passed_over);
    if let Some(path) = &args.values {
        let paths: Vec<&str> = inspected.parameters.iter().map(|parameter| parameter.path.as_str()).collect();
        let parameter = inspected.parameters.iter().find(|parameter| parameter.path == *path);
        let parameter =
            parameter.ok_or_else(|| optlab_core::Error::unknown_name("parameter", path, &paths))?;
        let lines: String = parameter.values.iter().map(|value| format!("{value}\n")).collect();
        output::print(lines);
        return Ok(());
    }
    let (parameters, is_complete) = table(&inspected.parameters);
    let sections = std::iter::once(&parameters).chain(&inspected.sections);
    let mut texts: Vec<String> = sections.map(text).collect();
    if !is_complete {
        let run = quoted(&args.run_dir.to_string_lossy());
        texts.push(format!("all values of a parameter: optlab inspect {run} --values PATH\n"));
    }
    output::print(texts.join("\n"));
    Ok(())
}

/// Returns the table of the parameters, with the values of the smallest, and whether it has all values.
fn table(parameters: &[ParameterSummary]) -> (Section, bool) {
    let is_shown = |parameter: &ParameterSummary| parameter.values.len() <= MOST_SHOWN;
    let has_values = parameters.iter().any(is_shown);
    let columns = ["path", "shape", "norm", "mean", "largest", "values"];
    let columns = if has_values { &columns[..] } else { &columns[..columns.len() - 1] };
    let mut table = Section::table("Parameters", columns);
    for parameter in parameters {
        let path = &parameter.path;
        let mut row = vec![
            if parameter.is_trained { path.clone() } else { format!("{path} (not trained)") },
            format!("{:?}", parameter.shape),
            short(parameter.norm),
            short(parameter.mean),
            short(parameter.largest),
        ];
        let values = parameter.values.iter().filter(|_| is_shown(parameter));
        let values: Vec<String> = values.map(|value| short(f64::from(*value))).collect();
        row.extend(has_values.then(|| values.join(" ")));
        table.rows.push(row);
    }
    (table, parameters.iter().all(is_shown))
}
