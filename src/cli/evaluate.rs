//! `optlab evaluate`: prints the test metrics of a checkpoint.

use crate::Error;
use crate::cli::Exit;
use burn::tensor::Device;
use clap::Args;
use optlab_train::data::Source;
use optlab_train::device;
use optlab_train::train::{self, RunDirectory, Trained, Trial, Which};
use optlab_train::workload::{self, BuiltIn, Network, Workload};
use std::path::{Path, PathBuf};
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
pub(super) struct WhichArg(Which);

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

/// A loaded checkpoint of a run.
pub(super) struct Loaded {
    pub trial: Trial,
    pub workload: BuiltIn,
    pub device: Device,
    pub trained: Trained<Network>,
}

/// Loads a checkpoint of the run in `run_dir` on `backend`, or on the run's backend.
pub(super) fn load(run_dir: &Path, which: WhichArg, backend: Option<&str>) -> Result<Loaded, Error> {
    let directory = RunDirectory::new(run_dir);
    let trial = directory.read_trial()?;
    let workload = workload::find(&trial.workload)?;
    let device = device::open(backend.unwrap_or(&trial.backend))?;
    let input_shape = workload.info().padded_input_shape(trial.recipe.pad);
    let trained = train::load(&workload, &trial, &directory.checkpoints(), which.0, &input_shape, &device)?;
    for error in &trained.passed_over {
        eprintln!("warning: {error}; using an older checkpoint");
    }
    Ok(Loaded { trial, workload, device, trained })
}

/// Runs `optlab evaluate`.
///
/// # Errors
/// A folder without a run, a damaged checkpoint, a backend without a device.
pub fn run(args: &EvaluateArgs) -> Result<(), Exit> {
    let loaded = load(&args.run_dir, args.checkpoint, args.backend.as_deref())?;
    let Loaded { trial, workload, device, trained } = &loaded;
    let source = Source { data_dir: args.data_dir.clone(), show_progress: true };
    let splits = workload.splits(&source, &train::preparation(trial))?;
    let score = train::evaluate(workload, &trained.model, &splits.test, splits.target_scale, device);
    let mut text = format!("{} (step {})\n", trained.checkpoint.path().display(), trained.state.step);
    if let Some(score) = score {
        text += &format!("test loss {:.4}\n", score.loss);
        text += &format!("test {} {:.4}\n", workload.info().task.metric(), score.metric);
    }
    crate::cli::print(text.as_bytes())
}
