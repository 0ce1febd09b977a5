//! Burn's data sets, models and metrics as workloads. In a program of its own, because Burn's initial weights
//! and dropout draw from one generator per process.

use burn::data::dataset::{Dataset, DatasetError};
use burn::module::Module;
use burn::nn::loss::CrossEntropyLossConfig;
use burn::nn::{Dropout, DropoutConfig, Linear, LinearConfig};
use burn::tensor::Device;
use burn::tensor::activation::relu;
use burn_train::metric::{AccuracyMetric, AurocMetric, ClassReduction, LossMetric};
use burn_train::{ClassificationOutput, InferenceStep, TrainOutput, TrainStep};
use optlab_core::Direction;
use optlab_train::burn_train::BurnTrainWorkload;
use optlab_train::data::{self, Batch, BatchTargets, Batches, Examples, Item, Preparation, Source, ToBatch};
use optlab_train::train::{self, Budget, Observer, Recipe, RunDirectory, RunOptions, Trial};
use optlab_train::workload::{Tally, Workload};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

const STEPS: usize = 60;

/// Lets one test use the process's generator at a time.
fn generator() -> MutexGuard<'static, ()> {
    static GENERATOR: Mutex<()> = Mutex::new(());
    GENERATOR.lock().unwrap_or_else(PoisonError::into_inner)
}

#[derive(Module, Debug)]
struct Perceptron {
    hidden: Linear,
    dropout: Dropout,
    output: Linear,
}

impl Perceptron {
    fn new(device: &Device) -> Self {
        Perceptron {
            hidden: LinearConfig::new(64, 32).init(device),
            dropout: DropoutConfig::new(0.2).init(),
            output: LinearConfig::new(32, 10).init(device),
        }
    }
}

impl InferenceStep for Perceptron {
    type Input = Batch;
    type Output = ClassificationOutput;

    fn step(&self, batch: Batch) -> ClassificationOutput {
        let logits = self.output.forward(self.dropout.forward(relu(self.hidden.forward(batch.inputs))));
        let BatchTargets::Classes(classes) = batch.targets else { panic!("digits are classes") };
        let loss = CrossEntropyLossConfig::new().init(&logits.device());
        ClassificationOutput::new(loss.forward(logits.clone(), classes.clone()), logits, classes)
    }
}

impl TrainStep for Perceptron {
    type Input = Batch;
    type Output = ClassificationOutput;

    fn step(&self, batch: Batch) -> TrainOutput<ClassificationOutput> {
        let output = InferenceStep::step(self, batch);
        TrainOutput::new(self, output.loss.backward(), output)
    }
}

/// The digits to train on, of which one cannot be read.
struct Damaged(Examples);

impl Dataset<Item> for Damaged {
    fn get(&self, index: usize) -> Result<Item, DatasetError> {
        match index {
            77 => Err(DatasetError::new(std::io::Error::other("a bad sector"))),
            _ => Dataset::get(&self.0, index),
        }
    }

    fn len(&self) -> usize {
        self.0.len()
    }
}

type Digits = BurnTrainWorkload<Perceptron, Item>;

fn digits() -> Examples {
    data::load("digits", &Source::default()).unwrap().train
}

fn workload(dataset: impl Dataset<Item> + 'static) -> Digits {
    let test = data::load("digits", &Source::default()).unwrap().test;
    BurnTrainWorkload::new("digits-burn", Perceptron::new, dataset, ToBatch)
        .test(test)
        .metric(AccuracyMetric::new())
        .metric(LossMetric::new())
        .target(95.0)
}

/// Interrupts a run after this many of its own steps.
struct StopAfter(usize);

impl Observer for StopAfter {
    fn interrupts(&mut self) -> bool {
        self.0 -= 1;
        self.0 == 0
    }
}

/// Trains with an interruption after each of `stops` steps, and returns the files of the last checkpoint.
fn train(workload: &Digits, seed: u64, stops: &[usize], folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let info = Workload::info(workload);
    let recipe = Recipe { budget: Budget::Steps(STEPS), ..Recipe::new(&info) };
    let trial = Trial { backend: "flex".into(), seed, recipe, lr: 3e-3, ..Trial::new(&info) };
    let options = |resume| RunOptions { resume, ..RunOptions::new(RunDirectory::new(folder.join("run"))) };
    for (part, steps) in stops.iter().enumerate() {
        train::run(workload, &trial, &options(part > 0), &mut StopAfter(*steps)).unwrap_err();
    }
    train::run(workload, &trial, &options(!stops.is_empty()), &mut ()).unwrap();
    let file = |name: &str| {
        let path = folder.join(format!("run/checkpoints/step-{STEPS:06}/{name}"));
        (name.to_string(), std::fs::read(path).unwrap())
    };
    ["model.bpk", "optimizer.bpk"].map(file).into()
}

#[test]
fn runs_of_a_burn_train_model_are_equal_to_the_byte_with_threads_or_none_and_after_a_resume() {
    let _alone = generator();
    let run = |workload: &Digits, seed, stops: &[usize]| {
        train(workload, seed, stops, tempfile::tempdir().unwrap().path())
    };
    let ours = workload(digits());
    let whole = run(&ours, 3, &[]);
    assert!(run(&ours, 3, &[]) == whole, "a second run differs");
    assert!(run(&ours, 4, &[]) != whole, "another seed gives the same run");
    assert!(run(&workload(digits()).without_threads(), 3, &[]) == whole, "threads change the run");
    // 1,294 training images in batches of 32 are 41 steps per epoch: both stops are in the middle of one.
    assert!(run(&ours, 3, &[17, 30]) == whole, "a resumed run differs");
}

#[test]
fn measures_are_burns_values_over_all_examples_and_a_mean_loss_counts_each_batch_once() {
    let _alone = generator();
    let digits = digits();
    // 1,438 images are evaluated in batches of 500, 500 and 438.
    let workload = workload(digits.clone()).validation(digits.clone());
    let device = optlab_train::device::open("flex").unwrap();
    let model = Workload::model(&workload, &(), 5, &device).unwrap();
    let parts = workload.parts(&Source::default(), &Preparation { validation: 0.1, ..Default::default() });
    let score = train::evaluate(&workload, &model, &*parts.unwrap().validation, &(), &device).unwrap();
    let score = score.unwrap();

    let (mut right, mut sum, mut mean_of_means) = (0.0, 0.0, 0.0);
    for batch in Batches::in_order(&digits, 500).epoch(0, &device) {
        let (batch, len) = batch.unwrap();
        let output = InferenceStep::step(&model, batch);
        let predicted = output.output.argmax(1).flatten::<1>(0, 1);
        right += predicted.equal(output.targets).int().sum().into_scalar::<f64>();
        let loss = f64::from(output.loss.into_scalar::<f32>());
        sum += loss * len as f64;
        mean_of_means += loss / 3.0;
    }
    assert!((score.metric - right / 1438.0).abs() < 1e-9, "{} of {right}", score.metric);
    assert!((score.loss - sum / 1438.0).abs() < 1e-9, "{}", score.loss);
    assert!((score.others["loss"] - mean_of_means).abs() < 1e-9, "{:?}", score.others);
    assert!((score.others["loss"] - score.loss).abs() > 1e-7, "the two means are the same");
}

#[test]
fn a_metric_of_all_predictions_has_its_value_at_the_end() {
    let _alone = generator();
    let device = optlab_train::device::open("flex").unwrap();
    let workload = BurnTrainWorkload::new("ranked", Perceptron::new, digits(), ToBatch)
        .metric(AurocMetric::multiclass(ClassReduction::Macro));
    assert_eq!(Workload::info(&workload).metric().name, "auroc_macro");
    let model = Workload::model(&workload, &(), 5, &device).unwrap();
    let parts = workload.parts(&Source::default(), &Preparation::default()).unwrap();
    let batches: Vec<Batch> =
        Batches::in_order(&*parts.train, 100).epoch(0, &device).map(|batch| batch.unwrap().0).collect();
    let [mut first, mut both] = [Tally::default(), Tally::default()];
    workload.evaluate(&model, &batches[0], &(), &mut first);
    batches.iter().for_each(|batch| drop(workload.evaluate(&model, batch, &(), &mut both)));
    for tally in [&first, &both] {
        let measures = workload.measures(tally, &());
        assert!(measures.len() == 1 && (0.0..=100.0).contains(&measures[0]), "{measures:?}");
        assert_eq!(workload.measures(tally, &()), measures);
    }
    assert_ne!(workload.measures(&first, &()), workload.measures(&both, &()));
}

#[test]
fn a_workload_is_described_by_burns_metrics() {
    let measures = Workload::info(&workload(digits())).measures;
    let described: Vec<_> =
        measures.iter().map(|it| (it.name.as_str(), it.unit.as_str(), it.direction, it.target)).collect();
    let expected = [("accuracy", "%", Direction::Larger, Some(0.95)), ("loss", "", Direction::Smaller, None)];
    assert_eq!(described, expected);
    let plain = BurnTrainWorkload::new("plain", Perceptron::new, digits(), ToBatch);
    assert_eq!(Workload::info(&plain).metric().name, "loss");
    let turned = plain.direction(Direction::Larger).target(2.0).batch_size(8).epochs(3).summary("a line");
    let info = Workload::info(&turned);
    assert_eq!((info.metric().direction, info.metric().target), (Direction::Larger, Some(2.0)));
    assert_eq!((info.batch_size, info.epochs, info.summary.as_str()), (8, 3, "a line"));
    assert_eq!(turned.version("2").parts(&Source::default(), &Preparation::default()).unwrap().test.len(), 0);
}

#[test]
fn a_row_that_cannot_be_read_ends_the_run_with_its_number() {
    let _alone = generator();
    let workload = workload(Damaged(digits()));
    let info = Workload::info(&workload);
    let trial = Trial {
        backend: "flex".into(),
        recipe: Recipe { validation: 0.0, ..Recipe::new(&info) },
        ..Trial::new(&info)
    };
    let folder = tempfile::tempdir().unwrap();
    let options = RunOptions::new(RunDirectory::new(folder.path().join("run")));
    let error = train::run(&workload, &trial, &options, &mut ()).unwrap_err().to_string();
    assert_eq!(error, "workload `digits-burn`: row 77 of its data cannot be read: a bad sector");
}
