//! How a run ends, and which parts of the data it evaluates before.

use optlab_train::train::history::{self, Part, Row};
use optlab_train::train::{self, Budget, Outcome, Recipe, RunDirectory, RunOptions, Status, Trial, Which};
use optlab_train::workload::{self, RowFacts, Supervised};
use std::path::Path;

fn trial(workload: &str) -> Trial {
    Trial { backend: "flex".into(), ..Trial::new(&workload::built_in(workload).unwrap().info()) }
}

fn run(trial: &Trial, folder: &Path) -> Outcome {
    let workload = workload::built_in(&trial.workload.name).unwrap();
    train::run(&workload, trial, &RunOptions::new(RunDirectory::new(folder)), &mut ()).unwrap()
}

fn evaluations(folder: &Path) -> Vec<(usize, Part)> {
    let rows = history::read(&folder.join("history.jsonl")).unwrap();
    let evaluation = |row| match row {
        Row::Evaluation { step, part, .. } => Some((step, part)),
        _ => None,
    };
    rows.into_iter().filter_map(evaluation).collect()
}

#[test]
fn early_stopping_ends_a_run_that_no_longer_improves_and_tests_its_best_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let patient = Trial {
        lr: 0.1,
        recipe: Recipe {
            budget: Budget::Epochs(500),
            early_stopping: Some(5),
            ..trial("diabetes-linear").recipe
        },
        ..trial("diabetes-linear")
    };
    let outcome = run(&patient, folder.path());
    assert_eq!(outcome.status, Status::StoppedEarly);
    assert!(outcome.epochs < 500, "{outcome:?}");
    let best = outcome.best_step.unwrap();
    assert!(best < outcome.steps, "the best evaluation is not the last one");

    let workload = workload::built_in("diabetes-linear").unwrap();
    let splits = workload.splits(&Default::default(), &train::preparation(&patient)).unwrap();
    let device = optlab_train::device::open("flex").unwrap();
    let (checkpoints, facts) = (folder.path().join("checkpoints"), RowFacts::of(&splits));
    let score = |which| {
        let trained = train::load(&workload, &patient, &checkpoints, which, &facts, &device).unwrap();
        train::evaluate(&workload, &trained.model, &splits.test, &facts, &device).unwrap().unwrap()
    };
    assert_eq!(outcome.test, Some(score(Which::Best)));
    assert_eq!(outcome.test, Some(score(Which::Step(best))));
    assert_ne!(outcome.test, Some(score(Which::Last)));
}

#[test]
fn the_training_loss_of_an_epoch_weighs_a_small_last_batch_by_its_examples() {
    let folder = tempfile::tempdir().unwrap();
    let recipe = Recipe { budget: Budget::Epochs(2), batch_size: 500.into(), ..trial("digits-rnn").recipe };
    run(&Trial { recipe, ..trial("digits-rnn") }, folder.path());
    let (mut losses, mut epochs) = (Vec::new(), 0);
    for row in history::read(&folder.path().join("history.jsonl")).unwrap() {
        match row {
            Row::Step { loss, .. } => losses.push(loss.unwrap()),
            Row::Evaluation { part: Part::Train, loss, .. } => {
                let [first, second, last] = losses[..] else { panic!("3 steps per epoch: {losses:?}") };
                // 1,294 examples: 500, 500 and 294.
                let expected = (500.0 * first + 500.0 * second + 294.0 * last) / 1294.0;
                assert!((loss.unwrap() - expected).abs() < 1e-12, "{loss:?} and {expected}");
                epochs += 1;
                losses.clear();
            }
            _ => {}
        }
    }
    assert_eq!(epochs, 2);
}

#[test]
fn the_test_part_is_evaluated_once_and_last() {
    let folder = tempfile::tempdir().unwrap();
    run(
        &Trial {
            recipe: Recipe { budget: Budget::Epochs(4), ..trial("digits-rnn").recipe },
            ..trial("digits-rnn")
        },
        folder.path(),
    );
    let seen = evaluations(folder.path());
    assert_eq!(seen.iter().filter(|(_, part)| *part == Part::Test).count(), 1);
    assert_eq!(seen.last().map(|(_, part)| *part), Some(Part::Test));
    assert_eq!(seen.iter().filter(|(_, part)| *part == Part::Validation).count(), 4);
}

#[test]
fn a_run_without_a_validation_part_tests_its_last_step() {
    let folder = tempfile::tempdir().unwrap();
    let outcome = run(
        &Trial {
            recipe: Recipe { budget: Budget::Epochs(2), validation: 0.0, ..trial("digits-rnn").recipe },
            ..trial("digits-rnn")
        },
        folder.path(),
    );
    assert_eq!((outcome.best_validation, outcome.final_validation, outcome.best_step), (None, None, None));
    assert!(outcome.test.is_some());
    assert!(evaluations(folder.path()).iter().all(|(_, part)| *part != Part::Validation));
}

#[test]
fn a_history_has_every_step_with_the_rate_that_its_schedule_gives() {
    let folder = tempfile::tempdir().unwrap();
    let trial = Trial {
        schedule: "exponential:gamma=0.5".parse().unwrap(),
        lr: 0.25,
        recipe: Recipe { budget: Budget::Steps(12), ..trial("diabetes-linear").recipe },
        ..trial("diabetes-linear")
    };
    run(&trial, folder.path());
    let rows = history::read(&folder.path().join("history.jsonl")).unwrap();
    let rates: Vec<(usize, f64)> = rows
        .iter()
        .filter_map(|row| match row {
            Row::Step { step, lr, .. } => Some((*step, *lr)),
            _ => None,
        })
        .collect();
    let expected: Vec<(usize, f64)> =
        (0..12).map(|step| (step + 1, 0.25 * 0.5_f64.powi(step as i32))).collect();
    assert_eq!(rates, expected);
}

#[test]
fn the_rate_follows_the_batch_size_if_lr_scaling_is_set() {
    for (scaling, batch_size, factor) in [
        (None, 64, 1.0),
        (Some("linear"), 64, 2.0),
        (Some("linear"), 8, 0.25),
        (Some("sqrt"), 128, 2.0),
        (Some("linear:128"), 64, 0.5),
        (Some("sqrt:256"), 64, 0.5),
    ] {
        let folder = tempfile::tempdir().unwrap();
        // The workload's default batch size is 32.
        let lr_scaling = scaling.map(|text| text.parse().unwrap());
        let trial = Trial {
            lr: 0.01,
            recipe: Recipe {
                lr_scaling,
                batch_size: batch_size.into(),
                budget: Budget::Steps(2),
                ..trial("diabetes-linear").recipe
            },
            ..trial("diabetes-linear")
        };
        run(&trial, folder.path());
        let rows = history::read(&folder.path().join("history.jsonl")).unwrap();
        let Row::Step { lr, .. } = rows[0] else { panic!("a step comes first") };
        assert!((lr - 0.01 * factor).abs() < 1e-15, "{scaling:?} of {batch_size}: {lr}");
    }
}

#[test]
fn a_history_has_the_rate_of_each_group_and_a_group_with_a_schedule_follows_it() {
    let folder = tempfile::tempdir().unwrap();
    let trial = Trial {
        optimizer: "group:parameters=*.bias,lr_factor=0.5,base=\
                    (group:parameters=*.weight,schedule=(exponential:gamma=0.5),base=sgd)"
            .parse()
            .unwrap(),
        schedule: "step:step_size=2,gamma=0.1".parse().unwrap(),
        lr: 0.25,
        recipe: Recipe { budget: Budget::Steps(5), ..trial("diabetes-linear").recipe },
        ..trial("diabetes-linear")
    };
    run(&trial, folder.path());
    for row in history::read(&folder.path().join("history.jsonl")).unwrap() {
        if let Row::Step { step, lr, group_lr, .. } = row {
            let t = step as i32 - 1;
            assert!((lr - 0.25 * 0.1_f64.powi(t / 2)).abs() < 1e-15);
            let expected = [("*.bias".to_string(), 0.5 * lr), ("*.weight".into(), 0.25 * 0.5_f64.powi(t))];
            assert_eq!(group_lr, expected.into());
        }
    }
    let wrong = |schedule: &str| {
        let optimizer = format!("group:parameters=*.bias,schedule={schedule},base=sgd").parse().unwrap();
        let workload = workload::built_in("diabetes-linear").unwrap();
        let options = RunOptions::new(RunDirectory::new(folder.path()));
        train::run(&workload, &Trial { optimizer, ..trial.clone() }, &options, &mut ()).unwrap_err()
    };
    assert!(wrong("cosin").to_string().contains("unknown schedule `cosin`"));
    assert!(wrong("(cosine:min_lr=-1)").to_string().contains("`min_lr`"));
}

#[test]
fn a_plateau_of_the_validation_loss_lowers_the_rate() {
    let folder = tempfile::tempdir().unwrap();
    let trial = Trial {
        optimizer: "sgd".parse().unwrap(),
        schedule: "reduce_on_plateau:factor=0.5,patience=2,threshold=0.01".parse().unwrap(),
        lr: 0.01,
        recipe: Recipe { budget: Budget::Epochs(40), ..trial("diabetes-linear").recipe },
        ..trial("diabetes-linear")
    };
    run(&trial, folder.path());
    let (mut lr, mut best, mut bad, mut reductions) = (0.01, f64::INFINITY, 0, 0);
    for row in history::read(&folder.path().join("history.jsonl")).unwrap() {
        match row {
            Row::Step { lr: used, step, .. } => assert_eq!(used, lr, "step {step}"),
            Row::Evaluation { part: Part::Validation, loss, .. } => {
                let loss = loss.unwrap();
                (best, bad) = if loss < best * 0.99 { (loss, 0) } else { (best, bad + 1) };
                if bad > 2 {
                    (lr, bad, reductions) = (lr * 0.5, 0, reductions + 1);
                }
            }
            _ => {}
        }
    }
    assert!(reductions >= 2, "{reductions}");
}

#[test]
fn a_penalty_on_all_weights_makes_them_smaller() {
    let norm = |l2: f64| {
        let folder = tempfile::tempdir().unwrap();
        let optimizer = "sgd".parse().unwrap();
        let trial = Trial {
            optimizer,
            lr: 0.005,
            recipe: Recipe { l2, budget: Budget::Epochs(20), ..trial("diabetes-linear").recipe },
            ..trial("diabetes-linear")
        };
        run(&trial, folder.path());
        let workload = workload::built_in("diabetes-linear").unwrap();
        let device = optlab_train::device::open("flex").unwrap();
        let checkpoints = folder.path().join("checkpoints");
        let splits = workload.splits(&Default::default(), &train::preparation(&trial)).unwrap();
        let facts = RowFacts::of(&splits);
        let trained = train::load(&workload, &trial, &checkpoints, Which::Last, &facts, &device).unwrap();
        let zero = burn::tensor::Tensor::<2>::zeros([1, 10], &device);
        let mode = optlab_train::nn::Mode::Evaluate;
        // With inputs one and zero, the difference is the sum of the weights in one direction.
        let one = zero.clone().add_scalar(1.0);
        let difference =
            workload.forward(&trained.model, one, mode) - workload.forward(&trained.model, zero, mode);
        f64::from(difference.into_scalar::<f32>().abs())
    };
    assert!(norm(100.0) < 0.25 * norm(0.0), "{} against {}", norm(100.0), norm(0.0));
}

/// Returns the loss and the norm of the gradients of each step.
fn steps(folder: &Path) -> Vec<(Option<f64>, Option<f64>)> {
    let rows = history::read(&folder.join("history.jsonl")).unwrap();
    let step = |row| match row {
        Row::Step { loss, gradient_norm, .. } => Some((loss, gradient_norm)),
        _ => None,
    };
    rows.into_iter().filter_map(step).collect()
}

#[test]
fn a_history_has_the_norm_of_the_gradients_where_it_is_clipped_and_only_there() {
    let folder = tempfile::tempdir().unwrap();
    let budget = Budget::Steps(3);
    for (clip_norm, optimizer, is_clipped) in
        [(None, "sgd", false), (Some(1e-3), "sgd", true), (None, "clip:norm=0.001,base=sgd", true)]
    {
        let optimizer = optimizer.parse().unwrap();
        run(
            &Trial {
                optimizer,
                recipe: Recipe { clip_norm, budget, ..trial("diabetes-linear").recipe },
                ..trial("diabetes-linear")
            },
            folder.path(),
        );
        for (_, norm) in steps(folder.path()) {
            assert_eq!(norm.is_some(), is_clipped);
            assert!(norm.is_none_or(|norm| norm > 1e-3), "before it is clipped, not {norm:?}");
        }
    }
}

#[test]
fn a_batch_that_goes_through_the_model_in_parts_makes_the_same_steps() {
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let budget = Budget::Steps(40);
    for optimizer in ["adamw", "sam:base=sgd"] {
        // 7 does not divide the batch of 32, nor the last one of an epoch.
        for (folder, micro_batch_size) in folders.iter().zip([None, Some(7)]) {
            let optimizer = optimizer.parse().unwrap();
            let trial = Trial {
                optimizer,
                lr: 0.01,
                recipe: Recipe { micro_batch_size, budget, ..trial("diabetes-linear").recipe },
                ..trial("diabetes-linear")
            };
            run(&trial, folder.path());
        }
        let [whole, parts] = folders.each_ref().map(|folder| steps(folder.path()));
        assert_eq!((whole.len(), parts.len()), (40, 40));
        for (step, (whole, parts)) in whole.iter().zip(&parts).enumerate() {
            let (whole, parts) = (whole.0.unwrap(), parts.0.unwrap());
            assert!((whole - parts).abs() <= 1e-5 * whole, "{optimizer}, step {step}: {whole}, {parts}");
        }
    }
}

#[test]
fn steps_that_are_not_finite_are_skipped_and_counted_until_there_are_too_many() {
    let folder = tempfile::tempdir().unwrap();
    // The first step goes so far that no later gradient is finite.
    let diverging = |optimizer: &str| Trial {
        optimizer: optimizer.parse().unwrap(),
        lr: 1e300,
        recipe: Recipe {
            budget: Budget::Steps(500),
            // A validation loss that is not finite ends a run too.
            validation: 0.0,
            ..trial("diabetes-linear").recipe
        },
        ..trial("diabetes-linear")
    };
    let plain = run(&diverging("sgd"), folder.path());
    assert_eq!((plain.status, plain.skipped_steps), (Status::Diverged, 0));
    let outcome = run(&diverging("skip_non_finite:base=sgd"), folder.path());
    assert_eq!((outcome.status, outcome.skipped_steps), (Status::Diverged, 100));
    let rows = history::read(&folder.path().join("history.jsonl")).unwrap();
    let is_skipped = |row: &&Row| matches!(row, Row::Step { skipped: true, .. });
    assert_eq!(rows.iter().filter(is_skipped).count(), 100);
}

#[test]
fn a_checkpoint_holds_the_model_that_is_trained_and_the_one_that_is_evaluated() {
    for optimizer in ["schedule_free_sgd", "ema:decay=0.9,base=sgd"] {
        let folder = tempfile::tempdir().unwrap();
        let optimizer = optimizer.parse().unwrap();
        let trial = Trial {
            optimizer,
            lr: 0.05,
            recipe: Recipe { budget: Budget::Epochs(2), ..trial("diabetes-linear").recipe },
            ..trial("diabetes-linear")
        };
        let outcome = run(&trial, folder.path());
        let workload = workload::built_in("diabetes-linear").unwrap();
        let splits = workload.splits(&Default::default(), &train::preparation(&trial)).unwrap();
        let device = optlab_train::device::open("flex").unwrap();
        let (checkpoints, facts) = (folder.path().join("checkpoints"), RowFacts::of(&splits));
        let trained = train::load(&workload, &trial, &checkpoints, Which::Last, &facts, &device).unwrap();
        let score =
            |model| train::evaluate(&workload, model, &splits.validation, &facts, &device).unwrap().unwrap();
        assert_eq!(Some(score(&trained.model)), outcome.final_validation);
        let fresh = workload.model(&facts.input_shape, 0, &device).unwrap();
        let in_training = trained.checkpoint.load_model(fresh).unwrap();
        assert_ne!(score(&in_training), score(&trained.model));
    }
}
