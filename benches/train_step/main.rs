//! Measures the time and memory of a training step and of an evaluation, with our layers or with Burn's.
//!
//! ```text
//! cargo bench --bench train_step -- mnist-10k-cnn sunspots-rnn --layers optlab,burn --backend flex
//! ```
//!
//! Every measurement runs in its own process, so that it does not find the memory or the caches of another.
//! The measurements take turns for the requested number of rounds, and the medians over the rounds are
//! printed. `RAYON_NUM_THREADS` sets the number of threads. With `--pair` two processes run side by side,
//! each on one thread.

mod arguments;
mod measurement;
mod stock;
mod stock_gpt;

use arguments::{Arguments, Case};
use measurement::Measurement;
use optlab::Error;
use optlab::kernel::compute_on_this_thread;
use optlab::statistics::describe::median;
use std::process::{Child, Command, Stdio};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> Result<(), Error> {
    let arguments = Arguments::parse();
    if arguments.alone {
        compute_on_this_thread();
        for case in arguments.cases() {
            println!("{}", measurement::measure(&case, arguments.steps)?);
        }
        return Ok(());
    }
    let cases = arguments.cases();
    let mut measured: Vec<Vec<Measurement>> = vec![Vec::new(); cases.len()];
    for _ in 0..arguments.rounds {
        for (case, measured) in cases.iter().zip(&mut measured) {
            measured.extend(run(case, &arguments));
        }
    }
    println!(
        "{:<16} {:<8} {:<7} {:>14} {:>18} {:>20} {:>10}",
        "workload", "backend", "layers", "step ms", "training examples/s", "evaluated examples/s", "peak MiB"
    );
    for (case, measured) in cases.iter().zip(&measured) {
        let of = |part: fn(&Measurement) -> f64| {
            median(&measured.iter().map(part).collect::<Vec<_>>()).unwrap_or(f64::NAN)
        };
        let processes = if arguments.pair { 2.0 } else { 1.0 };
        let step = of(|measured| measured.step_milliseconds);
        println!(
            "{:<16} {:<8} {:<7} {:>14.3} {:>19.0} {:>20.0} {:>10.0}",
            case.workload,
            case.backend,
            case.layers,
            step,
            processes * case.batch_size as f64 * 1e3 / step,
            processes * of(|measured| measured.evaluated_per_second),
            of(|measured| measured.peak_mebibytes),
        );
    }
    Ok(())
}

/// Measures a case in its own process, or in two processes at once.
fn run(case: &Case, arguments: &Arguments) -> Vec<Measurement> {
    let start = || -> Child {
        let mut command = Command::new(std::env::current_exe().expect("this program has a path"));
        command.arg("--alone").args(case.arguments()).arg("--steps").arg(arguments.steps.to_string());
        if arguments.pair {
            command.env("RAYON_NUM_THREADS", "1");
        }
        command.stdout(Stdio::piped()).spawn().expect("this program starts itself")
    };
    let processes: Vec<Child> = (0..if arguments.pair { 2 } else { 1 }).map(|_| start()).collect();
    let read = |process: Child| {
        let output = process.wait_with_output().expect("a measurement ends");
        assert!(output.status.success(), "a measurement failed: {}", output.status);
        String::from_utf8_lossy(&output.stdout).parse().expect("a measurement is three numbers")
    };
    processes.into_iter().map(read).collect()
}
