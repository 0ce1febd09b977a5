//! A model written for Burn's `Learner`, with Burn's data set, batcher and metrics, compared unchanged:
//! `cargo run --example own_burn_train`.

use burn::module::Module;
use burn::nn::loss::CrossEntropyLossConfig;
use burn::nn::{Dropout, DropoutConfig, Linear, LinearConfig};
use burn::tensor::Device;
use burn::tensor::activation::relu;
use burn_train::metric::{AccuracyMetric, LossMetric, TopKAccuracyMetric};
use burn_train::{ClassificationOutput, InferenceStep, TrainOutput, TrainStep};
use optlab::burn_train::BurnTrainWorkload;
use optlab::data::{self, Batch, BatchTargets, Source, ToBatch};
use optlab::{Error, cli, kernel::compute_on_this_thread, workload};

#[derive(Module, Debug)]
struct Perceptron {
    hidden: Linear,
    dropout: Dropout,
    output: Linear,
}

impl Perceptron {
    fn new(device: &Device) -> Self {
        Perceptron {
            hidden: LinearConfig::new(64, 64).init(device),
            dropout: DropoutConfig::new(0.2).init(),
            output: LinearConfig::new(64, 10).init(device),
        }
    }
}

impl InferenceStep for Perceptron {
    type Input = Batch;
    type Output = ClassificationOutput;

    fn step(&self, batch: Batch) -> ClassificationOutput {
        let hidden = self.dropout.forward(relu(self.hidden.forward(batch.inputs)));
        let logits = self.output.forward(hidden);
        let BatchTargets::Classes(classes) = batch.targets else { unreachable!("digits are classes") };
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

/// Registers the model with its data and metrics.
fn register() -> Result<(), Error> {
    let digits = data::load("digits", &Source::default())?;
    let workload = BurnTrainWorkload::new("own-burn-train", Perceptron::new, digits.train, ToBatch)
        .summary("a perceptron for Burn's Learner on 8×8 digits")
        .test(digits.test)
        .metric(AccuracyMetric::new())
        .metric(TopKAccuracyMetric::new(2))
        .metric(LossMetric::new())
        .target(95.0)
        .without_threads();
    workload::register(workload)
}

fn main() -> std::process::ExitCode {
    compute_on_this_thread();
    let compare =
        "compare --workloads own-burn-train --optimizers adam,sgd:momentum=0.9,lion --seeds 3 --epochs 15";
    // Runs all of `optlab` with this workload; the comparison's workers start here, too.
    cli::main_with(register(), compare)
}
