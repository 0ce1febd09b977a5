//! One run that is put in trouble of every kind, many times, before it may end.

use crate::kinds::kill::Whole;
use crate::kinds::{Kind, Shown};
use crate::program::Program;
use optlab_core::random::{Purpose, stream};
use rand::{Rng, RngExt};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// The number of times that a run is stopped.
const STOPS: usize = 12;

/// Stops one run many times: kills it, asks it to stop, stops and continues it, and damages its newest
/// checkpoint while it does not run.
#[derive(Debug)]
pub struct Long {
    program: Program,
    whole: Whole,
}

impl Long {
    /// Returns this kind for `program`.
    pub fn new(program: &Program) -> Self {
        Long { program: program.clone(), whole: Whole::of(program) }
    }
}

impl Kind for Long {
    fn name(&self) -> &'static str {
        "long"
    }

    fn round(&mut self, number: u64, folder: &Path) -> Shown {
        let mut random = stream(number, Purpose::Order, 5);
        let run = folder.join("run");
        for _ in 0..STOPS {
            let mut child = self.program.start(&run)?;
            let signal =
                |name: &str| Command::new("kill").args(["-s", name, &child.id().to_string()]).status();
            std::thread::sleep(Duration::from_micros(random.random_range(0..200_000)));
            let sent = match random.random_range(0..4) {
                0 => signal("TERM"),
                1 => signal("STOP").and_then(|_| signal("CONT")).and_then(|_| signal("INT")),
                _ => signal("KILL"),
            };
            sent.map_err(|error| error.to_string())?;
            child.wait().map_err(|error| error.to_string())?;
            if random.random_ratio(1, 4) {
                damage_newest(&run.join("checkpoints"), &mut random)?;
            }
        }
        self.program.finish(&run)?;
        self.whole.compare(&run)
    }
}

/// Flips a bit in a file of the newest checkpoint, if there are two at least, so that the one before it is
/// left.
fn damage_newest(checkpoints: &Path, random: &mut impl Rng) -> Shown {
    let entries =
        std::fs::read_dir(checkpoints).into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path()));
    let is_step =
        |path: &PathBuf| path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"step-"));
    let mut steps: Vec<PathBuf> = entries.filter(is_step).collect();
    steps.sort();
    let [.., before, newest] = steps.as_slice() else { return Ok(()) };
    let is_best = best_of(before)? == best_of(newest)?;
    // Without the best one no later checkpoint can be used.
    if !is_best || best_of(newest)?.is_some_and(|best| newest.ends_with(format!("step-{best:06}"))) {
        return Ok(());
    }
    let file = newest.join(["model.bpk", "optimizer.bpk", "state.json"][random.random_range(0..3)]);
    let mut bytes = std::fs::read(&file).map_err(|error| error.to_string())?;
    let at = random.random_range(0..bytes.len());
    bytes[at] ^= 1 << random.random_range(0..8);
    std::fs::write(file, bytes).map_err(|error| error.to_string())
}

/// Returns the best step that the state of a checkpoint names.
fn best_of(checkpoint: &Path) -> Result<Option<u64>, String> {
    let text = std::fs::read(checkpoint.join("state.json")).map_err(|error| error.to_string())?;
    let state: serde_json::Value = match serde_json::from_slice(&text) {
        Ok(state) => state,
        // Damaged before.
        Err(_) => return Ok(None),
    };
    Ok(state["best"]["step"].as_u64())
}
