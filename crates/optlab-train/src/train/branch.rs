//! Branches: runs that share their first steps with another run, the trunk.
//!
//! A trial decides its result, so a branch may start from a checkpoint of its trunk only if it would have
//! made the same steps up to there itself: the trials agree in all but the length of the run, the batch size,
//! the schedule and its learning rate, and the batch sizes, the rates and all other scheduled numbers of
//! these steps are the same to the bit. The branch then is what a run of its trial from the start would be,
//! without the time for these steps.

use crate::Error;
use crate::data::BatchSizes;
use crate::files::{checksum, disk, json_file};
use crate::train::checkpoint::{Checkpoint, MANIFEST, Manifest, TRIAL, folder_name};
use crate::train::rates::Rates;
use crate::train::{Recipe, RunDirectory, Trial, history, run};
use optlab_core::bounded_file;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// The checkpoint of a run that another run starts from: `artifacts/RUN@800`.
///
/// # Example
/// ```
/// use optlab_train::train::Branch;
///
/// let branch: Branch = "artifacts/trunk@800".parse()?;
/// assert_eq!((branch.trunk.path().to_str(), branch.step), (Some("artifacts/trunk"), 800));
/// assert!("artifacts/trunk".parse::<Branch>().is_err());
/// # Ok::<(), optlab_train::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Branch {
    /// The folder of the trunk.
    pub trunk: RunDirectory,
    /// The steps that the runs share.
    pub step: usize,
}

impl FromStr for Branch {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let parts = text.rsplit_once('@').and_then(|(folder, step)| Some((folder, step.parse().ok()?)));
        let (folder, step) =
            parts.ok_or_else(|| Error::usage(format!("`{text}` names no checkpoint: write RUN@STEP")))?;
        Ok(Branch { trunk: RunDirectory::new(folder), step })
    }
}

impl fmt::Display for Branch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.trunk.path().display(), self.step)
    }
}

impl Branch {
    /// Opens the checkpoint, and checks that a run of `trial` with batches of these `sizes` makes the same
    /// steps up to it. `own_batch` is the workload's default batch size.
    ///
    /// # Errors
    /// [`Error::Checkpoint`] without the checkpoint; [`Usage`](optlab_core::Error::Usage) naming the setting
    /// or the first step that differs; the errors of the trunk's schedules.
    pub(super) fn open(
        &self,
        trial: &Trial,
        own_batch: usize,
        sizes: &BatchSizes,
    ) -> Result<Checkpoint, Error> {
        let refuse = |reason: String| Err(Error::usage(format!("--from {self}: {reason}")));
        let trunk = self.trunk.read_trial()?;
        let checkpoint = Checkpoint::at(&self.trunk.checkpoints(), self.step)?;
        if checkpoint.trial()? != trunk {
            return refuse("the checkpoint belongs to another trial than its run".into());
        }
        if let Some(setting) = difference(&trunk, trial) {
            return refuse(format!("`{setting}` differs, so the first steps would differ, too"));
        }
        let length = run::length(trial, own_batch, sizes);
        if self.step > length.total_steps {
            return refuse(format!("the run has only {} steps", length.total_steps));
        }
        let trunk_sizes = trunk.recipe.batch_sizes(own_batch, sizes.examples())?;
        let of_trunk = run::length(&trunk, own_batch, &trunk_sizes);
        if self.step == of_trunk.total_steps && !trunk_sizes.is_end(self.step) {
            let end = trunk_sizes.steps_of(trunk_sizes.epoch_of(self.step)).end;
            return refuse(format!(
                "there the trunk ended within an epoch, where this run goes on: choose a checkpoint before, or a \
                 trunk that ends where an epoch does, as after {end} steps"
            ));
        }
        if checkpoint.state()?.rollbacks > 0 {
            return refuse("the trunk has returned to a smaller rate before".into());
        }
        let [one, other] = [(&trunk, of_trunk), (trial, length)].map(|(trial, length)| {
            let optimizer = trial.optimizer.build_for(length)?;
            Ok::<_, Error>((Rates::of(&trial.schedule, optimizer.groups(), length)?, optimizer))
        });
        let ((rates, optimizer), (other_rates, other_optimizer)) = (one?, other?);
        if !rates.state().is_empty() || !other_rates.state().is_empty() {
            return refuse("a schedule that depends on measurements cannot change".into());
        }
        for step in 0..self.step {
            let (one, other) = (trunk_sizes.of_step(step), sizes.of_step(step));
            if one != other {
                return refuse(format!("at step {step} the batch size was {one}, and would be {other}"));
            }
            let (trunks, own) = (rates.at(step), other_rates.at(step));
            if trunks != own {
                let (one, other) = (trunks.base, own.base);
                return refuse(format!("at step {step} the learning rate was {one}, and would be {other}"));
            }
            if optimizer.scheduled_numbers_at(step) != other_optimizer.scheduled_numbers_at(step) {
                return refuse(format!("at step {step} a number of the optimizer was another"));
            }
        }
        Ok(checkpoint)
    }

    /// Copies the history up to the checkpoint, the best checkpoint before it and the checkpoint itself into
    /// `directory`, as those of `trial`, so that it holds a run of that trial that was interrupted here.
    /// After a stop in between it holds one that was interrupted before.
    ///
    /// # Errors
    /// [`Io`](optlab_core::Error::Io); [`Error::Checkpoint`] without the best one;
    /// [`File`](optlab_core::Error::File) if the trunk's history is not whole.
    pub(super) fn copy(
        &self,
        checkpoint: &Checkpoint,
        directory: &RunDirectory,
        trial: &Trial,
    ) -> Result<(), Error> {
        let state = checkpoint.state()?;
        let rows = history::read_to(&self.trunk.history(), state.history.as_ref())?;
        let copied = history::write(&directory.history(), &rows)?;
        if state.history.is_some_and(|mark| mark != copied) {
            return Err(Error::file(self.trunk.history(), "was written by another version"));
        }
        if let Some(best) = state.best.filter(|best| best.step != self.step) {
            let saved = Checkpoint::at(&self.trunk.checkpoints(), best.step)?;
            copy_checkpoint(&saved, best.step, &directory.checkpoints(), trial)?;
        }
        copy_checkpoint(checkpoint, self.step, &directory.checkpoints(), trial)
    }
}

/// Returns the name of a setting other than schedule, learning rate, batch size and length in which two
/// trials differ.
fn difference(one: &Trial, other: &Trial) -> Option<String> {
    let same = Recipe { budget: one.recipe.budget, ..other.recipe.clone() };
    let recipe = Recipe { batch_size: one.recipe.batch_size.clone(), ..same };
    let other = Trial { schedule: one.schedule.clone(), lr: one.lr, recipe, ..other.clone() };
    if *one == other {
        return None;
    }
    let [one, other] = [one, &other].map(|trial| serde_json::to_value(trial).unwrap_or_default());
    let keys =
        [&one, &other].into_iter().filter_map(|value| value.as_object()).flat_map(|table| table.keys());
    let differs = |key: &&String| one.get(key.as_str()) != other.get(key.as_str());
    Some(keys.filter(differs).map(String::from).next().unwrap_or_else(|| "workload".into()))
}

/// Copies a checkpoint into the folder `checkpoints` of another run, with that run's trial.
fn copy_checkpoint(from: &Checkpoint, step: usize, checkpoints: &Path, trial: &Trial) -> Result<(), Error> {
    let path = checkpoints.join(folder_name(step));
    let unfinished = disk::unfinished_folder(checkpoints)?;
    let folder = unfinished.path();
    let mut manifest: Manifest = json_file::read(&from.path().join(MANIFEST))?;
    for (name, sha256) in &mut manifest.files {
        let to = folder.join(name);
        match name.as_str() {
            TRIAL => disk::write(&to, &json_file::text(trial, &path.join(TRIAL))?)?,
            name => copy_file(&from.path().join(name), &to)?,
        }
        *sha256 = checksum::of_file(&to)?;
    }
    disk::write(&folder.join(MANIFEST), &json_file::text(&manifest, &path.join(MANIFEST))?)?;
    disk::synchronize_folder(folder)?;
    disk::rename(folder, &path)?;
    // The folder has moved, so the guard must not remove it.
    let _moved_away: PathBuf = unfinished.keep();
    disk::synchronize_folder(checkpoints)
}

fn copy_file(from: &Path, to: &Path) -> Result<(), Error> {
    let mut source = bounded_file::open(from, u64::MAX)?;
    let mut target = std::fs::File::create(to).map_err(Error::io("create", to))?;
    std::io::copy(&mut source, &mut target).map_err(Error::io("write", to))?;
    disk::written_by_others(to)
}
