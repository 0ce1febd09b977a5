//! The process is stopped between two changes of the disk, at each of them.

use crate::disk_model::DiskModel;
use crate::kinds::{Kind, Shown};
use crate::subject::{self, Recording};
use optlab_train::files::disk::Change;
use optlab_train::train::{RunDirectory, Trial};
use std::path::{Path, PathBuf};

/// A recorded run, and what it is held against.
#[derive(Debug)]
pub struct Recorded {
    /// The folder whose changes were recorded; it lives as long as this.
    folder: tempfile::TempDir,
    /// The trial that ran.
    pub trial: Trial,
    /// The changes, first those of earlier commands in the same folder.
    pub recording: Recording,
    /// The number of changes of the earlier commands.
    pub before: usize,
}

/// What ran in the folder before the run that is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Before {
    /// Nothing: it begins.
    Nothing,
    /// The same run until some step: it resumes.
    Part,
    /// The same run to its end: it is replaced.
    Whole,
    /// Nothing: it begins, diverges and returns to earlier checkpoints.
    NothingAndItReturns,
}

/// All of them.
pub const BEFORE: [Before; 4] = [Before::Nothing, Before::Part, Before::Whole, Before::NothingAndItReturns];

impl Recorded {
    /// Runs the trial after what ran `before`, and records all of it.
    ///
    /// # Panics
    /// If a run fails without trouble.
    pub fn new(before: Before) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let run = folder.path().join("run");
        let trial = match before {
            Before::NothingAndItReturns => subject::returning(),
            _ => subject::trial(),
        };
        let first = match before {
            Before::Nothing | Before::NothingAndItReturns => Recording::default(),
            Before::Part => subject::record(&trial, &run, false, Some(23)).expect("a run"),
            Before::Whole => subject::record(&trial, &run, false, None).expect("a run"),
        };
        let second = subject::record(&trial, &run, before == Before::Part, None).expect("a run");
        if before == Before::NothingAndItReturns {
            let outcome =
                RunDirectory::new(&run).read_outcome().expect("an outcome").expect("a run that ended");
            assert!(outcome.has_ended_well() && outcome.rollbacks > 0, "it does not return: {outcome:?}");
        }
        let before = first.changes.len();
        let mut told = first.told;
        told.extend(second.told.into_iter().map(|(at, it)| (at + before, it)));
        let changes = [first.changes, second.changes].concat();
        Recorded { folder, trial, recording: Recording { changes, told }, before }
    }

    /// Returns the folder with the whole result.
    pub fn whole(&self) -> PathBuf {
        self.folder.path().join("run")
    }

    /// Returns the disk after the first `count` changes.
    pub fn disk(&self, count: usize) -> DiskModel {
        let mut disk = DiskModel::new(self.folder.path());
        self.recording.changes[..count].iter().for_each(|change: &Change| disk.apply(change));
        disk
    }

    /// Returns the numbers of changes after which the second run can be stopped.
    pub fn stops(&self) -> std::ops::RangeInclusive<usize> {
        self.before..=self.recording.changes.len()
    }
}

/// Stops the run before each of its changes of the disk, and goes on.
#[derive(Debug)]
pub struct Crash {
    recorded: Vec<Recorded>,
}

impl Default for Crash {
    fn default() -> Self {
        Crash { recorded: BEFORE.map(Recorded::new).into() }
    }
}

impl Kind for Crash {
    fn name(&self) -> &'static str {
        "crash"
    }

    fn round(&mut self, number: u64, folder: &Path) -> Shown {
        let mut place = number as usize;
        for recorded in &self.recorded {
            let stops = recorded.stops();
            let count = stops.clone().count();
            if place < count {
                recorded.disk(stops.start() + place).write_after_kill(folder);
                subject::go_on(&recorded.trial, &folder.join("run"))?;
                return subject::compare(&recorded.whole(), &folder.join("run"));
            }
            place -= count;
        }
        Ok(())
    }

    fn rounds(&self) -> Option<u64> {
        Some(self.recorded.iter().map(|recorded| recorded.stops().count() as u64).sum())
    }
}
