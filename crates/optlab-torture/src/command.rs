//! The command `torture`: makes trouble until it is stopped or a budget is spent, and prints one line a kind.

use crate::kinds::calls::Calls;
use crate::kinds::crash::Crash;
use crate::kinds::damage::{Damage, copy};
use crate::kinds::disks::Disks;
use crate::kinds::experiment::Experiment;
use crate::kinds::hostile::Hostile;
use crate::kinds::image::Image;
use crate::kinds::kill::Kill;
use crate::kinds::long::Long;
use crate::kinds::power::Power;
use crate::kinds::race::Race;
use crate::kinds::signals::Signals;
use crate::kinds::{Kind, Shown};
use crate::program::Program;
use clap::{Parser, ValueEnum};
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// Makes trouble for optlab, and tells what was lost.
#[derive(Debug, Parser)]
struct Arguments {
    /// The kinds of trouble; all of them, if none is given
    kinds: Vec<Name>,
    /// The time of all kinds together, as 5m
    #[arg(long, default_value = "1m", value_parser = humantime::parse_duration)]
    budget: Duration,
    /// The number of rounds of each kind, in place of a budget
    #[arg(long)]
    rounds: Option<u64>,
    /// The number of the first round: the same number makes the same trouble
    #[arg(long, default_value_t = 0)]
    first: u64,
    /// The program [default: the `optlab` beside this one]
    #[arg(long)]
    program: Option<PathBuf>,
    /// Where the folders of failures are kept
    #[arg(long, default_value = "torture-failures")]
    keep: PathBuf,
}

/// A kind of trouble by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Name {
    /// Stopped between two changes of the disk, at each of them
    Crash,
    /// The power fails: what was not synchronized may be lost
    Power,
    /// A file is damaged, cut, empty or gone
    Damage,
    /// Killed at random moments
    Kill,
    /// Killed before a call that changes the disk, at each of them; needs strace
    Calls,
    /// Asked to stop by SIGINT, SIGTERM and SIGHUP
    Signals,
    /// Two processes in one folder
    Race,
    /// A comparison, killed or asked to stop
    Compare,
    /// The power fails under an ext4 of its own; needs the right to mount
    Image,
    /// A full disk
    Disk,
    /// Files and arguments that no user means
    Hostile,
    /// One run, stopped and damaged many times
    Long,
}

impl Name {
    fn kind(self, program: &Program) -> Box<dyn Kind> {
        match self {
            Name::Crash => Box::new(Crash::default()),
            Name::Power => Box::new(Power::default()),
            Name::Damage => Box::new(Damage::default()),
            Name::Kill => Box::new(Kill::new(program)),
            Name::Calls => Box::new(Calls::new(program)),
            Name::Signals => Box::new(Signals::new(program)),
            Name::Race => Box::new(Race::new(program)),
            Name::Compare => Box::new(Experiment::new(program)),
            Name::Image => Box::new(Image::new(program)),
            Name::Disk => Box::new(Disks::new(program)),
            Name::Hostile => Box::new(Hostile::new(program)),
            Name::Long => Box::new(Long::new(program)),
        }
    }
}

/// Runs the command with the arguments of this process.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let program = match &arguments.program {
        Some(path) => Ok(Program::new(path)),
        None => Program::beside_this(),
    };
    let program = match program {
        Ok(program) => program,
        Err(reason) => {
            eprintln!("error: {reason}");
            return ExitCode::FAILURE;
        }
    };
    let names = match arguments.kinds.as_slice() {
        [] => Name::value_variants(),
        names => names,
    };
    let budget = arguments.budget / names.len() as u32;
    let mut failures = 0;
    for name in names {
        failures += torture(&mut *name.kind(&program), budget, &arguments);
    }
    if failures == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Makes rounds of one kind of trouble, prints a line, and returns the number of failures.
fn torture(kind: &mut dyn Kind, budget: Duration, arguments: &Arguments) -> usize {
    if let Err(missing) = kind.is_possible() {
        println!("{:8} not possible here: {missing}", kind.name());
        return 0;
    }
    let began = Instant::now();
    let (mut rounds, mut failures) = (0, 0);
    let all = kind.rounds().unwrap_or(u64::MAX);
    let is_enough = |rounds: u64| match arguments.rounds {
        Some(wanted) => rounds >= wanted,
        None => began.elapsed() >= budget,
    };
    while !is_enough(rounds) && arguments.first + rounds < all {
        let number = arguments.first + rounds;
        rounds += 1;
        let folder = tempfile::tempdir().expect("a folder");
        let shown = std::panic::catch_unwind(AssertUnwindSafe(|| kind.round(number, folder.path())));
        let shown = shown.unwrap_or_else(|_| Err("it panicked".into()));
        if let Err(reason) = shown {
            failures += 1;
            match keep(&arguments.keep.join(format!("{}-{number}", kind.name())), folder.path(), &reason) {
                Ok(()) => eprintln!("{} {number}: {reason}", kind.name()),
                Err(error) => eprintln!("{} {number}: {reason} (not kept: {error})", kind.name()),
            }
        }
    }
    println!(
        "{:8} {rounds:6} rounds, {failures} failures, {:.0} s",
        kind.name(),
        began.elapsed().as_secs_f64()
    );
    failures
}

/// Copies the folder of a failure to `to`, with what is wrong.
fn keep(to: &Path, folder: &Path, reason: &str) -> Shown {
    copy(folder, to);
    std::fs::write(to.join("failure.txt"), format!("{reason}\n")).map_err(|error| error.to_string())
}
