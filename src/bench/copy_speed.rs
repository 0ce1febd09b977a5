use burn::tensor::{Device, Tensor};
use rayon::prelude::*;
use std::time::Instant;

/// Elements that are copied: 160 MB, more than any cache holds.
const ELEMENTS: usize = 40_000_000;

const ROUNDS: usize = 9;

/// The bytes that a plain copy of a large buffer reads and writes in a second: the best of several.
///
/// On the host the cores copy a part each; on a device the backend adds 1 to a tensor, which moves as many bytes.
pub fn copy_speed(device: &Device, is_host: bool) -> f64 {
    let seconds = if is_host { host_seconds() } else { device_seconds(device) };
    (2 * ELEMENTS * size_of::<f32>()) as f64 / seconds
}

fn host_seconds() -> f64 {
    let source = vec![1.0_f32; ELEMENTS];
    let mut target = vec![0.0_f32; ELEMENTS];
    let part = ELEMENTS.div_ceil(rayon::current_num_threads());
    best(|| {
        target
            .par_chunks_mut(part)
            .zip(source.par_chunks(part))
            .for_each(|(target, source)| target.copy_from_slice(source));
    })
}

fn device_seconds(device: &Device) -> f64 {
    let source = Tensor::<1>::ones([ELEMENTS], device);
    best(|| {
        let target = source.clone().add_scalar(1.0);
        // A device that fails is told by the benchmark that follows.
        let _failure_shows_later = device.sync();
        drop(target);
    })
}

fn best(mut copy: impl FnMut()) -> f64 {
    copy();
    let seconds = |_| {
        let began = Instant::now();
        copy();
        began.elapsed().as_secs_f64()
    };
    (0..ROUNDS).map(seconds).fold(f64::INFINITY, f64::min)
}
