//! Workloads: what is trained on what, with which loss and measures.
//!
//! A [`Workload`] has a model of any type and batches of any type. [`Supervised`] is for models that predict
//! targets from rows of numbers; the workloads that come with the program are of that kind.

mod built_in;
mod defaults;
mod diabetes_linear;
mod digits_cnn;
mod digits_rnn;
pub mod language;
mod mnist_cnn;
mod mnist_resnet;
mod prediction;
mod row_model;
mod section;
mod sunspots_gated;
mod sunspots_rnn;
mod supervised;

pub use crate::objective::Tally;
pub use built_in::{BuiltIn, Network, all, built_in};
pub use defaults::Defaults;
pub use language::{Generation, Language};
pub use prediction::{Answer, Prediction};
pub use row_model::{Element, Forward, NamedRows, ReadInputs, RowModel, RowTarget, Rows, rounded};
pub use section::{Section, WARNINGS};
pub use supervised::{RowFacts, Supervised};

use crate::Error;
use crate::data::{Batch, ExampleSet, Preparation, Source};
use crate::model::ModelPatch;
use crate::nn::{LargestScores, Mode};
use burn::module::Module;
use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor};
use optlab_core::Metric;
use rand::Rng;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::path::PathBuf;

/// The default share of the training data that is held out for validation.
pub const VALIDATION: f64 = 0.1;

/// The description of a workload, apart from its model.
#[derive(Debug, Clone, PartialEq)]
pub struct Info {
    /// The name on the command line.
    pub name: String,
    /// A summary in one line.
    pub summary: String,
    /// The measures of an evaluation, at least one. The first is the metric that trials are judged by, and
    /// its target is the validation value that counts as success.
    pub measures: Vec<Metric>,
    /// Default number of examples per step.
    pub batch_size: usize,
    /// Default number of epochs.
    pub epochs: usize,
    /// Whether training examples are images that can be shifted and rotated.
    pub augments: bool,
    /// Default optimizer, schedule and what else differs from the program's defaults.
    pub defaults: Defaults,
}

impl Info {
    /// Returns a description with batches of 32 examples, 10 epochs and examples that are not images.
    pub fn new(name: &str, summary: &str, measures: Vec<Metric>) -> Self {
        let (name, summary) = (name.into(), summary.into());
        Info {
            name,
            summary,
            measures,
            batch_size: 32,
            epochs: 10,
            augments: false,
            defaults: Defaults::default(),
        }
    }

    /// Returns the measure that trials are judged by.
    ///
    /// # Panics
    /// If there are no measures.
    pub fn metric(&self) -> Metric {
        self.measures[0].clone()
    }
}

/// The data of a workload, ready to train on.
pub struct Parts<B, F> {
    /// Examples that the model learns from.
    pub train: Box<dyn ExampleSet<B>>,
    /// Examples that evaluate a run while it trains; empty with `validation = 0`.
    pub validation: Box<dyn ExampleSet<B>>,
    /// Examples that only the finished model sees.
    pub test: Box<dyn ExampleSet<B>>,
    /// What the model and later predictions need to know of the data.
    pub facts: F,
}

impl<B, F: std::fmt::Debug> std::fmt::Debug for Parts<B, F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let lens = [&self.train, &self.validation, &self.test].map(|part| part.len());
        f.debug_struct("Parts").field("lens", &lens).field("facts", &self.facts).finish()
    }
}

/// A problem to train on: a model, batches of its data, a loss and measures.
///
/// Register it with [`register`](crate::registry::register), and every command knows it by its name.
/// [`Supervised`] needs less, if inputs are rows of numbers.
pub trait Workload: Send + Sync {
    /// The model.
    type Model: Module;
    /// The examples of one step, on a device.
    type Batch;
    /// What the model and later predictions need to know of the training data, such as the number of classes
    /// or the means of columns. It is saved with the run; `()` if there is nothing.
    type Facts: Serialize + DeserializeOwned + Send + Sync;

    /// Returns name, measures and defaults.
    fn info(&self) -> Info;

    /// Returns a text that changes whenever results change: code, settings. Trials of another version are
    /// refused by name; `None` if the program's own version is enough.
    fn version(&self) -> Option<String> {
        Some("1".into())
    }

    /// Returns the files of the data; their SHA-256 is a part of the version of a trial.
    ///
    /// # Errors
    /// Files that cannot be found.
    fn data_files(&self, source: &Source) -> Result<Vec<PathBuf>, Error> {
        let _: &Source = source;
        Ok(Vec::new())
    }

    /// Returns whether [`Preparation::split`] draws the test part; if not, every trial has the same one,
    /// whatever its `split`. A workload whose [`parts`](Self::parts) use the `split`, as
    /// [`DataSet::prepare`](crate::data::DataSet::prepare) does, overrides this; by default it returns
    /// `false`.
    ///
    /// # Errors
    /// Data that cannot be found.
    fn resamples(&self, source: &Source) -> Result<bool, Error> {
        let _: &Source = source;
        Ok(false)
    }

    /// Loads the data, ready to train on.
    ///
    /// # Errors
    /// The errors of reading the data.
    fn parts(
        &self,
        source: &Source,
        preparation: &Preparation,
    ) -> Result<Parts<Self::Batch, Self::Facts>, Error>;

    /// Prepares once what the processes of many trials need of the data, such as a file that is quicker to
    /// read. It is called before they start; by default there is nothing to prepare.
    ///
    /// # Errors
    /// The errors of reading the data.
    fn share(&self, source: &Source) -> Result<(), Error> {
        let _: &Source = source;
        Ok(())
    }

    /// Creates the model with its initial weights, which depend on `facts` and `seed` alone.
    ///
    /// # Errors
    /// [`InvalidConfig`](optlab_core::Error::InvalidConfig) if the model does not fit the data.
    fn model(&self, facts: &Self::Facts, seed: u64, device: &Device) -> Result<Self::Model, Error>;

    /// Returns the mean loss over the batch's examples, one element, for a training step.
    ///
    /// Random numbers of the backend, as Burn's dropout and `Tensor::random` draw them, are seeded before
    /// each step by the trial's seed and the step.
    fn loss(&self, model: &Self::Model, batch: &Self::Batch, facts: &Self::Facts, mode: Mode) -> Tensor<1>;

    /// Evaluates the batch: returns its mean loss, one element, and adds to `tally` what the measures need.
    fn evaluate(
        &self,
        model: &Self::Model,
        batch: &Self::Batch,
        facts: &Self::Facts,
        tally: &mut Tally,
    ) -> Tensor<1>;

    /// Returns the value of each measure of [`info`](Self::info), from the sums over all batches. By default
    /// it is the [`ratio`](Tally::ratio) under the measure's name.
    fn measures(&self, tally: &Tally, facts: &Self::Facts) -> Vec<f64> {
        let _: &Self::Facts = facts;
        let measures = self.info().measures;
        measures.iter().map(|measure| tally.ratio(&measure.name).unwrap_or(f64::NAN)).collect()
    }

    /// Returns how often networks take turns within a step, each with an optimizer of its own; 1 for a model
    /// that is trained as a whole.
    fn turns(&self) -> usize {
        1
    }

    /// Returns the loss and the gradients of turn number `turn` of a step. By default the gradients are those
    /// of [`loss`](Self::loss). Parameters without a gradient are not updated in this turn.
    fn gradients(
        &self,
        turn: usize,
        model: &Self::Model,
        batch: &Self::Batch,
        facts: &Self::Facts,
        mode: Mode,
    ) -> (Tensor<1>, GradientsParams) {
        let _: usize = turn;
        let loss = self.loss(model, batch, facts, mode);
        let gradients = GradientsParams::from_grads(loss.backward(), model);
        (loss.inner(), gradients)
    }

    /// Passes the batch through every layer of the model that has running statistics, as a training step
    /// does. By default it computes [`loss`](Self::loss), or with several turns the
    /// [`gradients`](Self::gradients) of each.
    ///
    /// Statistics are recomputed with it for the weights that an optimizer evaluates instead of the trained
    /// ones, such as an average.
    fn pass_forward(&self, model: &Self::Model, batch: &Self::Batch, facts: &Self::Facts, mode: Mode) {
        match self.turns() {
            0 | 1 => drop(self.loss(model, batch, facts, mode)),
            turns => (0..turns).for_each(|turn| drop(self.gradients(turn, model, batch, facts, mode))),
        }
    }

    /// Returns the mean loss against targets that are drawn from the model's own predictions, from which
    /// `sophia_g` estimates the curvature; `None` if that is not possible.
    fn sampled_loss(
        &self,
        model: &Self::Model,
        batch: &Self::Batch,
        facts: &Self::Facts,
        mode: Mode,
        random: &mut dyn Rng,
    ) -> Option<Tensor<1>> {
        let _: (&Self::Model, &Self::Batch, &Self::Facts, Mode, &mut dyn Rng) =
            (model, batch, facts, mode, random);
        None
    }

    /// Returns the sum of the logarithms of all class probabilities for inputs `rows` `[batch, elements]`,
    /// one element, for the penalty on input gradients; for a model that predicts numbers the sum of its
    /// outputs. `None` if that is not possible.
    fn sum_of_log_probabilities(
        &self,
        model: &Self::Model,
        rows: Tensor<2>,
        facts: &Self::Facts,
        mode: Mode,
    ) -> Option<Tensor<1>> {
        let _: (&Self::Model, Tensor<2>, &Self::Facts, Mode) = (model, rows, facts, mode);
        None
    }

    /// Returns whether [`with_clipped_scores`](Self::with_clipped_scores) clips: whether the model has
    /// attention. By default it has none.
    fn clips_scores(&self) -> bool {
        false
    }

    /// Returns `model` with smaller weights of queries and keys in the heads whose largest score in a step,
    /// in `largest`, exceeds `threshold`. By default it is returned as it is.
    fn with_clipped_scores(&self, model: Self::Model, largest: LargestScores, threshold: f64) -> Self::Model {
        let _: (LargestScores, f64) = (largest, threshold);
        model
    }

    /// Returns this workload with other settings of its model.
    ///
    /// # Errors
    /// [`Usage`](optlab_core::Error::Usage) for a workload whose model has no settings; a field that the
    /// model does not have, or a value out of its range.
    fn with_model(&self, patch: &ModelPatch) -> Result<Self, Error>
    where
        Self: Sized,
    {
        Err(no_settings(&self.info().name, patch))
    }

    /// Describes data and model beyond their sizes: columns, layers, warnings.
    ///
    /// # Errors
    /// The errors of reading the data.
    fn describe(&self, source: &Source) -> Result<Vec<Section>, Error> {
        let _: &Source = source;
        Ok(Vec::new())
    }

    /// Returns what may be wrong with the data, a sentence each, to be printed before a training. By default
    /// these are the sentences of [`describe`](Self::describe) under the title [`WARNINGS`].
    ///
    /// # Errors
    /// The errors of reading the data.
    fn warnings(&self, source: &Source) -> Result<Vec<String>, Error> {
        let sections = self.describe(source)?.into_iter().filter(|section| section.title == WARNINGS);
        Ok(sections.flat_map(|section| section.rows).map(|row| row.join(" ")).collect())
    }

    /// Returns what a trained model's parameters mean in the data's own units, such as the coefficients of a
    /// linear model.
    ///
    /// # Errors
    /// Parameters that cannot be read.
    fn explain(&self, model: &Self::Model, facts: &Self::Facts) -> Result<Vec<Section>, Error> {
        let _: (&Self::Model, &Self::Facts) = (model, facts);
        Ok(Vec::new())
    }

    /// Predicts for the examples in `files`.
    ///
    /// # Errors
    /// Files that cannot be read; [`Usage`](optlab_core::Error::Usage) for a workload that does not predict.
    fn predict(
        &self,
        model: &Self::Model,
        facts: &Self::Facts,
        preparation: &Preparation,
        files: &[PathBuf],
        device: &Device,
    ) -> Result<Vec<Prediction>, Error> {
        let _: (&Self::Model, &Self::Facts, &Preparation) = (model, facts, preparation);
        let _: (&[PathBuf], &Device) = (files, device);
        Err(Error::usage(format!("`{}` makes no predictions for files", self.info().name)))
    }

    /// Writes a text.
    ///
    /// # Errors
    /// [`Usage`](optlab_core::Error::Usage) for a workload that writes no texts, which is the default, and
    /// for a prompt that the model cannot read; settings out of their range.
    fn generate(
        &self,
        model: &Self::Model,
        facts: &Self::Facts,
        generation: &Generation,
        device: &Device,
    ) -> Result<String, Error> {
        let _: (&Self::Model, &Self::Facts, &Generation, &Device) = (model, facts, generation, device);
        Err(Error::usage(format!("`{}` writes no texts", self.info().name)))
    }

    /// Returns the trained model as a function of rows of numbers, from which its outputs can be explained.
    ///
    /// # Errors
    /// [`Usage`](optlab_core::Error::Usage) for a workload whose inputs are no rows of numbers, which is the
    /// default.
    fn row_model<'a>(
        &'a self,
        model: Self::Model,
        facts: Self::Facts,
        preparation: &Preparation,
    ) -> Result<RowModel<'a>, Error> {
        let _: (Self::Model, Self::Facts, &Preparation) = (model, facts, preparation);
        Err(Error::usage(format!(
            "`{}` does not say how its inputs are rows of numbers, so `optlab explain` cannot explain it; \
             a program can, with `optlab::explain::Model`",
            self.info().name
        )))
    }

    /// Returns the batch as rows of numbers: for explanations, for the penalty on input gradients, and to
    /// find examples that occur twice. `None`, the default, if it is something else.
    fn rows<'b>(&self, batch: &'b Self::Batch) -> Option<&'b Batch> {
        let _: &Self::Batch = batch;
        None
    }
}

/// Returns the error of a workload whose model has no settings.
fn no_settings(workload: &str, patch: &ModelPatch) -> Error {
    Error::usage(format!("`{workload}` has a model of its own, without settings such as `{patch}`"))
}
