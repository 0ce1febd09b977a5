//! The disk is full, or does not allow to write.

use crate::kinds::kill::Whole;
use crate::kinds::{Kind, Shown};
use crate::program::{Program, ended};
use optlab_core::random::{Purpose, stream};
use rand::RngExt;
use std::path::Path;
use std::process::{Command, Stdio};

/// Limits the size of files at a random length (as a full disk does for the file that crosses it), or puts
/// the run onto a small disk, where this user may mount one; then goes on with enough space.
#[derive(Debug)]
pub struct Disks {
    program: Program,
    whole: Whole,
}

impl Disks {
    /// Returns this kind for `program`.
    pub fn new(program: &Program) -> Self {
        Disks { program: program.clone(), whole: Whole::of(program) }
    }
}

impl Kind for Disks {
    fn name(&self) -> &'static str {
        "disk"
    }

    fn round(&mut self, number: u64, folder: &Path) -> Shown {
        let mut random = stream(number, Purpose::Order, 4);
        let run = folder.join("run");
        if number.is_multiple_of(2) {
            let small = folder.join("small");
            std::fs::create_dir(&small).map_err(|error| error.to_string())?;
            let size = format!("size={}k", random.random_range(8..400));
            let mounted = Command::new("mount")
                .args(["-t", "tmpfs", "-o", &size, "tmpfs"])
                .arg(&small)
                .stderr(Stdio::null())
                .status();
            if mounted.is_ok_and(|status| status.success()) {
                let full = self.program.training(&small.join("run")).output();
                super::damage::copy(&small, &folder.join("copy"));
                let unmounted = Command::new("umount").arg(&small).status();
                unmounted.map_err(|error| error.to_string())?;
                told(&full.map_err(|error| error.to_string())?)?;
                let copied = folder.join("copy/run");
                self.program.finish(&copied)?;
                return self.whole.compare(&copied);
            }
        }
        let training = self.program.training(&run);
        let mut limited = Command::new("sh");
        limited.args(["-c", "ulimit -f \"$0\"; exec \"$@\""]).arg(random.random_range(0..60).to_string());
        limited.arg(training.get_program()).args(training.get_args()).env("RAYON_NUM_THREADS", "1");
        let output = limited.stdin(Stdio::null()).output().map_err(|error| error.to_string())?;
        told(&output)?;
        self.program.finish(&run)?;
        self.whole.compare(&run)
    }
}

/// Checks that a process without enough space ended well, or with a line that says why.
fn told(output: &std::process::Output) -> Shown {
    let text = String::from_utf8_lossy(&output.stderr);
    let is_told = text.lines().any(|line| line.starts_with("error: ")) && !text.contains("panicked");
    match output.status.success() || (output.status.code() == Some(1) && is_told) {
        true => Ok(()),
        false => Err(ended(output)),
    }
}
