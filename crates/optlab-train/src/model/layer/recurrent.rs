//! Recurrent layers.

use crate::model::Init;
use crate::model::spec::Cell;
use crate::nn::{Linear, Rnn};
use burn::module::Module;
use burn::nn::activation::Activation;
use burn::nn::{GateController, Tanh};
use burn::tensor::Tensor;
use burn::tensor::activation::{sigmoid, tanh};
use optlab_kernel as kernel;
use optlab_kernel::{GatedCell, GatedParameters};

/// A recurrent layer, from a state of zeros:
///
/// ```text
/// uₜ = xₜ W + b        vₜ = hₜ₋₁ U + c
///
/// rnn    hₜ = tanh(uₜ + vₜ)
/// gru    r, z = σ(uₜ + vₜ)        n = tanh(uₜ + r vₜ)        hₜ = (1 − z) n + z hₜ₋₁
/// lstm   i, f, o = σ(uₜ + vₜ)     g = tanh(uₜ + vₜ)          cₜ = f cₜ₋₁ + i g        hₜ = o tanh(cₜ)
/// ```
///
/// The weights of the gates stand side by side, in PyTorch's order: `r z n`, or `i f g o`. All weights and
/// biases start uniform in `±1/√units`, as PyTorch's do. The layer `rnn` is computed by [`Rnn`], the others
/// in host memory by [`kernel::gated`].
///
/// # Shapes
/// `x`: `[batch, time, features]`, a state: `[batch, units]`.
///
/// # Reference
/// Elman, *Finding Structure in Time*, 1990; Cho et al., *Learning Phrase Representations using RNN
/// Encoder-Decoder*, 2014, <https://arxiv.org/abs/1406.1078>; Hochreiter and Schmidhuber, *Long Short-Term
/// Memory*, 1997
#[derive(Module, Debug)]
pub struct Recurrent {
    /// `W`: `[features, gates · units]`, and `b`.
    pub input: Linear,
    /// `U`: `[units, gates · units]`, and `c`.
    pub hidden: Linear,
    /// The cell.
    #[module(skip)]
    pub cell: Cell,
}

impl Recurrent {
    /// Returns a layer with new weights.
    pub fn new(cell: Cell, features: usize, units: usize, init: &mut Init) -> Self {
        let bound = 1.0 / (units as f64).sqrt();
        let outputs = cell.gates() * units;
        let input = init.linear_within(features, outputs, bound);
        Recurrent { input, hidden: init.linear_within(units, outputs, bound), cell }
    }

    /// Returns all states, `[batch, time, units]`.
    ///
    /// # Panics
    /// If `x` is empty or has another number of features.
    pub fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        if self.cell == Cell::Rnn {
            return self.rnn().forward(x, None).0;
        }
        if let Some(states) = self.on_host(&x, false) {
            return states;
        }
        let mut states = Vec::with_capacity(x.dims()[1]);
        self.steps(x, |state| states.push(state.clone().unsqueeze_dim(1)));
        Tensor::cat(states, 1)
    }

    /// Returns the last state, `[batch, units]`.
    ///
    /// # Panics
    /// If `x` is empty or has another number of features.
    pub fn forward_last(&self, x: Tensor<3>) -> Tensor<2> {
        if self.cell == Cell::Rnn {
            return self.rnn().forward_last(x, None).hidden;
        }
        match self.on_host(&x, true) {
            Some(last) => last.squeeze_dim(1),
            None => self.steps(x, |_| ()),
        }
    }

    /// Returns the states of a cell with gates in host memory, `[batch, time, units]` or with `only_last`
    /// `[batch, 1, units]`; `None` elsewhere.
    fn on_host(&self, x: &Tensor<3>, only_last: bool) -> Option<Tensor<3>> {
        let cell = match self.cell {
            Cell::Rnn => return None,
            Cell::Gru => GatedCell::Gru,
            Cell::Lstm => GatedCell::Lstm,
        };
        let (Some(b), Some(c)) = (&self.input.bias, &self.hidden.bias) else {
            return None;
        };
        let parameters = GatedParameters {
            input_weight: self.input.weight.val(),
            hidden_weight: self.hidden.weight.val(),
            biases: [b.val(), c.val()],
        };
        kernel::is_on_host(x).then(|| kernel::gated(x.clone(), cell, parameters, only_last))
    }

    /// Reads the sequence step by step, shows each state to `visit`, and returns the last.
    fn steps(&self, x: Tensor<3>, mut visit: impl FnMut(&Tensor<2>)) -> Tensor<2> {
        let [batch, time, _] = x.dims();
        let units = self.hidden.weight.dims()[0];
        let zeros = || Tensor::<2>::zeros([batch, units], (&x.device(), x.dtype()));
        let (mut state, mut memory) = (zeros(), zeros());
        // The inputs of all steps in one product.
        let inputs = self.input.forward(x.clone());
        for step in 0..time {
            let input = inputs.clone().narrow(1, step, 1).squeeze_dim::<2>(1);
            let from_state = self.hidden.forward(state.clone());
            let gate = |all: &Tensor<2>, first: usize, count: usize| {
                all.clone().narrow(1, first * units, count * units)
            };
            state = if self.cell == Cell::Gru {
                let opened = sigmoid(gate(&input, 0, 2) + gate(&from_state, 0, 2));
                let (reset, update) = (gate(&opened, 0, 1), gate(&opened, 1, 1));
                let candidate = tanh(gate(&input, 2, 1) + reset * gate(&from_state, 2, 1));
                candidate.clone() + update * (state - candidate)
            } else {
                let all = input + from_state;
                let opened = sigmoid(gate(&all, 0, 2));
                let candidate = tanh(gate(&all, 2, 1));
                memory = gate(&opened, 1, 1) * memory + gate(&opened, 0, 1) * candidate;
                sigmoid(gate(&all, 3, 1)) * tanh(memory.clone())
            };
            visit(&state);
        }
        state
    }

    /// Returns the layer as an [`Rnn`], which shares its weights.
    fn rnn(&self) -> Rnn {
        let (input_transform, hidden_transform) = (self.input.clone().into(), self.hidden.clone().into());
        Rnn {
            gate: GateController { input_transform, hidden_transform },
            d_hidden: self.hidden.weight.dims()[0],
            batch_first: true,
            reverse: false,
            clip: None,
            hidden_activation: Activation::Tanh(Tanh),
        }
    }
}
