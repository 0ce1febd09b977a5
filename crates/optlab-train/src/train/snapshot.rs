//! A checkpoint before it is written, and who writes it.

use crate::Error;
use crate::files::{checksum, disk, json_file};
use crate::train::Trial;
use crate::train::checkpoint::{
    self, Checkpoint, EVALUATED, FORMAT, MANIFEST, MODEL, Manifest, REPLACED, STATE, State, TRIAL,
    folder_name, optimizer_file,
};
use burn::module::Module;
use burn::store::ModuleRecord;
use optlab_optim::{ModelOptimizer, StateRecord, synchronize_statistics};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;

/// A checkpoint in the memory of the processor, from where it can be written while the training goes on.
#[derive(Debug)]
pub struct Snapshot {
    trial: Trial,
    state: State,
    model: ModuleRecord,
    evaluated: Option<ModuleRecord>,
    optimizers: Vec<StateRecord>,
}

impl Snapshot {
    /// Copies the parameters of `model` and the states of `optimizers`. `evaluated` is the model to evaluate;
    /// `None` if it is the trained one.
    ///
    /// # Errors
    /// The errors of [`ModelOptimizer::record`].
    pub fn take<M: Module>(
        trial: &Trial,
        state: &State,
        model: &M,
        evaluated: Option<&M>,
        optimizers: &[ModelOptimizer],
    ) -> Result<Self, Error> {
        synchronize_statistics(model);
        Ok(Snapshot {
            trial: trial.clone(),
            state: state.clone(),
            model: model.clone().into_record(),
            evaluated: evaluated.map(|model| model.clone().into_record()),
            optimizers: optimizers.iter().map(ModelOptimizer::record).collect::<Result<_, _>>()?,
        })
    }

    /// Writes a checkpoint below `checkpoints` and makes it visible by one rename.
    ///
    /// # Errors
    /// [`Io`](optlab_core::Error::Io) or [`File`](optlab_core::Error::File), for example if the disk is full;
    /// no half-written checkpoint remains.
    pub fn write(self, checkpoints: &Path) -> Result<Checkpoint, Error> {
        let Snapshot { trial, state, model, evaluated, optimizers } = self;
        disk::create_only_folder(checkpoints)?;
        let path = checkpoints.join(folder_name(state.step));
        let unfinished = disk::unfinished_folder(checkpoints)?;
        let folder = unfinished.path();
        save_model(model, &folder.join(MODEL), &path)?;
        let mut written = vec![MODEL.to_string()];
        for (turn, optimizer) in optimizers.into_iter().enumerate() {
            let file = folder.join(optimizer_file(turn));
            optimizer.save(&file)?;
            disk::written_by_others(&file)?;
            written.push(optimizer_file(turn));
        }
        if let Some(evaluated) = evaluated {
            save_model(evaluated, &folder.join(EVALUATED), &path)?;
            written.push(EVALUATED.into());
        }
        let mut files = BTreeMap::new();
        for name in written {
            // Burn writes a file by its name alone, so what it wrote has to be read.
            let sha256 = checksum::of_file(&folder.join(&name))?;
            files.insert(name, sha256);
        }
        let texts = [
            (STATE, json_file::text(&state, &path.join(STATE))?),
            (TRIAL, json_file::text(&trial, &path.join(TRIAL))?),
        ];
        for (name, text) in texts {
            disk::write(&folder.join(name), &text)?;
            files.insert(name.into(), checksum::sha256(&text));
        }
        let manifest = Manifest { format: FORMAT, files };
        disk::write(&folder.join(MANIFEST), &json_file::text(&manifest, &path.join(MANIFEST))?)?;
        disk::synchronize_folder(folder)?;
        let replaced = checkpoints.join(format!("{REPLACED}{}", folder_name(state.step)));
        if path.exists() {
            disk::remove(&replaced)?;
            disk::rename(&path, &replaced)?;
        }
        disk::rename(folder, &path)?;
        // The folder has moved, so the guard must not remove it.
        let _moved_away = unfinished.keep();
        disk::synchronize_folder(checkpoints)?;
        disk::remove(&replaced)?;
        Ok(Checkpoint::in_folder(path))
    }
}

/// Saves a model; errors name the file's final path in `checkpoint`.
fn save_model(model: ModuleRecord, file: &Path, checkpoint: &Path) -> Result<(), Error> {
    let path = checkpoint.join(file.file_name().unwrap_or_default());
    model.save(file).map_err(|reason| Error::file(path, reason))?;
    disk::written_by_others(file)
}

/// Writes the checkpoints of a run, and removes old ones.
#[derive(Debug)]
pub(super) struct Saver {
    /// The folder of the checkpoints.
    pub checkpoints: PathBuf,
    /// Number of newest checkpoints to keep, besides the best.
    pub keep: usize,
    /// Whether a thread of its own writes while the training goes on.
    pub is_in_background: bool,
    /// The checkpoint that is being written.
    pub running: Option<JoinHandle<Result<Checkpoint, Error>>>,
}

impl Saver {
    /// Writes a checkpoint, or begins to, once the one before it is written. Returns those that are now
    /// whole.
    ///
    /// # Errors
    /// The errors of [`Snapshot::write`], for this checkpoint or the one before it.
    pub fn save(&mut self, snapshot: Snapshot) -> Result<Vec<Checkpoint>, Error> {
        let mut whole: Vec<Checkpoint> = self.wait()?.into_iter().collect();
        let (checkpoints, keep) = (self.checkpoints.clone(), self.keep);
        let write = move || {
            let step = snapshot.state.step;
            let best = snapshot.state.best.as_ref().map(|best| best.step);
            let saved = snapshot.write(&checkpoints)?;
            checkpoint::remove_old(&checkpoints, step, keep, best)?;
            Ok(saved)
        };
        match self.is_in_background {
            true => self.running = Some(std::thread::spawn(write)),
            false => whole.push(write()?),
        }
        Ok(whole)
    }

    /// Waits for the checkpoint that is being written, if there is one, and returns it.
    ///
    /// # Errors
    /// The errors of [`Snapshot::write`].
    pub fn wait(&mut self) -> Result<Option<Checkpoint>, Error> {
        let Some(running) = self.running.take() else { return Ok(None) };
        match running.join() {
            Ok(saved) => saved.map(Some),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }
}

impl Drop for Saver {
    fn drop(&mut self) {
        if let Some(running) = self.running.take() {
            // The run ended by another error, which is told instead of this one.
            drop(running.join());
        }
    }
}
