use crate::layout::{Layout, layouts};
use crate::subject::{Results, assert_close, backward, exact, grad, host_devices, input, same_cases, values};
use burn::module::Param;
use burn::tensor::{DType, Device, Tensor};
use optlab_train::model::layer::Recurrent;
use optlab_train::model::{Cell, Init};
use proptest::prelude::*;

#[derive(Debug, Clone)]
struct Case {
    cell: Cell,
    /// Sequences, steps, features.
    shape: [usize; 3],
    units: usize,
    only_last: bool,
    layout: Layout,
}

fn cases() -> impl Strategy<Value = Case> {
    // Some batches have more than one piece.
    let cell = prop_oneof![Just(Cell::Gru), Just(Cell::Lstm)];
    let sizes = (prop_oneof![1..6_usize, 15..35_usize], 1..6_usize, 1..5_usize, 1..9_usize);
    (cell, sizes, any::<bool>(), layouts()).prop_map(
        |(cell, (batch, time, features, units), only_last, layout)| Case {
            cell,
            shape: [batch, time, features],
            units,
            only_last,
            layout,
        },
    )
}

fn results(case: &Case, on: &(Device, DType)) -> Results {
    let [_, _, features] = case.shape;
    let all = case.units * if case.cell == Cell::Gru { 3 } else { 4 };
    let mut layer = Recurrent::new(case.cell, features, case.units, &mut Init::new(0, &on.0));
    layer.input.weight = Param::from_tensor(input([features, all], 1, case.layout, on));
    layer.hidden.weight = Param::from_tensor(input([case.units, all], 2, case.layout, on));
    layer.input.bias = Some(Param::from_tensor(input([all], 3, Layout::RowMajor, on)));
    layer.hidden.bias = Some(Param::from_tensor(input([all], 4, Layout::RowMajor, on)));
    let x: Tensor<3> = input(case.shape, 0, case.layout, on);
    let y: Tensor<3> = match case.only_last {
        true => layer.forward_last(x.clone()).unsqueeze_dim(1),
        false => layer.forward(x.clone()),
    };
    let gradients = backward(&y);
    let mut results = vec![values(y), grad(&x, &gradients)];
    for part in [&layer.input, &layer.hidden] {
        results.push(grad(&part.weight.val(), &gradients));
        results.push(grad(&part.bias.as_ref().unwrap().val(), &gradients));
    }
    results
}

proptest! {
    #![proptest_config(same_cases(80))]

    #[test]
    fn layers_with_gates_and_their_gradients_match_their_formulas_in_64_bits(case in cases()) {
        // In 64 bits Burn's operations compute the formulas step by step.
        let mut expected = results(&case, &exact());
        if case.shape[1] == 1 {
            // With one step the hidden weight is not used.
            expected[4].iter_mut().for_each(|grad| *grad = 0.0);
        }
        for device in host_devices() {
            assert_close(&results(&case, &(device.autodiff(), DType::F32)), &expected, &format!("{case:?}"));
        }
    }
}
