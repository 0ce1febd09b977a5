//! The tests.

use crate::AS_PROGRAM;
use crate::faulty::VERSION;
use crate::network_of_1989;
#[cfg(unix)]
use crate::signals;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

type Test = (&'static str, fn());

/// Every test, with its name.
pub const ALL: &[Test] = &[
    (
        "own_workloads_train_resume_after_a_kill_and_evaluate",
        own_workloads_train_resume_after_a_kill_and_evaluate,
    ),
    ("two_arms_are_compared_in_workers_of_this_program", two_arms_are_compared_in_workers_of_this_program),
    ("a_panic_in_a_worker_is_one_failed_trial", a_panic_in_a_worker_is_one_failed_trial),
    ("another_version_of_a_workload_is_refused_by_name", another_version_of_a_workload_is_refused_by_name),
    (
        "the_network_of_1989_has_9_760_parameters_and_its_plan_is_accepted",
        network_of_1989::has_9_760_parameters_and_its_plan_is_accepted,
    ),
    (
        "the_network_of_1989_gives_the_logits_of_loops_over_its_units",
        network_of_1989::gives_the_logits_of_loops_over_its_units,
    ),
    (
        "the_pictures_of_1989_are_moved_to_all_nine_places_and_wrap_around",
        network_of_1989::pictures_are_moved_to_all_nine_places_and_wrap_around,
    ),
    #[cfg(unix)]
    ("a_signal_lets_the_step_end_before_the_checkpoint", signals::lets_the_step_end_before_the_checkpoint),
    #[cfg(unix)]
    ("two_signals_at_once_are_one_request", signals::two_at_once_are_one_request),
    #[cfg(unix)]
    ("a_second_signal_ends_the_program_at_once", signals::second_ends_the_program_at_once),
    #[cfg(unix)]
    ("a_second_sighup_ends_nothing", signals::second_sighup_ends_nothing),
];

pub fn program(folder: &Path, arguments: &[&str]) -> Command {
    let mut program = Command::new(std::env::current_exe().unwrap());
    program.current_dir(folder).args(arguments).env(AS_PROGRAM, "1").stdin(Stdio::null());
    program
}

fn text(output: &Output) -> String {
    let [out, error] = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes));
    format!("{out}{error}")
}

pub fn succeeds(folder: &Path, arguments: &[&str]) -> String {
    let output = program(folder, arguments).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", text(&output));
    text(&output)
}

/// Runs a command that fails, and returns its one line of error.
pub fn fails(mut command: Command) -> String {
    let output = command.output().unwrap();
    let error = String::from_utf8(output.stderr.clone()).unwrap();
    assert!(!output.status.success() && error.lines().count() == 1, "{}", text(&output));
    error
}

/// Returns the files of the checkpoint after `step` steps, besides its state, which has times.
fn checkpoint(run: &Path, step: usize) -> BTreeMap<PathBuf, Vec<u8>> {
    let folder = run.join(format!("checkpoints/step-{step:06}"));
    let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    let files = files.filter(|file| file.extension().is_some_and(|extension| extension == "bpk"));
    files.map(|file| (file.file_name().unwrap().into(), std::fs::read(file).unwrap())).collect()
}

fn own_workloads_train_resume_after_a_kill_and_evaluate() {
    let folder = tempfile::tempdir().unwrap();
    for (workload, files) in [("own-tokens", 2), ("own-gan", 3)] {
        let train = |output: &str| {
            let settings = ["--seed", "5", "--steps", "150", "--checkpoint-every", "20", "--output", output];
            program(folder.path(), &[&["train", workload], &settings[..]].concat())
        };
        let [whole, parts] = ["whole", "parts"].map(|part| folder.path().join(format!("{part}-{workload}")));
        let output = train(whole.to_str().unwrap()).output().unwrap();
        assert!(output.status.success(), "{}", text(&output));
        let mut killed =
            train(parts.to_str().unwrap()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let began = Instant::now();
        while !parts.join("checkpoints/step-000040").exists() {
            assert!(began.elapsed() < Duration::from_secs(120), "{workload} makes no progress");
            std::thread::sleep(Duration::from_millis(2));
        }
        killed.kill().unwrap();
        killed.wait().unwrap();
        if !parts.join("outcome.json").exists() {
            succeeds(folder.path(), &["train", "--resume", parts.to_str().unwrap()]);
        }
        let expected = checkpoint(&whole, 150);
        assert_eq!(expected.len(), files, "{workload}: {:?}", expected.keys());
        assert!(checkpoint(&parts, 150) == expected, "{workload}: a resumed run writes other bytes");
        let told = succeeds(folder.path(), &["evaluate", parts.to_str().unwrap()]);
        assert!(told.contains("test"), "{told}");
        // The plain program does not know the workload, and says what to do.
        for command in ["evaluate", "predict"] {
            let mut plain = Command::new(env!("CARGO_BIN_EXE_optlab"));
            plain.arg(command).arg(&parts);
            if command == "predict" {
                plain.arg("digit.png");
            }
            let error = fails(plain);
            assert!(error.contains(&format!("this program has no workload `{workload}`")), "{error}");
        }
    }
}

fn two_arms_are_compared_in_workers_of_this_program() {
    let folder = tempfile::tempdir().unwrap();
    let compare = ["compare", "--workloads", "own-tokens,own-gan", "--optimizers", "adam,sgd:momentum=0.9"];
    let settings = ["--seeds", "2", "--steps", "30", "--jobs", "2", "--output", "out"];
    let told = succeeds(folder.path(), &[&compare[..], &settings].concat());
    assert!(told.contains("own-tokens") && told.contains("own-gan"), "{told}");
    let out = folder.path().join("out");
    let results: serde_json::Value =
        serde_json::from_slice(&std::fs::read(out.join("results.json")).unwrap()).unwrap();
    let trials = results["trials"].as_array().unwrap();
    assert_eq!(trials.len(), 8);
    for trial in trials {
        assert_eq!(trial["outcome"]["status"], "completed", "{trial}");
        assert!(trial["trial"]["workload"]["version"].as_str().unwrap().len() == 12, "{trial}");
    }
    // A report needs no workload; continuing the comparison does, and the plain program says which.
    let plain = |arguments: &[&str]| {
        let mut plain = Command::new(env!("CARGO_BIN_EXE_optlab"));
        plain.current_dir(folder.path()).args(arguments);
        plain
    };
    assert!(plain(&["report", "out"]).output().unwrap().status.success());
    let error = fails(plain(&["compare", "out"]));
    assert!(error.contains("this program has no workload `own-"), "{error}");
    assert!(succeeds(folder.path(), &["compare", "out"]).contains("own-gan"));
}

fn a_panic_in_a_worker_is_one_failed_trial() {
    let folder = tempfile::tempdir().unwrap();
    let compare =
        ["compare", "--workloads", "faulty", "--optimizers", "adam", "--seeds", "3", "--epochs", "2"];
    succeeds(folder.path(), &[&compare[..], &["--output", "out"]].concat());
    let mut failed = 0;
    for run in std::fs::read_dir(folder.path().join("out/runs")).unwrap() {
        let outcome = std::fs::read(run.unwrap().path().join("outcome.json")).unwrap();
        let outcome: serde_json::Value = serde_json::from_slice(&outcome).unwrap();
        if outcome["status"] == "failed" {
            failed += 1;
            let reason = outcome["reason"].as_str().unwrap();
            assert!(reason.contains("no model for seed 1"), "{reason}");
        } else {
            assert_eq!(outcome["status"], "completed");
        }
    }
    assert_eq!(failed, 1);
}

fn another_version_of_a_workload_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let compare =
        ["compare", "--workloads", "faulty", "--optimizers", "adam", "--seeds", "1", "--epochs", "1"];
    let compare = [&compare[..], &["--output", "out"]].concat();
    succeeds(folder.path(), &compare);
    let version = |run: &str| {
        let trial = std::fs::read(folder.path().join(run).join("trial.json")).unwrap();
        let trial: serde_json::Value = serde_json::from_slice(&trial).unwrap();
        trial["workload"]["version"].as_str().unwrap().to_string()
    };
    let run = std::fs::read_dir(folder.path().join("out/runs")).unwrap().next().unwrap().unwrap();
    let old = version(run.path().to_str().unwrap());
    for arguments in [&compare[..], &["compare", "out"]] {
        let mut changed = program(folder.path(), arguments);
        let error = fails({
            changed.env(VERSION, "2");
            changed
        });
        let expected =
            format!("holds trials of version {old} of workload `faulty`, which is now of version ");
        assert!(error.contains(&expected), "{error}");
    }
    // The same for a run: trained again with the old version, resumed and evaluated with the new one.
    succeeds(folder.path(), &["train", "faulty", "--epochs", "1", "--output", "run"]);
    assert_eq!(version("run"), old);
    for arguments in [&["train", "--resume", "run"][..], &["evaluate", "run"]] {
        let mut changed = program(folder.path(), arguments);
        changed.env(VERSION, "2");
        let error = fails(changed);
        assert!(
            error.contains(&format!("the run is of version {old}, and the workload is now of")),
            "{error}"
        );
    }
}
