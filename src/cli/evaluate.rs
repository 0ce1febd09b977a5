//! `optlab evaluate`: prints the test metrics of a checkpoint.

use crate::cli::folder_arg::open_run;
use crate::cli::{Exit, output, warn_passed_over};
use clap::Args;
use optlab_train::data::Source;
use optlab_train::registry::{self, SavedRun};
use optlab_train::train::Which;
use std::path::PathBuf;
use std::str::FromStr;

/// Arguments of `optlab evaluate`.
#[derive(Debug, Args)]
pub struct EvaluateArgs {
    /// The run's folder
    run_dir: PathBuf,
    /// Checkpoint: best, last or a step
    #[arg(long, default_value = "best", value_name = "best|last|STEP")]
    checkpoint: WhichArg,
    /// Backend to evaluate on [default: the run's backend]
    #[arg(long, value_name = "NAME")]
    backend: Option<String>,
    /// Folder with data sets that are not built in
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

/// The choice of a checkpoint, as an argument.
#[derive(Debug, Clone, Copy)]
pub(super) struct WhichArg(pub Which);

impl FromStr for WhichArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "best" => Ok(WhichArg(Which::Best)),
            "last" => Ok(WhichArg(Which::Last)),
            step => step
                .parse()
                .map(|step| WhichArg(Which::Step(step)))
                .map_err(|_| "must be best, last or a step".to_string()),
        }
    }
}

/// Runs `optlab evaluate`.
///
/// # Errors
/// A folder without a run, a damaged checkpoint, a backend without a device.
pub fn run(args: &EvaluateArgs) -> Result<(), Exit> {
    let (directory, trial) = open_run(&args.run_dir)?;
    let source = Source { data_dir: args.data_dir.clone(), show_progress: true };
    let workload = registry::open_version(&trial, &source)?;
    let (which, backend) = (args.checkpoint.0, args.backend.clone());
    let run = SavedRun { which, backend, source, ..SavedRun::new(directory, trial) };
    let evaluated = workload.evaluate(&run)?;
    warn_passed_over(&evaluated.passed_over);
    let which = match args.checkpoint.0 {
        _ if !evaluated.passed_over.is_empty() => "",
        Which::Best if run.trial.recipe.validation > 0.0 => ", the best on the validation part",
        Which::Best | Which::Last => ", the last",
        Which::Step(_) => "",
    };
    let mut text = format!("{} (step {}{which})\n", evaluated.checkpoint.display(), evaluated.step);
    if let Some(score) = evaluated.score {
        text += &format!("test loss {:.4}\n", score.loss);
        text += &format!("test {} {:.4}\n", workload.info().metric(), score.metric);
        for (name, value) in score.others {
            text += &format!("test {name} {value:.4}\n");
        }
    }
    output::print(text);
    Ok(())
}
