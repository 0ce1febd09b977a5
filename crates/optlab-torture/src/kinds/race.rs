//! Several processes are started in one folder at once.

use crate::kinds::kill::Whole;
use crate::kinds::{Kind, Shown};
use crate::program::{Program, ended};
use std::path::Path;
use std::process::Child;

/// Starts the same training twice, every second time with `--overwrite`. One trains; the other trains after
/// it, or says who is at work.
#[derive(Debug)]
pub struct Race {
    program: Program,
    whole: Whole,
}

impl Race {
    /// Returns this kind for `program`.
    pub fn new(program: &Program) -> Self {
        Race { program: program.clone(), whole: Whole::of(program) }
    }
}

impl Kind for Race {
    fn name(&self) -> &'static str {
        "race"
    }

    fn round(&mut self, number: u64, folder: &Path) -> Shown {
        let run = folder.join("run");
        let mut second = self.program.training(&run);
        if !number.is_multiple_of(2) {
            second.arg("--overwrite");
        }
        let children = [self.program.start(&run)?, second.spawn().map_err(|error| error.to_string())?];
        let mut finished = 0;
        for output in children.map(Child::wait_with_output) {
            let output = output.map_err(|error| error.to_string())?;
            match output.status.success() {
                true => finished += 1,
                false if ended(&output).contains("is in use by process") => {}
                false => return Err(ended(&output)),
            }
        }
        if finished == 0 {
            return Err("none of the two finished".into());
        }
        self.whole.compare(&run)
    }
}
