//! Runs the program as a user does.

#![allow(dead_code, reason = "a test file uses what it needs")]

use crate::heard::children_hear_signals;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

/// Runs the program in `folder`.
pub fn optlab(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_optlab"))
        .current_dir(folder)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

/// Runs the program, checks that it succeeds, and returns what it prints.
pub fn succeeds(folder: &Path, arguments: &[&str]) -> String {
    let output = optlab(folder, arguments);
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{arguments:?}: {stdout}{stderr}");
    stdout
}

/// Runs the program, checks that it exits with `code`, and returns its one line of error.
pub fn fails(folder: &Path, arguments: &[&str], code: i32) -> String {
    let output = optlab(folder, arguments);
    let stderr = text(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {stderr}");
    let lines: Vec<&str> = stderr.lines().collect();
    assert!(lines.len() == 1 && lines[0].starts_with("error: "), "{arguments:?}: {stderr}");
    stderr
}

/// Returns printed bytes as text.
pub fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Returns whether a folder is empty.
pub fn is_empty(folder: &Path) -> bool {
    std::fs::read_dir(folder).unwrap().next().is_none()
}

/// Starts a long run and waits for `until`.
pub fn start_long_run(folder: &Path, arguments: &[&str], until: impl Fn() -> bool) -> std::process::Child {
    children_hear_signals();
    let child = Command::new(env!("CARGO_BIN_EXE_optlab"))
        .current_dir(folder)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let began = Instant::now();
    while !until() {
        assert!(began.elapsed() < Duration::from_secs(60), "the run makes no progress");
        std::thread::sleep(Duration::from_millis(10));
    }
    child
}
