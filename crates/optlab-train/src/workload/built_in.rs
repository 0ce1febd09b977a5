//! The type of the built-in workloads and of their models.

use crate::Error;
use crate::model::{Cnn, CnnConfig, Init, LinearRegression, SimpleRnn, SimpleRnnConfig};
use crate::nn::Mode;
use crate::workload::{Info, Workload};
use burn::module::Module;
use burn::tensor::{Device, Tensor};

/// A workload that comes with the program.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BuiltIn {
    pub(super) info: Info,
    pub(super) network: NetworkConfig,
}

/// The configuration of a built-in workload's model.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum NetworkConfig {
    LinearRegression,
    Cnn(CnnConfig),
    SimpleRnn(SimpleRnnConfig),
}

/// The model of a built-in workload: one type, so that the training code is compiled once for all of them.
#[derive(Module, Debug)]
pub enum Network {
    /// Linear regression.
    LinearRegression(LinearRegression),
    /// A convolutional network.
    Cnn(Cnn),
    /// A simple recurrent network.
    SimpleRnn(SimpleRnn),
}

impl Workload for BuiltIn {
    type Model = Network;

    fn info(&self) -> Info {
        self.info
    }

    fn model(&self, input_shape: &[usize], seed: u64, device: &Device) -> Result<Network, Error> {
        let init = &mut Init::new(seed, device);
        let wrong_shape =
            |expected| Error::invalid(self.info.name, "input shape", expected, format!("{input_shape:?}"));
        Ok(match (self.network, input_shape) {
            (NetworkConfig::LinearRegression, shape) => {
                Network::LinearRegression(LinearRegression::new(shape.iter().product(), init))
            }
            (NetworkConfig::Cnn(config), &[channels, height, width]) => {
                Network::Cnn(config.init([channels, height, width], init))
            }
            (NetworkConfig::SimpleRnn(config), &[_time, features]) => {
                Network::SimpleRnn(config.init(features, init))
            }
            // An image is read row by row.
            (NetworkConfig::SimpleRnn(config), &[1, _rows, columns]) => {
                Network::SimpleRnn(config.init(columns, init))
            }
            (NetworkConfig::Cnn(_), _) => return Err(wrong_shape("[channels, height, width]")),
            (NetworkConfig::SimpleRnn(_), _) => return Err(wrong_shape("[time, features]")),
        })
    }

    fn forward(&self, model: &Network, inputs: Tensor<2>, mode: Mode) -> Tensor<2> {
        match model {
            Network::LinearRegression(model) => model.forward(inputs),
            Network::Cnn(model) => {
                let [batch, _] = inputs.dims();
                let [channels, height, width] = model.image_shape();
                model.forward(inputs.reshape([batch, channels, height, width]), mode)
            }
            Network::SimpleRnn(model) => {
                let [batch, features] = inputs.dims();
                let width = model.features();
                model.forward(inputs.reshape([batch, features / width, width]))
            }
        }
    }
}
