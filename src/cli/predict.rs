//! `optlab predict`: predicts for new examples with a trained run.

use crate::Error;
use crate::cli::Exit;
use crate::cli::evaluate::WhichArg;
use crate::cli::folder_arg::open_run;
use crate::cli::{output, warn_passed_over};
use clap::Args;
use optlab_train::files::disk;
use optlab_train::registry::{self, SavedRun};
use optlab_train::workload::{Answer, Prediction};
use std::path::{Path, PathBuf};

/// Arguments of `optlab predict`.
#[derive(Debug, Args)]
pub struct PredictArgs {
    /// The run's folder
    run_dir: PathBuf,
    /// The examples, as the training data were: CSV files (a prediction per row), pictures or texts
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Checkpoint: best, last or a step
    #[arg(long, default_value = "best", value_name = "best|last|STEP")]
    checkpoint: WhichArg,
    /// Write a CSV file instead of printing
    #[arg(long, value_name = "FILE.csv")]
    output: Option<PathBuf>,
    /// Backend to run on [default: the run's backend]
    #[arg(long, value_name = "NAME")]
    backend: Option<String>,
}

/// Runs `optlab predict`: a line for each example, with the class, its probability and the runner-up.
///
/// # Errors
/// A run whose workload does not predict, a damaged checkpoint, a file that cannot be read.
pub fn run(args: &PredictArgs) -> Result<(), Exit> {
    let (directory, trial) = open_run(&args.run_dir)?;
    let workload = registry::open_trial(&trial)?;
    let (which, backend) = (args.checkpoint.0, args.backend.clone());
    let run = SavedRun { which, backend, ..SavedRun::new(directory, trial) };
    let predicted = workload.predict(&run, &args.files)?;
    warn_passed_over(&predicted.passed_over);
    if let Some(path) = &args.output {
        disk::replace(path, &table(&predicted.predictions)?)?;
        output::tell_where(path);
        return Ok(());
    }
    if args.files.iter().all(|file| is_picture(file)) {
        let lines: String = predicted.predictions.iter().map(line).collect();
        output::print(lines);
        return Ok(());
    }
    output::print(table(&predicted.predictions)?);
    Ok(())
}

fn is_picture(file: &Path) -> bool {
    let extension = file.extension().unwrap_or_default().to_string_lossy().to_lowercase();
    ["png", "jpg", "jpeg"].contains(&extension.as_str())
}

/// Returns the predictions as CSV: the example, and for classes the prediction with the probability of each
/// class, else a column per target.
fn table(predictions: &[Prediction]) -> Result<Vec<u8>, Error> {
    let broken = |reason: csv::Error| Error::usage(format!("predictions: {reason}"));
    let mut writer = csv::Writer::from_writer(Vec::new());
    for (number, Prediction { example, answer }) in predictions.iter().enumerate() {
        let mut header = vec!["example".to_string()];
        let mut row = vec![example.clone()];
        match answer {
            Answer::Classes(ranked) | Answer::Scores(ranked) => {
                let of_class = if matches!(answer, Answer::Scores(_)) { "score" } else { "probability" };
                header.push("prediction".into());
                row.push(ranked.first().map_or_else(String::new, |(class, _)| class.clone()));
                let mut by_name: Vec<&(String, f64)> = ranked.iter().collect();
                by_name.sort_by(|(a, _), (b, _)| a.cmp(b));
                for (class, share) in by_name {
                    header.push(format!("{of_class} of {class}"));
                    row.push(format!("{share:.6}"));
                }
            }
            Answer::Values(values) => {
                for (name, value) in values {
                    header.push(name.clone());
                    row.push(shown(*value));
                }
            }
        }
        if number == 0 {
            writer.write_record(&header).map_err(broken)?;
        }
        writer.write_record(&row).map_err(broken)?;
    }
    writer.into_inner().map_err(|reason| Error::usage(format!("predictions: {reason}")))
}

/// Returns a predicted number with the digits that models of 32 bits have.
fn shown(value: f64) -> String {
    (value as f32).to_string()
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
        Answer::Scores(ranked) => match &ranked[..] {
            [(first, score), (second, other), ..] => {
                format!("{example}: {first} (score {score:.3}), else {second} ({other:.3})\n")
            }
            _ => format!("{example}: no classes\n"),
        },
        Answer::Values(values) => {
            let values: Vec<String> =
                values.iter().map(|(name, value)| format!("{name} {}", shown(*value))).collect();
            format!("{example}: {}\n", values.join(", "))
        }
    }
}
