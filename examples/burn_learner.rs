//! Trains on the digits with Burn's own `Learner`, using a rule and a schedule of this library:
//! `cargo run --example burn_learner`.

use burn::data::dataloader::DataLoaderBuilder;
use burn::module::Module;
use burn_train::metric::{AccuracyMetric, LearningRateMetric, LossMetric};
use burn_train::{ClassificationOutput, InferenceStep, Learner, SupervisedTraining, TrainOutput, TrainStep};
use optlab::data::{Batch, BatchTargets, Preparation, Source, ToBatch};
use optlab::nn::Mode;
use optlab::optim::AdamWConfig;
use optlab::schedule::{CountingSchedule, Run, ScheduleSpec};
use optlab::workload::{self, BuiltIn, Network, RowFacts, Supervised};
use optlab::{device, train};

const EPOCHS: usize = 15;

/// The network, and the workload that defines its forward pass and loss.
#[derive(Module, Debug)]
struct Digits {
    network: Network,
    #[module(skip)]
    workload: BuiltIn,
}

impl InferenceStep for Digits {
    type Input = Batch;
    type Output = ClassificationOutput;

    fn step(&self, batch: Batch) -> ClassificationOutput {
        // Without dropout: our masks depend on the number of the step, which Burn does not pass.
        let outputs = self.workload.forward(&self.network, batch.inputs, Mode::Evaluate);
        let loss = self.workload.objective().loss.mean(outputs.clone(), &batch.targets);
        let BatchTargets::Classes(classes) = batch.targets else { unreachable!("digits are classes") };
        ClassificationOutput::new(loss, outputs, classes)
    }
}

impl TrainStep for Digits {
    type Input = Batch;
    type Output = ClassificationOutput;

    fn step(&self, batch: Batch) -> TrainOutput<ClassificationOutput> {
        let output = InferenceStep::step(self, batch);
        TrainOutput::new(self, output.loss.backward(), output)
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let device = device::open(device::default_backend())?;
    let workload = workload::built_in("digits-cnn")?;
    let batch_size = workload.info().batch_size;
    let preparation = Preparation { validation: train::VALIDATION, ..Preparation::default() };
    let splits = workload.splits(&Source::default(), &preparation)?;
    let loader = || DataLoaderBuilder::new(ToBatch).batch_size(batch_size).shuffle(0);

    let network = workload.model(&splits.train.input_shape, 0, &device.clone().autodiff())?;
    let adamw = AdamWConfig::default().build()?;
    let run = Run::new(3e-3, EPOCHS * splits.train.len().div_ceil(batch_size));
    let schedule = CountingSchedule::new("warmup_cosine".parse::<ScheduleSpec>()?.build(run)?);
    let learner = Learner::new(Digits { network, workload: workload.clone() }, adamw.into(), schedule);
    let [training, validation] = [&splits.train, &splits.validation].map(|part| loader().build(part.clone()));
    // Without its feature `tui`, Burn prints a line for each batch.
    let result = SupervisedTraining::new("artifacts/burn_learner", training, validation)
        .metrics((AccuracyMetric::new(), LossMetric::new()))
        .metric_train_numeric(LearningRateMetric::new())
        .with_default_checkpointers()
        .num_epochs(EPOCHS)
        .summary()
        .launch(learner);
    if let Some(error) = result.error {
        return Err(error.to_string().into());
    }

    let facts = RowFacts::of(&splits);
    let score = train::evaluate(&workload, &result.model.network, &splits.validation, &facts, &device)?;
    let accuracy = score.ok_or("nothing to validate on")?.metric;
    println!("validation accuracy {accuracy:.4}");
    if accuracy >= 0.95 { Ok(()) } else { Err("that is less than 0.95".into()) }
}
