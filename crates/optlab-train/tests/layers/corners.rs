//! Our operations work among Burn's: gradients, records, reused buffers, constants, empty inputs.

use crate::layout::{Layout, numbers, tensor};
use crate::subject::{Results, assert_close, backward, exact, grad, host_devices, input, values};
use burn::module::{Module, Param};
use burn::nn::conv::{self, Conv2dConfig};
use burn::nn::pool::{AvgPool2dConfig, MaxPool2dConfig};
use burn::nn::{self, LayerNormConfig, LinearConfig, PaddingConfig2d, RmsNormConfig, RnnConfig};
use burn::tensor::{DType, Device, Tensor, TensorData};
use optlab_kernel as kernel;
use optlab_train::nn::{
    AttentionInput, AvgPool2d, Conv2d, Dropout, LayerNorm, Linear, MaxPool2d, Mode, RmsNorm, Rnn, attention,
    cross_entropy,
};

/// A name, the shape of the input, and a function from numbers of that shape to a number, which may have
/// kinks where numbers are equal.
type Function<'a> = (&'a str, Vec<usize>, Box<dyn Fn(Tensor<1>) -> Tensor<1> + 'a>);

/// Returns the sum of `y`, each number weighted by one from a formula.
fn weighted<const D: usize>(y: Tensor<D>) -> Tensor<1> {
    let weights = numbers(y.dims().iter().product(), 99);
    let weights = tensor(&weights, y.dims(), Layout::RowMajor, &y.device().inner(), DType::F32);
    (y * Tensor::from_inner(weights)).sum()
}

fn functions(device: &Device) -> Vec<Function<'_>> {
    device.seed(1);
    let conv = Conv2d::from(Conv2dConfig::new([3, 5], [3, 2]).with_stride([2, 1]).init(device));
    let max_pool = MaxPool2d::from(MaxPool2dConfig::new([2, 3]).with_strides([1, 2]).init());
    let avg_pool = AvgPool2d::from(AvgPool2dConfig::new([3, 2]).with_strides([2, 2]).init());
    let linear = Linear::from(LinearConfig::new(7, 4).init(device));
    let rnn = Rnn::from(RnnConfig::new(3, 6, true).init(device));
    let gelu = Linear::from(LinearConfig::new(7, 4).init(device)).with_gelu();
    let square = Linear::from(LinearConfig::new(7, 7).init(device));
    let layer_norm = LayerNorm::from(LayerNormConfig::new(7).init(device));
    let rms_norm = RmsNorm::from(RmsNormConfig::new(7).init(device));
    let tokens = Tensor::from_ints([[0, 3, 3], [1, 0, 2]], device);
    let targets = Tensor::from_ints([0, 2, -1], device);
    let mode = Mode::Train { seed: 1, step: 0 };
    let image = |x: Tensor<1>| x.reshape([2, 3, 5, 4]);
    vec![
        ("conv2d", vec![120], Box::new(move |x| weighted(conv.forward(image(x))))),
        ("max_pool2d", vec![120], Box::new(move |x| weighted(max_pool.forward(image(x))))),
        ("avg_pool2d", vec![120], Box::new(move |x| weighted(avg_pool.forward(image(x))))),
        (
            "dropout",
            vec![120],
            Box::new(move |x| weighted(Dropout { probability: 0.5, layer: 0 }.forward(image(x), mode))),
        ),
        ("linear", vec![35], Box::new(move |x| weighted(linear.forward(x.reshape([5, 7]))))),
        ("rnn", vec![24], Box::new(move |x| weighted(rnn.forward(x.reshape([2, 4, 3]), None).0))),
        ("linear with GELU", vec![35], Box::new(move |x| weighted(gelu.forward(x.reshape([5, 7]))))),
        (
            "linear_add",
            vec![35],
            Box::new(move |x| weighted(square.forward_add(x.clone().reshape([5, 7]), x.reshape([5, 7])))),
        ),
        ("layer_norm", vec![35], Box::new(move |x| weighted(layer_norm.forward(x.reshape([5, 7]))))),
        ("rms_norm", vec![35], Box::new(move |x| weighted(rms_norm.forward(x.reshape([5, 7]))))),
        (
            "embedding",
            vec![12],
            Box::new(move |x| weighted(kernel::embedding(&tokens, x.reshape([4, 3]), None))),
        ),
        (
            "attention",
            vec![2 * 5 * 12],
            Box::new(move |x| weighted(attention(AttentionInput::Joined(x.reshape([2, 5, 12])), 2, true))),
        ),
        ("cross_entropy", vec![12], Box::new(move |x| cross_entropy(x.reshape([3, 4]), &targets))),
    ]
}

#[test]
fn gradients_match_central_differences() {
    for device in host_devices() {
        let device = device.autodiff();
        for (name, shape, function) in functions(&device) {
            let numbers = numbers(shape.iter().product(), 7);
            let at = |numbers: &[f64]| {
                let data = TensorData::new(numbers.to_vec(), [numbers.len()]).convert::<f32>();
                Tensor::<1>::from_data(data, &device).require_grad()
            };
            let x = at(&numbers);
            let gradients = function(x.clone()).backward();
            let given = grad(&x, &gradients);
            // So small that no two numbers change order, so large that rounding does not matter.
            let step = 2e-3;
            for (place, given) in given.iter().enumerate() {
                let moved = |by: f64| {
                    let mut numbers = numbers.clone();
                    numbers[place] += by;
                    values(function(at(&numbers)))[0]
                };
                let expected = (moved(step) - moved(-step)) / (2.0 * step);
                assert!((given - expected).abs() < 2e-3, "{name}, place {place}: {given} for {expected}");
            }
        }
    }
}

#[test]
fn a_record_of_one_layer_loads_into_the_other() {
    let device = host_devices().remove(0);
    let x = tensor(&numbers(2 * 3 * 36, 0), [2, 3, 6, 6], Layout::RowMajor, &device, DType::F32);
    let config = Conv2dConfig::new([3, 4], [3, 3]);
    let (ours, burns) = (Conv2d::from(config.init(&device)), config.init(&device));
    let expected = values(ours.forward(x.clone()));
    assert_close(
        &vec![values(conv::Conv2d::from(ours.clone()).forward(x.clone()))],
        &vec![expected.clone()],
        "into",
    );
    let loaded = burns.clone().load_record(ours.clone().into_record());
    assert_close(&vec![values(loaded.forward(x.clone()))], &vec![expected], "Burn's convolution");
    let loaded = ours.load_record(burns.clone().into_record());
    assert_close(
        &vec![values(loaded.forward(x.clone()))],
        &vec![values(burns.forward(x))],
        "our convolution",
    );

    let rows = tensor(&numbers(2 * 7, 0), [2, 7], Layout::RowMajor, &device, DType::F32);
    let config = LinearConfig::new(7, 5);
    let (ours, burns): (Linear, nn::Linear) = (config.init(&device).into(), config.init(&device));
    let expected = vec![values(burns.forward(rows.clone()))];
    let loaded = ours.clone().load_record(burns.clone().into_record());
    assert_close(&vec![values(loaded.forward(rows.clone()))], &expected, "our dense layer");
    let loaded = burns.load_record(ours.clone().into_record());
    assert_close(&vec![values(loaded.forward(rows.clone()))], &vec![values(ours.forward(rows))], "Burn's");

    let x = tensor(&numbers(2 * 4 * 3, 0), [2, 4, 3], Layout::RowMajor, &device, DType::F32);
    let config = RnnConfig::new(3, 5, true);
    let (ours, burns): (Rnn, nn::Rnn) = (config.init(&device).into(), config.init(&device));
    let expected = vec![values(burns.forward(x.clone(), None).0)];
    let loaded = ours.clone().load_record(burns.clone().into_record());
    assert_close(&vec![values(loaded.forward(x.clone(), None).0)], &expected, "our recurrent layer");
    let loaded = burns.load_record(ours.clone().into_record());
    let (given, expected) = (values(loaded.forward(x.clone(), None).0), values(ours.forward(x, None).0));
    assert_close(&vec![given], &vec![expected], "Burn's recurrent layer");
}

/// Computes layers large enough that their buffers are reused, several of them of the same size.
fn block(images: Vec<f64>, on: &(Device, DType)) -> Results {
    let convolution = |channels: usize, padding, seed| {
        let mut layer = Conv2dConfig::new([channels, 16], [3, 3]).with_padding(padding).init(&on.0);
        layer.weight = Param::from_tensor(input([16, channels, 3, 3], seed, Layout::RowMajor, on));
        layer.bias = Some(Param::from_tensor(input([16], seed + 1, Layout::RowMajor, on)));
        Conv2d::from(layer).with_relu()
    };
    let first = convolution(2, PaddingConfig2d::Valid, 1);
    let second = convolution(16, PaddingConfig2d::Same, 3);
    let max_pool = MaxPool2d::from(MaxPool2dConfig::new([2, 2]).with_strides([3, 3]).init());
    let avg_pool = AvgPool2d::from(AvgPool2dConfig::new([2, 2]).with_strides([1, 1]).init());
    let x = tensor(&images, [40, 2, 29, 29], Layout::RowMajor, &on.0, on.1).require_grad();
    let dropout = Dropout { probability: 0.5, layer: 0 };
    let y = max_pool.forward(avg_pool.forward(second.forward(first.forward(x.clone()))));
    let y = dropout.forward(y, Mode::Train { seed: 0, step: 0 });
    let gradients = backward(&y);
    let weights = [&first, &second].map(|layer| grad(&layer.weight.val(), &gradients));
    [values(y), grad(&x, &gradients)].into_iter().chain(weights).collect()
}

#[test]
fn old_values_in_a_reused_buffer_never_show() {
    let images = numbers(40 * 2 * 29 * 29, 0);
    let expected = block(images.clone(), &exact());
    for device in host_devices() {
        let on = (device.autodiff(), DType::F32);
        for _ in 0..2 {
            let with_nan = block(vec![f64::NAN; images.len()], &on);
            // The result and the gradient of the weights; the gradient of the images does not depend on the
            // images.
            assert!([0, 2].iter().all(|result| with_nan[*result].iter().any(|x| x.is_nan())));
            assert_close(&block(images.clone(), &on), &expected, "after NaN");
        }
    }
}

#[test]
fn gradients_are_the_same_with_gradient_checkpointing() {
    for device in host_devices() {
        let images = numbers(40 * 2 * 29 * 29, 0);
        let expected = block(images.clone(), &(device.clone().autodiff(), DType::F32));
        let on = (device.autodiff().gradient_checkpointing(), DType::F32);
        assert_eq!(block(images, &on), expected);
    }
}

#[test]
fn a_tensor_that_needs_no_gradient_is_a_constant() {
    for device in host_devices() {
        let on = (device.clone().autodiff(), DType::F32);
        let layer = Conv2d::from(Conv2dConfig::new([2, 3], [2, 2]).init(&on.0));
        let x = input([2, 2, 4, 4], 0, Layout::RowMajor, &on);
        let of_both = backward(&layer.forward(x.clone()));
        // Frozen weights: only the images have a gradient.
        let frozen = layer.clone().no_grad();
        let gradients = backward(&frozen.forward(x.clone()));
        assert_eq!(grad(&x, &gradients), grad(&x, &of_both));
        assert!(frozen.weight.val().grad(&gradients).is_none());
        // Images that are not tracked: only the weights have a gradient.
        let constant = Tensor::from_inner(x.clone().inner());
        let gradients = backward(&layer.forward(constant));
        assert_eq!(grad(&layer.weight.val(), &gradients), grad(&layer.weight.val(), &of_both));
    }
}

#[test]
fn an_operation_can_be_used_twice_and_its_result_too() {
    let results = |ours: bool, on: &(Device, DType)| {
        let x = input([2, 2, 6, 6], 0, Layout::RowMajor, on);
        let mut layer = Conv2dConfig::new([2, 2], [3, 3]).init(&on.0);
        layer.weight = Param::from_tensor(input([2, 2, 3, 3], 1, Layout::RowMajor, on));
        layer.bias = None;
        let forward = |x| match ours {
            true => Conv2d::from(layer.clone()).forward(x),
            false => layer.forward(x),
        };
        let once = forward(x.clone());
        let twice = forward(once.clone());
        let y = Tensor::cat(vec![once.flatten::<1>(0, 3), twice.flatten::<1>(0, 3)], 0);
        let gradients = backward(&y);
        vec![values(y), grad(&x, &gradients), grad(&layer.weight.val(), &gradients)]
    };
    let expected = results(false, &exact());
    for device in host_devices() {
        assert_close(&results(true, &(device.autodiff(), DType::F32)), &expected, "twice");
    }
}

#[test]
fn no_examples_give_no_results() {
    // Empty inputs go to Burn's operations, which accept them on this backend.
    let device = optlab_train::device::open("flex").unwrap();
    let pool = MaxPool2d::from(MaxPool2dConfig::new([2, 2]).with_strides([2, 2]).init());
    assert_eq!(pool.forward(Tensor::<4>::zeros([0, 2, 4, 4], &device)).dims(), [0, 2, 2, 2]);
    let linear = Linear::from(LinearConfig::new(3, 4).init(&device));
    assert_eq!(linear.forward(Tensor::<2>::zeros([0, 3], &device)).dims(), [0, 4]);
}

#[test]
#[should_panic(expected = "channels of the images and of the weight")]
fn images_of_other_channels_are_refused() {
    let device = host_devices().remove(0);
    let layer = Conv2d::from(Conv2dConfig::new([2, 3], [2, 2]).init(&device));
    layer.forward(Tensor::zeros([1, 3, 4, 4], &device));
}

#[test]
#[should_panic(expected = "a window of")]
fn a_kernel_larger_than_the_image_is_refused() {
    let device = host_devices().remove(0);
    let layer = Conv2d::from(Conv2dConfig::new([2, 3], [5, 5]).init(&device));
    layer.forward(Tensor::zeros([1, 2, 4, 4], &device));
}
