use crate::layout::{Layout, layouts};
use crate::subject::{backward, exact, grad, host_devices, input, same_cases, values};
use burn::tensor::{DType, Device, Tensor};
use optlab_kernel::DropoutMask;
use optlab_train::nn::{Dropout, Mode};
use proptest::prelude::*;

const LAYER: Dropout = Dropout { probability: 0.3, layer: 2 };
const MODE: Mode = Mode::Train { seed: 11, step: 5 };

/// Returns the host backends, and 64 bits, where the layer uses Burn's operations as on a GPU.
fn subjects() -> Vec<(Device, DType)> {
    let of_host = host_devices().into_iter().map(|device| (device.autodiff(), DType::F32));
    of_host.chain([exact()]).collect()
}

/// Applies the mask to row-major numbers, by its definition.
fn expected(numbers: &[f64], shape: &[usize]) -> Vec<f64> {
    let mask = DropoutMask { probability: LAYER.probability, seed: 11, step: 5, layer: LAYER.layer };
    let factors = mask.factors(numbers.len());
    let factor = |place: usize| match *shape {
        // The elements of images are numbered with channels last.
        [_, channels, height, width] => {
            let (image, rest) = (place / (channels * height * width), place % (channels * height * width));
            let (channel, pixel) = (rest / (height * width), rest % (height * width));
            factors[(image * height * width + pixel) * channels + channel]
        }
        _ => factors[place],
    };
    numbers.iter().enumerate().map(|(place, x)| x * f64::from(factor(place))).collect()
}

fn check<const D: usize>(shape: [usize; D], layout: Layout) {
    for on in subjects() {
        let x: Tensor<D> = input(shape, 0, layout, &on);
        let y = LAYER.forward(x.clone(), MODE);
        let gradients = backward(&y);
        let close = |given: Vec<f64>, expected: Vec<f64>| {
            let pairs = given.iter().zip(&expected);
            assert!(pairs.clone().all(|(a, b)| (a - b).abs() <= 1e-6), "{shape:?} {layout:?}: {pairs:?}");
        };
        close(values(y), expected(&values(x.clone()), &shape));
        let weights: Vec<f64> = crate::layout::numbers(shape.iter().product(), 99);
        close(grad(&x, &gradients), expected(&weights, &shape));
    }
}

proptest! {
    #![proptest_config(same_cases(50))]

    #[test]
    fn the_mask_is_the_same_everywhere(
        shape in [1..5_usize, 1..20, 1..8, 1..8],
        layout in layouts(),
    ) {
        check(shape, layout);
        let [a, b, c, d] = shape;
        check([a * b, c * d], layout);
        check([a, b * c, d], layout);
        check([a * b * c * d], layout);
    }
}

#[test]
fn a_tensor_held_elsewhere_stays_unchanged() {
    for on in subjects() {
        let x: Tensor<2> = input([8, 16], 0, Layout::RowMajor, &on);
        let before = values(x.clone());
        let held = x.clone();
        let dropped = values(LAYER.forward(x, MODE));
        assert_eq!(values(held), before);
        assert_ne!(dropped, before);
    }
}

#[test]
fn nothing_is_dropped_in_evaluation_or_with_probability_0() {
    for on in subjects() {
        let x: Tensor<2> = input([8, 16], 0, Layout::RowMajor, &on);
        assert_eq!(values(LAYER.forward(x.clone(), Mode::Evaluate)), values(x.clone()));
        let never = Dropout { probability: 0.0, ..LAYER };
        assert_eq!(values(never.forward(x.clone(), MODE)), values(x));
    }
}
