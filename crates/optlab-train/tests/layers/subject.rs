//! Devices that the layers are tested on, and comparison of results.

use crate::layout::{Layout, numbers, tensor};
use burn::tensor::{DType, Device, Gradients, Tensor};
use optlab_train::device;
use proptest::test_runner::{Config, RngAlgorithm, RngSeed};

/// Returns the compiled backends that keep tensors in host memory.
pub fn host_devices() -> Vec<Device> {
    let of_host = device::compiled().filter(|backend| ["flex", "ndarray"].contains(&backend.name));
    let devices: Vec<Device> = of_host.map(|backend| device::open(backend.name).unwrap()).collect();
    assert!(!devices.is_empty(), "the default features have flex");
    devices
}

/// Returns the device and type for the expected results of Burn's own layers: 64 bits.
pub fn exact() -> (Device, DType) {
    (device::open("flex").unwrap().autodiff(), DType::F64)
}

/// Returns an input of numbers from a formula, tracked for gradients if the device supports it.
pub fn input<const D: usize>(
    shape: [usize; D],
    seed: u32,
    layout: Layout,
    (device, dtype): &(Device, DType),
) -> Tensor<D> {
    scaled_input(shape, seed, layout, 1.0, (device, *dtype))
}

/// Returns [`input`] times a factor.
pub fn scaled_input<const D: usize>(
    shape: [usize; D],
    seed: u32,
    layout: Layout,
    scale: f64,
    (device, dtype): (&Device, DType),
) -> Tensor<D> {
    let numbers: Vec<f64> = numbers(shape.iter().product(), seed).into_iter().map(|x| x * scale).collect();
    let made = tensor(&numbers, shape, layout, device, dtype);
    if device.is_autodiff() { made.detach().require_grad() } else { made }
}

/// Returns the numbers of a tensor, row-major.
pub fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f64> {
    tensor.into_data().iter::<f64>().collect()
}

/// Returns the gradients of the sum of `y`, each number weighted by one from a formula.
pub fn backward<const D: usize>(y: &Tensor<D>) -> Gradients {
    let weights = numbers(y.dims().iter().product(), 99);
    let weights = tensor(&weights, y.dims(), Layout::RowMajor, &y.device(), y.dtype());
    (y.clone() * weights).sum().backward()
}

/// Returns the gradient of an input.
pub fn grad<const D: usize>(input: &Tensor<D>, gradients: &Gradients) -> Vec<f64> {
    values(input.grad(gradients).expect("a gradient for each input"))
}

/// The results of a layer: its output, then the gradients of its inputs.
pub type Results = Vec<Vec<f64>>;

/// Checks that results match.
///
/// # Panics
/// If the two differ by more than rounding to 32 bits explains.
#[track_caller]
pub fn assert_close(ours: &Results, exact: &Results, case: &str) {
    assert_eq!(ours.len(), exact.len());
    for (number, (ours, exact)) in ours.iter().zip(exact).enumerate() {
        assert_eq!(ours.len(), exact.len(), "{case}: elements of result {number}");
        let largest = exact.iter().fold(1.0, |largest: f64, x| largest.max(x.abs()));
        for (place, (ours, exact)) in ours.iter().zip(exact).enumerate() {
            let is_close = (ours - exact).abs() <= 1e-5 * largest || ours == exact;
            assert!(is_close, "{case}: result {number}, element {place}: {ours} for {exact}");
        }
    }
}

/// Returns a configuration of `cases` cases that are the same in every run.
pub fn same_cases(cases: u32) -> Config {
    let rng_seed = RngSeed::Fixed(20);
    Config {
        cases,
        rng_algorithm: RngAlgorithm::ChaCha,
        rng_seed,
        failure_persistence: None,
        ..Config::default()
    }
}
