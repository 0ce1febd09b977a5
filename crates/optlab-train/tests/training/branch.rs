//! A run that starts from a checkpoint of another run is the run that it would have been from the start.

use optlab_train::Error;
use optlab_train::train::{self, Branch, Budget, Outcome, Recipe, RunDirectory, RunOptions, Trial};
use optlab_train::workload::{self, Supervised};
use std::path::Path;

fn trial(schedule: &str, steps: usize) -> Trial {
    let default = Trial::new(&workload::built_in("digits-cnn").unwrap().info());
    Trial {
        optimizer: "ema:base=adamw:beta_1=(linear:from=0.8,to=0.9,steps=30)".parse().unwrap(),
        schedule: schedule.parse().unwrap(),
        lr: 0.01,
        recipe: Recipe { budget: Budget::Steps(steps), batch_size: 256.into(), ..default.recipe },
        ..default
    }
}

fn run(trial: &Trial, folder: &Path, from: Option<Branch>) -> Result<Outcome, Error> {
    let workload = workload::built_in("digits-cnn").unwrap();
    let options = RunOptions {
        from,
        checkpoint_every: Some(8),
        keep_checkpoints: 10,
        ..RunOptions::new(RunDirectory::new(folder))
    };
    train::run(&workload, trial, &options, &mut ())
}

const STABLE: &str = "warmup:steps=4";

#[test]
fn branches_with_other_decays_from_one_trunk_equal_runs_from_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    run(&trial(STABLE, 18), &at("trunk"), None).unwrap();
    for (name, steps, decay, shape) in [("one", 24, 10, "linear"), ("other", 30, 12, "sqrt")] {
        let schedule = format!("warmup_stable_decay:warmup_steps=4,decay_steps={decay},decay_shape={shape}");
        let trial = trial(&schedule, steps);
        let step = if name == "one" { 8 } else { 16 };
        let from = Branch { trunk: RunDirectory::new(at("trunk")), step };
        let branch = run(&trial, &at(name), Some(from)).unwrap();
        let whole = run(&trial, &at("whole"), None).unwrap();
        let read = |name: &str, file: &str| std::fs::read(at(name).join(file)).unwrap();
        for file in ["model.bpk", "optimizer.bpk", "evaluated.bpk"] {
            let file = format!("checkpoints/step-{steps:06}/{file}");
            assert!(read(name, &file) == read("whole", &file), "{name}: {file} differs");
        }
        assert_eq!((branch.steps, &branch.test), (whole.steps, &whole.test), "{name}");
        let rows = |name: &str| RunDirectory::new(at(name)).read_evaluations().unwrap().len();
        assert_eq!(rows(name), rows("whole"), "{name}");
        std::fs::remove_dir_all(at("whole")).unwrap();
    }
}

#[test]
fn a_run_whose_first_steps_would_be_others_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    run(&trial(STABLE, 17), &at("trunk"), None).unwrap();
    let from = |step| Branch { trunk: RunDirectory::new(at("trunk")), step };
    let told = |trial: &Trial, step| run(trial, &at("branch"), Some(from(step))).unwrap_err().to_string();
    let linear = trial("warmup:steps=4,base=linear:end_lr=0", 40);
    let said = told(&linear, 16);
    assert!(said.contains("at step 5 the learning rate was 0.01, and would be"), "{said}");
    let other = Trial { seed: 1, ..trial(STABLE, 40) };
    assert!(told(&other, 16).contains("`seed` differs"), "{}", told(&other, 16));
    let share = Trial {
        optimizer: "ema:base=adamw:beta_1=(linear:from=0.8,to=0.9,steps=50%)".parse().unwrap(),
        ..trial(STABLE, 40)
    };
    assert!(told(&share, 16).contains("`optimizer` differs"), "{}", told(&share, 16));
    assert!(told(&trial(STABLE, 12), 16).contains("the run has only 12 steps"));
    assert!(told(&trial(STABLE, 40), 17).contains("there the trunk ended within an epoch"));
    assert!(told(&trial(STABLE, 40), 9).contains("no such checkpoint"));
    let plateau = trial("reduce_on_plateau", 40);
    assert!(told(&plateau, 16).contains("depends on measurements"), "{}", told(&plateau, 16));
    assert!(!at("branch").exists());
}
