//! Tensors from numbers, and back.

use burn::tensor::{DType, Device, Int, Tensor, TensorData};
use optlab_core::random::{Purpose, stream};
use optlab_train::data::BatchTargets;
use optlab_train::device;
use rand::Rng;

/// Targets of a batch, one per row.
#[derive(Debug, Clone)]
pub enum Targets {
    /// The class of each row.
    Classes(Vec<usize>),
    /// The numbers or labels of each row.
    Values(Vec<Vec<f64>>),
}

impl Targets {
    /// Returns the targets of `rows` as tensors.
    pub fn part(&self, rows: std::ops::Range<usize>, on: &(Device, DType)) -> BatchTargets {
        match self {
            Targets::Classes(classes) => {
                let classes: Vec<i32> = classes[rows].iter().map(|&class| class as i32).collect();
                BatchTargets::Classes(Tensor::<1, Int>::from_data(classes.as_slice(), &on.0))
            }
            Targets::Values(values) => BatchTargets::Values(matrix(&values[rows], on)),
        }
    }

    /// Returns all targets as tensors.
    pub fn all(&self, on: &(Device, DType)) -> BatchTargets {
        let rows = match self {
            Targets::Classes(classes) => classes.len(),
            Targets::Values(values) => values.len(),
        };
        self.part(0..rows, on)
    }
}

/// Returns the device and type for exact results: 64 bits.
pub fn exact() -> (Device, DType) {
    (device::open("flex").unwrap().autodiff(), DType::F64)
}

/// Returns the compiled backends that keep tensors in host memory, in 32 bits.
pub fn host_devices() -> Vec<(Device, DType)> {
    let of_host = device::compiled().filter(|backend| ["flex", "ndarray"].contains(&backend.name));
    let devices = of_host.map(|backend| (device::open(backend.name).unwrap().autodiff(), DType::F32));
    let devices: Vec<_> = devices.collect();
    assert!(!devices.is_empty(), "the default features have flex");
    devices
}

/// Returns the default device in 32 bits.
pub fn flex() -> (Device, DType) {
    (device::open("flex").unwrap().autodiff(), DType::F32)
}

/// Returns a tensor of these rows.
pub fn matrix(rows: &[Vec<f64>], (device, dtype): &(Device, DType)) -> Tensor<2> {
    let columns = rows.first().map_or(0, Vec::len);
    let data = TensorData::new(rows.concat(), [rows.len(), columns]);
    Tensor::from_data(data, (device, *dtype))
}

/// Returns the numbers of a tensor, row-major.
pub fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f64> {
    tensor.into_data().iter::<f64>().collect()
}

/// Returns random numbers that are nearly normal, exact in 32 bits.
pub fn random_matrix(rows: usize, columns: usize, scale: f64, random: &mut impl Rng) -> Vec<Vec<f64>> {
    let mut number = || {
        let sum: f64 = (0..12).map(|_| f64::from(random.next_u32()) / 2_f64.powi(32)).sum();
        f64::from((scale * (sum - 6.0)) as f32)
    };
    (0..rows).map(|_| (0..columns).map(|_| number()).collect()).collect()
}

/// Returns random whole numbers below `below`.
pub fn random_below(count: usize, below: usize, random: &mut impl Rng) -> Vec<usize> {
    (0..count).map(|_| random.next_u32() as usize % below).collect()
}

/// Returns a generator of random numbers.
pub fn generator(seed: u64) -> impl Rng {
    stream(seed, Purpose::Labels, 0)
}
