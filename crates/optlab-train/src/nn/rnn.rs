//! Simple recurrent layer.

use burn::module::{Module, Param};
use burn::nn::activation::Activation;
use burn::nn::{self, GateController, RnnState};
use burn::tensor::Tensor;
use optlab_kernel as kernel;
use optlab_kernel::RnnParameters;

/// A simple recurrent layer (Elman, 1990), computed by [`kernel::rnn`].
///
/// It has the parameters and options of [`burn::nn::Rnn`] and is converted from it. With `reverse`, a clipped
/// state or another activation than tanh, Burn computes it.
#[derive(Module, Debug)]
pub struct Rnn {
    /// Weights of the input, `[features, hidden]`, and of the state, `[hidden, hidden]`, and their biases.
    pub gate: GateController,
    /// Units of the state.
    pub d_hidden: usize,
    /// Whether sequences are `[batch, time, features]`; else they are `[time, batch, features]`.
    pub batch_first: bool,
    /// Whether sequences are read from the end to the beginning.
    pub reverse: bool,
    /// Bound that the state is clipped to.
    pub clip: Option<f64>,
    /// Activation that gives the new state.
    pub hidden_activation: Activation,
}

impl Rnn {
    /// Returns all states and the last one, starting from `state` or from zeros.
    ///
    /// # Shapes
    /// `x`: `[batch, time, features]` or, without `batch_first`, `[time, batch, features]`; the states have
    /// `hidden` in place of `features`; one state: `[batch, hidden]`.
    ///
    /// # Panics
    /// If the features of `x` do not match the weight.
    pub fn forward(&self, x: Tensor<3>, state: Option<RnnState<2>>) -> (Tensor<3>, RnnState<2>) {
        if !(self.is_plain() && kernel::is_on_host(&x)) {
            return nn::Rnn::from(self.clone()).forward(x, state);
        }
        let turned = |x: Tensor<3>| if self.batch_first { x } else { x.swap_dims(0, 1) };
        let states = self.compute(turned(x), state, false);
        let [_, time, _] = states.dims();
        let last = states.clone().narrow(1, time - 1, 1).squeeze_dim(1);
        (turned(states), RnnState::new(last))
    }

    /// Returns the last state alone, which costs less than [`forward`](Self::forward).
    ///
    /// # Panics
    /// If the features of `x` do not match the weight.
    pub fn forward_last(&self, x: Tensor<3>, state: Option<RnnState<2>>) -> RnnState<2> {
        if !self.is_plain() || x.shape().num_elements() == 0 {
            return nn::Rnn::from(self.clone()).forward(x, state).1;
        }
        let x = if self.batch_first { x } else { x.swap_dims(0, 1) };
        if kernel::is_on_host(&x) {
            return RnnState::new(self.compute(x, state, true).squeeze_dim(1));
        }
        self.fold(x, state)
    }

    /// Returns whether [`kernel::rnn`] can compute this layer.
    fn is_plain(&self) -> bool {
        let is_tanh = matches!(self.hidden_activation, Activation::Tanh(_));
        let biases = [&self.gate.input_transform.bias, &self.gate.hidden_transform.bias];
        let has_both_or_none = biases[0].is_some() == biases[1].is_some();
        is_tanh && has_both_or_none && !self.reverse && self.clip.is_none()
    }

    /// Returns the last state, computed by Burn's operations: the inputs of all steps at once, without
    /// keeping earlier states.
    fn fold(&self, x: Tensor<3>, state: Option<RnnState<2>>) -> RnnState<2> {
        let GateController { input_transform, hidden_transform } = &self.gate;
        let inputs = input_transform.forward(x).iter_dim(1).map(|input| input.squeeze_dim::<2>(1));
        let last = inputs.fold(state.map(|state| state.hidden), |state, input| {
            let from_state = match state {
                Some(state) => hidden_transform.forward(state),
                // With a state of zeros only the bias remains.
                None => match &hidden_transform.bias {
                    Some(bias) => bias.val().unsqueeze(),
                    None => return Some(input.tanh()),
                },
            };
            Some((input + from_state).tanh())
        });
        RnnState::new(last.expect("a sequence that is not empty has a step"))
    }

    fn compute(&self, x: Tensor<3>, state: Option<RnnState<2>>, only_last: bool) -> Tensor<3> {
        let GateController { input_transform, hidden_transform } = &self.gate;
        let biases = input_transform.bias.as_ref().zip(hidden_transform.bias.as_ref());
        let parameters = RnnParameters {
            input_weight: input_transform.weight.val(),
            hidden_weight: hidden_transform.weight.val(),
            biases: biases.map(|(b, c)| [Param::val(b), Param::val(c)]),
        };
        kernel::rnn(x, parameters, state.map(|state| state.hidden), only_last)
    }
}

impl From<nn::Rnn> for Rnn {
    fn from(layer: nn::Rnn) -> Self {
        let nn::Rnn { gate, d_hidden, batch_first, reverse, clip, hidden_activation } = layer;
        Rnn { gate, d_hidden, batch_first, reverse, clip, hidden_activation }
    }
}

impl From<Rnn> for nn::Rnn {
    fn from(layer: Rnn) -> Self {
        let Rnn { gate, d_hidden, batch_first, reverse, clip, hidden_activation } = layer;
        nn::Rnn { gate, d_hidden, batch_first, reverse, clip, hidden_activation }
    }
}
