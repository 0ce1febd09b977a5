//! `--split`, the number that draws the test part, as a user sees it.

use crate::program::{optlab, succeeds, text};
use std::path::Path;

/// Trains and returns the lines about the measures of the test part.
fn train(folder: &Path, arguments: &[&str]) -> Vec<String> {
    let all = [&["train"], arguments, &["--epochs", "1", "--overwrite", "--output", "run"]].concat();
    let said = succeeds(folder, &all);
    let lines: Vec<String> =
        said.lines().filter(|line| line.starts_with("test ")).map(String::from).collect();
    assert!(!lines.is_empty(), "no test part: {said}");
    lines
}

#[test]
fn a_run_with_a_split_is_evaluated_on_the_test_part_that_it_was_trained_with() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let rows: String = (0..150).map(|i| format!("{},{},{}\n", i % 13, i % 7, 2 * (i % 13) - i % 7)).collect();
    std::fs::write(folder.join("table.csv"), format!("a,b,y\n{rows}")).unwrap();
    let toml = "task = \"regression\"\n[data]\ncsv = \"table.csv\"\ntarget = \"y\"\n[model]\nlinear = true\n";
    std::fs::write(folder.join("table.toml"), toml).unwrap();
    for workload in ["digits-cnn", "table.toml"] {
        let fixed = train(folder, &[workload]);
        let json = std::fs::read_to_string(folder.join("run/trial.json")).unwrap();
        assert!(!json.contains("split"), "{json}");
        let split = train(folder, &[workload, "--split", "3"]);
        let json = std::fs::read_to_string(folder.join("run/trial.json")).unwrap();
        assert!(json.contains("\"split\": 3") || json.contains("\"split\":3"), "{json}");
        assert_ne!(split, fixed);
        let evaluated = succeeds(folder, &["evaluate", "run"]);
        assert!(split.iter().all(|line| evaluated.lines().any(|other| other == line)), "{evaluated}");
    }
}

#[test]
fn a_split_of_a_series_is_a_warning() {
    let folder = tempfile::tempdir().unwrap();
    let warns = |arguments: &[&str]| {
        let all = [arguments, &["--steps", "1", "--output", "run", "--overwrite"]].concat();
        text(&optlab(folder.path(), &all).stderr).contains("warning: `split` has no effect")
    };
    assert!(warns(&["train", "sunspots-rnn", "--split", "3"]));
    assert!(!warns(&["train", "sunspots-rnn"]));
    assert!(!warns(&["train", "digits-cnn", "--split", "3"]));
}

#[test]
fn a_split_is_a_setting_of_plans_and_arms_and_a_column_of_results() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let plan = "workloads = [\"diabetes-linear\"]\nepochs = 1\nsplit = 7\n\n[[arms]]\noptimizer = \"adam\"\n\n\
                [[arms]]\noptimizer = \"sgd\"\nsplit = 2\n";
    std::fs::write(folder.join("plan.toml"), plan).unwrap();
    succeeds(folder, &["compare", "plan.toml", "--output", "there"]);
    let results = std::fs::read_to_string(folder.join("there/results.csv")).unwrap();
    let cells = |line: &str| line.split(',').map(String::from).collect::<Vec<_>>();
    let column = cells(results.lines().next().unwrap()).iter().position(|name| name == "split").unwrap();
    let given: Vec<String> = results.lines().skip(1).map(|line| cells(line)[column].clone()).collect();
    assert_eq!(given, ["7", "2"], "{results}");
}
