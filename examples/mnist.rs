//! Trains a convolutional network on 10,000 images of MNIST, which ship with the program, then loads the best
//! checkpoint back and evaluates it again.
//!
//! ```text
//! cargo run --example mnist                              # on the CPU, nothing else needed
//! cargo run --example mnist --features wgpu              # on the GPU
//! cargo run --example mnist -- --optimizer lion --lr 3e-4 --schedule cosine
//! cargo run --example mnist -- --help                    # the flags, the same as for `optlab train`
//! ```

use clap::Parser;
use optlab::Error;
use optlab::cli::train::TrainArgs;
use optlab::cli::{self, Exit, output};
use optlab::kernel::compute_on_this_thread;
use optlab::workload::SavedRun;
use std::process::ExitCode;

/// Train a convolutional network on MNIST
#[derive(Debug, Parser)]
struct Args {
    #[command(flatten)]
    train: TrainArgs,
}

/// Keeps freed memory for the next step, which needs the same amount.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    compute_on_this_thread();
    cli::finish(cli::parse::<Args>().and_then(|args| run(&args)))
}

fn run(args: &Args) -> Result<(), Exit> {
    // Trains with a progress bar, prints a line for each epoch and `test accuracy …` at the end.
    let run = args.train.train("mnist-10k-cnn")?;

    // Everything a model needs is in the run's folder, so another program or another backend could load it,
    // too.
    let best = run.workload.evaluate(&SavedRun::new(run.directory, run.trial))?;

    let accuracy = best.score.map(|score| score.metric);
    let path = best.checkpoint;
    let shown = accuracy.unwrap_or(f64::NAN);
    output::tell(format_args!("checkpoint {} loaded: test accuracy {shown:.4}", path.display()));
    if accuracy == run.outcome.test.map(|score| score.metric) {
        Ok(())
    } else {
        let reason = "its test accuracy is not the one that was measured while training".into();
        Err(Error::Checkpoint { path, reason }.into())
    }
}
