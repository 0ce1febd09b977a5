//! Initial weights, drawn on the host.

use crate::nn::{Conv2d, Linear, Rnn};
use burn::module::{Param, ParamId, RunningState};
use burn::nn::conv::Conv2dConfig;
use burn::nn::{PaddingConfig2d, RnnConfig};
use burn::tensor::{Device, Tensor, TensorData};
use optlab_core::random::{Purpose, stream};
use optlab_kernel::Activation;
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
        self.linear_within(d_input, d_output, 1.0 / (d_input as f64).sqrt())
    }

    /// Returns a dense layer whose weight and bias are uniform in `±bound`.
    pub fn linear_within(&mut self, d_input: usize, d_output: usize, bound: f64) -> Linear {
        let weight = self.uniform([d_input, d_output], bound);
        let bias = Some(self.uniform([d_output], bound));
        Linear { weight, bias, activation: Activation::Identity }
    }

    /// Returns a dense layer without bias, whose weight is uniform in `±bound`.
    pub fn linear_without_bias(&mut self, d_input: usize, d_output: usize, bound: f64) -> Linear {
        let weight = self.uniform([d_input, d_output], bound);
        Linear { weight, bias: None, activation: Activation::Identity }
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
        let mut layer = self.conv2d_without_bias(channels_in, channels_out, side, padding);
        let bound = 1.0 / ((channels_in * side * side) as f64).sqrt();
        layer.bias = Some(self.uniform([channels_out], bound));
        layer
    }

    /// Returns a convolution with weight `[channels_out, channels_in, side, side]` and no bias.
    pub fn conv2d_without_bias(
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
        layer.bias = None;
        layer.into()
    }

    /// Returns a parameter of numbers that are normally distributed with mean 0.
    pub fn normal<const D: usize>(&mut self, shape: [usize; D], deviation: f64) -> Param<Tensor<D>> {
        // The method of Box and Muller; the first number is in (0, 1], so that its logarithm is finite.
        self.parameter(shape, |random| {
            let (radius, angle): (f64, f64) =
                (1.0 - random.random_range(0.0..1.0), random.random_range(0.0..1.0));
            deviation * (-2.0 * radius.ln()).sqrt() * (std::f64::consts::TAU * angle).cos()
        })
    }

    /// Returns a parameter of numbers that are all `value`.
    pub fn constant<const D: usize>(&mut self, shape: [usize; D], value: f64) -> Param<Tensor<D>> {
        self.parameter(shape, |_| value)
    }

    /// Returns a saved value that is not trained, of numbers that are all `value`.
    pub fn statistic(&mut self, len: usize, value: f64) -> RunningState<Tensor<1>> {
        let values = TensorData::new(vec![value as f32; len], [len]);
        RunningState::with_id(self.next_id(), Tensor::from_data(values, self.device))
    }

    fn uniform<const D: usize>(&mut self, shape: [usize; D], bound: f64) -> Param<Tensor<D>> {
        self.parameter(shape, |random| random.random_range(-bound..bound))
    }

    fn parameter<const D: usize>(
        &mut self,
        shape: [usize; D],
        draw: impl Fn(&mut ChaCha8Rng) -> f64,
    ) -> Param<Tensor<D>> {
        let values: Vec<f32> = (0..shape.iter().product()).map(|_| draw(&mut self.random) as f32).collect();
        let mut parameter = Param::from_data(TensorData::new(values, shape), self.device);
        parameter.id = self.next_id();
        parameter
    }

    fn next_id(&mut self) -> ParamId {
        self.parameters += 1;
        ParamId::from(self.parameters)
    }
}
