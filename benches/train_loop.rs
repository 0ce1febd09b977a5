//! Measures the overhead of the training loop: the time per step by `train::run`'s own clock, against a loop
//! written by hand that does the same forward pass, backward pass and step on the same batches.
//!
//! ```text
//! cargo bench --bench train_loop
//! ```
//!
//! It does not use Criterion, which times one function by itself. Here two programs of several seconds each
//! are compared on a machine whose speed drifts, so they take turns, and the medians over the rounds are
//! compared.

mod shared;

use optlab::Error;
use optlab::data::Source;
use optlab::kernel::compute_on_this_thread;
use optlab::statistics::describe::median;
use optlab::train::{self, Budget, Recipe, RunDirectory, RunOptions, Trial};
use optlab::workload::{self, Supervised};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The workloads, each with enough steps for about ten seconds, all in the first epochs.
const WORKLOADS: [(&str, usize); 2] = [("digits-cnn", 1000), ("mnist-10k-cnn", 150)];

const ROUNDS: usize = 7;

fn main() -> Result<(), Error> {
    compute_on_this_thread();
    // `cargo bench` passes `--bench`; without it the program only shows that it works.
    let measures = std::env::args().any(|argument| argument == "--bench");
    println!(
        "{:<16} {:>6} {:>14} {:>14} {:>7}",
        "workload", "steps", "bare ms/step", "loop ms/step", "ratio"
    );
    for (workload, steps) in WORKLOADS {
        let (steps, rounds) = if measures { (steps, ROUNDS) } else { (3, 1) };
        let trial = trial(workload, steps)?;
        let (mut bare, mut full, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
        for round in 0..rounds {
            // The two loops take turns in going first.
            let (bare_time, full_time) = if round % 2 == 0 {
                let bare_time = bare_loop(&trial, steps)?;
                (bare_time, training_loop(&trial)?)
            } else {
                let full_time = training_loop(&trial)?;
                (bare_loop(&trial, steps)?, full_time)
            };
            bare.push(bare_time);
            full.push(full_time);
            ratios.push(full_time / bare_time);
        }
        let [bare, full, ratio] = [bare, full, ratios].map(|values| median(&values).unwrap_or(f64::NAN));
        println!("{workload:<16} {steps:>6} {bare:>14.3} {full:>14.3} {ratio:>7.3}");
    }
    Ok(())
}

fn trial(workload: &str, steps: usize) -> Result<Trial, Error> {
    let info = workload::built_in(workload)?.info();
    Ok(Trial {
        backend: "flex".into(),
        recipe: Recipe { budget: Budget::Steps(steps), ..Trial::new(&info).recipe },
        ..Trial::new(&info)
    })
}

/// Returns the milliseconds per step of `train::run`, the first step excluded; its clock excludes evaluation
/// and checkpoints.
fn training_loop(trial: &Trial) -> Result<f64, Error> {
    let folder = tempfile::tempdir().map_err(Error::io("create", std::env::temp_dir()))?;
    let workload = workload::built_in(&trial.workload.name)?;
    let options = RunOptions::new(RunDirectory::new(folder.path().join("run")));
    let outcome = train::run(&workload, trial, &options, &mut ())?;
    Ok(outcome.step_milliseconds.unwrap_or(f64::NAN))
}

/// Returns the milliseconds per step of a loop that only trains, on the same batches.
fn bare_loop(trial: &Trial, steps: usize) -> Result<f64, Error> {
    let workload = workload::built_in(&trial.workload.name)?;
    let train = workload.splits(&Source::default(), &train::preparation(trial))?.train;
    shared::bare_loop(trial, &train, &train.input_shape, steps)
}
