//! The models of the built-in workloads, made of Burn's own layers.

use burn::module::Module;
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::loss::{CrossEntropyLossConfig, MseLoss, Reduction};
use burn::nn::pool::{MaxPool2d, MaxPool2dConfig};
use burn::nn::{Dropout, DropoutConfig, Linear, LinearConfig, PaddingConfig2d, Relu, Rnn, RnnConfig};
use burn::tensor::{Device, Tensor};
use optlab::Error;
use optlab::data::{Batch, BatchTargets, Preparation, Source, Splits};
use optlab::nn::Mode;
use optlab::objective::Objective;
use optlab::workload::{BuiltIn, Info, RowFacts, Supervised};

/// A built-in workload with Burn's layers instead of ours.
#[derive(Debug)]
pub struct StockWorkload(pub BuiltIn);

/// A model of Burn's layers.
#[derive(Module, Debug)]
#[expect(clippy::large_enum_variant, reason = "there is one")]
pub enum Stock {
    Linear(Linear),
    Cnn(StockCnn),
    Rnn(StockRnn),
}

#[derive(Module, Debug)]
pub struct StockCnn {
    conv_1: Conv2d,
    conv_2: Conv2d,
    pool: MaxPool2d,
    dense: Linear,
    output: Linear,
    after_pool: Dropout,
    after_dense: Dropout,
    relu: Relu,
    #[module(skip)]
    image_shape: [usize; 3],
}

#[derive(Module, Debug)]
pub struct StockRnn {
    rnn: Rnn,
    output: Linear,
}

impl Supervised for StockWorkload {
    type Model = Stock;

    fn info(&self) -> Info {
        self.0.info()
    }

    fn objective(&self) -> Objective {
        self.0.objective()
    }

    fn splits(&self, source: &Source, preparation: &Preparation) -> Result<Splits, Error> {
        self.0.splits(source, preparation)
    }

    fn model(&self, input_shape: &[usize], _seed: u64, device: &Device) -> Result<Stock, Error> {
        Ok(match (self.info().name.as_str(), input_shape) {
            ("mnist-10k-cnn" | "mnist-cnn", &[1, 28, 28]) => {
                cnn([1, 28, 28], [32, 64], PaddingConfig2d::Valid, 5 * 5, 128, [0.25, 0.5], device)
            }
            ("digits-cnn", &[1, 8, 8]) => {
                let padding = PaddingConfig2d::Explicit(1, 1, 1, 1);
                cnn([1, 8, 8], [16, 32], padding, 2 * 2, 64, [0.1, 0.25], device)
            }
            ("digits-rnn", &[1, _, columns]) => rnn(columns, 64, 10, device),
            ("sunspots-rnn", &[_, features]) => rnn(features, 64, 1, device),
            ("diabetes-linear", &[features]) => Stock::Linear(LinearConfig::new(features, 1).init(device)),
            (name, shape) => panic!("no model of Burn's layers for {name} on {shape:?}"),
        })
    }

    fn forward(&self, model: &Stock, inputs: Tensor<2>, _mode: Mode) -> Tensor<2> {
        let [batch, width] = inputs.dims();
        match model {
            Stock::Linear(linear) => linear.forward(inputs),
            Stock::Cnn(cnn) => {
                let [channels, height, width] = cnn.image_shape;
                let x = inputs.reshape([batch, channels, height, width]);
                let x = cnn.pool.forward(cnn.relu.forward(cnn.conv_1.forward(x)));
                let x = cnn.after_pool.forward(x);
                let x = cnn.pool.forward(cnn.relu.forward(cnn.conv_2.forward(x)));
                let x = cnn.after_pool.forward(x).flatten::<2>(1, 3);
                let x = cnn.after_dense.forward(cnn.relu.forward(cnn.dense.forward(x)));
                cnn.output.forward(x)
            }
            Stock::Rnn(model) => {
                let features = model.rnn.gate.input_transform.weight.dims()[0];
                let (_, last) = model.rnn.forward(inputs.reshape([batch, width / features, features]), None);
                model.output.forward(last.hidden)
            }
        }
    }
}

/// Returns the loss of a batch as Burn computes it.
pub fn loss_of_rows(
    workload: &StockWorkload,
    model: &Stock,
    batch: &Batch,
    _facts: &RowFacts,
    mode: Mode,
) -> Tensor<1> {
    loss(workload.forward(model, batch.inputs.clone(), mode), &batch.targets)
}

fn loss(outputs: Tensor<2>, targets: &BatchTargets) -> Tensor<1> {
    match targets {
        BatchTargets::Classes(classes) => {
            CrossEntropyLossConfig::new().init(&outputs.device()).forward(outputs, classes.clone())
        }
        BatchTargets::Values(values) => MseLoss::new().forward(outputs, values.clone(), Reduction::Mean),
    }
}

fn cnn(
    image_shape: [usize; 3],
    filters: [usize; 2],
    padding: PaddingConfig2d,
    pixels: usize,
    hidden: usize,
    dropout: [f64; 2],
    device: &Device,
) -> Stock {
    let conv = |channels| Conv2dConfig::new(channels, [3, 3]).with_padding(padding.clone()).init(device);
    Stock::Cnn(StockCnn {
        conv_1: conv([image_shape[0], filters[0]]),
        conv_2: conv(filters),
        pool: MaxPool2dConfig::new([2, 2]).with_strides([2, 2]).init(),
        dense: LinearConfig::new(filters[1] * pixels, hidden).init(device),
        output: LinearConfig::new(hidden, 10).init(device),
        after_pool: DropoutConfig::new(dropout[0]).init(),
        after_dense: DropoutConfig::new(dropout[1]).init(),
        relu: Relu::new(),
        image_shape,
    })
}

fn rnn(features: usize, hidden: usize, outputs: usize, device: &Device) -> Stock {
    Stock::Rnn(StockRnn {
        rnn: RnnConfig::new(features, hidden, true).init(device),
        output: LinearConfig::new(hidden, outputs).init(device),
    })
}
