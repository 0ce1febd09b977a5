use crate::layout::{Layout, layouts};
use crate::subject::{Results, assert_close, backward, exact, grad, host_devices, input, same_cases, values};
use burn::module::Param;
use burn::nn::attention::{MhaInput, MultiHeadAttentionConfig, generate_autoregressive_mask};
use burn::tensor::{DType, Device, Tensor};
use optlab_train::nn::{AttentionInput, attention};
use proptest::prelude::*;

#[derive(Debug, Clone)]
struct Case {
    batch: usize,
    time: usize,
    heads: usize,
    size: usize,
    is_causal: bool,
    is_joined: bool,
    layout: Layout,
}

fn cases() -> impl Strategy<Value = Case> {
    // Some sequences have more than one block of queries.
    let time = prop_oneof![1..20_usize, 60..70_usize, 125..135_usize];
    (1..3_usize, time, 1..4_usize, prop_oneof![1..9_usize, 30..36_usize], any::<[bool; 2]>(), layouts())
        .prop_map(|(batch, time, heads, size, [is_causal, is_joined], layout)| Case {
            batch,
            time,
            heads,
            size,
            is_causal,
            is_joined,
            layout,
        })
}

fn parts(case: &Case, on: &(Device, DType)) -> [Tensor<3>; 3] {
    let shape = [case.batch, case.time, case.heads * case.size];
    [0, 1, 2].map(|part| input(shape, part, case.layout, on))
}

/// Burn's layer without its dense layers: their weights are the identity.
fn by_burn(case: &Case, on: &(Device, DType)) -> Results {
    let width = case.heads * case.size;
    let config = MultiHeadAttentionConfig::new(width, case.heads).with_dropout(0.0);
    let mut layer = config.init(&on.0);
    for linear in [&mut layer.query, &mut layer.key, &mut layer.value, &mut layer.output] {
        linear.weight = Param::from_tensor(Tensor::<2>::eye(width, &on.0).cast(on.1));
        linear.bias = None;
    }
    let [query, key, value] = parts(case, on);
    let mut given = MhaInput::new(query.clone(), key.clone(), value.clone());
    if case.is_causal {
        given = given.mask_attn(generate_autoregressive_mask(case.batch, case.time, &on.0));
    }
    let y = layer.forward(given).context;
    let gradients = backward(&y);
    vec![values(y), grad(&query, &gradients), grad(&key, &gradients), grad(&value, &gradients)]
}

fn by_us(case: &Case, on: &(Device, DType)) -> Results {
    let [query, key, value] = parts(case, on);
    let (query, key, value) = (query, key, value);
    let given = match case.is_joined {
        true => AttentionInput::Joined(Tensor::cat(vec![query.clone(), key.clone(), value.clone()], 2)),
        false => AttentionInput::Separate([query.clone(), key.clone(), value.clone()]),
    };
    let y = attention(given, case.heads, case.is_causal);
    let gradients = backward(&y);
    vec![values(y), grad(&query, &gradients), grad(&key, &gradients), grad(&value, &gradients)]
}

proptest! {
    #![proptest_config(same_cases(60))]

    #[test]
    fn attention_and_its_gradients_match_burns_in_64_bits(case in cases()) {
        let expected = by_burn(&case, &exact());
        for device in host_devices() {
            assert_close(&by_us(&case, &(device.autodiff(), DType::F32)), &expected, &format!("{case:?}"));
        }
        // The way by Burn's operations, which other devices take, in 64 bits.
        assert_close(&by_us(&case, &exact()), &expected, &format!("{case:?} by Burn's operations"));
    }
}
