use crate::layout::{Layout, layouts};
use crate::subject::{Results, assert_close, backward, exact, grad, host_devices, input, same_cases, values};
use burn::module::Param;
use burn::nn::PaddingConfig2d;
use burn::nn::conv::{self, Conv2dConfig};
use burn::tensor::activation::relu;
use burn::tensor::{DType, Device};
use optlab_train::nn::Conv2d;
use proptest::prelude::*;

#[derive(Debug, Clone)]
struct Case {
    batch: usize,
    channels: [usize; 2],
    image: [usize; 2],
    config: Conv2dConfig,
    has_relu: bool,
    layouts: [Layout; 2],
}

fn paddings() -> impl Strategy<Value = PaddingConfig2d> {
    let explicit = (0..3_usize, 0..3_usize, 0..3_usize, 0..3_usize);
    prop_oneof![
        Just(PaddingConfig2d::Valid),
        Just(PaddingConfig2d::Same),
        explicit.prop_map(|(a, b, c, d)| PaddingConfig2d::Explicit(a, b, c, d)),
    ]
}

fn cases() -> impl Strategy<Value = Case> {
    let sizes = (1..4_usize, [1..6_usize, 1..40], [1..5_usize, 1..5], [0..6_usize, 0..6]);
    let steps = ([1..4_usize, 1..4], [1..3_usize, 1..3], paddings());
    (sizes, steps, any::<[bool; 2]>(), [layouts(), layouts()]).prop_map(
        |((batch, channels, kernel, larger), (stride, dilation, padding), [bias, has_relu], layouts)| {
            // The image is at least as large as the dilated kernel, without padding.
            let image = [0, 1].map(|axis| (kernel[axis] - 1) * dilation[axis] + 1 + larger[axis]);
            let config = Conv2dConfig::new(channels, kernel)
                .with_stride(stride)
                .with_dilation(dilation)
                .with_padding(padding)
                .with_bias(bias);
            Case { batch, channels, image, config, has_relu, layouts }
        },
    )
}

/// Returns the layer with weights from a formula, on this device and of this type.
fn layer(case: &Case, on: &(Device, DType)) -> conv::Conv2d {
    let mut layer = case.config.init(&on.0);
    let [channels_in, channels_out] = case.channels;
    let [down, across] = case.config.kernel_size;
    let weight = input([channels_out, channels_in, down, across], 1, case.layouts[1], on);
    layer.weight = Param::from_tensor(weight);
    layer.bias = layer.bias.map(|_| Param::from_tensor(input([channels_out], 2, Layout::RowMajor, on)));
    layer
}

fn results(case: &Case, is_ours: bool, on: &(Device, DType)) -> Results {
    let layer = layer(case, on);
    let [height, width] = case.image;
    let x = input([case.batch, case.channels[0], height, width], 0, case.layouts[0], on);
    let y = match (is_ours, case.has_relu) {
        (true, true) => Conv2d::from(layer.clone()).with_relu().forward(x.clone()),
        (true, false) => Conv2d::from(layer.clone()).forward(x.clone()),
        (false, true) => relu(layer.forward(x.clone())),
        (false, false) => layer.forward(x.clone()),
    };
    let gradients = backward(&y);
    let mut results = vec![values(y), grad(&x, &gradients), grad(&layer.weight.val(), &gradients)];
    results.extend(layer.bias.map(|bias| grad(&bias.val(), &gradients)));
    results
}

fn check(case: &Case) {
    let expected = results(case, false, &exact());
    for device in host_devices() {
        assert_close(&results(case, true, &(device.autodiff(), DType::F32)), &expected, &format!("{case:?}"));
    }
}

proptest! {
    #![proptest_config(same_cases(200))]

    #[test]
    fn a_convolution_and_its_gradients_match_burns_in_64_bits(case in cases()) {
        check(&case);
    }
}

#[test]
fn a_convolution_of_many_images_is_computed_in_pieces_and_still_matches_burns() {
    // More than one block per piece, more than one image per piece, and a piece that is shorter than the
    // others.
    let config = Conv2dConfig::new([8, 48], [3, 3]);
    let case = Case {
        batch: 67,
        channels: [8, 48],
        image: [34, 33],
        config: config.with_padding(PaddingConfig2d::Same),
        has_relu: true,
        layouts: [Layout::RowMajor; 2],
    };
    check(&case);
}

#[test]
fn a_convolution_with_groups_is_computed_by_burn() {
    let config = Conv2dConfig::new([4, 6], [3, 3]).with_groups(2);
    let on = (host_devices().remove(0).autodiff(), DType::F32);
    let layer = config.init(&on.0);
    let x = input([2, 4, 5, 5], 0, Layout::RowMajor, &on);
    let ours = Conv2d::from(layer.clone()).with_relu().forward(x.clone());
    assert_eq!(values(ours), values(relu(layer.forward(x))));
}
