use crate::layout::{Layout, layouts};
use crate::subject::{
    Results, assert_close, backward, exact, grad, host_devices, input, same_cases, scaled_input, values,
};
use burn::module::Param;
use burn::nn::activation::ActivationConfig;
use burn::nn::{self, RnnConfig, RnnState};
use burn::tensor::{DType, Device, Tensor};
use optlab_train::nn::Rnn;
use proptest::prelude::*;

#[derive(Debug, Clone)]
struct Case {
    batch: usize,
    length: usize,
    features: usize,
    hidden: usize,
    bias: bool,
    batch_first: bool,
    has_state: bool,
    layouts: [Layout; 2],
}

fn cases() -> impl Strategy<Value = Case> {
    let sizes = (1..40_usize, 1..6_usize, 1..10_usize, 1..40_usize);
    (sizes, any::<[bool; 3]>(), [layouts(), layouts()]).prop_map(
        |((batch, length, features, hidden), [bias, batch_first, has_state], layouts)| Case {
            batch,
            length,
            features,
            hidden,
            bias,
            batch_first,
            has_state,
            layouts,
        },
    )
}

/// Returns the layer with weights from a formula, small enough that tanh is never flat.
fn layer(case: &Case, on: &(Device, DType)) -> nn::Rnn {
    let config = RnnConfig::new(case.features, case.hidden, case.bias).with_batch_first(case.batch_first);
    let mut layer = config.init(&on.0);
    let Case { features, hidden, layouts: [_, layout], .. } = *case;
    let gate = &mut layer.gate;
    let weight = |inputs: usize, seed| {
        let scale = 1.0 / (inputs as f64).sqrt();
        Param::from_tensor(scaled_input([inputs, hidden], seed, layout, scale, (&on.0, on.1)))
    };
    gate.input_transform.weight = weight(features, 1);
    gate.hidden_transform.weight = weight(hidden, 2);
    for (seed, part) in [(3, &mut gate.input_transform), (4, &mut gate.hidden_transform)] {
        let bias = part.bias.take();
        part.bias = bias.map(|_| Param::from_tensor(input([hidden], seed, Layout::RowMajor, on)));
    }
    layer
}

/// Returns the states that `run` computes (of all steps, or the last alone), and the gradients.
fn results(
    case: &Case,
    on: &(Device, DType),
    run: impl Fn(&nn::Rnn, Tensor<3>, Option<RnnState<2>>) -> Tensor<3>,
) -> Results {
    let layer = layer(case, on);
    let Case { batch, length, features, hidden, .. } = *case;
    let shape = if case.batch_first { [batch, length, features] } else { [length, batch, features] };
    let x = input(shape, 0, case.layouts[0], on);
    let state = case.has_state.then(|| input([batch, hidden], 5, Layout::RowMajor, on));
    let y = run(&layer, x.clone(), state.clone().map(RnnState::new));
    let gradients = backward(&y);
    let mut results = vec![values(y), grad(&x, &gradients)];
    results.extend(state.map(|state| grad(&state, &gradients)));
    for part in [layer.gate.input_transform, layer.gate.hidden_transform] {
        // In a single step from zeros the hidden weight has no effect, and may then have no gradient.
        let weight = part.weight.val();
        let none = || vec![0.0; weight.dims().iter().product()];
        results.push(weight.grad(&gradients).map(values).unwrap_or_else(none));
        results.extend(part.bias.map(|bias| grad(&bias.val(), &gradients)));
    }
    results
}

/// Computes the definition step by step with Burn's gate, because Burn's layer itself mixes 32 bits into 64.
fn defined(layer: &nn::Rnn, x: Tensor<3>, state: Option<RnnState<2>>) -> (Tensor<3>, RnnState<2>) {
    let time = if layer.batch_first { 1 } else { 0 };
    let [batch, hidden] = [x.dims()[1 - time], layer.d_hidden];
    let zeros = || Tensor::zeros([batch, hidden], (&x.device(), x.dtype()));
    let mut state = state.map_or_else(zeros, |state| state.hidden);
    let mut states = Vec::new();
    for x in x.clone().iter_dim(time) {
        state = layer.gate.gate_product(x.squeeze_dim(time), state).tanh();
        states.push(state.clone().unsqueeze_dim(time));
    }
    (Tensor::cat(states, time), RnnState::new(state))
}

/// Appends the last state to all states, because it has its own gradient.
fn joined((states, last): (Tensor<3>, RnnState<2>)) -> Tensor<3> {
    let [first, second, _] = states.dims();
    let hidden = last.hidden.dims()[1];
    let twice = last.hidden.reshape([1, -1, hidden as isize]);
    let states = states.reshape([1, first * second, hidden]);
    Tensor::cat(vec![states, twice], 1)
}

proptest! {
    #![proptest_config(same_cases(100))]

    #[test]
    fn all_states_of_sequences_and_their_gradients_match_burns_in_64_bits(case in cases()) {
        let expected = results(&case, &exact(), |layer, x, state| joined(defined(layer, x, state)));
        for device in host_devices() {
            let given = results(&case, &(device.autodiff(), DType::F32), |layer, x, state| {
                joined(Rnn::from(layer.clone()).forward(x, state))
            });
            assert_close(&given, &expected, &format!("{case:?}"));
        }
    }

    #[test]
    fn the_last_state_and_its_gradients_match_burns_in_64_bits(case in cases()) {
        let expected = results(&case, &exact(), |layer, x, state| {
            defined(layer, x, state).1.hidden.unsqueeze()
        });
        let mut subjects = vec![exact()];
        subjects.extend(host_devices().into_iter().map(|device| (device.autodiff(), DType::F32)));
        // In 64 bits the layer uses Burn's operations, as on a GPU.
        for on in subjects {
            let given = results(&case, &on, |layer, x, state| {
                Rnn::from(layer.clone()).forward_last(x, state).hidden.unsqueeze()
            });
            assert_close(&given, &expected, &format!("{case:?}"));
        }
    }
}

#[test]
fn a_layer_with_other_options_is_computed_by_burn() {
    let config = RnnConfig::new(3, 4, true);
    for config in [
        config.clone().with_reverse(true),
        config.clone().with_clip(Some(0.1)),
        config.with_hidden_activation(ActivationConfig::Relu),
    ] {
        let device = host_devices().remove(0);
        let layer = config.init(&device);
        let x = input([2, 5, 3], 0, Layout::RowMajor, &(device, DType::F32));
        let expected = layer.forward(x.clone(), None);
        let ours = Rnn::from(layer);
        let (states, last) = ours.forward(x.clone(), None);
        assert_eq!(values(states), values(expected.0), "{config:?}");
        assert_eq!(values(last.hidden), values(expected.1.hidden.clone()), "{config:?}");
        assert_eq!(values(ours.forward_last(x, None).hidden), values(expected.1.hidden), "{config:?}");
    }
}
