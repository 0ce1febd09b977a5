//! A simple recurrent network.

use crate::model::Init;
use crate::nn::{Linear, Rnn, tap};
use burn::module::Module;
use burn::tensor::Tensor;

/// The size of a [`SimpleRnn`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SimpleRnnConfig {
    /// Number of units of the hidden state.
    pub hidden: usize,
    /// Number of values to predict from the last state.
    pub outputs: usize,
}

/// A simple recurrent network (Elman, 1990) that reads a sequence and predicts from its last state.
///
/// ```text
/// h₀ = 0
/// hₜ = tanh(xₜ W + b + hₜ₋₁ U + c)
/// ŷ  = h_T V + d
/// ```
///
/// All weights start uniform in `±1/√hidden`, as PyTorch's `nn.RNN` does.
///
/// # Shapes
/// Sequences `[batch, time, features]`, predictions `[batch, outputs]`.
///
/// # Reference
/// Elman, *Finding Structure in Time*, 1990, <https://doi.org/10.1207/s15516709cog1402_1>
#[derive(Module, Debug)]
pub struct SimpleRnn {
    rnn: Rnn,
    output: Linear,
}

impl SimpleRnnConfig {
    /// Returns a new network for sequences of `features` values per time step.
    pub fn init(&self, features: usize, init: &mut Init) -> SimpleRnn {
        SimpleRnn { rnn: init.rnn(features, self.hidden), output: init.linear(self.hidden, self.outputs) }
    }
}

impl SimpleRnn {
    /// Returns the number of values per time step.
    pub fn features(&self) -> usize {
        self.rnn.gate.input_transform.weight.lazy_shape()[0]
    }

    /// Returns the predictions for `sequences`.
    ///
    /// # Panics
    /// If the sequences are empty.
    pub fn forward(&self, sequences: Tensor<3>) -> Tensor<2> {
        let last = tap("rnn", self.rnn.forward_last(sequences, None).hidden);
        tap("output", self.output.forward(last))
    }
}
