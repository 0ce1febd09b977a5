//! The process is asked to stop.

use crate::kinds::kill::Whole;
use crate::kinds::{Kind, Shown};
use crate::program::{Program, ended};
use optlab_core::random::{Purpose, stream};
use rand::RngExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// The signals that are sent, with the exit code that follows.
const SIGNALS: [(&str, i32); 3] = [("INT", 130), ("TERM", 143), ("HUP", 129)];

/// Sends a signal to a training that has made its first checkpoint, and goes on.
#[derive(Debug)]
pub struct Signals {
    program: Program,
    whole: Whole,
}

impl Signals {
    /// Returns this kind for `program`.
    pub fn new(program: &Program) -> Self {
        Signals { program: program.clone(), whole: Whole::of(program) }
    }
}

impl Kind for Signals {
    fn name(&self) -> &'static str {
        "signals"
    }

    fn round(&mut self, number: u64, folder: &Path) -> Shown {
        let mut random = stream(number, Purpose::Order, 3);
        let (signal, code) = SIGNALS[number as usize % SIGNALS.len()];
        let run = folder.join("run");
        let child = self.program.start(&run)?;
        std::thread::sleep(Duration::from_micros(random.random_range(0..500_000)));
        let id = child.id().to_string();
        let sent = Command::new("kill").args(["-s", signal, &id]).status();
        sent.map_err(|error| error.to_string())?;
        let output = child.wait_with_output().map_err(|error| error.to_string())?;
        // Before the handler is there, the signal itself ends the process.
        let is_early = output.status.code().is_none() && !run.join("trial.json").exists();
        if !(output.status.success() || output.status.code() == Some(code) || is_early) {
            return Err(format!("SIG{signal}: {}", ended(&output)));
        }
        self.program.finish(&run)?;
        self.whole.compare(&run)
    }
}
