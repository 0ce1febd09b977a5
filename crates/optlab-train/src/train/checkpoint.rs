//! Checkpoints: written completely or not at all, and only used if their checksums match.
//!
//! ```text
//! checkpoints/step-000100/
//!   model.bpk        the parameters that are trained, Burn's burnpack format
//!   evaluated.bpk    the parameters to evaluate, with running statistics of their own; only if the optimizer
//!                    has separate ones, such as an average
//!   optimizer.bpk    the optimizer's state for each parameter; one more for each further turn of a step
//!   state.json       step, clock, best metric, early stopping …
//!   trial.json       the trial, seeds and schedule included
//!   manifest.json    the SHA-256 of each file, written last
//! ```
//!
//! The position in the data, the dropout masks and the learning rate are functions of the trial and the step,
//! so they need no files of their own.

use crate::Error;
use crate::diagnosis::TrainingLoss;
use crate::files::{checksum, disk, json_file};
use crate::train::early_stopping::EarlyStopping;
use crate::train::history::Mark;
use crate::train::setting_value::is_default;
use crate::train::{EpochLoss, Score, TargetReached, Trial};
use burn::module::Module;
use burn::store::ModuleRecord;
use burn::tensor::Device;
use optlab_optim::ModelOptimizer;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

pub(super) const MODEL: &str = "model.bpk";
pub(super) const EVALUATED: &str = "evaluated.bpk";
const OPTIMIZER: &str = "optimizer.bpk";
pub(super) const STATE: &str = "state.json";
pub(super) const TRIAL: &str = "trial.json";
pub(super) const MANIFEST: &str = "manifest.json";
pub(super) const FORMAT: u32 = 1;

/// The beginning of the name of a checkpoint while another one takes its place.
pub(super) const REPLACED: &str = ".replaced-";

/// Training time so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Clock {
    /// Seconds spent in steps, the first step of each process excluded.
    pub training_seconds: f64,
    /// Number of steps in that time.
    pub timed_steps: usize,
    /// Seconds until the end of the first step.
    pub first_step_seconds: f64,
}

/// The best evaluation of the validation part so far.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Best {
    /// Steps made before the evaluation.
    pub step: usize,
    /// Score of the evaluation.
    pub score: Score,
}

/// State that a run resumes from, apart from model and optimizer.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// Steps made.
    pub step: usize,
    /// The losses of the current epoch's steps.
    #[serde(default)]
    pub epoch_loss: EpochLoss,
    /// Sum of the losses of the current epoch's steps, in checkpoints from before
    /// [`epoch_loss`](Self::epoch_loss).
    #[serde(default, skip_serializing)]
    pub(super) epoch_loss_sum: Option<f64>,
    /// Training time.
    pub clock: Clock,
    /// The latest evaluation of the validation part.
    pub latest: Option<Score>,
    /// The best evaluation of the validation part.
    pub best: Option<Best>,
    /// When the target was first reached.
    pub target_reached: Option<TargetReached>,
    /// State of early stopping.
    pub early_stopping: EarlyStopping,
    /// Consecutive steps, up to here, that were skipped because their gradients were not finite.
    #[serde(default)]
    pub skipped_in_a_row: usize,
    /// Number of returns to an earlier checkpoint because the loss was not finite.
    #[serde(default, skip_serializing_if = "is_default")]
    pub rollbacks: u32,
    /// The training loss at the start, at its best and at the end.
    #[serde(default)]
    pub training_loss: TrainingLoss,
    /// State of schedules that react to measurements.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub schedule: Vec<f64>,
    /// Whether early stopping ended the run here.
    pub stopped_early: bool,
    /// Number of steps between checkpoints, in addition to those of the best evaluations and the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checkpoint_every: Option<usize>,
    /// The content of the history up to here; `None` in checkpoints from before it was kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub history: Option<Mark>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Manifest {
    pub format: u32,
    pub files: BTreeMap<String, String>,
}

/// A checkpoint whose checksums were verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    path: PathBuf,
}

impl Checkpoint {
    /// Returns the checkpoint in the folder `path`, which was just written.
    pub(super) fn in_folder(path: PathBuf) -> Self {
        Checkpoint { path }
    }

    /// Opens the checkpoint in the folder `path` and checks its files against its manifest.
    ///
    /// # Errors
    /// [`Error::Checkpoint`] naming the file that is missing or damaged.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let refuse = |file: &str, reason: String| Error::Checkpoint { path: path.join(file), reason };
        if !path.is_dir() {
            return Err(Error::Checkpoint { path: path.into(), reason: "no such checkpoint".into() });
        }
        if !path.join(MANIFEST).is_file() {
            return Err(refuse(MANIFEST, "missing, so the checkpoint is incomplete".into()));
        }
        let manifest: Manifest =
            json_file::read(&path.join(MANIFEST)).map_err(|error| refuse(MANIFEST, error.to_string()))?;
        if manifest.format != FORMAT {
            return Err(refuse(MANIFEST, format!("unknown format {}", manifest.format)));
        }
        if let Some(name) =
            [MODEL, OPTIMIZER, STATE, TRIAL].iter().find(|name| !manifest.files.contains_key(**name))
        {
            return Err(refuse(MANIFEST, format!("does not list {name}")));
        }
        for (name, expected) in &manifest.files {
            if !path.join(name).is_file() {
                return Err(refuse(name, "missing".into()));
            }
            if checksum::of_file(&path.join(name))? != *expected {
                return Err(refuse(name, "damaged: its SHA-256 is not the manifest's".into()));
            }
        }
        Ok(Checkpoint { path: path.into() })
    }

    /// Returns the newest intact checkpoint below `checkpoints`, and the errors of newer ones.
    ///
    /// # Errors
    /// [`Io`](optlab_core::Error::Io) if the folder cannot be read; [`Error::Checkpoint`] if there are
    /// checkpoints and all are damaged.
    pub fn newest(checkpoints: &Path) -> Result<(Option<Self>, Vec<Error>), Error> {
        let mut damaged = Vec::new();
        for step in steps(checkpoints)?.into_iter().rev() {
            match Self::open(&checkpoints.join(folder_name(step))) {
                Ok(checkpoint) => return Ok((Some(checkpoint), damaged)),
                Err(error) => damaged.push(error),
            }
        }
        match damaged.into_iter().next() {
            None => Ok((None, Vec::new())),
            Some(error) => Err(error),
        }
    }

    /// Opens the checkpoint after `step` steps.
    ///
    /// # Errors
    /// [`Error::Checkpoint`] if there is none, listing the existing ones, or if it is damaged.
    pub fn at(checkpoints: &Path, step: usize) -> Result<Self, Error> {
        let path = checkpoints.join(folder_name(step));
        if !path.is_dir() {
            let steps: Vec<String> = steps(checkpoints)?.iter().map(usize::to_string).collect();
            let there = if steps.is_empty() { "none".into() } else { steps.join(", ") };
            return Err(Error::Checkpoint {
                path,
                reason: format!("no such checkpoint; there are: {there}"),
            });
        }
        Self::open(&path)
    }

    /// Returns its folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads its trial.
    ///
    /// # Errors
    /// [`File`](optlab_core::Error::File) if the file has an unknown form.
    pub fn trial(&self) -> Result<Trial, Error> {
        json_file::read(&self.path.join(TRIAL))
    }

    /// Reads its state: step, clock, best metric and so on.
    ///
    /// # Errors
    /// [`File`](optlab_core::Error::File) if the file has an unknown form.
    pub fn state(&self) -> Result<State, Error> {
        json_file::read(&self.path.join(STATE))
    }

    /// Returns `model` with the saved parameters, on `model`'s device.
    ///
    /// # Errors
    /// [`Error::Checkpoint`] if they belong to another model.
    pub fn load_model<M: Module>(&self, model: M) -> Result<M, Error> {
        self.load_parameters(model, MODEL)
    }

    /// Returns `model` with the saved parameters to evaluate, on `model`'s device: the optimizer's separate
    /// evaluation parameters if there are any, else the trained ones.
    ///
    /// # Errors
    /// [`Error::Checkpoint`] if they belong to another model.
    pub fn load_evaluated<M: Module>(&self, model: M) -> Result<M, Error> {
        let is_other = self.path.join(EVALUATED).is_file();
        self.load_parameters(model, if is_other { EVALUATED } else { MODEL })
    }

    fn load_parameters<M: Module>(&self, model: M, name: &str) -> Result<M, Error> {
        let path = self.path.join(name);
        ModuleRecord::load(&path)
            .and_then(|record| model.try_load_record(record))
            .map_err(|reason| Error::Checkpoint { path, reason: reason.to_string() })
    }

    /// Loads the state of the optimizer of each turn, for the parameters of `model`.
    ///
    /// # Errors
    /// [`File`](optlab_core::Error::File) if it belongs to another optimizer or model.
    pub fn load_optimizers<M: Module>(
        &self,
        optimizers: &mut [ModelOptimizer],
        model: &M,
        device: &Device,
    ) -> Result<(), Error> {
        for (turn, optimizer) in optimizers.iter_mut().enumerate() {
            optimizer.load(&self.path.join(optimizer_file(turn)), model, device)?;
        }
        Ok(())
    }
}

/// Removes all checkpoints except the newest `keep` up to `step`, and the best ones that those and `best`
/// name. Checkpoints after `step` are from before the run went back to an earlier one.
///
/// # Errors
/// [`Io`](optlab_core::Error::Io).
pub fn remove_old(checkpoints: &Path, step: usize, keep: usize, best: Option<usize>) -> Result<(), Error> {
    let (passed, left): (Vec<usize>, Vec<usize>) = steps(checkpoints)?.into_iter().partition(|&it| it > step);
    let (old, kept) = left.split_at(left.len().saturating_sub(keep.max(1)));
    let best_of = |step: &usize| {
        let state = Checkpoint { path: checkpoints.join(folder_name(*step)) }.state();
        state.ok()?.best.map(|best| best.step)
    };
    let needed: Vec<usize> = kept.iter().filter_map(best_of).chain(best).collect();
    let old = old.iter().filter(|step| !needed.contains(step));
    old.chain(&passed).try_for_each(|step| disk::remove(&checkpoints.join(folder_name(*step))))
}

/// Removes what an interrupted process left among the checkpoints, and puts back a checkpoint that it was
/// about to replace. Only for the owner of the run.
///
/// # Errors
/// [`Io`](optlab_core::Error::Io).
pub fn clean(checkpoints: &Path) -> Result<(), Error> {
    disk::remove_unfinished(checkpoints)?;
    for path in disk::entries(checkpoints)? {
        let name = path.file_name().and_then(|name| name.to_str());
        let Some(step) = name.and_then(|name| step_of(name.strip_prefix(REPLACED)?)) else { continue };
        let in_place = checkpoints.join(folder_name(step));
        match in_place.exists() {
            true => disk::remove(&path)?,
            false => disk::rename(&path, &in_place)?,
        }
    }
    Ok(())
}

/// Returns the name of the file of the optimizer of a turn.
pub(super) fn optimizer_file(turn: usize) -> String {
    match turn {
        0 => OPTIMIZER.into(),
        _ => format!("optimizer-{}.bpk", turn + 1),
    }
}

pub(super) fn folder_name(step: usize) -> String {
    format!("step-{step:06}")
}

/// Returns the step of a checkpoint's folder; `None` for the name of anything else.
fn step_of(name: &str) -> Option<usize> {
    let step = name.strip_prefix("step-")?.parse().ok()?;
    (folder_name(step) == name).then_some(step)
}

/// Returns the steps that have a checkpoint folder, ascending.
pub(super) fn steps(checkpoints: &Path) -> Result<Vec<usize>, Error> {
    let mut steps: Vec<usize> =
        disk::entries(checkpoints)?.iter().filter_map(|path| step_of(path.file_name()?.to_str()?)).collect();
    steps.sort_unstable();
    Ok(steps)
}
