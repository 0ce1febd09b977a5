//! A run that is stopped and resumed writes the same bytes as one that never stopped.

use crate::StopAfter;
use optlab_train::Error;
use optlab_train::data::Augmentation;
use optlab_train::device::{self, Backend};
use optlab_train::train::{self, Budget, Recipe, RunDirectory, RunOptions, Trial};
use optlab_train::workload::{self, Supervised};
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};

const STEPS: usize = 60;

fn trial(workload: &str, optimizer: &str, backend: &str) -> Trial {
    Trial {
        optimizer: optimizer.parse().unwrap(),
        schedule: "warmup_cosine".parse().unwrap(),
        backend: backend.into(),
        seed: 3,
        recipe: Recipe {
            budget: Budget::Steps(STEPS),
            batch_size: 64.into(),
            l2: 1e-4,
            clip_norm: Some(1.0),
            ..Trial::new(&workload::built_in(workload).unwrap().info()).recipe
        },
        ..Trial::new(&workload::built_in(workload).unwrap().info())
    }
}

fn options(folder: &Path, resume: bool) -> RunOptions {
    RunOptions { resume, ..RunOptions::new(RunDirectory::new(folder)) }
}

fn model_file(folder: &Path) -> PathBuf {
    folder.join(format!("checkpoints/step-{STEPS:06}/model.bpk"))
}

fn uninterrupted(trial: &Trial, folder: &Path) {
    let workload = workload::built_in(&trial.workload.name).unwrap();
    train::run(&workload, trial, &options(folder, false), &mut ()).unwrap();
}

/// Trains with an interruption after each of `stops` steps.
fn interrupted(trial: &Trial, folder: &Path, stops: &[usize]) {
    let workload = workload::built_in(&trial.workload.name).unwrap();
    for (part, steps) in stops.iter().enumerate() {
        let options = options(folder, part > 0);
        let error = train::run(&workload, trial, &options, &mut StopAfter(*steps)).unwrap_err();
        assert!(matches!(error, Error::Interrupted { .. }), "{error}");
    }
    train::run(&workload, trial, &options(folder, true), &mut ()).unwrap();
}

fn cpu_backends() -> impl Iterator<Item = &'static Backend> {
    device::compiled().filter(|backend| backend.is_host)
}

fn assert_same_files(trial: &Trial, stops: &[usize]) {
    let folder = tempfile::tempdir().unwrap();
    let (whole, parts) = (folder.path().join("whole"), folder.path().join("parts"));
    uninterrupted(trial, &whole);
    interrupted(trial, &parts, stops);
    let case = format!("{} with {} on {}", trial.workload, trial.optimizer, trial.backend);
    for file in ["model.bpk", "optimizer.bpk"] {
        let [a, b] = [&whole, &parts].map(|run| std::fs::read(model_file(run).with_file_name(file)).unwrap());
        assert!(a == b, "{case}: {file} differs");
    }
    let losses = |run: &Path| -> Vec<String> {
        let history = std::fs::read_to_string(run.join("history.jsonl")).unwrap();
        history.lines().filter(|line| line.contains(r#""event":"step""#)).map(str::to_string).collect()
    };
    assert_eq!(losses(&whole), losses(&parts), "{case}");
    assert_eq!(losses(&whole).len(), STEPS, "{case}");
}

#[test]
fn a_resumed_run_writes_the_same_bytes_as_an_uninterrupted_one_dropout_and_mid_epoch_included() {
    for backend in cpu_backends() {
        // 1,294 training images in batches of 64 are 21 steps per epoch: both stops are in the middle of one.
        assert_same_files(&trial("digits-cnn", "adamw", backend.name), &[10, 33]);
    }
}

#[test]
fn a_resumed_run_writes_the_same_bytes_with_every_optimizer() {
    for spec in optlab_optim::OptimizerSpec::all() {
        let trial = trial("digits-rnn", spec.name(), "flex");
        // `clip` clips by itself; clipping twice is refused.
        let clip_norm = trial.recipe.clip_norm.filter(|_| spec.name() != "clip");
        // L-BFGS takes no penalties.
        let lbfgs = spec.name().ends_with("lbfgs");
        let (clip_norm, l2) = if lbfgs { (None, 0.0) } else { (clip_norm, trial.recipe.l2) };
        assert_same_files(&Trial { recipe: Recipe { clip_norm, l2, ..trial.recipe }, ..trial }, &[25]);
    }
}

#[test]
fn a_run_resumes_in_the_middle_of_the_schedules_of_numbers() {
    for optimizer in [
        "muon:momentum=(linear:from=0.85,to=0.95,steps=50%),other=adamw:beta_1=one_cycle_momentum",
        "ema:decay=(linear:from=0.5,to=0.9),base=sam:rho=(cosine:from=0.1,to=0.01),\
         base=group:parameters=*.bias,other=(sgd:momentum=(linear:from=0.5,to=0.9,steps=1ep))",
    ] {
        assert_same_files(&trial("digits-rnn", optimizer, "flex"), &[8, 15, 24]);
    }
}

#[test]
fn a_run_resumes_in_the_middle_of_a_warm_up_and_of_a_plateaus_patience() {
    let optimizer = "group:parameters=*.bias,schedule=(reduce_on_plateau:patience=0,threshold=0.5),base=adam";
    for schedule in [
        "warmup:steps=50%,shape=cosine,base=rex",
        "reduce_on_plateau:factor=0.5,patience=0,threshold=0.3,cooldown=1",
        "sequence:schedules=[(warmup:steps=2ep),(reduce_on_plateau:patience=0,threshold=0.9)],lengths=[50%]",
    ] {
        let trial = Trial {
            recipe: Recipe { batch_size: 128.into(), ..trial("digits-rnn", optimizer, "flex").recipe },
            ..trial("digits-rnn", optimizer, "flex")
        };
        assert_same_files(&Trial { schedule: schedule.parse().unwrap(), ..trial }, &[8, 15, 24]);
    }
}

#[test]
fn a_resumed_run_draws_the_same_shifts_and_rotations() {
    let augmentation = Augmentation { shift: 1, rotation: 10.0, ..Augmentation::default() };
    assert_same_files(
        &Trial {
            recipe: Recipe { augmentation, ..trial("digits-cnn", "sgd", "flex").recipe },
            ..trial("digits-cnn", "sgd", "flex")
        },
        &[25],
    );
}

#[test]
fn another_seed_gives_other_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let (a, b) = (folder.path().join("a"), folder.path().join("b"));
    uninterrupted(&trial("digits-rnn", "sgd", "flex"), &a);
    uninterrupted(&Trial { seed: 4, ..trial("digits-rnn", "sgd", "flex") }, &b);
    assert_ne!(std::fs::read(model_file(&a)).unwrap(), std::fs::read(model_file(&b)).unwrap());
}

#[test]
fn a_run_that_loses_its_optimizer_state_continues_differently() {
    let folder = tempfile::tempdir().unwrap();
    let (whole, parts) = (folder.path().join("whole"), folder.path().join("parts"));
    let trial = trial("digits-rnn", "adamw", "flex");
    uninterrupted(&trial, &whole);
    let workload = workload::built_in(&trial.workload.name).unwrap();
    train::run(&workload, &trial, &options(&parts, false), &mut StopAfter(25)).unwrap_err();
    // The checkpoint after step 25 gets the state of a new optimizer, and a manifest that matches it.
    let checkpoint = parts.join("checkpoints/step-000025");
    let [state, manifest] = ["optimizer.bpk", "manifest.json"].map(|file| checkpoint.join(file));
    let sum = |path: &Path| -> String {
        Sha256::digest(std::fs::read(path).unwrap()).iter().map(|byte| format!("{byte:02x}")).collect()
    };
    let before = sum(&state);
    trial.optimizer.build().unwrap().save(&state).unwrap();
    let text = std::fs::read_to_string(&manifest).unwrap();
    std::fs::write(&manifest, text.replace(&before, &sum(&state))).unwrap();
    train::run(&workload, &trial, &options(&parts, true), &mut ()).unwrap();
    assert_ne!(std::fs::read(model_file(&whole)).unwrap(), std::fs::read(model_file(&parts)).unwrap());
}
