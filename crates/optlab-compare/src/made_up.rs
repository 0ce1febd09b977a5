//! Made-up trials, outcomes and comparisons for tests.

use crate::plan::entry::Stage;
use crate::plan::tuning::{Repeats, Tuning};
use crate::plan::{Plan, Seeds};
use crate::result::comparison::{Comparison, Evaluation, Run};
use crate::run::folder::{Invocation, Kind};
use optlab_core::{Direction, Metric};
use optlab_optim::OptimizerChoice;
use optlab_train::diagnosis::TrainingLoss;
use optlab_train::model::ModelPatch;
use optlab_train::train::history::Part;
use optlab_train::train::{Budget, Outcome, Recipe, Score, Status, TargetReached, Trial};
use optlab_train::workload::{self, Supervised};

/// Returns a trial of `workload` with `optimizer` for `seed`.
pub(crate) fn trial(workload: &str, optimizer: &str, seed: u64) -> Trial {
    let arm: OptimizerChoice = optimizer.parse().unwrap();
    let info = workload::built_in("digits-cnn").unwrap().info();
    Trial {
        workload: workload.into(),
        model: ModelPatch::default(),
        lr: arm.learning_rate(),
        optimizer: arm.optimizer,
        schedule: "cosine".parse().unwrap(),
        backend: "flex".into(),
        seed,
        recipe: Recipe { budget: Budget::Epochs(6), batch_size: 32.into(), ..Recipe::new(&info) },
    }
}

/// Returns a completed outcome with the final metric `metric`, which reached the target after `reached`
/// steps.
pub(crate) fn outcome(metric: f64, reached: Option<usize>) -> Outcome {
    let score = |metric_offset: f64| Some(Score::new(1.0 - metric, metric + metric_offset));
    Outcome {
        status: Status::Completed,
        reason: None,
        steps: 240,
        epochs: 6,
        training_seconds: 12.0,
        first_step_seconds: 0.5,
        step_milliseconds: Some(50.0),
        metric: Metric {
            name: "accuracy".into(),
            unit: "%".into(),
            direction: Direction::Larger,
            target: Some(0.95),
        },
        target_reached: reached.map(|step| TargetReached { step, training_seconds: step as f64 * 0.05 }),
        final_validation: score(0.0),
        best_validation: score(0.01),
        best_step: Some(200),
        test: score(-0.01),
        skipped_steps: 0,
        peak_memory_bytes: Some(64 << 20),
        waiting_share: Some(0.01),
        training_loss: None,
        trace: None,
        rollbacks: 0,
        history: None,
    }
}

/// Returns a completed outcome with the final metric `metric`, whose training loss exploded at the end.
pub(crate) fn unstable(metric: f64) -> Outcome {
    let loss = TrainingLoss { first: Some(2.3), best: Some(0.1), last: Some(4e6) };
    Outcome { training_loss: Some(loss), ..outcome(metric, None) }
}

/// Returns an outcome that ended as `status` before anything was measured.
pub(crate) fn lost(status: Status, reason: &str) -> Outcome {
    Outcome {
        status,
        reason: Some(reason.into()),
        final_validation: None,
        best_validation: None,
        best_step: None,
        test: None,
        skipped_steps: 0,
        ..outcome(0.5, None)
    }
}

/// Returns a run with the evaluations `metrics`, one per epoch of 40 steps, that ended with the last of them.
pub(crate) fn run(trial: Trial, metrics: &[f64]) -> Run {
    let evaluations = metrics.iter().enumerate().map(|(index, &metric)| Evaluation {
        step: 40 * (index + 1),
        epoch: index + 1,
        training_seconds: 2.0 * (index + 1) as f64,
        part: Part::Validation,
        loss: Some(1.0 - metric),
        metric: Some(metric),
    });
    Run {
        outcome: metrics.last().map(|&metric| outcome(metric, None)),
        evaluations: evaluations.collect(),
        ..of(trial)
    }
}

/// Returns a final run of `trial` without an outcome and evaluations; the arm is named after optimizer and
/// rate.
pub(crate) fn of(trial: Trial) -> Run {
    let lr = Some(trial.lr).filter(|&lr| lr != trial.optimizer.default_lr());
    let arm = OptimizerChoice { optimizer: trial.optimizer.clone(), lr }.to_string();
    let (point, evaluations) = (Vec::new(), Vec::new());
    Run { arm, stage: Stage::Final, point, trial, outcome: None, unclear: None, evaluations }
}

/// Returns a tuning run of `arm` at point `number`, with this outcome.
pub(crate) fn tuning_run(arm: &str, number: usize, trial: Trial, outcome: Outcome) -> Run {
    Run {
        arm: arm.into(),
        stage: Stage::Tuning { number, replicate: None },
        outcome: Some(outcome),
        ..of(trial)
    }
}

/// Returns an invocation with `jobs` jobs.
pub(crate) fn invocation(jobs: usize) -> Invocation {
    Invocation {
        command: format!("optlab compare plan.toml --jobs {jobs}"),
        jobs,
        is_pinned: jobs > 1,
        is_timed_alone: false,
        commit: None,
    }
}

/// Returns a comparison of these runs.
pub(crate) fn comparison(runs: Vec<Run>) -> Comparison {
    Comparison {
        name: "made-up".into(),
        kind: Kind::Comparison,
        invocations: vec![invocation(2)],
        environment: Some(serde_json::json!({"os": "linux", "cpu": "A CPU", "cores": 2})),
        plan: Plan::default(),
        runs,
    }
}

/// The size of a made-up tuned comparison.
pub(crate) struct Tuned {
    pub repeats: Repeats,
    pub trials: usize,
    pub seeds: u64,
    /// How much better each trial of a tuning is than the one before.
    pub gain: f64,
}

/// Returns a comparison of `adamw` and `sgd` with tuned rates; `adamw` is better on each seed, by 0.05 on
/// average.
pub(crate) fn tuned_comparison(of: &Tuned) -> Comparison {
    let plan = Plan {
        workloads: vec!["digits-cnn".into()],
        optimizers: ["adamw", "sgd"].map(|name| name.parse().unwrap()).to_vec(),
        seeds: Seeds::Count(of.seeds),
        tuning: Tuning { trials: of.trials, repeats: of.repeats, ..Tuning::default() },
        ..Plan::default()
    };
    let mut runs = Vec::new();
    let seeds: Vec<u64> = (0..of.seeds).collect();
    for (arm, better) in [("adamw", 0.05), ("sgd", 0.0)] {
        for replicate in plan.tuning.replicates(&seeds) {
            for number in 0..of.trials {
                let seed = plan.tuning.training_seeds(replicate).start;
                let lr = 0.001 * (number + 1) as f64;
                let trial = Trial { lr, ..trial("digits-cnn", arm, seed) };
                let metric = 0.5 + of.gain * number as f64;
                let stage = Stage::Tuning { number, replicate: replicate.number };
                runs.push(Run { stage, ..tuning_run(arm, number, trial, outcome(metric, None)) });
            }
        }
        for &seed in &seeds {
            let lr = 0.001 * if of.repeats == Repeats::EachSeed { seed as f64 + 1.0 } else { 1.0 };
            let wave = if seed % 2 == 0 { 0.01 } else { -0.01 };
            let last = 0.8 + better * (1.0 + wave) + 0.001 * seed as f64;
            let trial = Trial { lr, ..trial("digits-cnn", arm, seed) };
            runs.push(Run { arm: arm.into(), ..run(trial, &[0.3, last]) });
        }
    }
    Comparison { plan, ..comparison(runs) }
}
