//! Messages of the program to somebody who starts with data of their own, names the wrong thing, or stops
//! halfway.

use crate::program::{fails, optlab, succeeds, text};
use std::path::Path;

/// Writes a table of 60 rows with a column that gives the target away, and no target to reach.
fn write_table(folder: &Path) {
    let row = |i: u32| format!("{},{},{}\n", (i * 37) % 61, 3 * i, 3 * i);
    let csv: String = (0..60).map(row).collect();
    std::fs::write(folder.join("data.csv"), format!("x,copy,y\n{csv}")).unwrap();
}

/// Runs a command given as words, which must succeed; returns what it prints and its standard error.
fn run(folder: &Path, command: &str) -> (String, String) {
    let output = optlab(folder, &command.split(' ').collect::<Vec<_>>());
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{command}: {stdout}{stderr}");
    (stdout, stderr)
}

fn refused(folder: &Path, command: &str, code: i32) -> String {
    fails(folder, &command.split(' ').collect::<Vec<_>>(), code)
}

#[test]
fn warnings_about_data_are_printed_once_where_trials_start_and_not_where_they_resume() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    write_table(folder);
    let said = "warning: column `copy` has the same values as the target `y`; is it the target?\n";
    for command in [
        "train data.csv --target y --epochs 1 --output run",
        "compare data.csv --target y --optimizers adam --epochs 1 --seeds 2 --output c",
        "tune data.toml --optimizer adam --epochs 1 --trials 2 --output s",
        "recommend data.toml --optimizers adam --epochs 1 --budget 1s --output r",
        "calibrate data.toml --optimizer adam --epochs 1 --seeds 4 --splits 2 --output k",
    ] {
        let (_, stderr) = run(folder, command);
        assert_eq!(stderr.matches(said).count(), 1, "{command}: {stderr}");
    }
    for command in ["compare c", "tune s", "train --resume run"] {
        let (_, stderr) = run(folder, command);
        assert!(!stderr.contains("warning"), "{command}: {stderr}");
    }
    let (_, stderr) = run(folder, "compare digits-rnn --optimizers adam --epochs 1");
    assert_eq!(stderr, "");
}

#[test]
fn a_comparison_and_a_recommendation_without_a_target_do_not_mention_one() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    write_table(folder);
    let (told, _) = run(folder, "compare data.csv --target y --optimizers adam,sgd --epochs 1 --output c");
    assert!(told.contains("mean") && !told.contains("to target"), "{told}");
    let results = std::fs::read_to_string(folder.join("c/results.md")).unwrap();
    assert!(!results.contains("| to target"), "{results}");
    let (told, _) = run(folder, "recommend data.toml --optimizers adam --epochs 1 --budget 1s --output r");
    assert!(told.contains("test ") && !told.contains("target"), "{told}");
}

#[test]
fn compare_takes_its_workload_first_and_says_how_several_are_written() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    write_table(folder);
    run(folder, "describe data.csv --target y");
    std::fs::copy(folder.join("data.toml"), folder.join("other.toml")).unwrap();
    std::fs::write(folder.join("plan.toml"), "workloads = ['digits-rnn']\noptimizers = ['adam']\n").unwrap();
    let (told, _) = run(folder, "compare digits-rnn --optimizers adam --epochs 1 --print-plan");
    assert!(told.contains("workloads = [\"digits-rnn\"]"), "{told}");
    for (command, said) in [
        ("compare digits-rmm --optimizers adam", "did you mean `digits-rnn`?"),
        ("compare digits-rnn", "name the optimizers to compare, as --optimizers adam,lion"),
        ("compare data.csv --optimizers adam", "name the column to predict with --target"),
        ("compare data.toml other.toml --optimizers adam", "--workloads data.toml,other.toml"),
        ("compare --workloads digits-rnn digits-cnn --optimizers adam", "--workloads digits-rnn,digits-cnn"),
        ("compare plan.toml data.toml", "plan.toml is a plan, which stands alone"),
        ("compare plan.toml --epochs 3", "a PLAN.toml replaces the flags: only --jobs"),
        ("compare artifacts/nothing --optimizers adam", "artifacts/nothing: no such file or folder"),
    ] {
        let line = refused(folder, command, 2);
        assert!(line.contains(said), "{command}: {line}");
    }
    let (help, _) = run(folder, "compare --help");
    assert!(help.contains("problem's file such as houses.toml"), "{help}");
}

#[test]
fn a_folder_of_results_in_place_of_data_is_named_with_what_can_be_done_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    run(folder, "train diabetes-linear --steps 2 --output run");
    run(folder, "compare diabetes-linear --optimizers adam --epochs 1 --output c");
    run(folder, "tune diabetes-linear --optimizer adam --epochs 1 --trials 2 --output s");
    run(folder, "recommend diabetes-linear --optimizers adam --epochs 1 --budget 1s --output r");
    for (command, said) in [
        ("train run", "run holds a run, not data; try `optlab evaluate run` or `optlab train --resume run`"),
        ("compare run --optimizers adam", "run holds a run, not data"),
        ("train c", "c holds a comparison, not data; `optlab report c` shows it"),
        ("recommend s", "it is resumed by `optlab tune s`"),
        ("tune c --optimizer adam", "it is resumed by `optlab compare c`"),
        (
            "recommend r",
            "resumed by the command that began it: `optlab recommend diabetes-linear --optimizers",
        ),
        ("compare s", "s holds a study, not data"),
    ] {
        let line = refused(folder, command, 2);
        assert!(line.contains(said), "{command}: {line}");
    }
    for command in ["evaluate c", "inspect c", "predict c x.csv", "train --resume c"] {
        let line = refused(folder, command, 1);
        assert!(
            line.contains("c: holds a comparison, not a run; try `optlab report c`"),
            "{command}: {line}"
        );
    }
    assert!(!folder.join("c.toml").exists(), "a problem of pictures was written");
}

#[test]
fn a_study_resumes_from_its_folder_and_takes_further_trials_but_no_other_settings() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    run(folder, "tune diabetes-linear --optimizer adam --epochs 1 --trials 2 --output s");
    let (told, _) = run(folder, "tune s --trials 3");
    assert!(told.starts_with("3 trials\n"), "{told}");
    let line = refused(folder, "tune s --sampler halton", 2);
    assert!(line.contains("the study in s keeps its settings: only --trials"), "{line}");
    // Three trials have no three as good as the best unless all are.
    assert!(told.contains("flatness: "), "{told}");
    assert!(!told.contains("flatness: 1 of") && !told.contains("flatness: 2 of"), "{told}");
}

#[test]
fn arms_of_a_plan_that_differ_in_their_settings_alone_are_named_by_them() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let plan = "workloads = ['digits-rnn']\nepochs = 1\n[[arms]]\noptimizer = 'adam'\nmodel = 'mlp=[8]'\n\
                [[arms]]\noptimizer = 'adam'\nmodel = 'linear'\n[[arms]]\noptimizer = 'adam'\nbatch_size = 64\n";
    std::fs::write(folder.join("plan.toml"), plan).unwrap();
    let (told, _) = run(folder, "compare plan.toml");
    for name in ["adam · mlp=[8]", "adam · linear", "adam · batch_size=64"] {
        assert!(told.contains(name), "no {name} in {told}");
    }
}

#[test]
fn a_report_of_missing_runs_gives_no_verdict() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    run(folder, "compare diabetes-linear --optimizers adam,sgd --epochs 1 --seeds 2 --output c");
    let remove = |part: &str| {
        for entry in std::fs::read_dir(folder.join("c/runs")).unwrap() {
            let run = entry.unwrap().path();
            let outcome = run.join("outcome.json");
            if outcome.exists() && run.to_string_lossy().contains(part) {
                std::fs::remove_file(outcome).unwrap();
            }
        }
    };
    remove("sgd");
    let (told, _) = run(folder, "report c");
    assert!(
        told.contains("No verdict yet: 2 of 4 runs have ended.") && !told.contains("is the best"),
        "{told}"
    );
    remove("");
    let (told, _) = run(folder, "report c");
    assert!(
        told.contains("No verdict yet: 0 of 4 runs have ended.") && !told.contains("compared with"),
        "{told}"
    );
}

#[test]
fn a_flag_that_a_command_does_not_have_gets_the_hint_that_is_nearest_by_meaning() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    for (command, said) in [
        ("train --workload digits-cnn", "the workload has no flag: `optlab train digits-cnn`"),
        ("train digits-cnn --dropout 0.1", "it is a setting of the model: `--model dropout=0.1`"),
        ("train digits-cnn --device cuda", "write `--backend cuda`"),
        ("compare digits-cnn --optimizers adam --device=cuda", "write `--backends cuda`"),
        ("train digits-cnn --weight-decay 0.1", "`--optimizer adamw:weight_decay=0.1`"),
        ("compare digits-cnn --lr 0.1", "`--optimizers adamw:lr=0.1`"),
        ("train digits-cnn --batch_size 8", "--batch-size"),
    ] {
        let line = refused(folder, command, 2);
        assert!(line.contains(said), "{command}: {line}");
    }
}

#[test]
fn a_folder_with_an_optimizer_of_another_program_is_refused_in_a_short_line() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    run(folder, "compare diabetes-linear --optimizers adam --epochs 1 --output c");
    let trials = std::fs::read_to_string(folder.join("c/trials.jsonl")).unwrap();
    std::fs::write(folder.join("c/trials.jsonl"), trials.replace("\"rule\":\"adam\"", "\"rule\":\"zzz\""))
        .unwrap();
    for command in ["report c", "compare c", "list trials c"] {
        let line = refused(folder, command, 1);
        assert!(
            line.contains("line 1: unknown optimizer `zzz`; see `optlab list optimizers`; if"),
            "{command}: {line}"
        );
        assert!(line.trim_end().ends_with("use that program"), "{command}: {line}");
    }
}

#[test]
#[cfg(target_os = "linux")]
fn an_error_of_writing_names_the_users_path_and_suggests_an_output_folder() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    for command in
        ["schedule cosine --svg nowhere/x.svg", "lr-find diabetes-linear --steps 10 --svg nowhere/x.svg"]
    {
        let line = refused(folder, command, 1);
        assert!(line.contains("cannot write nowhere/x.svg: ") && !line.contains(".writing-"), "{line}");
    }
    // Nobody, not even root, creates a folder there.
    for command in ["train diabetes-linear --steps 2", "compare diabetes-linear --optimizers adam --epochs 1"]
    {
        let line = refused(Path::new("/sys"), command, 1);
        assert!(line.contains("cannot create artifacts/"), "{line}");
        assert!(line.contains("name a folder that can be written with --output"), "{line}");
    }
}

#[test]
fn predictions_evaluations_and_parameters_say_where_they_are_and_what_they_are_of() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let told = succeeds(folder, &["train", "digits-rnn", "--steps", "60", "--output", "a run"]);
    assert!(
        told.contains("with the checkpoint of step ") && told.contains("the best on the validation part")
    );
    let told = succeeds(folder, &["evaluate", "a run"]);
    assert!(told.lines().next().unwrap().ends_with(", the best on the validation part)"), "{told}");
    let told = succeeds(folder, &["evaluate", "a run", "--checkpoint", "last"]);
    assert!(told.lines().next().unwrap().ends_with("(step 60, the last)"), "{told}");

    let told = succeeds(folder, &["inspect", "a run"]);
    assert!(told.contains("all values of a parameter: optlab inspect 'a run' --values PATH"), "{told}");
    let path = told.lines().nth(2).unwrap().split_whitespace().next().unwrap();
    let values = succeeds(folder, &["inspect", "a run", "--values", path]);
    assert!(
        values.lines().count() > 16 && values.lines().all(|line| line.parse::<f32>().is_ok()),
        "{values}"
    );

    write_table(folder);
    run(folder, "train data.csv --target y --epochs 1 --output t");
    let (told, _) = run(folder, "predict t data.csv --output predictions.csv");
    assert_eq!(told, "written to predictions.csv\n");
}
