//! Workloads describe their data correctly and reach their targets.

use optlab_train::data::{self, Preparation, Source, Splits, Targets};
use optlab_train::train::{self, Budget, Outcome, Recipe, RunDirectory, RunOptions, Trial};
use optlab_train::workload::{self, RowFacts, Supervised};

fn trial(workload: &str, optimizer: &str, lr: f64, epochs: usize) -> Trial {
    Trial {
        optimizer: optimizer.parse().unwrap(),
        schedule: "cosine".parse().unwrap(),
        lr,
        backend: "flex".into(),
        recipe: Recipe {
            budget: Budget::Epochs(epochs),
            ..Trial::new(&workload::built_in(workload).unwrap().info()).recipe
        },
        ..Trial::new(&workload::built_in(workload).unwrap().info())
    }
}

fn run(trial: &Trial) -> Outcome {
    let folder = tempfile::tempdir().unwrap();
    let options = RunOptions::new(RunDirectory::new(folder.path().join("run")));
    train::run(&workload::built_in(&trial.workload.name).unwrap(), trial, &options, &mut ()).unwrap()
}

fn splits(trial: &Trial) -> Splits {
    let workload = workload::built_in(&trial.workload.name).unwrap();
    workload.splits(&Source::default(), &train::preparation(trial)).unwrap()
}

/// Returns the smallest mean squared error of a linear function with intercept, from the normal equations,
/// solved in f64 by Gaussian elimination with pivoting.
fn least_squares_mse(rows: &[Vec<f64>], targets: &[f64]) -> f64 {
    let rows: Vec<Vec<f64>> = rows.iter().map(|row| [row.as_slice(), &[1.0]].concat()).collect();
    let unknowns = rows[0].len();
    let mut system = vec![vec![0.0; unknowns + 1]; unknowns];
    for (row, target) in rows.iter().zip(targets) {
        for i in 0..unknowns {
            for j in 0..unknowns {
                system[i][j] += row[i] * row[j];
            }
            system[i][unknowns] += row[i] * target;
        }
    }
    for column in 0..unknowns {
        let pivot =
            (column..unknowns).max_by(|a, b| system[*a][column].abs().total_cmp(&system[*b][column].abs()));
        system.swap(column, pivot.unwrap());
        let pivot = system[column].clone();
        for (_, row) in system.iter_mut().enumerate().filter(|(i, _)| *i != column) {
            let factor = row[column] / pivot[column];
            row.iter_mut().zip(&pivot).for_each(|(entry, pivot)| *entry -= factor * pivot);
        }
    }
    let solution: Vec<f64> = (0..unknowns).map(|i| system[i][unknowns] / system[i][i]).collect();
    let predict = |row: &[f64]| -> f64 { row.iter().zip(&solution).map(|(x, w)| x * w).sum() };
    let squares = rows.iter().zip(targets).map(|(row, target)| (predict(row) - target).powi(2));
    squares.sum::<f64>() / targets.len() as f64
}

#[test]
fn linear_regression_converges_to_the_least_squares_optimum_within_a_thousandth() {
    // Full-batch gradient descent, so that only convergence matters.
    let trial = Trial {
        schedule: "constant".parse().unwrap(),
        recipe: Recipe {
            batch_size: 1000.into(),
            validation: 0.0,
            ..trial("diabetes-linear", "sgd:momentum=0.9", 0.1, 3000).recipe
        },
        ..trial("diabetes-linear", "sgd:momentum=0.9", 0.1, 3000)
    };
    let folder = tempfile::tempdir().unwrap();
    let directory = RunDirectory::new(folder.path().join("run"));
    let workload = workload::built_in(&trial.workload.name).unwrap();
    train::run(&workload, &trial, &RunOptions::new(directory.clone()), &mut ()).unwrap();

    // The training part's final loss, measured with the checkpoint.
    let splits = splits(&trial);
    let device = optlab_train::device::open("flex").unwrap();
    let facts = RowFacts::of(&splits);
    let which = train::Which::Last;
    let trained = train::load(&workload, &trial, &directory.checkpoints(), which, &facts, &device).unwrap();
    let score = train::evaluate(&workload, &trained.model, &splits.train, &facts, &device).unwrap().unwrap();

    // The optimum for the raw table, in f64, in the target's own unit.
    let raw = data::load("diabetes", &Source::default()).unwrap().train;
    let rows: Vec<Vec<f64>> =
        (0..raw.len()).map(|i| raw.input(i).iter().map(|x| f64::from(*x)).collect()).collect();
    let Targets::Values { values, .. } = &raw.targets else { panic!("diabetes has numeric targets") };
    let values: Vec<f64> = values.iter().map(|value| f64::from(*value)).collect();
    let optimum = least_squares_mse(&rows, &values);
    let reached = score.metric.powi(2);
    assert!(reached >= optimum * (1.0 - 1e-4), "{reached} is below the optimum {optimum}");
    assert!(reached <= optimum * 1.001, "{reached} is more than 0.1 % above the optimum {optimum}");
}

#[test]
fn the_sunspot_rnn_beats_the_naive_forecast_on_the_last_fifty_years() {
    let test = data::load("sunspots", &Source::default()).unwrap().test;
    let Targets::Values { values: next, .. } = &test.targets else { panic!("sunspots have numeric targets") };
    assert_eq!(next.len(), 50);
    let squares = next.iter().enumerate().map(|(i, next)| f64::from(next - test.input(i)[19]).powi(2));
    let persistence = (squares.sum::<f64>() / 50.0).sqrt();
    let outcome = run(&trial("sunspots-rnn", "adam", 1e-3, 100));
    let rmse = outcome.test.as_ref().unwrap().metric;
    assert!(rmse < 0.9 * persistence, "rmse {rmse} against {persistence} of the naive forecast");
    assert!(outcome.target_reached.is_some(), "{outcome:?}");
}

#[test]
fn the_digit_rnn_reaches_95_percent_validation_accuracy() {
    let outcome = run(&trial("digits-rnn", "adam", 3e-3, 30));
    let accuracy = outcome.best_validation.unwrap().metric;
    assert!(accuracy >= 0.95, "{accuracy}");
    assert!(outcome.target_reached.is_some());
}

#[test]
fn the_small_cnn_reaches_its_target_on_digits() {
    let outcome = run(&trial("digits-cnn", "adam", 3e-3, 20));
    let accuracy = outcome.best_validation.unwrap().metric;
    assert!(accuracy >= 0.97, "{accuracy}");
    assert!(outcome.test.unwrap().metric >= 0.95);
}

#[test]
fn the_mnist_cnn_learns_from_a_few_steps_on_padded_images_too() {
    let steps = Budget::Steps(12);
    let padded = Trial {
        recipe: Recipe {
            budget: steps,
            batch_size: 64.into(),
            pad: true,
            ..trial("mnist-10k-cnn", "adam", 1e-3, 1).recipe
        },
        ..trial("mnist-10k-cnn", "adam", 1e-3, 1)
    };
    let outcome = run(&padded);
    assert!(outcome.best_validation.as_ref().unwrap().metric > 0.3, "{outcome:?}");
}

#[test]
fn every_workload_describes_the_data_that_it_loads() {
    for workload in workload::all() {
        let info = workload.info();
        if info.name == "mnist-cnn" {
            continue; // Not bundled: it would be downloaded.
        }
        let preparation = Preparation { validation: 0.1, ..Preparation::default() };
        let splits = workload.splits(&Source::default(), &preparation).unwrap();
        assert_eq!(splits.train.input_shape.len() == 3, info.augments, "{}", info.name);
    }
}
