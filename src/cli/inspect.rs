//! `optlab inspect`: shows the parameters of a trained model.

use crate::cli::Exit;
use crate::cli::describe::text;
use crate::cli::evaluate::WhichArg;
use clap::Args;
use optlab_compare::report::number::short;
use optlab_train::data::Source;
use optlab_train::registry::{self, SavedRun};
use optlab_train::train::RunDirectory;
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
    let directory = RunDirectory::new(&args.run_dir);
    let trial = directory.read_trial()?;
    let workload = registry::open_trial(&trial)?;
    let which = args.checkpoint.0;
    let source = Source::default();
    let run = SavedRun { directory: &directory, trial: &trial, which, backend: None, source };
    let inspected = workload.inspect(&run)?;
    for error in &inspected.passed_over {
        eprintln!("warning: {error}; using an older checkpoint");
    }
    if let Some(path) = &args.values {
        let paths: Vec<&str> = inspected.parameters.iter().map(|parameter| parameter.path.as_str()).collect();
        let parameter = inspected.parameters.iter().find(|parameter| parameter.path == *path);
        let parameter =
            parameter.ok_or_else(|| optlab_core::Error::unknown_name("parameter", path, &paths))?;
        let values = parameter.values.iter().flatten();
        let lines: String = values.map(|value| format!("{value}\n")).collect();
        return crate::cli::print(lines.as_bytes());
    }
    let columns = ["path", "shape", "norm", "mean", "largest", "values"];
    let mut parameters = Section::table("Parameters", &columns);
    for parameter in &inspected.parameters {
        let values = parameter.values.as_deref().filter(|values| values.len() <= MOST_SHOWN);
        let values: Vec<String> =
            values.unwrap_or(&[]).iter().map(|value| short(f64::from(*value))).collect();
        let path = &parameter.path;
        parameters.rows.push(vec![
            if parameter.is_trained { path.clone() } else { format!("{path} (not trained)") },
            format!("{:?}", parameter.shape),
            short(parameter.norm),
            short(parameter.mean),
            short(parameter.largest),
            values.join(" "),
        ]);
    }
    let sections = std::iter::once(&parameters).chain(&inspected.sections);
    let texts: Vec<String> = sections.map(text).collect();
    crate::cli::print(texts.join("\n").as_bytes())
}
