use super::*;
use crate::made_up::{self, comparison, lost, outcome, trial, tuning_run};
use crate::plan::Plan;
use crate::plan::tuning::FIRST_SEED;
use crate::result::comparison::Run;
use optlab_train::train::{Budget, Recipe};

fn run(optimizer: &str, seed: u64, outcome: Option<Outcome>) -> Run {
    Run { outcome, ..made_up::of(trial("digits-cnn", optimizer, seed)) }
}

#[test]
fn an_arm_is_summarized_by_mean_and_deviation_over_its_seeds() {
    let runs = vec![
        run("adamw", 0, Some(outcome(0.90, Some(100)))),
        run("adamw", 1, Some(outcome(0.94, None))),
        run("adamw", 2, Some(outcome(0.98, Some(40)))),
    ];
    let summaries = comparison(runs).summaries();
    assert_eq!(summaries.len(), 1);
    let arm = &summaries[0];
    // Deviations from the mean 0.94: −0.04, 0, 0.04; √(0.0032 / 2) = 0.04.
    for (spread, mean) in [(arm.final_validation, 0.94), (arm.best_validation, 0.95), (arm.test, 0.93)] {
        let spread = spread.unwrap();
        assert_eq!(spread.count, 3);
        assert!((spread.mean - mean).abs() < 1e-12, "{spread:?}");
        assert!((spread.deviation.unwrap() - 0.04).abs() < 1e-12, "{spread:?}");
    }
    // The seeds reached the target after 40 and 100 steps, and one never.
    assert_eq!((arm.reached_target, arm.seeds, arm.steps_to_target.unwrap().median), (2, 3, 100.0));
    let seconds = arm.seconds_to_target.unwrap();
    assert!((seconds.median - 5.0).abs() < 1e-12 && (seconds.low - 3.5).abs() < 1e-12, "{seconds:?}");
    assert_eq!(seconds.high, f64::INFINITY);
    let result = arm.result.unwrap();
    assert!((result.mean.value - 0.93).abs() < 1e-12 && (result.median.value - 0.93).abs() < 1e-12);
    assert_eq!(arm.values.iter().map(|(seed, _)| *seed).collect::<Vec<_>>(), [0, 1, 2]);
    assert_eq!(arm.peak_memory_mib, Some(64.0));
    assert_eq!((arm.step_milliseconds, arm.first_step_seconds), (Some(50.0), Some(0.5)));
}

#[test]
fn lost_seeds_are_counted_and_named_and_count_as_worse_than_any_number() {
    let mut reached_and_diverged = lost(Status::Diverged, "loss is NaN at step 17");
    reached_and_diverged.target_reached = outcome(0.9, Some(10)).target_reached;
    let runs = vec![
        run("adamw", 0, Some(outcome(0.90, Some(30)))),
        run("adamw", 1, Some(reached_and_diverged)),
        run("adamw", 2, Some(lost(Status::Failed, "worker: killed by signal 9"))),
        run("adamw", 3, None),
    ];
    let arm = comparison(runs).summaries().remove(0);
    assert_eq!(arm.final_validation, Spread::of(&[0.90]));
    assert_eq!((arm.seeds, arm.lost(), arm.not_run.as_slice()), (4, 2, [3].as_slice()));
    assert_eq!((arm.diverged[0].seed, arm.diverged[0].reason.as_str()), (1, "loss is NaN at step 17"));
    assert_eq!(arm.failed[0].seed, 2);
    let steps = arm.steps_to_target.unwrap();
    assert_eq!((arm.reached_target, steps.median, steps.high), (2, 30.0, f64::INFINITY));
    let result = arm.result.unwrap();
    assert_eq!(
        (result.count, result.mean.value, result.median.value),
        (3, f64::NEG_INFINITY, f64::NEG_INFINITY)
    );
}

#[test]
fn arms_rank_by_their_final_mean_and_arms_that_lost_a_seed_come_last() {
    let runs = vec![
        run("adamw", 0, Some(outcome(0.90, None))),
        run("adamw:lr=0.1", 0, Some(outcome(0.99, None))),
        run("adamw:lr=0.1", 1, Some(lost(Status::Diverged, "loss is NaN at step 3"))),
        run("burn.adam", 0, Some(outcome(0.95, None))),
        run("burn.adam:lr=7", 0, Some(lost(Status::Diverged, "loss is NaN at step 1"))),
    ];
    let order = |runs: &[Run]| -> Vec<String> {
        let summaries = comparison(runs.to_vec()).summaries();
        summaries.iter().map(|arm| format!("{} {}", arm.optimizer, arm.lr)).collect()
    };
    assert_eq!(order(&runs), ["burn.adam 0.001", "adamw 0.001", "adamw 0.1", "burn.adam 7"]);
    let smaller_is_better = runs.into_iter().map(|mut run| {
        run.outcome.as_mut().unwrap().metric.direction = Direction::Smaller;
        run
    });
    let order = order(&smaller_is_better.collect::<Vec<_>>());
    assert_eq!(order, ["adamw 0.001", "burn.adam 0.001", "adamw 0.1", "burn.adam 7"]);
}

#[test]
fn the_metric_comes_from_a_run_that_reported_it() {
    let mut nameless = lost(Status::Failed, "worker: exit code 3 without an outcome");
    nameless.metric = Metric::unknown();
    let runs = vec![run("adamw", 0, Some(nameless)), run("burn.adam", 0, Some(outcome(0.5, None)))];
    let summaries = comparison(runs).summaries();
    assert!(summaries.iter().all(|arm| arm.metric.name == "accuracy" && arm.metric.target == Some(0.95)));
}

#[test]
fn arms_that_lost_a_seed_rank_by_their_interquartile_mean() {
    let arm = |optimizer: &str, metrics: [f64; 4]| -> Vec<Run> {
        let of = |(seed, metric): (usize, &f64)| run(optimizer, seed as u64, Some(outcome(*metric, None)));
        let mut runs: Vec<Run> = metrics.iter().enumerate().map(of).collect();
        runs.push(run(optimizer, 4, Some(lost(Status::Diverged, "the loss is NaN at step 3"))));
        runs
    };
    let runs = [arm("adamw", [0.9; 4]), arm("burn.adam", [0.95; 4])].concat();
    let order: Vec<String> = comparison(runs).summaries().into_iter().map(|arm| arm.arm).collect();
    assert_eq!(order, ["burn.adam", "adamw"]);
}

/// Returns runs of an arm with these metrics, one per seed.
fn arm(optimizer: &str, metrics: &[f64]) -> Vec<Run> {
    let of = |(seed, metric): (usize, &f64)| run(optimizer, seed as u64, Some(outcome(*metric, None)));
    metrics.iter().enumerate().map(of).collect()
}

#[test]
fn a_verdict_comes_from_paired_seeds_and_names_the_arms_that_are_better_and_worse() {
    let noise = [0.0, 0.02, -0.02, 0.01, -0.01, 0.03, -0.03, 0.015, -0.015, 0.0];
    let around = |middle: f64| noise.map(|noise| middle + noise);
    // All arms have the same noise on the same seed. It is much larger than the differences, and cancels in
    // the pairs.
    let runs =
        [arm("adamw", &around(0.9)), arm("adam", &around(0.895)), arm("sgd", &around(0.9 - 1e-12))].concat();
    let comparison = comparison(runs);
    let summaries = comparison.summaries();
    let of = |name: &str| summaries.iter().find(|arm| arm.arm == name).unwrap().against.clone().unwrap();
    assert_eq!((of("adamw").arm.as_str(), of("adamw").comparison), ("adamw", None));
    assert!(of("adamw").better_than.contains(&"adam".to_string()), "{:?}", of("adamw"));
    assert!(of("adam").worse_than.contains(&"adamw".to_string()));
    let comparison_of_adam = of("adam").comparison.unwrap();
    assert!((comparison_of_adam.difference.unwrap() + 0.005).abs() < 1e-9);
    assert_eq!(comparison_of_adam.seeds, 10);

    // With a reference, each arm is compared with the reference only.
    let with_reference =
        Comparison { plan: Plan { reference: Some("adam".into()), ..Plan::default() }, ..comparison };
    let summaries = with_reference.summaries();
    let of = |name: &str| summaries.iter().find(|arm| arm.arm == name).unwrap().against.clone().unwrap();
    assert_eq!((of("adam").comparison, of("sgd").arm.as_str()), (None, "adam"));
    assert_eq!(of("sgd").better_than, ["adam"]);
    // Two comparisons instead of three need less correction.
    let with_reference = of("adamw").comparison.unwrap();
    assert_eq!(with_reference.p_value, comparison_of_adam.p_value);
    assert!(with_reference.adjusted_p < comparison_of_adam.adjusted_p);
}

#[test]
fn seeds_that_only_one_of_two_arms_has_are_not_paired() {
    let runs = [arm("adamw", &[0.9; 9]), arm("adam", &[0.8; 7])].concat();
    let summaries = comparison(runs).summaries();
    assert_eq!(summaries[1].against.as_ref().unwrap().comparison.as_ref().unwrap().seeds, 7);
}

#[test]
fn a_tuned_arm_is_judged_by_its_final_trials_and_reports_the_results_of_its_tuning() {
    let mut runs = arm("adamw", &[0.9, 0.92]);
    for (number, metric) in [0.5, 0.8, 0.7].into_iter().enumerate() {
        for seed in 0..2 {
            let lr = 0.1 * (number + 1) as f64;
            let trial = Trial { lr, ..trial("digits-cnn", "adamw", FIRST_SEED + seed) };
            runs.push(tuning_run("adamw", number, trial, outcome(metric + 0.02 * seed as f64, None)));
        }
    }
    let diverged = Trial { lr: 9.0, ..trial("digits-cnn", "adamw", FIRST_SEED) };
    runs.push(tuning_run("adamw", 3, diverged, lost(Status::Diverged, "the loss is NaN at step 3")));
    let summaries = comparison(runs).summaries();
    assert_eq!((summaries.len(), summaries[0].seeds), (1, 2));
    let tuned = summaries[0].tuned.clone().unwrap();
    // The value of a point is the median over its seeds, whose best evaluations are 0.01 above their last.
    let expected = [(0.1, Some(0.52)), (0.2, Some(0.82)), (0.3, Some(0.72)), (9.0, None)];
    for ((lr, metric), (expected_lr, expected)) in tuned.by_lr.iter().zip(expected) {
        assert!((lr - expected_lr).abs() < 1e-12);
        assert!(
            metric.is_some() == expected.is_some()
                && (metric.unwrap_or(0.0) - expected.unwrap_or(0.0)).abs() < 1e-12
        );
    }
    assert_eq!(tuned.best_of.len(), 4);
    assert!((tuned.best_of[3].median - 0.82).abs() < 1e-12);
}

#[test]
fn a_search_reports_the_results_of_its_longest_trials() {
    let tried = |number: usize, epochs: usize, lr: f64, metric: f64| {
        let budget = Budget::Epochs(epochs);
        let trial = Trial {
            lr,
            recipe: Recipe { budget, ..trial("digits-cnn", "adamw", FIRST_SEED).recipe },
            ..trial("digits-cnn", "adamw", FIRST_SEED)
        };
        tuning_run("adamw", number, trial, outcome(metric, None))
    };
    let runs = vec![tried(0, 2, 0.5, 0.97), tried(1, 6, 0.25, 0.8), tried(2, 6, 0.125, 0.9)];
    let arm = comparison(runs).summaries().remove(0);
    let tuned = arm.tuned.unwrap();
    assert_eq!(tuned.by_lr.iter().map(|(lr, _)| *lr).collect::<Vec<_>>(), [0.25, 0.125]);
    assert!((tuned.best.unwrap() - 0.91).abs() < 1e-12);
    assert_eq!((arm.seeds, arm.result), (0, None));
}
