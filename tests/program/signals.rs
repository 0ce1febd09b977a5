//! Signals that ask the program to stop: what it leaves, what it says, and its exit code.

use crate::cli::{checkpoint_of, signal};
use crate::heard::children_hear_signals;
use crate::program::{start_long_run, succeeds, text};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

fn words(command: &str) -> Vec<&str> {
    command.split(' ').collect()
}

/// Starts the program by `sh`, after the commands `before`, and waits for `until`.
fn start_after(before: &str, folder: &Path, arguments: &[&str], until: impl Fn() -> bool) -> Child {
    children_hear_signals();
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("{before}; exec \"$0\" \"$@\""), env!("CARGO_BIN_EXE_optlab")]);
    shell.args(arguments).current_dir(folder).stdin(Stdio::null()).stdout(Stdio::null());
    let child = shell.stderr(Stdio::piped()).spawn().unwrap();
    wait_for("the run makes no progress", until);
    child
}

fn wait_for(failure: &str, until: impl Fn() -> bool) {
    let began = Instant::now();
    while !until() {
        assert!(began.elapsed() < Duration::from_secs(60), "{failure}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Waits for the end, and returns the exit code and the standard error.
fn end(child: Child) -> (Option<i32>, String) {
    let output = child.wait_with_output().unwrap();
    (output.status.code(), text(&output.stderr))
}

/// Returns the step in `interrupted after step 12; resume with: …`.
fn interrupted_step(line: &str) -> usize {
    let step = line.strip_prefix("error: interrupted after step ").and_then(|rest| rest.split(';').next());
    step.and_then(|step| step.parse().ok())
        .unwrap_or_else(|| panic!("not the line of an interruption: {line}"))
}

fn model(run: &Path, step: usize) -> Vec<u8> {
    std::fs::read(run.join(format!("checkpoints/step-{step:06}/model.bpk"))).unwrap()
}

#[test]
fn sigterm_and_sighup_leave_a_checkpoint_and_the_resumed_run_writes_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let train = |output: &'static str| ["train", "digits-rnn", "--epochs", "30", "--output", output];
    succeeds(folder, &train("whole"));
    for (name, code) in [("TERM", 143), ("HUP", 129)] {
        let run = folder.join(name);
        let child = start_long_run(folder, &train(name), checkpoint_of(run.clone()));
        signal(&child, &format!("-{name}"));
        let (ended, stderr) = end(child);
        assert_eq!(ended, Some(code), "{stderr}");
        assert!(stderr.ends_with(&format!("; resume with: optlab train --resume {name}\n")), "{stderr}");
        assert_eq!(stderr.lines().count(), 1, "{stderr}");
        model(&run, interrupted_step(&stderr));
        assert!(!run.join("outcome.json").exists());
        succeeds(folder, &["train", "--resume", name]);
        let outcome = std::fs::read(run.join("outcome.json")).unwrap();
        let outcome: serde_json::Value = serde_json::from_slice(&outcome).unwrap();
        let steps = outcome["steps"].as_u64().unwrap() as usize;
        assert!(model(&run, steps) == model(&folder.join("whole"), steps), "{name}");
    }
}

/// Counts the processes that were started with `word` in their command.
#[cfg(target_os = "linux")]
fn processes(word: &str) -> usize {
    let processes = std::fs::read_dir("/proc").unwrap().filter_map(|entry| {
        let path = entry.unwrap().path().join("cmdline");
        std::fs::read(path).ok()
    });
    processes.filter(|command| String::from_utf8_lossy(command).contains(word)).count()
}

/// Returns a condition: a trial in the folder `out` has ended.
fn outcome_in(out: PathBuf) -> impl Fn() -> bool {
    move || {
        let runs = std::fs::read_dir(out.join("runs")).into_iter().flatten();
        runs.flatten().any(|run| run.path().join("outcome.json").exists())
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_signal_ends_trials_with_the_line_that_says_how_to_resume() {
    use std::os::unix::process::CommandExt;
    let folder = tempfile::tempdir().unwrap();
    // The workers find the runs by this path.
    let out = folder.path().join("out");
    let out_text = out.to_str().unwrap();
    let compare = "compare digits-rnn --optimizers adam,sgd --seeds 9 --epochs 10 --jobs 2 --output";
    for (name, to_group, code) in
        [("TERM", false, 143), ("HUP", false, 129), ("INT", true, 130), ("TERM", true, 143)]
    {
        let mut command = Command::new(env!("CARGO_BIN_EXE_optlab"));
        command.args(words(compare)).arg(&out).stdin(Stdio::null()).stdout(Stdio::null());
        let child = command.stderr(Stdio::piped()).process_group(0).spawn().unwrap();
        // Its own process and two workers.
        wait_for("no workers start", || outcome_in(out.clone())() && processes(out_text) == 3);
        let target = if to_group { format!("-{}", child.id()) } else { child.id().to_string() };
        let kill = format!("kill -{name} {target}");
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
        let (ended, stderr) = end(child);
        assert_eq!(ended, Some(code), "{name}: {stderr}");
        let expected = format!(
            "\ninterrupted; the same command resumes and repeats no trial: optlab {compare} {out_text}\n"
        );
        assert!(stderr.ends_with(&expected), "{name}: {stderr}");
        assert!(!stderr.contains("error") && !stderr.contains("retrying"), "{name}: {stderr}");
        wait_for("the workers do not end", || processes(out_text) == 0);
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_signal_that_is_ignored_from_the_start_stays_ignored() {
    let folder = tempfile::tempdir().unwrap();
    let train = words("train digits-rnn --epochs 12 --output run");
    let has_checkpoint = checkpoint_of(folder.path().join("run"));
    // As `nohup` and a shell's `&` start a program.
    let child = start_after("trap '' HUP INT QUIT", folder.path(), &train, has_checkpoint);
    for name in ["-HUP", "-INT", "-QUIT"] {
        signal(&child, name);
    }
    let (code, stderr) = end(child);
    assert_eq!((code, stderr.as_str()), (Some(0), ""));
}

#[test]
fn a_limit_on_the_size_of_files_is_an_error_that_names_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let train = words("train digits-cnn --steps 3 --output run");
    // 4 or 8 KiB, which the model exceeds.
    let (code, stderr) = end(start_after("ulimit -f 8", folder.path(), &train, || true));
    assert_eq!(code, Some(1), "{stderr}");
    assert!(stderr.contains("run/checkpoints/") && stderr.contains("File too large"), "{stderr}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
}
