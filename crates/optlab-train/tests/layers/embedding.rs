use crate::layout::{Layout, layouts};
use crate::subject::{Results, assert_close, backward, exact, grad, host_devices, input, same_cases, values};
use burn::module::Param;
use burn::nn;
use burn::tensor::{DType, Device, Int, Tensor, TensorData};
use optlab_train::nn::Embedding;
use proptest::prelude::*;

fn tokens([batch, time]: [usize; 2], vocabulary: usize, device: &Device) -> Tensor<2, Int> {
    let tokens: Vec<i32> = (0..batch * time).map(|place| (place * place * 7 % vocabulary) as i32).collect();
    Tensor::from_data(TensorData::new(tokens, [batch, time]), device)
}

proptest! {
    #![proptest_config(same_cases(60))]

    #[test]
    fn an_embedding_and_its_gradients_match_burns_in_64_bits(
        batch in 1..4_usize,
        time in 1..9_usize,
        vocabulary in 1..12_usize,
        width in 1..20_usize,
        has_positions in any::<bool>(),
        layout in layouts(),
    ) {
        let results = |is_ours: bool, on: &(Device, DType)| -> Results {
            let weight: Tensor<2> = input([vocabulary, width], 1, layout, on);
            let positions: Tensor<2> = input([time + 2, width], 2, Layout::RowMajor, on);
            let layer = nn::Embedding { weight: Param::from_tensor(weight.clone()) };
            let tokens = tokens([batch, time], vocabulary, &on.0);
            let y = match (is_ours, has_positions) {
                (true, true) => {
                    Embedding::from(layer).forward_with_positions(tokens, positions.clone())
                }
                (true, false) => Embedding::from(layer).forward(tokens),
                (false, true) => layer.forward(tokens) + positions.clone().narrow(0, 0, time).unsqueeze(),
                (false, false) => layer.forward(tokens),
            };
            let gradients = backward(&y);
            let mut results = vec![values(y), grad(&weight, &gradients)];
            if has_positions {
                results.push(grad(&positions, &gradients));
            }
            results
        };
        let expected = results(false, &exact());
        for device in host_devices() {
            let given = results(true, &(device.autodiff(), DType::F32));
            assert_close(&given, &expected, &format!("{batch} × {time}, {vocabulary} × {width}, {layout:?}"));
        }
    }
}

#[test]
#[should_panic(expected = "each token is one of 3")]
fn a_token_outside_the_vocabulary_is_refused() {
    let device = host_devices().remove(0);
    let layer = Embedding { weight: Param::from_tensor(Tensor::zeros([3, 2], &device)) };
    layer.forward(Tensor::from_ints([[0, 3]], &device));
}
