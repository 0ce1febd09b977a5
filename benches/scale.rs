//! Measures the cost of 10,000 trials in one comparison: listing them, resuming when all have ended, and
//! making the reports.
//!
//! `cargo bench --bench scale [-- --trials 10000]`. Only the outcomes are made up: every trial goes through
//! the runner, in its own process of this program, and leaves a history, an environment and an outcome.

use optlab::compare::{Experiment, Folder, Kind, Plan, Runner, Seeds, Tuning, WorkerCommand};
use optlab::train::history::{History, Part, Row};
use optlab::train::{Environment, Outcome, RecipePatch, RunDirectory, Score, Status, TargetReached, Trial};
use optlab::workload::{self, Supervised};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const ARMS: [&str; 10] =
    ["sgd", "adam", "adamw", "nadam", "lion", "rmsprop", "adagrad", "radam", "burn.adam", "burn.sgd"];
const WORKLOADS: [&str; 2] = ["digits-cnn", "diabetes-linear"];
const SEEDS: usize = 20;
const EPOCHS: usize = 30;
const STEPS_PER_EPOCH: usize = 51;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.first().is_some_and(|first| first == "made-up") {
        return make_up(Path::new(arguments.last().expect("a run's folder")));
    }
    let trials = arguments
        .iter()
        .skip_while(|it| *it != "--trials")
        .nth(1)
        .map_or(10_000, |count| count.parse().expect("a number"));
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("comparison");
    let began = Instant::now();
    run(&path, trials);
    println!("{trials} trials through the runner: {:.0} s", began.elapsed().as_secs_f64());
    for (what, arguments) in [
        ("listing", vec!["list", "trials"]),
        ("going on where all have ended, with the reports", vec!["compare"]),
        ("the reports", vec!["report"]),
    ] {
        let mut measured: Vec<(f64, f64)> = (0..3).map(|_| measure(&arguments, &path)).collect();
        measured.sort_by(|a, b| a.0.total_cmp(&b.0));
        println!("{what}: {:.2} s, {:.0} MB at most", measured[1].0, measured[1].1);
    }
    let page = std::fs::metadata(path.join("report.html")).expect("a page").len();
    println!("report.html: {:.2} MB", page as f64 / 1e6);
}

/// Runs the comparison, in which each trial is made up by [`make_up`].
fn run(path: &Path, trials: usize) {
    let each = trials / (ARMS.len() * WORKLOADS.len());
    let plan = Plan {
        workloads: WORKLOADS.map(String::from).to_vec(),
        optimizers: ARMS.iter().map(|arm| arm.parse().expect("a rule")).collect(),
        seeds: Seeds::Count(SEEDS as u64),
        // Set here, so that the recipe does not depend on the workloads.
        recipe: RecipePatch {
            epochs: Some(EPOCHS),
            batch_size: Some(32.into()),
            validation: Some(0.1),
            ..RecipePatch::default()
        },
        tuning: Tuning { trials: each - SEEDS, ..Tuning::default() },
        ..Plan::default()
    };
    let defaults = |name: &str| Ok(Trial::new(&workload::built_in(name)?.info()));
    let experiment = Experiment::new(plan, &defaults).expect("a plan");
    let invocation = serde_json::from_str(r#"{"command": "cargo bench --bench scale", "jobs": 2}"#);
    let folder: Folder =
        experiment.claim(path, Kind::Comparison, &invocation.expect("an invocation")).expect("a folder");
    let command = WorkerCommand {
        program: std::env::current_exe().expect("this program"),
        arguments: vec!["made-up".into()],
    };
    let runner = Runner { jobs: 2, ..Runner::new(command) };
    experiment.run(&folder, &runner, &mut ()).expect("a comparison");
}

/// Writes the files that a training would leave in a run's folder.
fn make_up(folder: &Path) {
    let directory = RunDirectory::new(folder);
    let trial: Trial = directory.read_trial().expect("a trial");
    // The quality depends on the rate, with noise that depends on the seed.
    let quality =
        0.97 - 0.01 * (trial.lr.log10() + 2.5).powi(2) + 0.004 * ((trial.seed * 7919 % 13) as f64 / 13.0);
    let larger_is_better = trial.workload.name == "digits-cnn";
    let metric = if larger_is_better { quality } else { 150.0 - 100.0 * quality };
    let mut history = History::create(&directory.history()).expect("a history");
    let mut write = |row: &Row| history.append(row).expect("a row");
    for epoch in 1..=EPOCHS {
        for step in 1..=STEPS_PER_EPOCH {
            let step = (epoch - 1) * STEPS_PER_EPOCH + step;
            let loss = Some(1.0 / step as f64);
            write(&Row::Step {
                step,
                loss,
                lr: trial.lr,
                group_lr: Default::default(),
                gradient_norm: None,
                skipped: false,
            });
        }
        for part in [Part::Train, Part::Validation] {
            let (step, training_seconds) = (epoch * STEPS_PER_EPOCH, epoch as f64 * 0.02);
            let (loss, metric) = (Some(1.0 / epoch as f64), (part == Part::Validation).then_some(metric));
            write(&Row::Evaluation {
                step,
                epoch,
                training_seconds,
                part,
                loss,
                metric,
                others: Default::default(),
            });
        }
    }
    history.flush().expect("a history");
    let score = Some(Score::new(0.1, metric));
    let json = |value: &Environment| serde_json::to_vec_pretty(value).expect("an environment");
    std::fs::write(directory.path().join("environment.json"), json(&Environment::here("flex")))
        .expect("an environment");
    let workload = workload::built_in(&trial.workload.name).expect("a workload");
    let outcome = Outcome {
        status: Status::Completed,
        reason: None,
        steps: EPOCHS * STEPS_PER_EPOCH,
        epochs: EPOCHS,
        training_seconds: EPOCHS as f64 * 0.02,
        first_step_seconds: 0.01,
        step_milliseconds: Some(0.4),
        target_reached: Some(TargetReached { step: 400, training_seconds: 0.16 }),
        final_validation: score.clone(),
        best_validation: score.clone(),
        best_step: Some(EPOCHS * STEPS_PER_EPOCH),
        test: score,
        peak_memory_bytes: Some(40 << 20),
        waiting_share: Some(0.01),
        ..Outcome::failed(String::new(), workload.info().metric())
    };
    directory.write_outcome(&outcome).expect("an outcome");
}

/// Returns the seconds and the peak memory in MB of `optlab` with these arguments and the folder.
fn measure(arguments: &[&str], folder: &Path) -> (f64, f64) {
    let program = PathBuf::from(env!("CARGO_BIN_EXE_optlab"));
    let began = Instant::now();
    let mut child =
        Command::new(program).args(arguments).arg(folder).stdout(Stdio::null()).spawn().expect("optlab");
    let status = format!("/proc/{}/status", child.id());
    let mut kilobytes = 0.0;
    loop {
        // The peak only grows, and is gone when the process ends.
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        kilobytes =
            line.and_then(|line| line.trim().trim_end_matches("kB").trim().parse().ok()).unwrap_or(kilobytes);
        if let Some(status) = child.try_wait().expect("optlab") {
            assert!(status.success(), "{arguments:?} failed");
            return (began.elapsed().as_secs_f64(), kilobytes * 1.024e-3);
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}
