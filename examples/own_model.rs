//! A model of your own, compared over optimizers: `cargo run --example own_model`. `optlab new NAME` writes
//! this program as a project.

use burn::module::Module;
use burn::nn::{Linear, LinearConfig, Relu};
use burn::tensor::{Device, Tensor};
use optlab::data::{self, Preparation, Source, Splits};
use optlab::nn::Mode;
use optlab::objective::Objective;
use optlab::workload::{self, Info, Supervised};
use optlab::{Error, cli};
use std::process::ExitCode;

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
        Info {
            name: "own-model".into(),
            summary: "a dense network on 8×8 digits".into(),
            // Validation accuracy of 95 % counts as success; times to it are measured.
            measures: self.objective().metrics(Some(0.95)),
            batch_size: 32,
            epochs: 10,
            augments: false,
        }
    }

    /// Loss and measures; `optlab::objective` has more of both.
    fn objective(&self) -> Objective {
        Objective::classification()
    }

    /// Data: rows of numbers with classes or numbers as targets. Read your own files here.
    fn splits(&self, source: &Source, preparation: &Preparation) -> Result<Splits, Error> {
        data::load("digits", source)?.prepare(preparation)
    }

    /// Initial weights: Burn draws them from the device's generator, so it is seeded first.
    fn model(&self, input_shape: &[usize], seed: u64, device: &Device) -> Result<Network, Error> {
        device.seed(seed);
        let features = input_shape.iter().product();
        Ok(Network {
            hidden: LinearConfig::new(features, 64).init(device),
            output: LinearConfig::new(64, 10).init(device),
        })
    }

    fn forward(&self, model: &Network, inputs: Tensor<2>, _mode: Mode) -> Tensor<2> {
        model.output.forward(Relu::new().forward(model.hidden.forward(inputs)))
    }
}

fn main() -> ExitCode {
    optlab::kernel::compute_on_this_thread();
    if let Err(error) = workload::register(OwnModel) {
        eprintln!("error: {error}");
        return ExitCode::FAILURE;
    }
    // The program is an `optlab` that knows the workload: `-- train own-model`, `-- tune own-model` … work,
    // too.
    cli::main_or(
        "compare --workloads own-model --optimizers adam,sgd:lr=0.1,momentum=0.9,lion --seeds 3 --epochs 5",
    )
}
