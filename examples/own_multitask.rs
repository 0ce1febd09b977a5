//! One network with two heads on 8 × 8 digits: a class and an amount of ink, two losses, three measures.
//! `cargo run --example own_multitask` compares three optimizers on it.

mod shared;

use burn::module::Module;
use burn::nn::{Linear, LinearConfig};
use burn::tensor::activation::relu;
use burn::tensor::{Bool, Device, Tensor};
use optlab::data::{self, Batch, Preparation, Source};
use optlab::nn::{Mode, cross_entropy};
use optlab::workload::{self, Direction, Info, Metric, Parts, RowFacts, Tally, Workload};
use optlab::{Error, cli, kernel::compute_on_this_thread, model::seeded};
use shared::classes;

/// The weight of the second loss.
const INK_WEIGHT: f64 = 10.0;
/// The largest error of the ink that counts as right.
const TOLERANCE: f64 = 0.02;

#[derive(Module, Debug)]
struct TwoHeads {
    body: Linear,
    class: Linear,
    ink: Linear,
}

/// What the model predicts, and its loss.
struct Outputs {
    logits: Tensor<2>,
    ink_error: Tensor<2>,
    loss: Tensor<1>,
}

impl TwoHeads {
    fn new(device: &Device) -> Self {
        let layer = |inputs, outputs| LinearConfig::new(inputs, outputs).init(device);
        TwoHeads { body: layer(64, 64), class: layer(64, 10), ink: layer(64, 1) }
    }

    fn forward(&self, batch: &Batch) -> Outputs {
        let body = relu(self.body.forward(batch.inputs.clone()));
        let logits = self.class.forward(body.clone());
        // Ink is the mean of the squared pixels.
        let ink_error = self.ink.forward(body) - batch.inputs.clone().square().mean_dim(1);
        let loss = cross_entropy(logits.clone(), &classes(batch))
            + ink_error.clone().square().mean().mul_scalar(INK_WEIGHT);
        Outputs { logits, ink_error, loss }
    }
}

struct OwnMultitask;

impl Workload for OwnMultitask {
    type Model = TwoHeads;
    type Batch = Batch;
    type Facts = RowFacts;

    fn info(&self) -> Info {
        let [both, accuracy] = ["both", "accuracy"].map(|name| Metric::new(name, "%", Direction::Larger));
        let measures = vec![both.with_target(0.8), accuracy, Metric::new("ink_mse", "", Direction::Smaller)];
        Info::new("own-multitask", "class and ink of 8×8 digits, judged by both", measures)
    }

    fn resamples(&self, _source: &Source) -> Result<bool, Error> {
        Ok(true)
    }

    fn parts(&self, source: &Source, preparation: &Preparation) -> Result<Parts<Batch, RowFacts>, Error> {
        Ok(data::load("digits", source)?.prepare(preparation)?.into())
    }

    fn model(&self, _: &RowFacts, seed: u64, device: &Device) -> Result<TwoHeads, Error> {
        Ok(seeded(seed, device, TwoHeads::new))
    }

    fn loss(&self, model: &TwoHeads, batch: &Batch, _: &RowFacts, _mode: Mode) -> Tensor<1> {
        model.forward(batch).loss
    }

    fn evaluate(&self, model: &TwoHeads, batch: &Batch, _: &RowFacts, tally: &mut Tally) -> Tensor<1> {
        let Outputs { logits, ink_error, loss } = model.forward(batch);
        let right = logits.argmax(1).flatten::<1>(0, 1).equal(classes(batch));
        let ink_right = ink_error.clone().abs().lower_elem(TOLERANCE).flatten::<1>(0, 1);
        let count = |right: Tensor<1, Bool>| [right.int().sum().into_scalar::<f64>(), batch.len as f64];
        tally.add("accuracy", &count(right.clone()));
        tally.add("both", &count(right.bool_and(ink_right)));
        tally.add("ink_mse", &[ink_error.square().sum().into_scalar::<f64>(), batch.len as f64]);
        loss
    }
}

fn main() -> std::process::ExitCode {
    compute_on_this_thread();
    let compare =
        "compare --workloads own-multitask --optimizers adam,sgd:momentum=0.9,lion --seeds 3 --epochs 15";
    // Runs all of `optlab` with this workload; the comparison's workers start here, too.
    cli::main_with(workload::register(OwnMultitask), compare)
}
