//! The real program, in processes of its own.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

/// A training that takes about half a second, with some twenty checkpoints.
const TRAINING: [&str; 12] = [
    "train",
    "digits-rnn",
    "--optimizer",
    "ema:decay=0.9,base=adamw",
    "--schedule",
    "reduce_on_plateau:patience=0",
    "--epochs",
    "4",
    "--batch-size",
    "16",
    "--checkpoint-every",
    "20",
];

/// The program `optlab`.
#[derive(Debug, Clone)]
pub struct Program {
    path: PathBuf,
}

impl Program {
    /// Returns the program at `path`.
    pub fn new(path: &Path) -> Self {
        Program { path: path.into() }
    }

    /// Returns the program beside the one that runs.
    ///
    /// # Errors
    /// That there is none.
    pub fn beside_this() -> Result<Self, String> {
        let this = std::env::current_exe().map_err(|error| error.to_string())?;
        // A test is in a folder below.
        let found =
            this.ancestors().skip(1).take(2).map(|folder| folder.join("optlab")).find(|path| path.is_file());
        found
            .map(|path| Program { path })
            .ok_or_else(|| "no `optlab` beside this program: cargo build".into())
    }

    /// Returns the command `optlab` with `arguments`, without input; its output is captured.
    pub fn command<A: AsRef<std::ffi::OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Command {
        let mut command = Command::new(&self.path);
        command.args(arguments).env("RAYON_NUM_THREADS", "1");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Returns the command that trains in `folder`, or goes on there.
    pub fn training(&self, folder: &Path) -> Command {
        let mut command = self.command(TRAINING);
        command.arg("--output").arg(folder);
        command
    }

    /// Starts the training in `folder`.
    ///
    /// # Errors
    /// That the program cannot be started.
    pub fn start(&self, folder: &Path) -> Result<Child, String> {
        self.training(folder).spawn().map_err(|error| error.to_string())
    }

    /// Trains in `folder` to the end.
    ///
    /// # Errors
    /// How it ended otherwise.
    pub fn finish(&self, folder: &Path) -> Result<(), String> {
        let output = self.training(folder).output().map_err(|error| error.to_string())?;
        match output.status.success() {
            true => Ok(()),
            false => Err(ended(&output)),
        }
    }
}

/// Returns how a process ended, with its last line.
pub fn ended(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr);
    format!("{}: {}", output.status, text.lines().last().unwrap_or("it said nothing"))
}
