use crate::layout::{Layout, layouts};
use crate::subject::{Results, assert_close, backward, exact, grad, host_devices, input, same_cases, values};
use burn::module::Param;
use burn::nn::{self, LayerNormConfig, RmsNormConfig};
use burn::tensor::{DType, Device};
use optlab_train::nn::{LayerNorm, RmsNorm};
use proptest::prelude::*;

#[derive(Debug, Clone)]
struct Case {
    shape: [usize; 3],
    has_shift: bool,
    layout: Layout,
}

fn cases() -> impl Strategy<Value = Case> {
    // Some cases have more than one piece of rows.
    let features = prop_oneof![1..40_usize, 500..530_usize];
    (1..4_usize, 1..50_usize, features, any::<bool>(), layouts()).prop_map(
        |(first, second, features, has_shift, layout)| Case {
            shape: [first, second, features],
            has_shift,
            layout,
        },
    )
}

fn of_layer_norm(case: &Case, is_ours: bool, on: &(Device, DType)) -> Results {
    let features = case.shape[2];
    let mut layer: nn::LayerNorm = LayerNormConfig::new(features).with_bias(case.has_shift).init(&on.0);
    layer.gamma = Param::from_tensor(input([features], 1, Layout::RowMajor, on));
    layer.beta = layer.beta.map(|_| Param::from_tensor(input([features], 2, Layout::RowMajor, on)));
    let x = input(case.shape, 0, case.layout, on);
    let y =
        if is_ours { LayerNorm::from(layer.clone()).forward(x.clone()) } else { layer.forward(x.clone()) };
    let gradients = backward(&y);
    let mut results = vec![values(y), grad(&x, &gradients), grad(&layer.gamma.val(), &gradients)];
    results.extend(layer.beta.map(|beta| grad(&beta.val(), &gradients)));
    results
}

fn of_rms_norm(case: &Case, is_ours: bool, on: &(Device, DType)) -> Results {
    let features = case.shape[2];
    let mut layer: nn::RmsNorm = RmsNormConfig::new(features).init(&on.0);
    layer.gamma = Param::from_tensor(input([features], 1, Layout::RowMajor, on));
    let x = input(case.shape, 0, case.layout, on);
    let y = if is_ours { RmsNorm::from(layer.clone()).forward(x.clone()) } else { layer.forward(x.clone()) };
    let gradients = backward(&y);
    vec![values(y), grad(&x, &gradients), grad(&layer.gamma.val(), &gradients)]
}

proptest! {
    #![proptest_config(same_cases(60))]

    #[test]
    fn norms_and_their_gradients_match_burns_in_64_bits(case in cases()) {
        for results in [of_layer_norm, of_rms_norm] {
            let expected = results(&case, false, &exact());
            for device in host_devices() {
                let given = results(&case, true, &(device.autodiff(), DType::F32));
                // A row of one number has no deviation but ε's.
                if case.shape[2] > 1 {
                    assert_close(&given, &expected, &format!("{case:?}"));
                }
            }
        }
    }
}
