//! Folders that an older version wrote still load, resume and report.

use crate::program::succeeds;
use std::path::Path;

/// Copies a fixture into `folder`.
fn copy(fixture: &str, folder: &Path) {
    let from =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/before-the-workspace").join(fixture);
    copy_folder(&from, &folder.join(fixture));
}

fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_folder(&entry.path(), &to);
        } else {
            std::fs::copy(entry.path(), to).unwrap();
        }
    }
}

fn outcome(run: &Path) -> serde_json::Value {
    serde_json::from_slice(&std::fs::read(run.join("outcome.json")).unwrap()).unwrap()
}

#[test]
fn an_interrupted_run_of_an_older_version_evaluates_and_resumes_to_its_end() {
    let folder = tempfile::tempdir().unwrap();
    copy("run", folder.path());
    let told = succeeds(folder.path(), &["evaluate", "run", "--checkpoint", "last"]);
    assert!(told.contains("test rmse"), "{told}");
    succeeds(folder.path(), &["train", "--resume", "run"]);
    let outcome = outcome(&folder.path().join("run"));
    assert_eq!(
        (outcome["status"].as_str(), outcome["steps"].as_u64()),
        (Some("completed"), Some(EPOCHS * 10))
    );
    // The older version came to this from the same checkpoint; other processors sum in other orders.
    let rmse = outcome["test"]["metric"].as_f64().unwrap();
    assert!((rmse - RMSE).abs() < 1e-3, "{rmse}");
}

/// Epochs of the run, of 10 steps each.
const EPOCHS: u64 = 150;

/// The rmse on the test part after the run, as the older version measured it.
const RMSE: f64 = 56.454334206325846;

#[test]
fn a_comparison_of_an_older_version_resumes_and_runs_only_what_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    copy("comparison", folder.path());
    let runs = folder.path().join("comparison/runs");
    let outcomes = || {
        let mut files: Vec<_> = std::fs::read_dir(&runs)
            .unwrap()
            .map(|run| run.unwrap().path())
            .filter(|run| run.join("outcome.json").exists())
            .map(|run| (run.clone(), std::fs::read(run.join("outcome.json")).unwrap()))
            .collect();
        files.sort();
        files
    };
    let before = outcomes();
    assert_eq!(before.len(), 14);
    let told = succeeds(folder.path(), &["compare", "comparison"]);
    assert!(told.contains("3 seeds"), "{told}");
    let after = outcomes();
    let added: Vec<_> = after.iter().filter(|run| !before.contains(run)).collect();
    assert_eq!(after.len(), 15, "each outcome keeps its folder");
    assert!(added.len() == 1 && added[0].0.ends_with("diabetes-linear-adam-seed2-f6cf9a4f688d"), "{added:?}");
    // The same plan still names the same folder.
    let list = succeeds(folder.path(), &["list", "trials", "comparison"]);
    assert_eq!(list.lines().count(), 15, "{list}");
}
