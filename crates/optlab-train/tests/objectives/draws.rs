//! Targets drawn from predictions.

use crate::tensors::{exact, flex, generator, host_devices, matrix, random_matrix, values};
use burn::tensor::{Int, Tensor, TensorData};
use optlab_train::data::BatchTargets;
use optlab_train::objective::LossSpec;
use rand::Rng;

fn loss(text: &str) -> LossSpec {
    text.parse().unwrap()
}

fn numbers(drawn: BatchTargets) -> Vec<f64> {
    match drawn {
        BatchTargets::Classes(classes) => classes.into_data().iter::<f64>().collect(),
        BatchTargets::Values(drawn) => values(drawn),
    }
}

/// The draws of the workloads so far.
fn drawn_so_far(outputs: Tensor<2>, is_classes: bool, random: &mut impl Rng) -> Vec<f64> {
    let (shape, device) = (outputs.dims(), outputs.device());
    let mut uniform = || (f64::from(random.next_u32()) + 0.5) / 2_f64.powi(32);
    let mut noise = || {
        if is_classes {
            -(-uniform().ln()).ln()
        } else {
            (-uniform().ln()).sqrt() * (std::f64::consts::TAU * uniform()).cos()
        }
    };
    let noise: Vec<f32> = (0..shape[0] * shape[1]).map(|_| noise() as f32).collect();
    let noisy = outputs + Tensor::from_data(TensorData::new(noise, shape), &device);
    let classes: Tensor<1, Int> = noisy.clone().argmax(1).squeeze_dim(1);
    if is_classes { classes.into_data().iter::<f64>().collect() } else { values(noisy) }
}

#[test]
fn classes_and_numbers_are_drawn_as_so_far_to_the_bit() {
    for on in host_devices() {
        for seed in 0..3 {
            let outputs = matrix(&random_matrix(40, 10, 1.0, &mut generator(seed)), &on);
            let expected = drawn_so_far(outputs.clone(), true, &mut generator(seed));
            for text in ["cross_entropy", "cross_entropy:label_smoothing=0.1,class_weights=balanced"] {
                let drawn = loss(text).draw(outputs.clone(), &mut generator(seed)).unwrap();
                assert_eq!(numbers(drawn), expected);
            }
            let outputs = matrix(&random_matrix(40, 1, 1.0, &mut generator(seed)), &on);
            let expected = drawn_so_far(outputs.clone(), false, &mut generator(seed));
            assert_eq!(numbers(loss("mse").draw(outputs, &mut generator(seed)).unwrap()), expected);
        }
    }
}

#[test]
fn classes_and_labels_are_drawn_with_their_probabilities() {
    let rows = 20_000;
    for (text, logits) in [("binary_cross_entropy", vec![1.2]), ("multi_label", vec![-2.0, 0.0, 1.0])] {
        let outputs = matrix(&vec![logits.clone(); rows], &flex());
        let drawn = loss(text).draw(outputs, &mut generator(1)).unwrap();
        match &drawn {
            BatchTargets::Classes(classes) => assert_eq!(classes.dims(), [rows]),
            BatchTargets::Values(labels) => assert_eq!(labels.dims(), [rows, logits.len()]),
        }
        let drawn = numbers(drawn);
        for (column, logit) in logits.iter().enumerate() {
            let share = drawn.iter().skip(column).step_by(logits.len()).sum::<f64>() / rows as f64;
            let p = 1.0 / (1.0 + (-logit).exp());
            // Four standard deviations.
            assert!((share - p).abs() < 4.0 * (p * (1.0 - p) / rows as f64).sqrt(), "{share} for {p}");
        }
    }
}

/// With these draws the mean squared gradient of the loss is its second derivative, 2 / columns per example.
#[test]
fn numbers_have_the_variance_for_which_the_loss_is_a_log_likelihood() {
    for columns in [1, 3] {
        let rows = 20_000;
        let outputs = matrix(&vec![vec![5.0; columns]; rows], &exact());
        let drawn = numbers(loss("mse").draw(outputs, &mut generator(2)).unwrap());
        let count = drawn.len() as f64;
        let mean = drawn.iter().sum::<f64>() / count;
        let variance = drawn.iter().map(|x| (x - 5.0) * (x - 5.0)).sum::<f64>() / count;
        let expected = columns as f64 / 2.0;
        assert!((mean - 5.0).abs() < 4.0 * (expected / count).sqrt(), "{mean}");
        assert!((variance / expected - 1.0).abs() < 4.0 * (2.0 / count).sqrt(), "{variance} for {expected}");
    }
}

/// A generator of nothing but zeros.
struct Zeros;

impl rand::TryRng for Zeros {
    type Error = std::convert::Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        Ok(0)
    }

    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        Ok(0)
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Self::Error> {
        bytes.fill(0);
        Ok(())
    }
}

#[test]
fn the_smallest_random_number_gives_a_finite_draw() {
    let outputs = matrix(&[vec![0.0]], &flex());
    let drawn = numbers(loss("mse").draw(outputs, &mut Zeros).unwrap())[0];
    assert!((4.0..6.0).contains(&drawn), "{drawn}");
}

#[test]
fn losses_without_a_natural_distribution_draw_nothing() {
    for spec in LossSpec::all() {
        let columns = if spec == loss("cross_entropy") { 2 } else { 1 };
        let outputs = matrix(&[vec![0.5; columns]], &flex());
        let drawn = spec.draw(outputs, &mut generator(0));
        let draws = ["mse", "cross_entropy", "binary_cross_entropy", "multi_label"].contains(&spec.name());
        assert_eq!(drawn.is_some(), draws, "{spec}");
        assert_eq!(spec.likelihood().is_some(), draws, "{spec}");
    }
}

#[test]
fn the_likelihood_is_the_loss_without_smoothing_and_weights() {
    for (text, expected) in [
        ("cross_entropy:label_smoothing=0.1,class_weights=[1,2]", "cross_entropy"),
        ("binary_cross_entropy:positive_weight=2", "binary_cross_entropy"),
        ("multi_label", "multi_label"),
        ("mse", "mse"),
    ] {
        assert_eq!(loss(text).likelihood(), Some(loss(expected)));
    }
}
