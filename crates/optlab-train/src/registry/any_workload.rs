//! A workload without its types of model and batch: what commands can do with it.

use crate::data::Source;
use crate::device;
use crate::registry::fingerprint;
use crate::train::{
    self, LrRange, LrRangeTest, Observer, Outcome, RunDirectory, RunOptions, Score, Trained, Trial, Which,
};
use crate::workload::{Info, Prediction, Workload};
use crate::{Error, train::preparation};
use burn::tensor::Device;
use std::path::PathBuf;

/// A workload of any types, as the registry holds it. Every [`Workload`] is one.
pub trait AnyWorkload: Send + Sync {
    /// Returns name, measures and defaults.
    fn info(&self) -> Info;

    /// Returns the fingerprint of code, data files and parameter shapes; `None` for a workload without a
    /// version.
    ///
    /// # Errors
    /// Data that cannot be read; a model that does not fit them.
    fn fingerprint(&self, source: &Source) -> Result<Option<String>, Error>;

    /// Loads the data and forgets them: missing data are one error before many trials start, and are
    /// downloaded once.
    ///
    /// # Errors
    /// Data that cannot be read.
    fn check_data(&self, source: &Source) -> Result<(), Error>;

    /// Trains a trial, as [`train::run`] does.
    ///
    /// # Errors
    /// The errors of [`train::run`].
    fn train(
        &self,
        trial: &Trial,
        options: &RunOptions,
        observer: &mut dyn Observer,
    ) -> Result<Outcome, Error>;

    /// Runs a learning-rate range test, as [`train::find_lr`] does.
    ///
    /// # Errors
    /// The errors of [`train::find_lr`].
    fn find_lr(&self, trial: &Trial, test: &LrRangeTest, source: &Source) -> Result<LrRange, Error>;

    /// Evaluates a checkpoint of a run on the test part.
    ///
    /// # Errors
    /// A folder without a run, a damaged checkpoint, a backend without a device, data that cannot be read.
    fn evaluate(&self, run: &SavedRun<'_>) -> Result<Evaluated, Error>;

    /// Predicts for the examples in `files` with a checkpoint of a run.
    ///
    /// # Errors
    /// As [`evaluate`](Self::evaluate); files that cannot be read; a workload that does not predict.
    fn predict(&self, run: &SavedRun<'_>, files: &[PathBuf]) -> Result<Predicted, Error>;
}

/// A run folder, and how to load a model from it.
#[derive(Debug)]
pub struct SavedRun<'a> {
    /// The folder.
    pub directory: &'a RunDirectory,
    /// Its trial.
    pub trial: &'a Trial,
    /// The checkpoint.
    pub which: Which,
    /// The backend to load the model on; `None` for the run's own.
    pub backend: Option<&'a str>,
    /// Where to find data that do not ship with the program.
    pub source: Source,
}

/// The result of evaluating a checkpoint.
#[derive(Debug)]
pub struct Evaluated {
    /// The checkpoint's folder.
    pub checkpoint: PathBuf,
    /// Number of steps made before it.
    pub step: usize,
    /// The score on the test part; `None` if the part is empty.
    pub score: Option<Score>,
    /// Errors of newer checkpoints that were damaged and skipped.
    pub passed_over: Vec<Error>,
}

/// The predictions of a checkpoint.
#[derive(Debug)]
pub struct Predicted {
    /// One for each example, in the order of the files.
    pub predictions: Vec<Prediction>,
    /// Errors of newer checkpoints that were damaged and skipped.
    pub passed_over: Vec<Error>,
}

impl<W: Workload> AnyWorkload for W {
    fn info(&self) -> Info {
        Workload::info(self)
    }

    fn fingerprint(&self, source: &Source) -> Result<Option<String>, Error> {
        fingerprint::of(self, source)
    }

    fn check_data(&self, source: &Source) -> Result<(), Error> {
        let trial = Trial::new(&Workload::info(self));
        train::prepared(self, &trial, source).map(|_| ())
    }

    fn train(
        &self,
        trial: &Trial,
        options: &RunOptions,
        observer: &mut dyn Observer,
    ) -> Result<Outcome, Error> {
        train::run(self, trial, options, observer)
    }

    fn find_lr(&self, trial: &Trial, test: &LrRangeTest, source: &Source) -> Result<LrRange, Error> {
        train::find_lr(self, trial, test, source)
    }

    fn evaluate(&self, run: &SavedRun<'_>) -> Result<Evaluated, Error> {
        let parts = train::prepared(self, run.trial, &run.source)?;
        let (trained, device) = load(self, run, &parts.facts)?;
        let score = train::evaluate(self, &trained.model, &*parts.test, &parts.facts, &device)?;
        Ok(Evaluated {
            checkpoint: trained.checkpoint.path().into(),
            step: trained.state.step,
            score,
            passed_over: trained.passed_over,
        })
    }

    fn predict(&self, run: &SavedRun<'_>, files: &[PathBuf]) -> Result<Predicted, Error> {
        let facts = match run.directory.read_facts()? {
            Some(facts) => facts,
            None => train::prepared(self, run.trial, &run.source)?.facts,
        };
        let (trained, device) = load(self, run, &facts)?;
        let preparation = preparation(run.trial);
        let predictions = Workload::predict(self, &trained.model, &facts, &preparation, files, &device)?;
        Ok(Predicted { predictions, passed_over: trained.passed_over })
    }
}

/// Loads the model of a run's checkpoint, and opens the device that it is on.
fn load<W: Workload>(
    workload: &W,
    run: &SavedRun<'_>,
    facts: &W::Facts,
) -> Result<(Trained<W::Model>, Device), Error> {
    let device = device::open(run.backend.unwrap_or(&run.trial.backend))?;
    let checkpoints = run.directory.checkpoints();
    let trained = train::load(workload, run.trial, &checkpoints, run.which, facts, &device)?;
    Ok((trained, device))
}
