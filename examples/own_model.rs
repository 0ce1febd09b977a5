//! A model of your own, compared over optimizers: `cargo run --example own_model`. `optlab new NAME` writes
//! this program as a project.

use burn::module::Module;
use burn::nn::{Linear, LinearConfig, Relu};
use burn::tensor::{Device, Tensor};
use optlab::data::{DataSet, Examples, Preparation, Source, Splits, Targets};
use optlab::nn::Mode;
use optlab::objective::Objective;
use optlab::workload::{self, Info, Supervised};
use optlab::{Error, cli};
use std::process::ExitCode;

/// Number of classes, and so of the model's outputs: here three spirals.
const CLASSES: usize = 3;

/// Returns the data as vectors: two coordinates and a class for each of 1,500 points on three spirals.
///
/// Read your own files here: append the numbers of an example to `inputs` and its class, from 0, to `labels`.
/// For a regression the targets are `Targets::numbers(values)`, with one number for each example.
fn read() -> Result<Examples, Error> {
    let (mut inputs, mut labels) = (Vec::new(), Vec::new());
    for i in 0..1500_u16 {
        let class = i % 3;
        let radius = f32::from(i) / 1500.0;
        let angle = 4.0 * radius + 2.094 * f32::from(class) + (f32::from(i) * 0.618).fract() - 0.5;
        inputs.extend([radius * angle.cos(), radius * angle.sin()]);
        labels.push(class.into());
    }
    // The shape of an example: `[features]`, `[time, features]` or `[channels, height, width]`.
    Ok(Examples { inputs, input_shape: vec![2], targets: Targets::Classes { labels, classes: CLASSES } })
}

/// The model: any Burn module.
#[derive(Module, Debug)]
struct Network {
    hidden: Linear,
    output: Linear,
}

/// The workload: data, model, loss and measures.
struct OwnModel;

impl Supervised for OwnModel {
    type Model = Network;

    fn info(&self) -> Info {
        // A validation accuracy of 95 % counts as success: times to it are measured.
        let measures = self.objective().metrics(Some(0.95));
        // `augments` is for images, which can be shifted, rotated and flipped; these examples are none.
        Info::new("own-model", "a dense network on three spirals", measures)
    }

    /// Cross entropy and accuracy; `optlab list losses` and `optlab list measures` have more.
    fn objective(&self) -> Objective {
        Objective::classification()
    }

    /// The three parts: every fifth example is for the test, unless `--split` draws others, and `prepare`
    /// draws the validation part from the rest and standardizes all of them by the training part.
    fn splits(&self, _source: &Source, preparation: &Preparation) -> Result<Splits, Error> {
        let all = read()?;
        let (test, train): (Vec<usize>, Vec<usize>) = (0..all.len()).partition(|i| i % 5 == 4);
        let (train, test) = (all.select(&train), all.select(&test));
        // With `is_series` the latest examples are the validation part.
        let set = DataSet { name: "spirals".into(), train, test, is_series: false };
        set.prepare(&Preparation { standardize: true, ..preparation.clone() })
    }

    /// Initial weights: Burn draws them from the device's generator, so it is seeded first.
    fn model(&self, input_shape: &[usize], seed: u64, device: &Device) -> Result<Network, Error> {
        device.seed(seed);
        let features = input_shape.iter().product();
        Ok(Network {
            hidden: LinearConfig::new(features, 64).init(device),
            output: LinearConfig::new(64, CLASSES).init(device),
        })
    }

    /// Returns `[batch, CLASSES]` for inputs `[batch, features]`.
    fn forward(&self, model: &Network, inputs: Tensor<2>, _mode: Mode) -> Tensor<2> {
        model.output.forward(Relu::new().forward(model.hidden.forward(inputs)))
    }
}

fn main() -> ExitCode {
    optlab::kernel::compute_on_this_thread();
    // The program is an `optlab` that knows the workload: `-- train own-model`, `-- tune own-model` … work.
    // Without arguments it compares three optimizers, for which a verdict needs 7 seeds or more.
    cli::main_with(
        workload::register(OwnModel),
        "compare --workloads own-model --seeds 7 \
         --optimizers adam:lr=1e-2,sgd:lr=0.1,momentum=0.9,lion:lr=1e-3",
    )
}
