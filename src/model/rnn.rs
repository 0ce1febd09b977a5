use crate::model::Init;
use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::Tensor;

/// The size of a [`SimpleRnn`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SimpleRnnConfig {
    /// Units of the hidden state.
    pub hidden: usize,
    /// Values to predict from the last state.
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
    input: Linear,
    recurrent: Linear,
    output: Linear,
}

impl SimpleRnnConfig {
    /// The network for sequences of `features` values a time step.
    pub fn init(&self, features: usize, init: &mut Init) -> SimpleRnn {
        let bound = 1.0 / (self.hidden as f64).sqrt();
        SimpleRnn {
            input: init.linear_within(features, self.hidden, bound),
            recurrent: init.linear_within(self.hidden, self.hidden, bound),
            output: init.linear(self.hidden, self.outputs),
        }
    }
}

impl SimpleRnn {
    /// Values in a time step.
    pub fn features(&self) -> usize {
        self.input.weight.lazy_shape()[0]
    }

    /// The predictions for `sequences`.
    ///
    /// # Panics
    /// If the sequences are empty.
    pub fn forward(&self, sequences: Tensor<3>) -> Tensor<2> {
        let mut projected = self.input.forward(sequences).iter_dim(1);
        let first = projected.next().expect("a sequence has at least one time step").squeeze_dim::<2>(1);
        // The state before the first step is 0, so only the bias of the recurrent part remains.
        let first = match &self.recurrent.bias {
            Some(bias) => first + bias.val().unsqueeze(),
            None => first,
        };
        let last = projected.fold(first.tanh(), |state, input| {
            (input.squeeze_dim::<2>(1) + self.recurrent.forward(state)).tanh()
        });
        self.output.forward(last)
    }
}
