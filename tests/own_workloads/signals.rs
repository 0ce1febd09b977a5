//! Signals during a step that the test holds.

use crate::faulty::HOLD;
use crate::heard::children_hear_signals;
use crate::tests::program;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Longer than the time in which a second signal counts as the first.
const LATER: Duration = Duration::from_millis(400);

/// A training in its third step.
struct Held {
    folder: TempDir,
    child: Child,
}

impl Held {
    fn start() -> Self {
        children_hear_signals();
        let folder = tempfile::tempdir().unwrap();
        let train = ["train", "faulty", "--steps", "9", "--output", "run"];
        let mut command = program(folder.path(), &train);
        command.env(HOLD, folder.path().join("hold")).stdout(Stdio::null()).stderr(Stdio::piped());
        let child = command.spawn().unwrap();
        let held = Held { folder, child };
        let began = Instant::now();
        while !held.hold().exists() {
            assert!(began.elapsed() < Duration::from_secs(60), "the third step does not begin");
            std::thread::sleep(Duration::from_millis(5));
        }
        held
    }

    fn hold(&self) -> PathBuf {
        self.folder.path().join("hold")
    }

    /// Sends signals, one right after the other.
    fn signal(&self, names: &[&str]) {
        let id = self.child.id();
        let kills: Vec<String> = names.iter().map(|name| format!("kill -{name} {id}")).collect();
        assert!(Command::new("sh").args(["-c", &kills.join("; ")]).status().unwrap().success());
    }

    fn is_alive(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Lets the step end, and returns the exit code, the standard error, and whether there is a checkpoint
    /// after this step.
    fn release(self) -> (Option<i32>, String, bool) {
        std::fs::remove_file(self.hold()).unwrap();
        let output = self.child.wait_with_output().unwrap();
        let has_checkpoint = self.folder.path().join("run/checkpoints/step-000003").is_dir();
        (output.status.code(), String::from_utf8(output.stderr).unwrap(), has_checkpoint)
    }
}

fn assert_stopped((code, stderr, has_checkpoint): (Option<i32>, String, bool), expected: i32) {
    assert_eq!((code, has_checkpoint), (Some(expected), true), "{stderr}");
    assert!(stderr.starts_with("error: interrupted after step 3; resume with: "), "{stderr}");
}

pub fn lets_the_step_end_before_the_checkpoint() {
    let signals = [("INT", 130), ("TERM", 143), ("HUP", 129), ("XCPU", 152)];
    let mut all = signals.map(|(name, code)| (Held::start(), name, code));
    all.iter().for_each(|(held, name, _)| held.signal(&[name]));
    std::thread::sleep(LATER);
    for (held, name, _) in &mut all {
        assert!(held.is_alive(), "SIG{name}");
    }
    for (held, _, code) in all {
        assert_stopped(held.release(), code);
    }
}

/// As `timeout` sends them: to the process, and to its group.
pub fn two_at_once_are_one_request() {
    let mut held = Held::start();
    held.signal(&["TERM", "TERM"]);
    std::thread::sleep(LATER);
    assert!(held.is_alive());
    assert_stopped(held.release(), 143);
}

pub fn second_ends_the_program_at_once() {
    let signals = [("INT", "INT", 130), ("TERM", "TERM", 143), ("TERM", "INT", 130)];
    let mut all = signals.map(|(first, second, code)| (Held::start(), first, second, code));
    all.iter().for_each(|(held, first, ..)| held.signal(&[first]));
    std::thread::sleep(LATER);
    for (held, first, second, _) in &mut all {
        assert!(held.is_alive(), "SIG{first}");
        let began = Instant::now();
        while held.is_alive() {
            assert!(began.elapsed() < Duration::from_secs(30), "SIG{first}, SIG{second}");
            // On a busy machine the second signal may count somewhat later.
            held.signal(&[second]);
            std::thread::sleep(Duration::from_millis(50));
        }
    }
    for (held, .., code) in all {
        let (ended, stderr, has_checkpoint) = held.release();
        assert_eq!((ended, stderr.as_str(), has_checkpoint), (Some(code), "", false));
    }
}

/// As a terminal and its shell send them, and a shutdown of the machine after them.
pub fn second_sighup_ends_nothing() {
    let mut held = Held::start();
    held.signal(&["HUP"]);
    std::thread::sleep(LATER);
    held.signal(&["HUP", "TERM"]);
    std::thread::sleep(LATER);
    assert!(held.is_alive());
    assert_stopped(held.release(), 129);
}
