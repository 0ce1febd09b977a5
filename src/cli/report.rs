//! `optlab report`: writes the reports of a folder again.

use crate::cli::folder_arg::kind_of_trials;
use crate::cli::{Exit, compare, output, tune};
use clap::Args;
use optlab_compare::result::comparison::Comparison;
use optlab_compare::run::folder::Kind;
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
/// A folder that holds no comparison, or cannot be written.
pub fn run(args: &ReportArgs) -> Result<(), Exit> {
    let kind = kind_of_trials(&args.dir)?;
    let comparison = Comparison::read(&args.dir)?;
    if kind == Kind::Study {
        tune::show(&comparison, &args.dir, output::print)
    } else {
        compare::show(&comparison, &args.dir, output::print)
    }
}
