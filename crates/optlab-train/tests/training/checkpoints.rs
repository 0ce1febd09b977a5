//! Damaged or incomplete checkpoints are detected and never used.

use crate::StopAfter;
use optlab_train::Error;
use optlab_train::train::checkpoint::Checkpoint;
use optlab_train::train::{self, Budget, Observer, Recipe, RunDirectory, RunOptions, Trial, Which};
use optlab_train::workload::{self, Supervised};
use std::fs;
use std::path::{Path, PathBuf};

fn trial() -> Trial {
    Trial {
        schedule: "cosine".parse().unwrap(),
        lr: 1e-2,
        backend: "flex".into(),
        seed: 1,
        recipe: Recipe {
            budget: Budget::Steps(100),
            validation: 0.2,
            ..Trial::new(&workload::built_in("diabetes-linear").unwrap().info()).recipe
        },
        ..Trial::new(&workload::built_in("diabetes-linear").unwrap().info())
    }
}

fn options(folder: &Path, resume: bool) -> RunOptions {
    let directory = RunDirectory::new(folder);
    RunOptions { resume, checkpoint_every: Some(10), keep_checkpoints: 3, ..RunOptions::new(directory) }
}

fn run(folder: &Path, resume: bool, observer: &mut dyn Observer) -> Result<train::Outcome, Error> {
    train::run(&workload::built_in("diabetes-linear").unwrap(), &trial(), &options(folder, resume), observer)
}

fn checkpoints(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder.join("checkpoints")).unwrap();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

const FILES: [&str; 5] = ["model.bpk", "optimizer.bpk", "state.json", "trial.json", "manifest.json"];

#[test]
fn a_run_keeps_its_last_checkpoints_and_the_best() {
    let folder = tempfile::tempdir().unwrap();
    let outcome = run(folder.path(), false, &mut ()).unwrap();
    let best = format!("step-{:06}", outcome.best_step.unwrap());
    let names: Vec<String> = checkpoints(folder.path())
        .iter()
        .map(|path| path.file_name().unwrap().to_string_lossy().into_owned())
        .collect();
    assert!(names.contains(&best), "{best} is not among {names:?}");
    assert!(names.contains(&"step-000100".to_string()), "{names:?}");
    assert!((3..=4).contains(&names.len()), "{names:?}");
    for path in checkpoints(folder.path()) {
        FILES.iter().for_each(|file| assert!(path.join(file).is_file(), "{file} of {}", path.display()));
        Checkpoint::open(&path).unwrap();
    }
}

#[test]
fn a_file_that_is_damaged_cut_short_or_missing_is_named() {
    let folder = tempfile::tempdir().unwrap();
    run(folder.path(), false, &mut ()).unwrap();
    let newest = checkpoints(folder.path()).pop().unwrap();
    for file in FILES {
        let path = newest.join(file);
        let whole = fs::read(&path).unwrap();
        let mut damaged = whole.clone();
        damaged[whole.len() / 2] ^= 1;
        for bytes in [Some(&damaged[..]), Some(&whole[..whole.len() / 2]), Some(&[]), None] {
            match bytes {
                Some(bytes) => fs::write(&path, bytes).unwrap(),
                None => fs::remove_file(&path).unwrap(),
            }
            let error = Checkpoint::open(&newest).unwrap_err().to_string();
            // A flipped bit in the manifest may hit the name or the checksum of any file.
            assert!(error.contains(file) || file == "manifest.json", "{file}: {error}");
        }
        fs::write(&path, whole).unwrap();
    }
    Checkpoint::open(&newest).unwrap();
}

#[test]
fn the_newest_intact_checkpoint_is_used_instead_of_a_damaged_one() {
    let folder = tempfile::tempdir().unwrap();
    let (whole, damaged) = (folder.path().join("whole"), folder.path().join("damaged"));
    run(&whole, false, &mut ()).unwrap();
    run(&damaged, false, &mut StopAfter(57)).unwrap_err();
    let newest = checkpoints(&damaged).pop().unwrap();
    assert!(newest.ends_with("step-000057"));
    fs::write(newest.join("model.bpk"), b"not a model").unwrap();

    let found = Checkpoint::newest(&damaged.join("checkpoints")).unwrap();
    assert!(found.0.unwrap().path().ends_with("step-000050"));
    assert!(found.1[0].to_string().contains("step-000057"), "{:?}", found.1);

    run(&damaged, true, &mut ()).unwrap();
    let model = |run: &Path| fs::read(run.join("checkpoints/step-000100/model.bpk")).unwrap();
    assert_eq!(model(&whole), model(&damaged));
}

#[test]
fn a_run_with_only_damaged_checkpoints_is_refused_and_not_restarted() {
    let folder = tempfile::tempdir().unwrap();
    run(folder.path(), false, &mut StopAfter(25)).unwrap_err();
    for checkpoint in checkpoints(folder.path()) {
        fs::write(checkpoint.join("state.json"), b"{}").unwrap();
    }
    let error = run(folder.path(), true, &mut ()).unwrap_err().to_string();
    assert!(error.contains("state.json") && error.contains("damaged"), "{error}");
}

#[test]
fn the_remains_of_an_interrupted_write_are_not_a_checkpoint_and_are_removed() {
    let folder = tempfile::tempdir().unwrap();
    run(folder.path(), false, &mut StopAfter(25)).unwrap_err();
    let left = folder.path().join("checkpoints/.writing-abc");
    fs::create_dir(&left).unwrap();
    fs::write(left.join("model.bpk"), b"half").unwrap();
    let unfinished = folder.path().join("checkpoints/step-000090");
    fs::create_dir(&unfinished).unwrap();
    fs::write(unfinished.join("model.bpk"), b"half").unwrap();
    run(folder.path(), true, &mut ()).unwrap();
    assert!(!left.exists());
    Checkpoint::open(&unfinished).unwrap();
}

#[test]
fn a_checkpoint_of_another_trial_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    run(folder.path(), false, &mut StopAfter(25)).unwrap_err();
    let other = Trial { seed: 2, ..trial() };
    let workload = workload::built_in("diabetes-linear").unwrap();
    let error = train::run(&workload, &other, &options(folder.path(), true), &mut ()).unwrap_err();
    assert!(error.to_string().contains("another trial"), "{error}");
}

#[test]
fn a_step_without_a_checkpoint_is_an_error_that_lists_the_existing_ones() {
    let folder = tempfile::tempdir().unwrap();
    run(folder.path(), false, &mut ()).unwrap();
    let checkpoints = folder.path().join("checkpoints");
    let error = train::find_checkpoint(&checkpoints, Which::Step(7)).unwrap_err().to_string();
    assert!(error.contains("step-000007") && error.contains("100"), "{error}");
    let error = train::find_checkpoint(Path::new("/nowhere"), Which::Best).unwrap_err().to_string();
    assert!(error.contains("no checkpoint"), "{error}");
}
