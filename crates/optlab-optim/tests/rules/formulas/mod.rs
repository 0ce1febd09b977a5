//! An independent implementation of each rule in plain 64-bit numbers, for settings without a reference file.
//! Written from the formulas of the papers, not from the library.

mod element;
mod factored;
mod global;
mod kl;
mod layer_norms;
mod matrix;
mod with_sums;

use burn::module::Param;
use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor, TensorData};
use optlab_optim::OptimizerSpec;
use rand::RngExt;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

const STEPS: usize = 20;

/// The tables of rules that need more than one element.
const TENSOR_TABLES: &[&[(&str, Whole)]] =
    &[with_sums::TABLE, factored::TABLE, matrix::TABLE, layer_norms::TABLE, kl::TABLE, global::TABLE];

/// The update of one scalar: from `(theta, gradient, rate, t, memory)`, with `t` counted from 1, to the new
/// theta. Memory starts at 0.
pub type Scalar = fn(f64, f64, f64, i32, &mut [f64; 6]) -> f64;

/// The update of one tensor, in place: `(theta, gradient, shape, rate, t, memory)`, row-major, with `t`
/// counted from 1. Memory starts empty; each formula defines its contents.
pub type Whole = fn(&mut [f64], &[f64], &[usize], f64, i32, &mut Vec<Vec<f64>>);

#[test]
fn every_rule_follows_its_formula_in_settings_without_a_reference_file() {
    let mut failures = Vec::new();
    for (text, scalar) in element::TABLE {
        let mut memory = vec![[0.0; 6]; 32];
        let error = largest_error::<1>(text, [32], |theta, gradient, lr, t| {
            for ((theta, &g), memory) in theta.iter_mut().zip(gradient).zip(&mut memory) {
                *theta = scalar(*theta, g, lr, t, memory);
            }
        });
        report(text, "each element", error, &mut failures);
    }
    for &(text, whole) in TENSOR_TABLES.iter().copied().flatten() {
        let mut memory = Vec::new();
        let error = largest_error::<1>(text, [7], |theta, gradient, lr, t| {
            whole(theta, gradient, &[7], lr, t, &mut memory);
        });
        report(text, "[7]", error, &mut failures);
        for shape in [[6, 5], [4, 9], [5, 5]] {
            let mut memory = Vec::new();
            let error = largest_error::<2>(text, shape, |theta, gradient, lr, t| {
                whole(theta, gradient, &shape, lr, t, &mut memory);
            });
            report(text, &format!("{shape:?}"), error, &mut failures);
        }
        let shape = [3, 2, 2, 2];
        let mut memory = Vec::new();
        let error = largest_error::<4>(text, shape, |theta, gradient, lr, t| {
            whole(theta, gradient, &shape, lr, t, &mut memory);
        });
        report(text, &format!("{shape:?}"), error, &mut failures);
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

fn report(text: &str, shape: &str, error: f64, failures: &mut Vec<String>) {
    println!("{text}, {shape}: {error:.3} of the tolerance");
    if error.is_nan() || error > 1.0 {
        failures.push(format!("{text}, {shape}: {error} times the tolerance"));
    }
}

/// Returns the largest error of the rule's parameters compared with those that `formula` moves, as a share of
/// the tolerance.
fn largest_error<const D: usize>(
    text: &str,
    shape: [usize; D],
    mut formula: impl FnMut(&mut [f64], &[f64], f64, i32),
) -> f64 {
    let mut optimizer = text.parse::<OptimizerSpec>().unwrap().build().unwrap();
    let device = Device::default();
    let mut random = ChaCha8Rng::seed_from_u64(7);
    let elements: usize = shape.iter().product();
    let mut numbers =
        |scale: f32| -> Vec<f32> { (0..elements).map(|_| random.random_range(-scale..scale)).collect() };
    let wide = |values: &[f32]| -> Vec<f64> { values.iter().map(|&value| f64::from(value)).collect() };

    let initial = numbers(2.0);
    let mut theta = wide(&initial);
    let data = TensorData::new(initial, shape);
    let mut model = Param::from_tensor(Tensor::<D>::from_data(data, &device.clone().autodiff()));
    let mut worst: f64 = 0.0;
    for t in 1..=STEPS {
        // The gradients shrink, for amsgrad; the rates change, because a rule must not store them.
        let gradient = numbers(3.0 * 0.8_f32.powi(t as i32));
        let lr = if t % 2 == 0 { 0.02 } else { 0.05 };
        formula(&mut theta, &wide(&gradient), lr, t as i32);
        let mut gradients = GradientsParams::new();
        gradients.register(model.id, Tensor::<D>::from_data(TensorData::new(gradient, shape), &device));
        model = optimizer.apply(lr, model, &mut gradients);
        for (value, expected) in model.val().into_data().iter::<f64>().zip(&theta) {
            let error = (value - expected).abs() / (1e-5 * expected.abs().max(1.0));
            // Written so that NaN propagates.
            worst = if worst > error { worst } else { error };
        }
    }
    worst
}
