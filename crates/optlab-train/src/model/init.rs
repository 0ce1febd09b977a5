//! Initial weights, drawn on the host.

use crate::nn::{Conv2d, Linear, Rnn};
use burn::module::{Param, ParamId};
use burn::nn::conv::Conv2dConfig;
use burn::nn::{LinearConfig, PaddingConfig2d, RnnConfig};
use burn::tensor::{Device, Tensor, TensorData};
use optlab_core::random::{Purpose, stream};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

/// A generator of the layers of one model, drawn one after the other.
///
/// Weights and biases of a layer are uniform in `±1/√fan_in`, PyTorch's default for dense and convolution
/// layers. Parameters are numbered from 1, so a saved model has the same bytes for the same seed.
#[derive(Debug)]
pub struct Init<'a> {
    random: ChaCha8Rng,
    device: &'a Device,
    parameters: u64,
}

impl<'a> Init<'a> {
    /// Creates a generator of the weights of `seed`, on `device`.
    pub fn new(seed: u64, device: &'a Device) -> Self {
        Init { random: stream(seed, Purpose::Weights, 0), device, parameters: 0 }
    }

    /// Returns a dense layer with weight `[d_input, d_output]` and bias `[d_output]`.
    pub fn linear(&mut self, d_input: usize, d_output: usize) -> Linear {
        let bound = 1.0 / (d_input as f64).sqrt();
        let mut layer = LinearConfig::new(d_input, d_output).init(self.device);
        layer.weight = self.uniform([d_input, d_output], bound);
        layer.bias = Some(self.uniform([d_output], bound));
        layer.into()
    }

    /// Returns a simple recurrent layer with weights `[features, hidden]` and `[hidden, hidden]`; they and
    /// its two biases are uniform in `±1/√hidden`.
    pub fn rnn(&mut self, features: usize, hidden: usize) -> Rnn {
        let bound = 1.0 / (hidden as f64).sqrt();
        let mut layer = RnnConfig::new(features, hidden, true).init(self.device);
        let gate = &mut layer.gate;
        for (part, inputs) in [(&mut gate.input_transform, features), (&mut gate.hidden_transform, hidden)] {
            part.weight = self.uniform([inputs, hidden], bound);
            part.bias = Some(self.uniform([hidden], bound));
        }
        layer.into()
    }

    /// Returns a convolution with weight `[channels_out, channels_in, side, side]` and bias `[channels_out]`.
    pub fn conv2d(
        &mut self,
        channels_in: usize,
        channels_out: usize,
        side: usize,
        padding: PaddingConfig2d,
    ) -> Conv2d {
        let bound = 1.0 / ((channels_in * side * side) as f64).sqrt();
        let config = Conv2dConfig::new([channels_in, channels_out], [side, side]).with_padding(padding);
        let mut layer = config.init(self.device);
        layer.weight = self.uniform([channels_out, channels_in, side, side], bound);
        layer.bias = Some(self.uniform([channels_out], bound));
        layer.into()
    }

    fn uniform<const D: usize>(&mut self, shape: [usize; D], bound: f64) -> Param<Tensor<D>> {
        let values: Vec<f32> =
            (0..shape.iter().product()).map(|_| self.random.random_range(-bound..bound) as f32).collect();
        let mut parameter = Param::from_data(TensorData::new(values, shape), self.device);
        self.parameters += 1;
        parameter.id = ParamId::from(self.parameters);
        parameter
    }
}
