use crate::layout::{Layout, layouts};
use crate::subject::{Results, assert_close, backward, exact, grad, host_devices, input, same_cases, values};
use burn::nn::PaddingConfig2d;
use burn::nn::pool::{AvgPool2dConfig, MaxPool2dConfig};
use burn::tensor::{DType, Device, Tensor};
use optlab_train::nn::{AvgPool2d, MaxPool2d};
use proptest::prelude::*;

#[derive(Debug, Clone)]
struct Case {
    shape: [usize; 4],
    size: [usize; 2],
    stride: [usize; 2],
    dilation: [usize; 2],
    padding: PaddingConfig2d,
    count_include_pad: bool,
    ceil_mode: bool,
    layout: Layout,
}

fn cases() -> impl Strategy<Value = Case> {
    let sizes = (1..4_usize, 1..40_usize, [1..5_usize, 1..5], [0..6_usize, 0..6]);
    let steps = ([1..4_usize, 1..4], [1..3_usize, 1..3], any::<(u8, u8, u8, u8)>());
    (sizes, steps, any::<[bool; 2]>(), layouts()).prop_map(
        |((batch, channels, size, larger), (stride, dilation, around), [count_include_pad, ceil], layout)| {
            let image = [0, 1].map(|axis| (size[axis] - 1) * dilation[axis] + 1 + larger[axis]);
            // At most half of the window, so that no window covers padding alone.
            let half = |around: u8, axis: usize| usize::from(around) % (size[axis] / 2 + 1);
            let (top, left, bottom, right) = around;
            let padding =
                PaddingConfig2d::Explicit(half(top, 0), half(left, 1), half(bottom, 0), half(right, 1));
            let shape = [batch, channels, image[0], image[1]];
            // Burn does not support `ceil_mode` for padding that differs from side to side.
            let ceil_mode = ceil && half(top, 0) == half(bottom, 0) && half(left, 1) == half(right, 1);
            Case { shape, size, stride, dilation, padding, count_include_pad, ceil_mode, layout }
        },
    )
}

fn results(case: &Case, on: &(Device, DType), pool: impl Fn(Tensor<4>) -> Tensor<4>) -> Results {
    let x = input(case.shape, 0, case.layout, on);
    let y = pool(x.clone());
    let gradients = backward(&y);
    vec![values(y), grad(&x, &gradients)]
}

proptest! {
    #![proptest_config(same_cases(200))]

    #[test]
    fn max_pooling_and_its_gradient_match_burns_in_64_bits(case in cases()) {
        let burns = MaxPool2dConfig::new(case.size)
            .with_strides(case.stride)
            .with_padding(case.padding.clone())
            .with_dilation(case.dilation)
            .with_ceil_mode(case.ceil_mode)
            .init();
        let ours = MaxPool2d::from(burns.clone());
        let expected = results(&case, &exact(), |x| burns.forward(x));
        for device in host_devices() {
            let given = results(&case, &(device.autodiff(), DType::F32), |x| ours.forward(x));
            assert_close(&given, &expected, &format!("{case:?}"));
        }
    }

    #[test]
    fn average_pooling_and_its_gradient_match_burns_in_64_bits(case in cases()) {
        let burns = AvgPool2dConfig::new(case.size)
            .with_strides(case.stride)
            .with_padding(case.padding.clone())
            .with_count_include_pad(case.count_include_pad)
            .with_ceil_mode(case.ceil_mode)
            .init();
        let ours = AvgPool2d::from(burns.clone());
        let expected = results(&case, &exact(), |x| burns.forward(x));
        for device in host_devices() {
            let given = results(&case, &(device.autodiff(), DType::F32), |x| ours.forward(x));
            assert_close(&given, &expected, &format!("{case:?}"));
        }
    }
}

#[test]
fn the_first_of_equal_numbers_gets_the_gradient_and_padding_gets_none() {
    let pool = MaxPool2d::from(
        MaxPool2dConfig::new([2, 2])
            .with_strides([2, 2])
            .with_padding(PaddingConfig2d::Explicit(1, 1, 1, 1))
            .init(),
    );
    for device in host_devices() {
        let x = Tensor::<4>::full([1, 1, 2, 3], f32::NEG_INFINITY, &device.autodiff()).require_grad();
        let y = pool.forward(x.clone());
        let gradients = y.clone().sum().backward();
        // Windows on columns {0} and {1, 2} of each row.
        assert_eq!(values(y), [f64::NEG_INFINITY; 4]);
        assert_eq!(grad(&x, &gradients), [1.0, 1.0, 0.0, 1.0, 1.0, 0.0]);
    }
}

#[test]
fn a_nan_under_the_window_is_the_largest() {
    let pool = MaxPool2d::from(MaxPool2dConfig::new([1, 3]).with_strides([1, 1]).init());
    for device in host_devices() {
        for tracked in [false, true] {
            let device = if tracked { device.clone().autodiff() } else { device.clone() };
            let x = Tensor::<4>::from_floats([[[[1.0, f32::NAN, 2.0, 3.0, 4.0]]]], &device);
            let x = if tracked { x.require_grad() } else { x };
            let y = values(pool.forward(x));
            assert!(y[0].is_nan() && y[1].is_nan() && y[2] == 4.0, "{y:?}");
        }
    }
}
