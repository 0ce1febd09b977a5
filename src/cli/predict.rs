//! `optlab predict`: predicts for new examples with a trained run.

use crate::cli::Exit;
use crate::cli::evaluate::WhichArg;
use clap::Args;
use optlab_train::data::Source;
use optlab_train::registry::{self, SavedRun};
use optlab_train::train::RunDirectory;
use optlab_train::workload::{Answer, Prediction};
use std::path::PathBuf;

/// Arguments of `optlab predict`.
#[derive(Debug, Args)]
pub struct PredictArgs {
    /// The run's folder
    run_dir: PathBuf,
    /// The examples: PNG images for a workload that classifies images
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Checkpoint: best, last or a step
    #[arg(long, default_value = "best", value_name = "best|last|STEP")]
    checkpoint: WhichArg,
    /// Backend to run on [default: the run's backend]
    #[arg(long, value_name = "NAME")]
    backend: Option<String>,
}

/// Runs `optlab predict`: a line for each example, with the class, its probability and the runner-up.
///
/// # Errors
/// A run whose workload does not predict, a damaged checkpoint, a file that cannot be read.
pub fn run(args: &PredictArgs) -> Result<(), Exit> {
    let directory = RunDirectory::new(&args.run_dir);
    let trial = directory.read_trial()?;
    let workload = registry::find_saved(&trial.workload)?;
    let run = SavedRun {
        directory: &directory,
        trial: &trial,
        which: args.checkpoint.0,
        backend: args.backend.as_deref(),
        source: Source::default(),
    };
    let predicted = workload.predict(&run, &args.files)?;
    for error in &predicted.passed_over {
        eprintln!("warning: {error}; using an older checkpoint");
    }
    let lines: String = predicted.predictions.iter().map(line).collect();
    crate::cli::print(lines.as_bytes())
}

/// Returns the line of a prediction.
fn line(Prediction { example, answer }: &Prediction) -> String {
    let percent = |share: f64| share * 100.0;
    match answer {
        Answer::Classes(ranked) => match &ranked[..] {
            [(first, share), (second, other), ..] => {
                let (share, other) = (percent(*share), percent(*other));
                format!("{example}: {first} ({share:.1} %), else {second} ({other:.1} %)\n")
            }
            [(only, share)] => format!("{example}: {only} ({:.1} %)\n", percent(*share)),
            [] => format!("{example}: no classes\n"),
        },
        Answer::Values(values) => {
            let values: Vec<String> = values.iter().map(|(name, value)| format!("{name} {value}")).collect();
            format!("{example}: {}\n", values.join(", "))
        }
    }
}
