//! Shifts and rotations of training images.

use crate::Error;
use optlab_core::random::{Purpose, stream};
use rand::Rng;
use serde::{Deserialize, Serialize};

/// Limits of the random shift and rotation of training images. The default changes nothing and costs nothing.
///
/// Pixels that move in from outside an image are 0: its background, as long as inputs are not standardized.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Augmentation {
    /// Largest shift in each direction, in pixels.
    pub shift: u32,
    /// Largest rotation either way, in degrees, `[0, 180]`.
    pub rotation: f64,
}

impl Augmentation {
    /// Checks the fields against their ranges.
    ///
    /// # Errors
    /// [`InvalidConfig`](optlab_core::Error::InvalidConfig).
    pub fn validate(&self) -> Result<(), Error> {
        if !(0.0..=180.0).contains(&self.rotation) {
            return Err(Error::invalid("trial", "rotation", "in [0, 180] degrees", self.rotation));
        }
        Ok(())
    }

    /// Returns whether images stay as they are.
    pub fn is_none(&self) -> bool {
        self.shift == 0 && self.rotation == 0.0
    }

    /// Checks the fields, and that inputs to shift or rotate are images: `[channels, height, width]`.
    ///
    /// # Errors
    /// [`InvalidConfig`](optlab_core::Error::InvalidConfig).
    pub fn check(&self, input_shape: &[usize]) -> Result<(), Error> {
        self.validate()?;
        if self.is_none() || input_shape.len() == 3 {
            return Ok(());
        }
        let allowed = "0 for data that are not images";
        if self.shift != 0 {
            Err(Error::invalid("trial", "shift", allowed, self.shift))
        } else {
            Err(Error::invalid("trial", "rotation", allowed, self.rotation))
        }
    }
}

/// Random shifts and rotations of the images of a batch.
///
/// ```text
/// dx, dy ~ U(−shift, shift)    φ ~ U(−rotation, rotation)    c: the image's centre    R: the turn by φ
/// out(p) = in(c + R⁻¹ (p − c − d))
/// ```
///
/// Values between pixels are interpolated bilinearly, pixels outside the image are 0. All channels of an
/// image move together.
#[derive(Debug, Clone)]
pub(super) struct Augmenter {
    augmentation: Augmentation,
    seed: u64,
    height: usize,
    width: usize,
    /// Values per image, over all channels.
    features: usize,
    /// A copy of one channel, kept between steps to save its allocation.
    original: Vec<f32>,
}

impl Augmenter {
    /// Creates an augmenter for images of `input_shape`.
    ///
    /// # Panics
    /// If `input_shape` is not `[channels, height, width]`.
    pub fn new(augmentation: Augmentation, seed: u64, input_shape: &[usize]) -> Self {
        let &[channels, height, width] = input_shape else {
            panic!("only images can be shifted or rotated, not inputs of shape {input_shape:?}");
        };
        Self {
            augmentation,
            seed,
            height,
            width,
            features: channels * height * width,
            original: Vec::with_capacity(height * width),
        }
    }

    /// Shifts and rotates images of the batch of `step`; `inputs` holds `images · channels · height · width`
    /// values. Micro-batches before this one hold the `first` images of the same step.
    pub fn augment(&mut self, inputs: &mut [f32], step: usize, first: usize) {
        let mut random = stream(self.seed, Purpose::Augmentation, step as u64);
        let mut uniform = |limit: f64| {
            // 53 random bits make a number in [0, 1).
            let unit = (random.next_u64() >> 11) as f64 / (1_u64 << 53) as f64;
            (2.0 * unit - 1.0) * limit
        };
        for _ in 0..3 * first {
            uniform(1.0);
        }
        for image in inputs.chunks_exact_mut(self.features) {
            let shift = f64::from(self.augmentation.shift);
            let (dx, dy) = (uniform(shift), uniform(shift));
            let angle = uniform(self.augmentation.rotation).to_radians();
            for channel in image.chunks_exact_mut(self.height * self.width) {
                self.original.clear();
                self.original.extend_from_slice(channel);
                transform(&self.original, channel, (self.height, self.width), (dx, dy), angle);
            }
        }
    }
}

/// Fills `to` with `from`, rotated by `angle` (radians, from x towards y) around the centre and then shifted
/// by `shift`.
fn transform(from: &[f32], to: &mut [f32], (height, width): (usize, usize), shift: (f64, f64), angle: f64) {
    let (sin, cos) = angle.sin_cos();
    let (centre_x, centre_y) = ((width as f64 - 1.0) / 2.0, (height as f64 - 1.0) / 2.0);
    let pixel = |x: f64, y: f64| {
        let inside = x >= 0.0 && y >= 0.0 && x < width as f64 && y < height as f64;
        if inside { from[y as usize * width + x as usize] } else { 0.0 }
    };
    for (y, row) in to.chunks_exact_mut(width).enumerate() {
        for (x, value) in row.iter_mut().enumerate() {
            let (u, v) = (x as f64 - centre_x - shift.0, y as f64 - centre_y - shift.1);
            let (source_x, source_y) = (centre_x + cos * u + sin * v, centre_y - sin * u + cos * v);
            let (left, top) = (source_x.floor(), source_y.floor());
            let (right_share, lower_share) = ((source_x - left) as f32, (source_y - top) as f32);
            let upper = pixel(left, top) * (1.0 - right_share) + pixel(left + 1.0, top) * right_share;
            let lower =
                pixel(left, top + 1.0) * (1.0 - right_share) + pixel(left + 1.0, top + 1.0) * right_share;
            *value = upper * (1.0 - lower_share) + lower * lower_share;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns a 3 × 4 image with the values 1 to 12.
    fn image() -> Vec<f32> {
        (1..=12).map(|i| i as f32).collect()
    }

    fn transformed(shift: (f64, f64), angle: f64) -> Vec<f32> {
        let mut to = vec![f32::NAN; 12];
        transform(&image(), &mut to, (3, 4), shift, angle);
        to
    }

    #[test]
    fn a_whole_shift_moves_pixels_and_leaves_zeros() {
        assert_eq!(transformed((0.0, 0.0), 0.0), image());
        assert_eq!(
            transformed((1.0, 0.0), 0.0),
            [0.0, 1.0, 2.0, 3.0, 0.0, 5.0, 6.0, 7.0, 0.0, 9.0, 10.0, 11.0]
        );
        assert_eq!(
            transformed((0.0, -1.0), 0.0),
            [5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 11.0, 12.0, 0.0, 0.0, 0.0, 0.0]
        );
    }

    #[test]
    fn a_fractional_shift_interpolates() {
        assert_eq!(
            transformed((0.25, 0.0), 0.0)[..4],
            [0.75, 0.25 + 0.75 * 2.0, 0.25 * 2.0 + 0.75 * 3.0, 0.25 * 3.0 + 0.75 * 4.0]
        );
        assert_eq!(transformed((0.0, 0.5), 0.0)[..8], [0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0]);
    }

    #[test]
    fn a_quarter_turn_moves_the_right_edge_to_the_bottom() {
        let from = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0];
        let mut to = [0.0; 9];
        transform(&from, &mut to, (3, 3), (0.0, 0.0), std::f64::consts::FRAC_PI_2);
        for (value, expected) in to.iter().zip([7.0, 4.0, 1.0, 8.0, 5.0, 2.0, 9.0, 6.0, 3.0]) {
            assert!((value - expected).abs() < 1e-5, "{to:?}");
        }
    }

    #[test]
    fn seed_and_step_decide_the_moves_and_each_image_has_its_own() {
        let augmentation = Augmentation { shift: 1, rotation: 20.0 };
        let augmented = |seed, step| {
            let mut inputs = [image(), image()].concat();
            Augmenter::new(augmentation, seed, &[1, 3, 4]).augment(&mut inputs, step, 0);
            inputs
        };
        assert_eq!(augmented(1, 5), augmented(1, 5));
        assert_ne!(augmented(1, 5), augmented(1, 6));
        assert_ne!(augmented(1, 5), augmented(2, 5));
        let pair = augmented(1, 5);
        assert_ne!(pair[..12], pair[12..]);
    }

    #[test]
    fn a_later_micro_batch_moves_its_images_as_the_whole_batch_does() {
        let augmentation = Augmentation { shift: 1, rotation: 20.0 };
        let augmented = |images: usize, first| {
            let mut inputs = vec![image(); images].concat();
            Augmenter::new(augmentation, 3, &[1, 3, 4]).augment(&mut inputs, 5, first);
            inputs
        };
        let whole = augmented(5, 0);
        assert_eq!(whole[2 * 12..], augmented(3, 2));
        assert_ne!(whole[..3 * 12], augmented(3, 2));
    }

    #[test]
    fn all_channels_of_an_image_move_as_one() {
        let mut inputs = [image(), image()].concat();
        Augmenter::new(Augmentation { shift: 1, rotation: 20.0 }, 1, &[2, 3, 4]).augment(&mut inputs, 0, 0);
        assert_eq!(inputs[..12], inputs[12..]);
        assert_ne!(inputs[..12], image());
    }

    #[test]
    fn a_shift_stays_within_its_limit_and_uses_it() {
        // The mean position of a small blob tells how far it was moved.
        let (mut least, mut most) = (0.0_f64, 0.0_f64);
        let mut augmenter = Augmenter::new(Augmentation { shift: 3, rotation: 0.0 }, 1, &[1, 1, 15]);
        for step in 0..500 {
            let mut inputs = vec![0.0; 15];
            inputs[7] = 1.0;
            // Vertical moves take ink out of a single row, so the position is divided by the remaining ink.
            augmenter.augment(&mut inputs, step, 0);
            let ink: f64 = inputs.iter().map(|&v| f64::from(v)).sum();
            if ink > 0.0 {
                let position: f64 = inputs.iter().enumerate().map(|(i, &v)| i as f64 * f64::from(v)).sum();
                least = least.min(position / ink - 7.0);
                most = most.max(position / ink - 7.0);
            }
        }
        assert!((-3.0001..-2.7).contains(&least) && (2.7..3.0001).contains(&most), "{least} {most}");
    }

    #[test]
    fn only_images_can_be_moved_or_turned() {
        let shift = Augmentation { shift: 1, rotation: 0.0 };
        let rotation = Augmentation { shift: 0, rotation: 5.0 };
        for (augmentation, field) in [(shift, "`shift`"), (rotation, "`rotation`")] {
            assert!(augmentation.check(&[1, 28, 28]).is_ok());
            let error = augmentation.check(&[20, 1]).unwrap_err();
            assert!(error.is_usage() && error.to_string().contains(field), "{error}");
        }
        assert!(Augmentation::default().check(&[10]).is_ok());
    }

    #[test]
    fn a_rotation_outside_its_range_is_refused() {
        for (rotation, is_allowed) in
            [(0.0, true), (180.0, true), (-0.1, false), (180.1, false), (f64::NAN, false)]
        {
            assert_eq!(Augmentation { shift: 0, rotation }.validate().is_ok(), is_allowed, "{rotation}");
        }
    }
}
