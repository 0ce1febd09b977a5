//! A workload without its types of model and batch: what commands can do with it.

use crate::data::Source;
use crate::device;
use crate::diagnosis::{self, Case};
use crate::model::ModelPatch;
use crate::registry::explainable::{self, Explainable};
use crate::registry::inspect::ParameterSummary;
use crate::registry::{fingerprint, inspect};
use crate::train::{
    self, LrRange, LrRangeTest, Observer, Outcome, RunDirectory, RunOptions, Score, Trained, Trial, Which,
};
use crate::workload::{Generation, Info, Prediction, Section, Workload};
use crate::{Error, train::preparation};
use burn::module::Module;
use burn::tensor::Device;
use optlab_optim::parameter_shapes;
use std::path::PathBuf;
use std::sync::Arc;

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

    /// As [`Workload::share`].
    ///
    /// # Errors
    /// The errors of reading the data.
    fn share(&self, source: &Source) -> Result<(), Error>;

    /// As [`Workload::resamples`].
    ///
    /// # Errors
    /// Data that cannot be found.
    fn resamples(&self, source: &Source) -> Result<bool, Error>;

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
    fn evaluate(&self, run: &SavedRun) -> Result<Evaluated, Error>;

    /// Returns what the folder of a run and its data tell of it.
    ///
    /// # Errors
    /// A folder without a run, a damaged history or outcome, data that cannot be read.
    fn case(&self, run: &SavedRun) -> Result<Case, Error>;

    /// Returns this workload with other settings of its model.
    ///
    /// # Errors
    /// [`Usage`](optlab_core::Error::Usage) for a workload whose model has no settings; a field that the
    /// model does not have, or a value out of its range.
    fn with_model(&self, patch: &ModelPatch) -> Result<Arc<dyn AnyWorkload>, Error>;

    /// Describes data and model: the sections of [`Workload::describe`]; for a workload without them the
    /// sizes of the parts, and the parameters.
    ///
    /// # Errors
    /// Data that cannot be read; a model that does not fit them.
    fn describe(&self, source: &Source) -> Result<Vec<Section>, Error>;

    /// Returns what may be wrong with the data, a sentence each, as [`Workload::warnings`] does.
    ///
    /// # Errors
    /// The errors of reading the data.
    fn warnings(&self, source: &Source) -> Result<Vec<String>, Error>;

    /// Returns the parameters of a checkpoint, and what the workload knows of their meaning.
    ///
    /// # Errors
    /// As [`evaluate`](Self::evaluate).
    fn inspect(&self, run: &SavedRun) -> Result<Inspected, Error>;

    /// Predicts for the examples in `files` with a checkpoint of a run.
    ///
    /// # Errors
    /// As [`evaluate`](Self::evaluate); files that cannot be read; a workload that does not predict.
    fn predict(&self, run: &SavedRun, files: &[PathBuf]) -> Result<Predicted, Error>;

    /// Writes a text with a checkpoint of a run.
    ///
    /// # Errors
    /// As [`evaluate`](Self::evaluate) and [`Workload::generate`].
    fn generate(&self, run: &SavedRun, generation: &Generation) -> Result<Generated, Error>;

    /// Returns the model of a checkpoint as a function of rows of numbers, whose outputs can be explained,
    /// and with `with_data` the rows of its data.
    ///
    /// # Errors
    /// As [`evaluate`](Self::evaluate); [`Usage`](optlab_core::Error::Usage) for a workload whose inputs are
    /// no rows of numbers.
    fn explainable<'a>(&'a self, run: &SavedRun, with_data: bool) -> Result<Explainable<'a>, Error>;
}

/// A run folder, and how to load a model from it.
#[derive(Debug)]
pub struct SavedRun {
    /// The folder.
    pub directory: RunDirectory,
    /// Its trial.
    pub trial: Trial,
    /// The checkpoint.
    pub which: Which,
    /// The backend to load the model on; `None` for the run's own.
    pub backend: Option<String>,
    /// Where to find data that do not ship with the program.
    pub source: Source,
}

impl SavedRun {
    /// Returns the run of `trial` in `directory`: its best checkpoint, on the run's own backend.
    pub fn new(directory: RunDirectory, trial: Trial) -> Self {
        SavedRun { directory, trial, which: Which::Best, backend: None, source: Source::default() }
    }

    pub(super) fn device(&self) -> Result<Device, Error> {
        device::open(self.backend.as_deref().unwrap_or(&self.trial.backend))
    }

    /// Returns the facts that the run saved; a run from before they were saved has them from the data.
    pub(super) fn facts<W: Workload>(&self, workload: &W) -> Result<W::Facts, Error> {
        match self.directory.read_facts()? {
            Some(facts) => Ok(facts),
            None => Ok(train::prepared(workload, &self.trial, &self.source)?.facts),
        }
    }

    /// Loads the model of the checkpoint on a device.
    pub(super) fn load<W: Workload>(
        &self,
        workload: &W,
        facts: &W::Facts,
        device: &Device,
    ) -> Result<Trained<W::Model>, Error> {
        let checkpoints = self.directory.checkpoints();
        let trained = train::load(workload, &self.trial, &checkpoints, self.which, facts, device)?;
        if !trained.checkpoint.trial()?.is_same_as(&self.trial) {
            let reason = "it belongs to another trial than its run".into();
            return Err(Error::Checkpoint { path: trained.checkpoint.path().into(), reason });
        }
        Ok(trained)
    }
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

/// A text that a checkpoint wrote.
#[derive(Debug)]
pub struct Generated {
    /// The prompt and what follows it.
    pub text: String,
    /// Errors of newer checkpoints that were damaged and skipped.
    pub passed_over: Vec<Error>,
}

/// The parameters of a checkpoint.
#[derive(Debug)]
pub struct Inspected {
    /// The parameters, in the model's order.
    pub parameters: Vec<ParameterSummary>,
    /// What they mean in the data's own units, if the workload knows.
    pub sections: Vec<Section>,
    /// Errors of newer checkpoints that were damaged and skipped.
    pub passed_over: Vec<Error>,
}

impl<W: Workload + 'static> AnyWorkload for W {
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

    fn share(&self, source: &Source) -> Result<(), Error> {
        Workload::share(self, source)
    }

    fn resamples(&self, source: &Source) -> Result<bool, Error> {
        Workload::resamples(self, source)
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

    fn evaluate(&self, run: &SavedRun) -> Result<Evaluated, Error> {
        let parts = train::prepared(self, &run.trial, &run.source)?;
        let device = run.device()?;
        let trained = run.load(self, &parts.facts, &device)?;
        let score = train::evaluate(self, &trained.model, &*parts.test, &parts.facts, &device)?;
        Ok(Evaluated {
            checkpoint: trained.checkpoint.path().into(),
            step: trained.state.step,
            score,
            passed_over: trained.passed_over,
        })
    }

    fn case(&self, run: &SavedRun) -> Result<Case, Error> {
        let parts = train::prepared(self, &run.trial, &run.source)?;
        let (train, validation) = (&*parts.train, &*parts.validation);
        Ok(Case {
            trial: run.trial.clone(),
            info: Workload::info(self),
            outcome: run.directory.read_outcome()?,
            rows: run.directory.read_history()?,
            examples: [train.len(), validation.len(), parts.test.len()],
            repeated: diagnosis::repeated(self, train, validation, &run.device()?)?,
        })
    }

    fn with_model(&self, patch: &ModelPatch) -> Result<Arc<dyn AnyWorkload>, Error> {
        Ok(Arc::new(Workload::with_model(self, patch)?))
    }

    fn describe(&self, source: &Source) -> Result<Vec<Section>, Error> {
        let sections = Workload::describe(self, source)?;
        if !sections.is_empty() {
            return Ok(sections);
        }
        let trial = Trial::new(&Workload::info(self));
        let given = train::prepared(self, &trial, source)?;
        let mut parts = Section::table("Parts", &["part", "examples"]);
        for (name, part) in
            [("training", &given.train), ("validation", &given.validation), ("test", &given.test)]
        {
            parts.rows.push(vec![name.into(), part.len().to_string()]);
        }
        let model = self.model(&given.facts, trial.seed, &device::open(&trial.backend)?)?;
        let mut parameters = Section::table("Parameters", &["path", "shape", "parameters"]);
        for (path, shape) in parameter_shapes(&model) {
            let count = shape.iter().product::<usize>().to_string();
            parameters.rows.push(vec![path, format!("{shape:?}"), count]);
        }
        let total = format!("{} parameters", model.num_params());
        Ok(vec![parts, parameters, Section::sentences("Sizes", [total])])
    }

    fn warnings(&self, source: &Source) -> Result<Vec<String>, Error> {
        Workload::warnings(self, source)
    }

    fn inspect(&self, run: &SavedRun) -> Result<Inspected, Error> {
        let facts = run.facts(self)?;
        // With autodiff a parameter knows whether it is trained.
        let trained = run.load(self, &facts, &run.device()?.autodiff())?;
        let sections = self.explain(&trained.model, &facts)?;
        let parameters = inspect::parameters(&trained.model);
        Ok(Inspected { parameters, sections, passed_over: trained.passed_over })
    }

    fn predict(&self, run: &SavedRun, files: &[PathBuf]) -> Result<Predicted, Error> {
        let (facts, device) = (run.facts(self)?, run.device()?);
        let trained = run.load(self, &facts, &device)?;
        let preparation = preparation(&run.trial);
        let predictions = Workload::predict(self, &trained.model, &facts, &preparation, files, &device)?;
        Ok(Predicted { predictions, passed_over: trained.passed_over })
    }

    fn generate(&self, run: &SavedRun, generation: &Generation) -> Result<Generated, Error> {
        let (facts, device) = (run.facts(self)?, run.device()?);
        let trained = run.load(self, &facts, &device)?;
        let text = Workload::generate(self, &trained.model, &facts, generation, &device)?;
        Ok(Generated { text, passed_over: trained.passed_over })
    }

    fn explainable<'a>(&'a self, run: &SavedRun, with_data: bool) -> Result<Explainable<'a>, Error> {
        explainable::load(self, run, with_data)
    }
}
