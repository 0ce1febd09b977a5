use super::*;
use crate::compare::made_up::{comparison, lost, outcome, trial};

fn run(optimizer: &str, seed: u64, outcome: Option<Outcome>) -> Run {
    Run { trial: trial("digits-cnn", optimizer, seed), outcome, evaluations: Vec::new() }
}

#[test]
fn an_arm_is_the_mean_and_deviation_over_its_seeds() {
    let runs = vec![
        run("adamw", 0, Some(outcome(0.90, Some(100)))),
        run("adamw", 1, Some(outcome(0.94, None))),
        run("adamw", 2, Some(outcome(0.98, Some(40)))),
    ];
    let summaries = comparison(runs).summaries();
    assert_eq!(summaries.len(), 1);
    let arm = &summaries[0];
    // Deviations of the mean 0.94: −0.04, 0, 0.04; √(0.0032 / 2) = 0.04.
    for (spread, mean) in [(arm.final_validation, 0.94), (arm.best_validation, 0.95), (arm.test, 0.93)] {
        let spread = spread.unwrap();
        assert_eq!(spread.count, 3);
        assert!((spread.mean - mean).abs() < 1e-12, "{spread:?}");
        assert!((spread.deviation.unwrap() - 0.04).abs() < 1e-12, "{spread:?}");
    }
    assert_eq!((arm.reached_target, arm.seeds, arm.steps_to_target), (2, 3, Some(70.0)));
    assert!((arm.seconds_to_target.unwrap() - 3.5).abs() < 1e-12);
    assert_eq!((arm.step_milliseconds, arm.first_step_seconds), (Some(50.0), Some(0.5)));
}

#[test]
fn lost_seeds_are_counted_named_and_kept_out_of_the_mean() {
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
    assert_eq!((arm.reached_target, arm.steps_to_target), (2, Some(20.0)));
}

#[test]
fn arms_rank_by_their_final_mean_and_behind_it_those_that_lost_a_seed() {
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
        run.outcome.as_mut().unwrap().larger_is_better = false;
        run
    });
    let order = order(&smaller_is_better.collect::<Vec<_>>());
    assert_eq!(order, ["adamw 0.001", "burn.adam 0.001", "adamw 0.1", "burn.adam 7"]);
}

#[test]
fn the_metrics_name_comes_from_a_run_that_knew_it() {
    let mut nameless = lost(Status::Failed, "worker: exit code 3 without an outcome");
    nameless.metric = String::new();
    let runs = vec![run("adamw", 0, Some(nameless)), run("burn.adam", 0, Some(outcome(0.5, None)))];
    let summaries = comparison(runs).summaries();
    assert!(summaries.iter().all(|arm| arm.metric == "accuracy" && arm.target == Some(0.95)));
}
