//! A backend changes how fast a run is, not what it computes: losses and metrics match those of `flex`.

// A build with the default features has only `flex` and nothing to compare it with: these tests are then
// compiled and not run. CI also runs them with `--features wgpu,ndarray`; a backend that is compiled in but
// finds no device fails here.

use optlab_train::data::Source;
use optlab_train::device;
use optlab_train::train::history::{self, Row};
use optlab_train::train::{self, Budget, Outcome, Recipe, RunDirectory, RunOptions, Score, Trial, Which};
use optlab_train::workload::{self, RowFacts, Supervised};
use std::path::Path;

/// Largest relative difference between two backends: they sum in different orders.
const TOLERANCE: f64 = 1e-3;

#[test]
#[cfg_attr(
    not(any(feature = "ndarray", feature = "wgpu", feature = "cuda")),
    ignore = "needs a second backend: cargo test --features ndarray --test training -- backends::"
)]
fn the_linear_model_has_the_same_losses_on_every_backend() {
    assert_same_losses("diabetes-linear", 20);
}

#[test]
#[cfg_attr(
    not(any(feature = "ndarray", feature = "wgpu", feature = "cuda")),
    ignore = "needs a second backend: cargo test --features ndarray --test training -- backends::"
)]
fn the_convolutional_network_with_dropout_has_the_same_losses_on_every_backend() {
    assert_same_losses("digits-cnn", 5);
}

#[test]
#[cfg_attr(
    not(any(feature = "ndarray", feature = "wgpu", feature = "cuda")),
    ignore = "needs a second backend: cargo test --features ndarray --test training -- backends::"
)]
fn a_checkpoint_gives_the_same_test_metric_on_every_backend() {
    for (workload, steps) in [("diabetes-linear", 20), ("digits-cnn", 5)] {
        for other in others() {
            for (trained_on, evaluated_on) in [("flex", other), (other, "flex")] {
                let folder = tempfile::tempdir().unwrap();
                let trial = trial(workload, steps, trained_on);
                let expected = train(&trial, folder.path()).test.unwrap();
                let given = evaluate(&trial, folder.path(), evaluated_on);
                let case = format!("{workload} trained on {trained_on}, evaluated on {evaluated_on}");
                assert_close(given.loss, expected.loss, &format!("{case}: test loss"));
                assert_close(given.metric, expected.metric, &format!("{case}: test metric"));
            }
        }
    }
}

#[test]
#[cfg_attr(
    not(any(feature = "ndarray", feature = "wgpu", feature = "cuda")),
    ignore = "needs a second backend: cargo test --features ndarray --test training -- backends::"
)]
fn a_diagnosed_step_is_the_same_on_every_backend() {
    let diagnosis = |backend: &str| {
        let mut trial = trial("digits-cnn", 2, backend);
        trial.recipe.diagnose = Some("every=2,gradients=2,curvature=2".parse().unwrap());
        let folder = tempfile::tempdir().unwrap();
        train(&trial, folder.path());
        let rows = history::read(&RunDirectory::new(folder.path()).history()).unwrap();
        let last = rows
            .into_iter()
            .filter_map(|row| if let Row::Diagnosis(it) = row { Some(it) } else { None })
            .next_back();
        last.unwrap()
    };
    let expected = diagnosis("flex");
    for other in others() {
        let given = diagnosis(other);
        assert_eq!(given.tensors.len(), expected.tensors.len());
        for (given, expected) in given.tensors.iter().zip(&expected.tensors) {
            let what = format!("{other}: gradient norm of {}", given.path);
            assert_close(given.gradient_norm.unwrap(), expected.gradient_norm.unwrap(), &what);
        }
        for (given, expected) in given.activations.iter().zip(&expected.activations) {
            assert_close(
                given.deviation.unwrap(),
                expected.deviation.unwrap(),
                &format!("{other}: {}", given.name),
            );
        }
        let (given, expected) = (given.gradients.unwrap(), expected.gradients.unwrap());
        let difference = (given.alpha.unwrap() - expected.alpha.unwrap()).abs();
        assert!(difference < 0.05, "{other}: α {given:?}, {expected:?}");
    }
}

fn others() -> Vec<&'static str> {
    let others: Vec<&str> =
        device::compiled().map(|backend| backend.name).filter(|name| *name != "flex").collect();
    assert!(!others.is_empty(), "these tests run where a backend besides flex is compiled");
    others
}

fn trial(workload: &str, steps: usize, backend: &str) -> Trial {
    Trial {
        backend: backend.into(),
        seed: 1,
        recipe: Recipe {
            budget: Budget::Steps(steps),
            ..Trial::new(&workload::built_in(workload).unwrap().info()).recipe
        },
        ..Trial::new(&workload::built_in(workload).unwrap().info())
    }
}

fn train(trial: &Trial, folder: &Path) -> Outcome {
    let workload = workload::built_in(&trial.workload.name).unwrap();
    train::run(&workload, trial, &RunOptions::new(RunDirectory::new(folder)), &mut ()).unwrap()
}

/// Returns the loss of each step.
fn losses(trial: &Trial) -> Vec<f64> {
    let folder = tempfile::tempdir().unwrap();
    train(trial, folder.path());
    let rows = history::read(&RunDirectory::new(folder.path()).history()).unwrap();
    let loss = |row| match row {
        Row::Step { loss, .. } => Some(loss.expect("a finite loss")),
        _ => None,
    };
    rows.into_iter().filter_map(loss).collect()
}

fn assert_same_losses(workload: &str, steps: usize) {
    let expected = losses(&trial(workload, steps, "flex"));
    assert_eq!(expected.len(), steps);
    assert!(expected[0] != expected[steps - 1], "the loss does not move");
    for other in others() {
        let given = losses(&trial(workload, steps, other));
        assert_eq!(given.len(), steps);
        for (step, (given, expected)) in given.iter().zip(&expected).enumerate() {
            assert_close(*given, *expected, &format!("{workload} on {other}, loss of step {}", step + 1));
        }
    }
}

/// Returns the test part's score of the run's best checkpoint, loaded on `backend`.
fn evaluate(trial: &Trial, folder: &Path, backend: &str) -> Score {
    let workload = workload::built_in(&trial.workload.name).unwrap();
    let device = device::open(backend).unwrap();
    let splits = workload.splits(&Source::default(), &train::preparation(trial)).unwrap();
    let checkpoints = RunDirectory::new(folder).checkpoints();
    let facts = RowFacts::of(&splits);
    let trained = train::load(&workload, trial, &checkpoints, Which::Best, &facts, &device).unwrap();
    train::evaluate(&workload, &trained.model, &splits.test, &facts, &device).unwrap().unwrap()
}

fn assert_close(given: f64, expected: f64, what: &str) {
    let error = (given - expected).abs() / expected.abs();
    assert!(error <= TOLERANCE, "{what}: {given}, on the first backend {expected}: {error:.1e} apart");
}
