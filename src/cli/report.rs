use crate::cli::{Exit, compare, tune};
use crate::compare::{Comparison, Run};
use clap::Args;
use std::path::PathBuf;

/// Arguments of `optlab report`.
#[derive(Debug, Args)]
pub struct ReportArgs {
    /// The folder of a comparison, a study or a recommendation, finished or not
    dir: PathBuf,
}

/// Runs `optlab report`.
///
/// # Errors
/// A folder that holds none of these, or cannot be written.
pub fn run(args: &ReportArgs) -> Result<(), Exit> {
    let comparison = Comparison::read(&args.dir)?;
    let is_study = !comparison.runs.iter().any(Run::is_final) && comparison.plan.arms()?.len() == 1;
    if is_study { tune::show(&comparison, &args.dir) } else { compare::show(&comparison, &args.dir) }
}
