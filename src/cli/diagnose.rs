//! `optlab diagnose`: says in words what a run shows.

use crate::Error;
use crate::cli::folder_arg::open_run;
use crate::cli::{Exit, output};
use clap::Args;
use optlab_compare::run::command;
use optlab_train::data::Source;
use optlab_train::diagnosis::{self, Case, Finding};
use optlab_train::registry::{self, SavedRun};
use std::path::PathBuf;

/// Arguments of `optlab diagnose`.
#[derive(Debug, Args)]
pub struct DiagnoseArgs {
    /// The run's folder; a run that was trained with --diagnose says more
    run_dir: PathBuf,
    /// Print the findings as JSON
    #[arg(long)]
    json: bool,
    /// Folder with data sets that are not built in
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

/// Runs `optlab diagnose`.
///
/// # Errors
/// A folder without a run, a damaged history, data that cannot be read.
pub fn run(args: &DiagnoseArgs) -> Result<(), Exit> {
    let (directory, trial) = open_run(&args.run_dir)?;
    let source = Source { data_dir: args.data_dir.clone(), show_progress: true };
    let workload = registry::open_version(&trial, &source)?;
    let case = workload.case(&SavedRun { source, ..SavedRun::new(directory, trial) })?;
    let findings = diagnosis::findings(&case);
    if args.json {
        let json = serde_json::to_string_pretty(&findings)
            .map_err(|reason| Error::usage(format!("the findings: {reason}")))?;
        output::print(json + "\n");
        return Ok(());
    }
    output::print(text(&case, &findings));
    Ok(())
}

fn text(case: &Case, findings: &[Finding]) -> String {
    let mut text = String::new();
    for (number, finding) in findings.iter().enumerate() {
        let kind = if finding.is_fault { "" } else { "worth knowing: " };
        text += &format!("{}. {kind}{}\n", number + 1, finding.what);
        text += &format!("   evidence:  {}\n", finding.evidence);
        text += &format!("   threshold: {}\n", finding.threshold);
        text += &format!("   remedy:    {}\n", finding.remedy);
        if let Some(trial) = &finding.trial {
            text += &format!("   {}\n", command::train(trial));
        }
        text.push('\n');
    }
    if findings.iter().all(|finding| !finding.is_fault) {
        text += "No fault found in the curves and diagnostics of this run.\n";
    }
    if case.trial.recipe.diagnose.is_none() {
        text += "It was trained without --diagnose: steps, gradients and units are unknown.\n";
    }
    if case.outcome.is_none() {
        text += "It has not ended.\n";
    }
    text
}
