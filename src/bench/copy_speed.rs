//! The speed of a plain memory copy, as the yardstick of optimizer steps.

use burn::tensor::{Device, Tensor};
use rayon::prelude::*;
use std::time::{Duration, Instant};

/// The number of elements copied on the host: 160 MB, more than any cache holds.
const HOST_ELEMENTS: usize = 40_000_000;

/// The number of elements copied on a device: 64 MB, within the smallest limit on a buffer.
const DEVICE_ELEMENTS: usize = 16_000_000;

/// A plain copy of a large buffer, which measures the speed of a device's memory.
///
/// On the host each core copies a part; on a device the backend adds 1 to a tensor, which moves as many
/// bytes.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "one for each device")]
pub enum Copy {
    /// In the memory of the host.
    Host {
        /// The buffer that is read.
        source: Vec<f32>,
        /// The buffer that is written.
        target: Vec<f32>,
    },
    /// On a device.
    Device(Tensor<1>),
}

impl Copy {
    /// Allocates the memory for a copy.
    pub fn new(device: &Device, is_host: bool) -> Self {
        if is_host {
            Copy::Host { source: vec![1.0; HOST_ELEMENTS], target: vec![0.0; HOST_ELEMENTS] }
        } else {
            Copy::Device(Tensor::ones([DEVICE_ELEMENTS], device))
        }
    }

    /// Returns the number of bytes read and written per copy.
    pub fn bytes(&self) -> f64 {
        let elements = match self {
            Copy::Host { .. } => HOST_ELEMENTS,
            Copy::Device(_) => DEVICE_ELEMENTS,
        };
        (2 * elements * size_of::<f32>()) as f64
    }

    /// Returns how long a copy takes.
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
                // The benchmark notices a failed device when it reads the results.
                let _failure_shows_later = source.device().sync();
                let elapsed = began.elapsed();
                drop(target);
                elapsed
            }
        }
    }
}
