//! The program is killed before one of its calls that change the disk, at each of them; `strace` counts them.

use crate::kinds::kill::Whole;
use crate::kinds::{Kind, Shown};
use crate::program::{Program, ended};
use std::collections::HashMap;
use std::path::Path;
use std::process::{Command, Stdio};

/// The system calls that change the disk, and those that synchronize it. Those that this kind of processor
/// lacks are left out (`?`).
const CALLS: &str = "?open,openat,?creat,write,?pwrite64,?writev,?pwritev,?pwritev2,ftruncate,?truncate,\
     ?rename,?renameat,renameat2,?mkdir,mkdirat,?unlink,unlinkat,?rmdir,?link,linkat,fsync,fdatasync,flock,\
     ?copy_file_range,?fallocate";

/// Two neighbouring rounds stop at places this far apart, so that few rounds reach all of a run.
const STRIDE: usize = 7919;

/// Kills the real program before a disk call, and goes on.
#[derive(Debug)]
pub struct Calls {
    program: Program,
    whole: Whole,
    /// The calls of a whole run in their order; none without `strace`.
    calls: Vec<Call>,
}

/// A system call and how many of this name, with this one, its thread has made.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Call {
    name: String,
    number: u64,
}

impl Calls {
    /// Returns this kind for `program`.
    pub fn new(program: &Program) -> Self {
        let calls = calls(program).unwrap_or_default();
        Calls { program: program.clone(), whole: Whole::of(program), calls }
    }
}

impl Kind for Calls {
    fn name(&self) -> &'static str {
        "calls"
    }

    fn is_possible(&self) -> Shown {
        calls(&self.program).map(drop)
    }

    fn round(&mut self, number: u64, folder: &Path) -> Shown {
        let run = folder.join("run");
        let Call { name, number } = &self.calls[number as usize * STRIDE % self.calls.len()];
        let inject = format!("inject={name}:signal=SIGKILL:when={number}");
        let options = ["-e", &format!("trace={name}"), "-e", &inject];
        let mut traced = traced(&self.program.training(&run), &options, Path::new("/dev/null"));
        let output = traced.output().map_err(|error| error.to_string())?;
        if output.status.success() {
            return Err(format!("call {number} of {name} did not come"));
        }
        self.program.finish(&run)?;
        self.whole.compare(&run)
    }

    fn rounds(&self) -> Option<u64> {
        Some(self.calls.len() as u64)
    }
}

/// Returns the calls of a whole training in their order.
fn calls(program: &Program) -> Result<Vec<Call>, String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let log = folder.path().join("calls");
    let command = program.training(&folder.path().join("run"));
    let options = ["-e", &format!("trace={CALLS}")];
    let output = traced(&command, &options, &log).output().map_err(|error| format!("strace: {error}"))?;
    if !output.status.success() {
        return Err(format!("strace: {}", ended(&output)));
    }
    let text = std::fs::read_to_string(&log).map_err(|error| format!("strace: {error}"))?;
    let mut numbers: HashMap<(&str, &str), u64> = HashMap::new();
    // A line begins with the thread and the call. What a call that was interrupted returned is in a line of
    // its own.
    let began = text.lines().filter_map(|line| line.split_once('(')?.0.split_once(char::is_whitespace));
    let calls = began.filter(|(_, name)| !name.contains("resumed")).map(|(thread, name)| {
        let number = numbers.entry((thread, name.trim())).or_default();
        *number += 1;
        Call { name: name.trim().into(), number: *number }
    });
    let calls: Vec<Call> = calls.collect();
    if calls.is_empty() { Err("strace: it saw no call".into()) } else { Ok(calls) }
}

/// Returns the command that does what `command` does under `strace` with `options`, which writes to `log`.
fn traced(command: &Command, options: &[&str], log: &Path) -> Command {
    let mut traced = Command::new("strace");
    traced.args(["-f", "-qq"]).args(options).arg("-o").arg(log);
    for (name, value) in command.get_envs() {
        if let Some(value) = value {
            traced.env(name, value);
        }
    }
    traced.stdin(Stdio::null()).arg("--").arg(command.get_program()).args(command.get_args());
    traced
}
