use burn::tensor::{Device, Tensor};
use rayon::prelude::*;
use std::time::{Duration, Instant};

/// Elements that are copied on the host: 160 MB, more than any cache holds.
const HOST_ELEMENTS: usize = 40_000_000;

/// Elements that are copied on a device: 64 MB, which the smallest limit on a buffer allows.
const DEVICE_ELEMENTS: usize = 16_000_000;

/// A plain copy of a large buffer, to measure a device's memory by.
///
/// On the host the cores copy a part each; on a device the backend adds 1 to a tensor, which moves as many bytes.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "one for each device")]
pub enum Copy {
    /// In the memory of the host.
    Host {
        /// What is read.
        source: Vec<f32>,
        /// What is written.
        target: Vec<f32>,
    },
    /// On a device.
    Device(Tensor<1>),
}

impl Copy {
    /// Takes the memory for a copy.
    pub fn new(device: &Device, is_host: bool) -> Self {
        if is_host {
            Copy::Host { source: vec![1.0; HOST_ELEMENTS], target: vec![0.0; HOST_ELEMENTS] }
        } else {
            Copy::Device(Tensor::ones([DEVICE_ELEMENTS], device))
        }
    }

    /// The bytes that are read and written.
    pub fn bytes(&self) -> f64 {
        let elements = match self {
            Copy::Host { .. } => HOST_ELEMENTS,
            Copy::Device(_) => DEVICE_ELEMENTS,
        };
        (2 * elements * size_of::<f32>()) as f64
    }

    /// How long a copy takes.
    pub fn time(&mut self) -> Duration {
        let began = Instant::now();
        match self {
            Copy::Host { source, target } => {
                let part = source.len().div_ceil(rayon::current_num_threads());
                target
                    .par_chunks_mut(part)
                    .zip(source.par_chunks(part))
                    .for_each(|(target, source)| target.copy_from_slice(source));
                began.elapsed()
            }
            Copy::Device(source) => {
                let target = source.clone().add_scalar(1.0);
                // A device that fails shows it to the benchmark, which reads its results.
                let _failure_shows_later = source.device().sync();
                let elapsed = began.elapsed();
                drop(target);
                elapsed
            }
        }
    }
}
