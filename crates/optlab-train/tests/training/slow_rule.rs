//! A rule whose step takes many times as long as the model's says so before the first step.

use optlab_train::train::{self, Budget, Observer, RunDirectory, RunOptions, SlowRule, Start, Trial};
use optlab_train::workload::{self, Workload};

/// Keeps what is said before the first step, and ends the run there.
#[derive(Default)]
struct Beginning {
    slow_rule: Option<SlowRule>,
    steps: usize,
}

impl Observer for Beginning {
    fn start(&mut self, start: &Start) {
        assert_eq!(self.steps, 0, "said after a step");
        self.slow_rule = start.slow_rule;
    }

    fn step(&mut self, _step: usize, _loss: f64) {
        self.steps += 1;
    }
}

/// Returns what a run with `optimizer` says of its rule. The model has 1.1 million weights in two matrices.
fn said_of(optimizer: &str) -> Option<SlowRule> {
    let base = workload::built_in("digits-cnn").unwrap();
    let mut trial = Trial::new(&Workload::info(&base));
    trial.model = "mlp=[1000,1000]".parse().unwrap();
    trial.optimizer = optimizer.parse().unwrap();
    trial.recipe.budget = Budget::Steps(1);
    trial.recipe.batch_size = 1.into();
    let workload = Workload::with_model(&base, &trial.model).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let options = RunOptions::new(RunDirectory::new(folder.path().join("run")));
    let mut beginning = Beginning::default();
    train::run(&workload, &trial, &options, &mut beginning).unwrap();
    assert_eq!(beginning.steps, 1);
    beginning.slow_rule
}

#[test]
fn a_rule_that_takes_many_times_as_long_as_the_model_says_so_and_no_other() {
    // Roots of matrices of 1,000 × 1,000 in each step, beside one example through two products with a vector:
    // some thousand times as many operations.
    let SlowRule { rule_seconds, model_seconds } = said_of("shampoo").unwrap();
    assert!(rule_seconds > 20.0 * model_seconds && model_seconds > 0.0, "{rule_seconds}, {model_seconds}");
    assert!(said_of("adam").is_none());
}
