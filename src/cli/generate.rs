//! `optlab generate`: writes a text with a trained run.

use crate::cli::evaluate::WhichArg;
use crate::cli::folder_arg::open_run;
use crate::cli::{Exit, output, warn_passed_over};
use clap::Args;
use optlab_train::registry::{self, SavedRun};
use optlab_train::workload::Generation;
use std::path::PathBuf;

/// Arguments of `optlab generate`.
#[derive(Debug, Clone, Args)]
pub struct GenerateArgs {
    /// The run's folder
    run_dir: PathBuf,
    /// The text to go on from
    #[arg(long, default_value = "", hide_default_value = true)]
    prompt: String,
    /// Number of characters to write
    #[arg(long, value_name = "N", default_value_t = 500)]
    length: usize,
    /// Divisor of the logits: 1 draws as the model says, less prefers likely characters, 0 takes the
    /// likeliest
    #[arg(long, value_name = "T", default_value_t = 0.8)]
    temperature: f64,
    /// Draw from that many likeliest characters [default: all]
    #[arg(long, value_name = "N")]
    top: Option<usize>,
    /// The seed of the draws
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Checkpoint: best, last or a step
    #[arg(long, default_value = "best", value_name = "best|last|STEP")]
    checkpoint: WhichArg,
    /// Backend to run on [default: the run's backend]
    #[arg(long, value_name = "NAME")]
    backend: Option<String>,
}

/// Runs `optlab generate`.
///
/// # Errors
/// A run whose workload writes no texts, a damaged checkpoint, a setting out of its range, a prompt that the
/// model cannot read.
pub fn run(args: &GenerateArgs) -> Result<(), Exit> {
    let (directory, trial) = open_run(&args.run_dir)?;
    let workload = registry::open_trial(&trial)?;
    let (which, backend) = (args.checkpoint.0, args.backend.clone());
    let run = SavedRun { which, backend, ..SavedRun::new(directory, trial) };
    let GenerateArgs { prompt, length, temperature, top, seed, .. } = args.clone();
    let generated = workload.generate(&run, &Generation { prompt, length, temperature, top, seed })?;
    warn_passed_over(&generated.passed_over);
    output::print(format!("{}\n", generated.text));
    Ok(())
}
