//! The process is killed at random moments, again and again.

use crate::kinds::{Kind, Shown};
use crate::program::Program;
use crate::subject;
use optlab_core::random::{Purpose, stream};
use rand::RngExt;
use std::path::Path;
use std::time::Duration;

/// A whole run of the program, which others are held against.
#[derive(Debug)]
pub struct Whole {
    folder: tempfile::TempDir,
}

impl Whole {
    /// Trains it.
    ///
    /// # Panics
    /// If the training fails without trouble.
    pub fn of(program: &Program) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        program.finish(&folder.path().join("run")).expect("a training without trouble");
        Whole { folder }
    }

    /// Compares the run in `folder` with it.
    ///
    /// # Errors
    /// The difference.
    pub fn compare(&self, folder: &Path) -> Shown {
        subject::compare(&self.folder.path().join("run"), folder)
    }
}

/// Kills the program, and goes on.
#[derive(Debug)]
pub struct Kill {
    program: Program,
    whole: Whole,
}

impl Kill {
    /// Returns this kind for `program`.
    pub fn new(program: &Program) -> Self {
        Kill { program: program.clone(), whole: Whole::of(program) }
    }
}

impl Kind for Kill {
    fn name(&self) -> &'static str {
        "kill"
    }

    fn round(&mut self, number: u64, folder: &Path) -> Shown {
        let mut random = stream(number, Purpose::Order, 2);
        let run = folder.join("run");
        for _ in 0..random.random_range(1..4) {
            let mut child = self.program.start(&run)?;
            std::thread::sleep(Duration::from_micros(random.random_range(0..700_000)));
            child.kill().map_err(|error| error.to_string())?;
            child.wait().map_err(|error| error.to_string())?;
        }
        self.program.finish(&run)?;
        self.whole.compare(&run)
    }
}
