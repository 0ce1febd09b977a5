use crate::layout::{Layout, layouts};
use crate::subject::{Results, assert_close, backward, exact, grad, host_devices, input, same_cases, values};
use burn::module::Param;
use burn::nn::{self, LinearConfig};
use burn::tensor::{DType, Device, Tensor};
use optlab_kernel::Activation;
use optlab_train::nn::Linear;
use proptest::prelude::*;

const ACTIVATIONS: [Activation; 4] =
    [Activation::Identity, Activation::Relu, Activation::Gelu, Activation::Silu];

#[derive(Debug, Clone)]
struct Case {
    /// Shape of the inputs.
    shape: [usize; 3],
    outputs: usize,
    bias: bool,
    activation: Activation,
    has_residual: bool,
    layouts: [Layout; 2],
}

fn cases() -> impl Strategy<Value = Case> {
    // Some cases have more than one piece of rows and of inputs.
    (
        1..4_usize,
        1..50_usize,
        prop_oneof![1..20_usize, 250..270_usize],
        1..40_usize,
        (any::<[bool; 2]>(), 0..4_usize),
        [layouts(), layouts()],
    )
        .prop_map(|(first, second, inputs, outputs, ([bias, residual], activation), layouts)| Case {
            shape: [first, second, inputs],
            outputs,
            bias,
            activation: ACTIVATIONS[activation],
            has_residual: residual && activation == 0,
            layouts,
        })
}

fn results(case: &Case, is_ours: bool, on: &(Device, DType)) -> Results {
    let inputs = case.shape[2];
    let mut layer: nn::Linear = LinearConfig::new(inputs, case.outputs).with_bias(case.bias).init(&on.0);
    layer.weight = Param::from_tensor(input([inputs, case.outputs], 1, case.layouts[1], on));
    layer.bias = layer.bias.map(|_| Param::from_tensor(input([case.outputs], 2, Layout::RowMajor, on)));
    let x = input(case.shape, 0, case.layouts[0], on);
    let [first, second, _] = case.shape;
    let residual: Tensor<3> = input([first, second, case.outputs], 3, case.layouts[0], on);
    let ours = Linear { activation: case.activation, ..Linear::from(layer.clone()) };
    let y = match (is_ours, case.has_residual) {
        (true, true) => ours.forward_add(x.clone(), residual.clone()),
        (true, false) => ours.forward(x.clone()),
        (false, true) => layer.forward(x.clone()) + residual.clone(),
        (false, false) => case.activation.forward(layer.forward(x.clone())),
    };
    let gradients = backward(&y);
    let mut results = vec![values(y), grad(&x, &gradients), grad(&layer.weight.val(), &gradients)];
    results.extend(layer.bias.map(|bias| grad(&bias.val(), &gradients)));
    if case.has_residual {
        results.push(grad(&residual, &gradients));
    }
    results
}

proptest! {
    #![proptest_config(same_cases(100))]

    #[test]
    fn a_dense_layer_and_its_gradients_match_burns_in_64_bits(case in cases()) {
        let expected = results(&case, false, &exact());
        for device in host_devices() {
            let given = results(&case, true, &(device.autodiff(), DType::F32));
            assert_close(&given, &expected, &format!("{case:?}"));
        }
    }
}
