//! A model for Burn's `Learner` as a workload.

use crate::Error;
use crate::burn_train::BurnTrainModel;
use crate::burn_train::metric::{self, Measure};
use crate::data::{DatasetExamples, ExampleSet, Preparation, Source, Subset};
use crate::model::seeded;
use crate::nn::Mode;
use crate::workload::{Info, Parts, Tally, Workload};
use burn::data::dataloader::batcher::Batcher;
use burn::data::dataset::Dataset;
use burn::module::Module;
use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor};
use burn_train::metric::{Adaptor, LossMetric, Metric, Numeric};
use burn_train::{InferenceStep, TrainStep};
use optlab_core::Direction;
use std::sync::Arc;

/// A workload made of a model with Burn's [`TrainStep`] and [`InferenceStep`], Burn data sets of items `I`
/// with a [`Batcher`], and Burn metrics.
///
/// Gradients are those that `TrainStep::step` returns; measures are the final values of Burn's metrics, each
/// with a new state for every evaluation. A metric weighs a batch by the number of examples that it counts,
/// so an accuracy is right for a last batch that is smaller. Burn's `LossMetric` counts the elements of the
/// loss: for a loss that is already a mean, each batch counts once, and a smaller last batch counts too much.
/// The loss that optlab itself reports weighs each batch by its examples.
///
/// A metric in percent is stored as a share: 97 % as 0.97. The initial weights come from
/// [`seeded`](crate::model::seeded). Reading the loss waits for the device once per step.
///
/// # Example
/// See `examples/own_burn_train.rs`.
pub struct BurnTrainWorkload<M: BurnTrainModel, I> {
    info: Info,
    version: String,
    model: Box<dyn Fn(&Device) -> M + Send + Sync>,
    train: Arc<dyn Dataset<I>>,
    validation: Option<Arc<dyn Dataset<I>>>,
    test: Option<Arc<dyn Dataset<I>>>,
    batcher: Arc<dyn Batcher<I, M::Batch>>,
    measures: Vec<Box<dyn Measure<M::Evaluated>>>,
    direction: Option<Direction>,
    target: Option<f64>,
    reads_ahead: bool,
}

impl<M: BurnTrainModel, I: Send + 'static> BurnTrainWorkload<M, I> {
    /// Creates the workload `name`: `model` makes the model on a device, and `batcher` makes batches of the
    /// items of `train`.
    ///
    /// Without further settings, the trial's share of `train` is held out for validation, there is no test
    /// part, batches have 32 examples, a run has 10 epochs, and trials are judged by Burn's `LossMetric`.
    pub fn new(
        name: &str,
        model: impl Fn(&Device) -> M + Send + Sync + 'static,
        train: impl Dataset<I> + 'static,
        batcher: impl Batcher<I, M::Batch> + 'static,
    ) -> Self {
        BurnTrainWorkload {
            info: Info::new(name, "a model for Burn's Learner", Vec::new()),
            version: "1".into(),
            model: Box::new(model),
            train: Arc::new(train),
            validation: None,
            test: None,
            batcher: Arc::new(batcher),
            measures: Vec::new(),
            direction: None,
            target: None,
            reads_ahead: true,
        }
    }

    /// Sets the line that lists of workloads show.
    pub fn summary(mut self, summary: &str) -> Self {
        self.info.summary = summary.into();
        self
    }

    /// Sets the text that changes with the results, as [`Workload::version`]; "1" by default.
    pub fn version(mut self, version: &str) -> Self {
        self.version = version.into();
        self
    }

    /// Evaluates on `dataset` while training, instead of on a share of the training data. A trial with
    /// `validation = 0` evaluates on nothing.
    pub fn validation(mut self, dataset: impl Dataset<I> + 'static) -> Self {
        self.validation = Some(Arc::new(dataset));
        self
    }

    /// Evaluates finished models on `dataset`, whatever the `split` of a recipe.
    pub fn test(mut self, dataset: impl Dataset<I> + 'static) -> Self {
        self.test = Some(Arc::new(dataset));
        self
    }

    /// Sets the default number of examples per step.
    pub fn batch_size(mut self, batch_size: usize) -> Self {
        self.info.batch_size = batch_size;
        self
    }

    /// Sets the default number of epochs.
    pub fn epochs(mut self, epochs: usize) -> Self {
        self.info.epochs = epochs;
        self
    }

    /// Adds a metric of Burn; trials are judged by the first. Its name is Burn's in lower case, with `_`
    /// between the words: `auroc_macro` for `AUROC [Macro]`.
    pub fn metric<Me: Metric + Numeric + 'static>(mut self, metric: Me) -> Self
    where
        M::Evaluated: Adaptor<Me::Input>,
    {
        self.measures.push(Box::new(metric));
        self
    }

    /// Sets the value of the first metric that counts as success, in Burn's unit: 97.0 for 97 %.
    pub fn target(mut self, target: f64) -> Self {
        self.target = Some(target);
        self
    }

    /// Sets which values of the first metric are better, if Burn's metric does not know it.
    pub fn direction(mut self, direction: Direction) -> Self {
        self.direction = Some(direction);
        self
    }

    /// Reads items on the training thread: faster if they are in memory.
    pub fn without_threads(mut self) -> Self {
        self.reads_ahead = false;
        self
    }

    fn examples(&self, dataset: Arc<dyn Dataset<I>>) -> Box<dyn ExampleSet<M::Batch>> {
        let read = if self.reads_ahead { DatasetExamples::new } else { DatasetExamples::without_threads };
        Box::new(read(&self.info.name, dataset, self.batcher.clone()))
    }

    /// Returns the metrics, without state.
    fn fresh_measures(&self) -> Measures<M> {
        match self.measures.as_slice() {
            [] => Measures(vec![Box::new(LossMetric::new())]),
            measures => Measures(measures.iter().map(|measure| measure.fresh()).collect()),
        }
    }
}

/// The metrics of one evaluation.
struct Measures<M: BurnTrainModel>(Vec<Box<dyn Measure<M::Evaluated>>>);

impl<M: BurnTrainModel, I: Send + 'static> Workload for BurnTrainWorkload<M, I> {
    type Model = M;
    type Batch = M::Batch;
    type Facts = ();

    fn info(&self) -> Info {
        let fresh = self.fresh_measures().0;
        let mut measures: Vec<_> = fresh.iter().map(|measure| measure.metric()).collect();
        if let (Some(judge), Some(measure)) = (measures.first_mut(), fresh.first()) {
            judge.direction = self.direction.unwrap_or(judge.direction);
            judge.target = self.target.map(|target| target / measure.divisor());
        }
        Info { measures, ..self.info.clone() }
    }

    fn version(&self) -> Option<String> {
        Some(self.version.clone())
    }

    fn parts(&self, _source: &Source, preparation: &Preparation) -> Result<Parts<M::Batch, ()>, Error> {
        let nothing = || Arc::new(Subset::new(self.train.clone(), Vec::new())) as Arc<dyn Dataset<I>>;
        let (train, validation): (Arc<dyn Dataset<I>>, Arc<dyn Dataset<I>>) = match &self.validation {
            Some(_) if preparation.validation == 0.0 => (self.train.clone(), nothing()),
            Some(validation) => (self.train.clone(), validation.clone()),
            None => {
                let [train, validation] = Subset::split(self.train.clone(), preparation)?;
                (Arc::new(train), Arc::new(validation))
            }
        };
        Ok(Parts {
            train: self.examples(train),
            validation: self.examples(validation),
            test: self.examples(self.test.clone().unwrap_or_else(nothing)),
            facts: (),
        })
    }

    fn model(&self, _facts: &(), seed: u64, device: &Device) -> Result<M, Error> {
        Ok(seeded(seed, device, |device| (self.model)(device)))
    }

    /// Returns the loss of a training step, from which no gradients come: see [`gradients`](Self::gradients).
    fn loss(&self, model: &M, batch: &M::Batch, _facts: &(), _mode: Mode) -> Tensor<1> {
        let output = TrainStep::step(model, batch.clone()).item;
        on_device_of(model, metric::loss(&output), true)
    }

    fn gradients(
        &self,
        _turn: usize,
        model: &M,
        batch: &M::Batch,
        _facts: &(),
        _mode: Mode,
    ) -> (Tensor<1>, GradientsParams) {
        let output = TrainStep::step(model, batch.clone());
        (on_device_of(model, metric::loss(&output.item), false), output.grads)
    }

    fn evaluate(&self, model: &M, batch: &M::Batch, _facts: &(), tally: &mut Tally) -> Tensor<1> {
        let output = InferenceStep::step(model, batch.clone());
        let Measures(measures) = tally.state(|| self.fresh_measures());
        measures.iter_mut().for_each(|measure| measure.update(&output));
        on_device_of(model, metric::loss(&output), false)
    }

    fn measures(&self, tally: &Tally, _facts: &()) -> Vec<f64> {
        let measures = tally.read_state::<Measures<M>>();
        measures.iter().flat_map(|Measures(measures)| measures).map(|measure| measure.value()).collect()
    }
}

/// Returns a loss as a tensor on the model's device, with or without autodiff.
fn on_device_of<M: Module>(model: &M, loss: f64, autodiff: bool) -> Tensor<1> {
    let device = model.devices().into_iter().next().unwrap_or_default();
    let device = if autodiff { device } else { device.without_autodiff() };
    Tensor::from_data([loss as f32], &device)
}
