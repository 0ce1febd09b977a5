//! The program is killed before one of its calls that change the disk, at each of them; `strace` counts them.

use crate::kinds::kill::Whole;
use crate::kinds::{Kind, Shown};
use crate::program::{Program, ended};
use std::collections::HashMap;
use std::path::Path;
use std::process::Command;

/// The system calls that change the disk, and those that synchronize it. Those that this kind of processor
/// lacks are left out (`?`).
const CALLS: &str = "?open,openat,?creat,write,?pwrite64,?writev,?pwritev,?pwritev2,ftruncate,?truncate,\
     ?rename,?renameat,renameat2,?mkdir,mkdirat,?unlink,unlinkat,?rmdir,?link,linkat,fsync,fdatasync,flock,\
     ?copy_file_range,?fallocate";

/// Two neighbouring rounds stop at places this far apart, so that few rounds reach all of a run.
const STRIDE: u64 = 7919;

/// Kills the real program before its N-th disk call, and goes on.
#[derive(Debug)]
pub struct Calls {
    program: Program,
    whole: Whole,
    /// The number of calls of the busiest thread in a whole run; 0 without `strace`.
    count: u64,
}

impl Calls {
    /// Returns this kind for `program`.
    pub fn new(program: &Program) -> Self {
        let count = count(program).unwrap_or(0);
        Calls { program: program.clone(), whole: Whole::of(program), count }
    }
}

impl Kind for Calls {
    fn name(&self) -> &'static str {
        "calls"
    }

    fn is_possible(&self) -> Shown {
        count(&self.program).map(drop)
    }

    fn round(&mut self, number: u64, folder: &Path) -> Shown {
        let run = folder.join("run");
        let inject = format!("inject={CALLS}:signal=SIGKILL:when={}", 1 + number * STRIDE % self.count);
        let command = self.program.training(&run);
        let output = traced(&command, Path::new("/dev/null"), &["-e", &inject])
            .output()
            .map_err(|error| error.to_string())?;
        if output.status.success() {
            return Err("the program was not killed".into());
        }
        self.program.finish(&run)?;
        self.whole.compare(&run)
    }

    fn rounds(&self) -> Option<u64> {
        Some(self.count)
    }
}

/// Returns the number of calls of the busiest thread of a training: `strace` counts for each thread.
fn count(program: &Program) -> Result<u64, String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let log = folder.path().join("calls");
    let command = program.training(&folder.path().join("run"));
    let output = traced(&command, &log, &[]).output().map_err(|error| format!("strace: {error}"))?;
    if !output.status.success() {
        return Err(format!("strace: {}", ended(&output)));
    }
    let text = std::fs::read_to_string(&log).map_err(|error| format!("strace: {error}"))?;
    let mut calls: HashMap<&str, u64> = HashMap::new();
    // A line begins with the thread; a call that another interrupts has a second line.
    for line in text.lines().filter(|line| line.contains('(') && !line.contains("<... ")) {
        *calls.entry(line.split_whitespace().next().unwrap_or_default()).or_default() += 1;
    }
    calls.into_values().max().ok_or_else(|| "strace: it saw no call".into())
}

/// Returns the command that does what `command` does under `strace`, which writes its lines to `log`.
fn traced(command: &Command, log: &Path, options: &[&str]) -> Command {
    let mut traced = Command::new("strace");
    traced.args(["-f", "-qq", "--seccomp-bpf", "-e", "signal=none", "-e"]).arg(format!("trace={CALLS}"));
    traced.args(options).arg("-o").arg(log).arg("--").arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        if let Some(value) = value {
            traced.env(name, value);
        }
    }
    traced.stdin(std::process::Stdio::null());
    traced
}
