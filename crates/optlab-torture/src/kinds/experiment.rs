//! A comparison is stopped.

use crate::kinds::{Kind, Shown};
use crate::program::{Program, ended};
use optlab_core::random::{Purpose, stream};
use rand::RngExt;
use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Child, Command};
use std::time::Duration;

/// A comparison of some forty trials that takes about a second.
const COMPARISON: [&str; 12] = [
    "compare",
    "diabetes-linear",
    "--optimizers",
    "sgd,adamw",
    "--tune",
    "5",
    "--seeds",
    "3",
    "--epochs",
    "4",
    "--jobs",
    "2",
];

/// The columns of `results.csv` that no two runs share.
const TIMES: [&str; 6] = [
    "training_seconds",
    "first_step_seconds",
    "step_milliseconds",
    "seconds_to_target",
    "peak_memory_bytes",
    "waiting_share",
];

/// A whole comparison, which others are held against.
#[derive(Debug)]
pub struct WholeComparison {
    program: Program,
    results: BTreeSet<String>,
}

impl WholeComparison {
    /// Runs it.
    ///
    /// # Panics
    /// If it fails without trouble.
    pub fn of(program: &Program) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let output = folder.path().join("comparison");
        let mut whole = WholeComparison { program: program.clone(), results: BTreeSet::new() };
        whole.finish(&output).expect("a comparison without trouble");
        whole.results = results(&output).expect("its results");
        whole
    }

    /// Starts the comparison in `folder`, or goes on there.
    ///
    /// # Errors
    /// That the program cannot be started.
    pub fn start(&self, folder: &Path) -> Result<Child, String> {
        self.command(folder).spawn().map_err(|error| error.to_string())
    }

    /// Runs the comparison in `folder` to its end.
    ///
    /// # Errors
    /// How it ended otherwise.
    pub fn finish(&self, folder: &Path) -> Shown {
        let output = self.command(folder).output().map_err(|error| error.to_string())?;
        if output.status.success() { Ok(()) } else { Err(ended(&output)) }
    }

    fn command(&self, folder: &Path) -> Command {
        let mut command = self.program.command(COMPARISON);
        command.arg("--output").arg(folder);
        command
    }

    /// Compares the results in `folder` with its own.
    ///
    /// # Errors
    /// The first difference.
    pub fn compare(&self, folder: &Path) -> Shown {
        let found = results(folder)?;
        match self.results.symmetric_difference(&found).next() {
            None => Ok(()),
            Some(row) if found.contains(row) => Err(format!("a row that should not be there: {row}")),
            Some(row) => Err(format!("a row is missing: {row}")),
        }
    }
}

/// Returns the rows of the results of a comparison, without times.
fn results(folder: &Path) -> Result<BTreeSet<String>, String> {
    let mut reader = csv::Reader::from_path(folder.join("results.csv")).map_err(|error| error.to_string())?;
    let header = reader.headers().map_err(|error| error.to_string())?.clone();
    let row = |row: csv::Result<csv::StringRecord>| {
        let row = row.map_err(|error| error.to_string())?;
        let cells = header.iter().zip(&row).filter(|(name, _)| !TIMES.contains(name));
        Ok(cells.map(|(_, cell)| cell).collect::<Vec<_>>().join(","))
    };
    reader.records().map(row).collect()
}

/// Kills a comparison, or asks it to stop, and goes on.
#[derive(Debug)]
pub struct Experiment {
    whole: WholeComparison,
}

impl Experiment {
    /// Returns this kind for `program`.
    pub fn new(program: &Program) -> Self {
        Experiment { whole: WholeComparison::of(program) }
    }
}

impl Kind for Experiment {
    fn name(&self) -> &'static str {
        "compare"
    }

    fn round(&mut self, number: u64, folder: &Path) -> Shown {
        let mut random = stream(number, Purpose::Order, 7);
        let output = folder.join("comparison");
        for _ in 0..random.random_range(1..4) {
            let mut child = self.whole.start(&output)?;
            std::thread::sleep(Duration::from_micros(random.random_range(0..1_000_000)));
            let signal = ["KILL", "TERM", "INT", "HUP"][random.random_range(0..4)];
            let sent = Command::new("kill").args(["-s", signal, &child.id().to_string()]).status();
            sent.map_err(|error| error.to_string())?;
            child.wait().map_err(|error| error.to_string())?;
        }
        self.whole.finish(&output)?;
        self.whole.compare(&output)
    }
}
