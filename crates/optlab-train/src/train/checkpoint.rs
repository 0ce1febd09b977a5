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
use crate::files::atomic_file::without_temporary_name;
use crate::files::{checksum, json_file};
use crate::train::early_stopping::EarlyStopping;
use crate::train::{Score, TargetReached, Trial};
use burn::module::Module;
use burn::store::ModuleRecord;
use burn::tensor::Device;
use optlab_optim::{ModelOptimizer, synchronize_statistics};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};

const MODEL: &str = "model.bpk";
const EVALUATED: &str = "evaluated.bpk";
const OPTIMIZER: &str = "optimizer.bpk";
const STATE: &str = "state.json";
const TRIAL: &str = "trial.json";
const MANIFEST: &str = "manifest.json";
const FORMAT: u32 = 1;

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
    /// Sum of the losses of the current epoch's steps, for the epoch's mean.
    pub epoch_loss_sum: f64,
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
    /// State of schedules that react to measurements.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub schedule: Vec<f64>,
    /// Whether early stopping ended the run here.
    pub stopped_early: bool,
}

#[derive(Debug, Serialize, Deserialize)]
struct Manifest {
    format: u32,
    files: BTreeMap<String, String>,
}

/// A checkpoint whose checksums were verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    path: PathBuf,
}

impl Checkpoint {
    /// Writes a checkpoint below `checkpoints` and makes it visible by one rename. `evaluated` is the model
    /// to evaluate; `None` if it is the trained one.
    ///
    /// # Errors
    /// [`Io`](optlab_core::Error::Io) or [`File`](optlab_core::Error::File), for example if the disk is full;
    /// no half-written checkpoint remains.
    pub fn save<M: Module>(
        checkpoints: &Path,
        trial: &Trial,
        state: &State,
        model: &M,
        evaluated: Option<&M>,
        optimizers: &[ModelOptimizer],
    ) -> Result<Self, Error> {
        // Not its parents: the folder of a run that was removed must not come back.
        if !checkpoints.is_dir() {
            std::fs::create_dir(checkpoints).map_err(Error::io("create", checkpoints))?;
        }
        let path = checkpoints.join(folder_name(state.step));
        let mut builder = tempfile::Builder::new();
        // Readable by others as far as the user's umask allows, like any other folder of the user.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o777));
        let unfinished = builder
            .prefix(".writing-")
            .tempdir_in(checkpoints)
            .map_err(without_temporary_name)
            .map_err(Error::io("create a folder in", checkpoints))?;
        let folder = unfinished.path();
        synchronize_statistics(model);
        save_model(model.clone(), &folder.join(MODEL), &path)?;
        let mut names = [MODEL, STATE, TRIAL].map(String::from).to_vec();
        for (turn, optimizer) in optimizers.iter().enumerate() {
            optimizer.save(&folder.join(optimizer_file(turn)))?;
            names.push(optimizer_file(turn));
        }
        if let Some(evaluated) = evaluated {
            save_model(evaluated.clone(), &folder.join(EVALUATED), &path)?;
            names.push(EVALUATED.into());
        }
        json_file::write(&folder.join(STATE), state)?;
        json_file::write(&folder.join(TRIAL), trial)?;
        let mut files = BTreeMap::new();
        for name in names {
            let sha256 = checksum::of_file(&folder.join(&name))?;
            files.insert(name, sha256);
        }
        json_file::write(&folder.join(MANIFEST), &Manifest { format: FORMAT, files })?;
        synchronize(folder)?;
        if path.exists() {
            std::fs::remove_dir_all(&path).map_err(Error::io("replace", &path))?;
        }
        std::fs::rename(folder, &path).map_err(Error::io("create", &path))?;
        // The folder has moved, so the guard must not remove it.
        let _moved_away = unfinished.keep();
        synchronize(checkpoints)?;
        Ok(Checkpoint { path })
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

/// Removes all checkpoints except the newest `keep` and those at `keep_steps`, and the remains of interrupted
/// writes.
///
/// # Errors
/// [`Io`](optlab_core::Error::Io).
pub fn remove_old(checkpoints: &Path, keep: usize, keep_steps: &[usize]) -> Result<(), Error> {
    let steps = steps(checkpoints)?;
    let old = steps.len().saturating_sub(keep);
    for step in steps.iter().take(old).filter(|step| !keep_steps.contains(step)) {
        let path = checkpoints.join(folder_name(*step));
        std::fs::remove_dir_all(&path).map_err(Error::io("remove", &path))?;
    }
    for path in entries(checkpoints)? {
        let is_left_over =
            path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b".writing-"));
        if is_left_over && path.is_dir() {
            std::fs::remove_dir_all(&path).map_err(Error::io("remove", &path))?;
        }
    }
    Ok(())
}

/// Returns the name of the file of the optimizer of a turn.
fn optimizer_file(turn: usize) -> String {
    match turn {
        0 => OPTIMIZER.into(),
        _ => format!("optimizer-{}.bpk", turn + 1),
    }
}

/// Saves a model; errors name the file's final path in `checkpoint`.
fn save_model<M: Module>(model: M, file: &Path, checkpoint: &Path) -> Result<(), Error> {
    let path = checkpoint.join(file.file_name().unwrap_or_default());
    let saved = model.into_record().save(file);
    saved.map_err(|reason| Error::file(path, reason))
}

fn folder_name(step: usize) -> String {
    format!("step-{step:06}")
}

/// Returns the steps that have a checkpoint folder, ascending.
fn steps(checkpoints: &Path) -> Result<Vec<usize>, Error> {
    let mut steps: Vec<usize> = entries(checkpoints)?
        .iter()
        .filter_map(|path| path.file_name()?.to_str()?.strip_prefix("step-")?.parse().ok())
        .collect();
    steps.sort_unstable();
    Ok(steps)
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    std::fs::read_dir(folder)
        .and_then(|entries| entries.map(|entry| entry.map(|entry| entry.path())).collect())
        .map_err(Error::io("read", folder))
}

/// Makes sure that a folder's entries survive a power failure. Windows has no such call and needs none.
fn synchronize(folder: &Path) -> Result<(), Error> {
    if cfg!(unix) {
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(Error::io("synchronize", folder))?;
    }
    Ok(())
}
