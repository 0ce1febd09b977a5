//! Draws the random changes of each image of a batch and applies them.

use super::color::ColorFactors;
use super::geometry::{self, Window};
use super::{Augmentation, Flip};
use optlab_core::random::{Purpose, stream};
use rand::Rng;

/// Random changes of the images of a batch; the formulas are in the docs of [`Augmentation`].
///
/// An image's changes depend on the seed, the step and the image's position in the batch alone. Each image
/// takes the same number of random numbers, in the order `dx, dy, φ`, flips, `a, b, top, left`, `β, γ, σ`.
/// The numbers of flip, crop and color are drawn only if the field is on, so that settings from before these
/// fields existed give the images that they always gave.
#[derive(Debug, Clone)]
pub(in crate::data) struct Augmenter {
    augmentation: Augmentation,
    seed: u64,
    channels: usize,
    height: usize,
    width: usize,
    /// A copy of one channel, kept between steps to save its allocation.
    original: Vec<f32>,
}

/// The random changes of one image.
struct Changes {
    shift: (f64, f64),
    /// In radians.
    angle: f64,
    flips_horizontally: bool,
    flips_vertically: bool,
    window: Option<Window>,
    color: Option<ColorFactors>,
}

impl Augmenter {
    /// Creates an augmenter for images of `input_shape`.
    ///
    /// # Panics
    /// If `input_shape` is not `[channels, height, width]`.
    pub fn new(augmentation: Augmentation, seed: u64, input_shape: &[usize]) -> Self {
        let &[channels, height, width] = input_shape else {
            panic!("only images can be augmented, not inputs of shape {input_shape:?}");
        };
        let original = Vec::with_capacity(height * width);
        Self { augmentation, seed, channels, height, width, original }
    }

    /// Changes each image of the batch of `step`; `inputs` holds `n · channels · height · width` values.
    ///
    /// `first` is the position of the first of these images in the whole batch of the step, so that a
    /// micro-batch gets the changes that its images get in the whole batch.
    pub fn augment(&mut self, inputs: &mut [f32], step: usize, first: usize) {
        let mut random = stream(self.seed, Purpose::Augmentation, step as u64);
        // 53 random bits make a number in [0, 1).
        let mut unit = || (random.next_u64() >> 11) as f64 / (1_u64 << 53) as f64;
        for _ in 0..first {
            self.draw(&mut unit);
        }
        for image in inputs.chunks_exact_mut(self.channels * self.height * self.width) {
            let changes = self.draw(&mut unit);
            self.apply(&changes, image);
        }
    }

    /// Draws the changes of one image; `unit` returns uniform numbers in `[0, 1)`.
    fn draw(&self, unit: &mut impl FnMut() -> f64) -> Changes {
        let Augmentation { shift, rotation, flip, crop, color } = self.augmentation;
        let mut uniform = |limit: f64| (2.0 * unit() - 1.0) * limit;
        let shift = (uniform(f64::from(shift)), uniform(f64::from(shift)));
        let angle = uniform(rotation).to_radians();
        let flips_horizontally = flip != Flip::None && unit() < 0.5;
        let flips_vertically = flip == Flip::Both && unit() < 0.5;
        let window = (crop > 0.0).then(|| {
            let (height, width) = (1.0 - crop * unit(), 1.0 - crop * unit());
            Window { top: unit() * (1.0 - height), left: unit() * (1.0 - width), height, width }
        });
        let color = (color > 0.0).then(|| {
            let mut factor = || 1.0 + color * (2.0 * unit() - 1.0);
            ColorFactors { brightness: factor(), contrast: factor(), saturation: factor() }
        });
        Changes { shift, angle, flips_horizontally, flips_vertically, window, color }
    }

    fn apply(&mut self, changes: &Changes, image: &mut [f32]) {
        let size = (self.height, self.width);
        let moves = self.augmentation.shift != 0 || self.augmentation.rotation != 0.0;
        for channel in image.chunks_exact_mut(self.height * self.width) {
            if moves {
                self.keep(channel);
                geometry::transform(&self.original, channel, size, changes.shift, changes.angle);
            }
            if let Some(window) = changes.window {
                self.keep(channel);
                geometry::crop(&self.original, channel, size, window);
            }
            if changes.flips_horizontally {
                geometry::flip_horizontally(channel, self.width);
            }
            if changes.flips_vertically {
                geometry::flip_vertically(channel, self.width);
            }
        }
        if let Some(color) = changes.color {
            color.apply(image, self.height * self.width);
        }
    }

    fn keep(&mut self, channel: &[f32]) {
        self.original.clear();
        self.original.extend_from_slice(channel);
    }
}

#[cfg(test)]
mod tests;
