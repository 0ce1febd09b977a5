//! The power fails between two changes of the disk: what was not synchronized may be lost.

use crate::kinds::crash::{BEFORE, Recorded};
use crate::kinds::{Kind, Shown};
use crate::subject::{self, Told};
use optlab_core::random::{Purpose, stream};
use optlab_train::train::RunDirectory;
use optlab_train::train::checkpoint::Checkpoint;
use rand::RngExt;
use std::path::Path;

/// Lets the power fail at some change, keeps some of what was not synchronized, and goes on. What the run
/// said that it had saved must be there.
#[derive(Debug)]
pub struct Power {
    recorded: Vec<Recorded>,
}

impl Default for Power {
    fn default() -> Self {
        Power { recorded: BEFORE.map(Recorded::new).into() }
    }
}

impl Kind for Power {
    fn name(&self) -> &'static str {
        "power"
    }

    fn round(&mut self, number: u64, folder: &Path) -> Shown {
        let mut random = stream(number, Purpose::Order, 0);
        let recorded = &self.recorded[number as usize % self.recorded.len()];
        let stop = random.random_range(recorded.stops());
        let disk = recorded.disk(stop);
        match number.is_multiple_of(2) {
            true => disk.write_synchronized(folder),
            false => disk.write_after_power_failure(folder, &mut random),
        }
        let run = folder.join("run");
        let told =
            recorded.recording.told.iter().rev().find(|(at, _)| (recorded.before + 1..=stop).contains(at));
        let directory = RunDirectory::new(&run);
        match told {
            Some((_, Told::End)) if directory.read_outcome().ok().flatten().is_none() => {
                return Err(format!("stopped after change {stop}: the outcome that was written is lost"));
            }
            Some((_, Told::Checkpoint(step))) => {
                Checkpoint::at(&directory.checkpoints(), *step)
                    .map_err(|error| format!("stopped after change {stop}: {error}"))?;
            }
            _ => {}
        }
        subject::go_on(&recorded.trial, &run)
            .map_err(|error| format!("stopped after change {stop}: {error}"))?;
        let compared = subject::compare(&recorded.whole(), &run);
        compared.map_err(|difference| format!("stopped after change {stop}: {difference}"))
    }
}
