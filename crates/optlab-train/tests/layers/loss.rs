use crate::layout::{Layout, layouts};
use crate::subject::{assert_close, exact, grad, host_devices, input, same_cases, values};
use burn::nn::loss::CrossEntropyLossConfig;
use burn::tensor::{DType, Device, Int, Tensor};
use optlab_train::nn::{cross_entropy, cross_entropy_of_some};
use proptest::prelude::*;

fn targets(rows: usize, classes: usize, device: &Device) -> Tensor<1, Int> {
    let targets: Vec<i64> = (0..rows).map(|row| (row * 7 % classes) as i64).collect();
    Tensor::from_data(targets.as_slice(), device)
}

proptest! {
    #![proptest_config(same_cases(100))]

    #[test]
    fn the_cross_entropy_and_its_gradient_match_burns_in_64_bits(
        rows in 1..70_usize,
        classes in 1..40_usize,
        scale in prop_oneof![Just(0.0), Just(1.0), Just(30.0)],
        layout in layouts(),
    ) {
        let on = exact();
        let logits = input([rows, classes], 0, layout, &on);
        let targets_there = targets(rows, classes, &on.0);
        let loss = CrossEntropyLossConfig::new().init(&on.0).forward(logits.clone() * scale, targets_there);
        let gradients = (loss.clone() * 3.0).backward();
        let expected = vec![values(loss), grad(&logits, &gradients)];
        let mut subjects = vec![exact()];
        subjects.extend(host_devices().into_iter().map(|device| (device.autodiff(), DType::F32)));
        for on in subjects {
            let logits = input([rows, classes], 0, layout, &on);
            let loss = cross_entropy(logits.clone() * scale, &targets(rows, classes, &on.0));
            let gradients = (loss.clone() * 3.0).backward();
            let given = vec![values(loss), grad(&logits, &gradients)];
            assert_close(&given, &expected, &format!("{rows} × {classes}, {scale}, {layout:?}"));
        }
    }
}

#[test]
fn logits_of_any_size_have_a_loss_and_a_nan_shows() {
    for device in host_devices() {
        let loss = |logits: [[f32; 3]; 1], target| {
            let logits = Tensor::<2>::from_floats(logits, &device);
            values(cross_entropy(logits, &Tensor::from_ints([target], &device)))[0]
        };
        assert_eq!(loss([[1e30, 0.0, -1e30]], 0), 0.0);
        assert_eq!(loss([[1e4, 0.0, 0.0]], 1), 1e4);
        assert!(loss([[0.0, f32::NAN, 0.0]], 0).is_nan());
        assert!(loss([[f32::INFINITY, 0.0, 0.0]], 0).is_nan());
    }
}

#[test]
fn a_row_without_a_class_does_not_count() {
    let mut subjects = vec![exact()];
    subjects.extend(host_devices().into_iter().map(|device| (device.autodiff(), DType::F32)));
    for on in subjects {
        let results = |rows: usize, targets: &[i64]| {
            let logits = input([6, 4], 0, Layout::RowMajor, &on);
            let counted = logits.clone().narrow(0, 0, rows);
            let loss = cross_entropy_of_some(counted, &Tensor::from_data(targets, &on.0), 3);
            let gradients = loss.backward();
            vec![values(loss), grad(&logits, &gradients)]
        };
        let given = results(6, &[2, 0, 3, -1, -1, -1]);
        assert_close(&given, &results(3, &[2, 0, 3]), "the last three do not count");
    }
}

#[test]
fn the_gradient_of_a_certain_answer_keeps_its_digits() {
    for device in host_devices() {
        let logits = Tensor::<2>::from_floats([[25.0, 0.0, 1.0]], &device.autodiff()).require_grad();
        let gradients = cross_entropy(logits.clone(), &Tensor::from_ints([0], &logits.device())).backward();
        let sum = 25_f64.exp() + 1.0 + 1_f64.exp();
        let expected = [-(1.0 + 1_f64.exp()) / sum, 1.0 / sum, 1_f64.exp() / sum];
        for (given, expected) in grad(&logits, &gradients).into_iter().zip(expected) {
            assert!((given / expected - 1.0).abs() < 1e-6, "{given} for {expected}");
        }
    }
}

#[test]
#[should_panic(expected = "each target is one of 3 classes")]
fn a_target_outside_the_classes_is_refused() {
    let device = host_devices().remove(0);
    let logits = Tensor::<2>::zeros([1, 3], &device);
    cross_entropy(logits, &Tensor::from_ints([3], &device));
}

#[test]
#[should_panic(expected = "a target for each row")]
fn a_row_without_a_target_is_refused() {
    let device = host_devices().remove(0);
    let logits = Tensor::<2>::zeros([2, 3], &device);
    cross_entropy(logits, &Tensor::from_ints([1], &device));
}
