//! The folder of a comparison or a study: kills, cut lists, two commands at once, a folder that disappears.

use crate::program::{fails, optlab, start_long_run, succeeds, text};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

fn words(arguments: &str) -> Vec<&str> {
    arguments.split(' ').collect()
}

/// Returns the folders of the runs of an experiment, sorted.
fn runs(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder.join("runs")).into_iter().flatten();
    let mut runs: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    runs.sort();
    runs
}

fn ended(folder: &Path) -> usize {
    runs(folder).iter().filter(|run| run.join("outcome.json").exists()).count()
}

/// Removes the last line of `trials.jsonl`.
fn cut(folder: &Path) {
    let path = folder.join("trials.jsonl");
    let text = std::fs::read_to_string(&path).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    std::fs::write(path, lines[..lines.len() - 1].join("\n") + "\n").unwrap();
}

/// Returns the trials of a study with all that was decided and measured, but no times.
fn decided(folder: &Path) -> Vec<serde_json::Value> {
    let text = std::fs::read_to_string(folder.join("trials.jsonl")).unwrap();
    let mut trials: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for trial in &mut trials {
        let of_trial = |run: &&PathBuf| {
            let theirs = std::fs::read(run.join("trial.json")).unwrap();
            serde_json::from_slice::<serde_json::Value>(&theirs).unwrap() == trial["trial"]
        };
        let runs = runs(folder);
        let run = runs.iter().find(of_trial).expect("a run");
        let outcome = std::fs::read(run.join("outcome.json")).unwrap();
        let outcome: serde_json::Value = serde_json::from_slice(&outcome).unwrap();
        for key in ["status", "steps", "best_validation", "best_step", "final_validation"] {
            trial[key] = outcome[key].clone();
        }
    }
    trials
}

const STUDY: &str = "tune diabetes-linear --optimizer adamw --epochs 9 --pruner asha --sampler tpe";

#[test]
fn a_pruned_study_that_is_extended_or_killed_decides_as_one_in_one_go() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    succeeds(folder.path(), &words(&format!("{STUDY} --trials 20 --output whole")));
    let whole = decided(&at("whole"));
    assert!(whole.iter().any(|trial| trial["status"] == "pruned"), "{whole:?}");
    succeeds(folder.path(), &words(&format!("{STUDY} --trials 13 --output longer")));
    succeeds(folder.path(), &words(&format!("{STUDY} --trials 20 --output longer")));
    assert_eq!(decided(&at("longer")), whole);
    let killed = format!("{STUDY} --trials 20 --output killed");
    for after in [2, 9] {
        let mut child = start_long_run(folder.path(), &words(&killed), || ended(&at("killed")) >= after);
        child.kill().unwrap();
        child.wait().unwrap();
    }
    succeeds(folder.path(), &words(&killed));
    assert_eq!(decided(&at("killed")), whole);
}

#[test]
fn a_cut_list_of_trials_is_told_by_every_reader_and_put_right_by_the_same_command() {
    let folder = tempfile::tempdir().unwrap();
    let compare = "compare diabetes-linear --optimizers adamw,sgd --seeds 2 --epochs 1 --output c";
    let tuned = "compare diabetes-linear --optimizers adamw,sgd --tune 2 --seeds 2 --epochs 1 --output t";
    let study = "tune diabetes-linear --optimizer adamw --trials 3 --epochs 1 --output s";
    for (command, name) in [(compare, "c"), (tuned, "t"), (study, "s")] {
        succeeds(folder.path(), &words(command));
        let listed = succeeds(folder.path(), &["list", "trials", name]);
        let made = runs(&folder.path().join(name));
        cut(&folder.path().join(name));
        for reader in [["report", name].as_slice(), &["list", "trials", name]] {
            let told = fails(folder.path(), reader, 1);
            let expected = format!("{name}/trials.jsonl: lacks 1 of the trials whose runs are in runs/");
            assert!(
                told.contains(&expected) && told.contains(&format!("lists them again: optlab {command}")),
                "{told}"
            );
        }
        let output = optlab(folder.path(), &words(command));
        let told = text(&output.stderr);
        assert!(output.status.success() && told.contains("lacked 1 of the trials"), "{told}");
        assert_eq!(succeeds(folder.path(), &["list", "trials", name]), listed);
        assert_eq!(runs(&folder.path().join(name)), made);
    }
}

#[test]
fn final_trials_that_more_tuning_replaces_move_away_and_the_report_stays_whole() {
    let folder = tempfile::tempdir().unwrap();
    let compare = |trials: &str| {
        let arguments =
            "compare diabetes-linear --optimizers sgd,adamw --seeds 3 --epochs 2 --output t --tune";
        succeeds(folder.path(), &[words(arguments), vec![trials]].concat())
    };
    compare("2");
    compare("9");
    let replaced = std::fs::read_dir(folder.path().join("t/replaced")).unwrap().count();
    assert!((1..=6).contains(&replaced), "{replaced} of 6 final trials were replaced");
    assert_eq!(runs(&folder.path().join("t")).len(), 2 * 3 * (9 + 1));
    succeeds(folder.path(), &["report", "t"]);
}

/// Waits until the experiment has a checkpoint of a run that has not ended.
fn has_checkpoint(folder: &Path) -> bool {
    let of_run = |run: &PathBuf| {
        let steps = std::fs::read_dir(run.join("checkpoints")).into_iter().flatten();
        steps.flatten().any(|step| step.file_name().to_string_lossy().starts_with("step-"))
    };
    runs(folder).iter().any(of_run)
}

const LONG: &str = "compare digits-rnn --optimizers adam --epochs 60 --output out";

#[test]
fn a_folder_that_is_removed_while_trials_run_is_an_error_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let child = start_long_run(folder.path(), &words(LONG), || has_checkpoint(&out));
    // A checkpoint may appear while its folder is being removed.
    while std::fs::remove_dir_all(&out).is_err() {}
    let output = child.wait_with_output().unwrap();
    let told = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(
        told.contains("error: out: the folder was removed or replaced while its trials were running"),
        "{told}"
    );
    assert!(!out.exists());
}

#[test]
fn a_second_command_names_the_first_and_a_report_works_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let mut child = start_long_run(folder.path(), &words(LONG), || has_checkpoint(&out));
    let told = fails(folder.path(), &words(LONG), 2);
    let holder = format!("out is in use by process {} (`optlab {LONG}`, since ", child.id());
    assert!(told.contains(&holder), "{told}");
    assert!(succeeds(folder.path(), &["report", "out"]).contains("not run yet"));
    child.kill().unwrap();
    child.wait().unwrap();
    succeeds(folder.path(), &words(&LONG.replace("--epochs 60", "--epochs 1 --seeds 1")));
}

#[test]
fn a_checkpoint_or_a_trial_of_another_run_is_not_believed() {
    let folder = tempfile::tempdir().unwrap();
    for seed in ["0", "5"] {
        succeeds(folder.path(), &["train", "digits-rnn", "--steps", "3", "--seed", seed, "--output", seed]);
    }
    let at = |name: &str| folder.path().join(name);
    for moved in ["checkpoints", "trial.json"] {
        std::fs::rename(at("0").join(moved), at("own")).unwrap();
        std::fs::rename(at("5").join(moved), at("0").join(moved)).unwrap();
        for command in
            ["evaluate 0", "evaluate 0 --checkpoint last", "inspect 0", "predict 0 --checkpoint 3 x.png"]
        {
            let said = fails(folder.path(), &words(command), 1);
            assert!(said.contains("belongs to another "), "{moved}, {command}: {said}");
        }
        std::fs::rename(at("0").join(moved), at("5").join(moved)).unwrap();
        std::fs::rename(at("own"), at("0").join(moved)).unwrap();
    }
    succeeds(folder.path(), &["evaluate", "0"]);
}

#[test]
fn a_run_whose_checkpoints_are_all_damaged_begins_anew() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let mut child = start_long_run(folder.path(), &words(LONG), || has_checkpoint(&out));
    child.kill().unwrap();
    child.wait().unwrap();
    // The worker notices that its runner is gone.
    std::thread::sleep(Duration::from_millis(300));
    let run = runs(&out).remove(0);
    for checkpoint in std::fs::read_dir(run.join("checkpoints")).unwrap() {
        std::fs::write(checkpoint.unwrap().path().join("model.bpk"), "damaged").unwrap_or_default();
    }
    // An unfinished file of the killed worker.
    std::fs::write(run.join(".writing-abc"), "").unwrap();
    let output = optlab(folder.path(), &words(LONG));
    let told = text(&output.stderr);
    assert!(
        output.status.success() && told.contains("cannot be resumed and begins anew: checkpoint "),
        "{told}"
    );
    let outcome = std::fs::read_to_string(run.join("outcome.json")).unwrap();
    assert!(outcome.contains("completed"), "{outcome}");
    assert!(std::fs::read_to_string(run.join("stderr.txt")).unwrap().contains("begins anew"));
    assert!(!run.join(".writing-abc").exists());
}

#[test]
#[cfg(target_os = "linux")]
fn trials_that_were_stopped_with_ctrl_z_for_longer_than_the_limit_have_not_failed() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let arguments = format!("{LONG} --stall-limit 1s");
    let child = start_long_run(folder.path(), &words(&arguments), || has_checkpoint(&out));
    let tasks = std::fs::read_dir(format!("/proc/{}/task", child.id())).unwrap();
    let children = |task: std::fs::DirEntry| std::fs::read_to_string(task.path().join("children"));
    let workers: String = tasks.map(|task| children(task.unwrap()).unwrap_or_default()).collect();
    let all = format!("{workers} {}", child.id());
    let signal = |name: &str| {
        let status =
            Command::new("sh").args(["-c", &format!("kill {name} {all}")]).stdin(Stdio::null()).status();
        assert!(status.unwrap().success());
    };
    signal("-STOP");
    std::thread::sleep(Duration::from_millis(2500));
    signal("-CONT");
    let output = child.wait_with_output().unwrap();
    let told = text(&output.stderr);
    assert!(output.status.success() && !told.contains("retrying") && !told.contains("failed"), "{told}");
}

#[test]
fn a_damaged_outcome_is_not_counted_and_the_report_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let command = "compare diabetes-linear --optimizers adamw --seeds 3 --epochs 1 --output c";
    let whole = succeeds(folder.path(), &words(command));
    let run = runs(&folder.path().join("c")).remove(1);
    std::fs::write(run.join("outcome.json"), "{\"status\": \"completed\"").unwrap();
    let told = succeeds(folder.path(), &["report", "c"]);
    assert!(told.contains("1 outcome not counted (c/runs/"), "{told}");
    assert!(succeeds(folder.path(), &["list", "trials", "c"]).contains(" damaged "));
    let told = succeeds(folder.path(), &words(command));
    assert!(!told.contains("not counted"), "{told}");
    assert_eq!(told.lines().count(), whole.lines().count());

    let command = "tune diabetes-linear --optimizer adamw --trials 3 --epochs 1 --output s";
    succeeds(folder.path(), &words(command));
    std::fs::write(runs(&folder.path().join("s"))[0].join("outcome.json"), "{").unwrap();
    assert!(succeeds(folder.path(), &["report", "s"]).contains("1 outcome not counted (s/runs/"));
    assert!(succeeds(folder.path(), &words(command)).starts_with("3 trials\n"));
}
