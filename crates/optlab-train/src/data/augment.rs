//! Random changes of training images: shifts, rotations, crops, flips and colours.

mod augmenter;
mod color;
mod flip;
mod geometry;

pub(super) use augmenter::Augmenter;
pub use flip::Flip;

use crate::Error;
use serde::{Deserialize, Serialize};

/// Limits of the random changes of training images. The default changes nothing and costs nothing.
///
/// An image is shifted and rotated first, then cropped, then flipped, and its colours are changed last. Each
/// image of each step gets its own changes; all channels of an image move together.
///
/// | field      | change                                                          | default | range      |
/// |:-----------|:----------------------------------------------------------------|--------:|:-----------|
/// | `shift`    | shift by up to this many pixels in each direction               |       0 | `[0, ∞)`   |
/// | `rotation` | rotation by up to this many degrees, either way                 |       0 | `[0, 180]` |
/// | `flip`     | flip left to right (`horizontal`), or also top to bottom (`both`) |  `none` |            |
/// | `crop`     | crop that keeps at least `1 − crop` of each side, enlarged again |       0 | `[0, 1)`   |
/// | `color`    | strength of changes of brightness, contrast and saturation      |       0 | `[0, 1]`   |
///
/// ```text
/// shift, rotation   dx, dy ~ U(−shift, shift)    φ ~ U(−rotation, rotation)    R: the turn by φ
///                   out(p) = in(c + R⁻¹ (p − c − d))                           c: the image's centre
/// crop              a, b ~ U(1 − crop, 1)        h, w: the image's height and width, in pixels
///                   top ~ U(0, h − a h)          left ~ U(0, w − b w)
///                   out(y, x) = in(top + a (y + ½) − ½, left + b (x + ½) − ½)
/// flip              horizontal: out(y, x) = in(y, w − 1 − x), with probability ½
///                   both: also out(y, x) = in(h − 1 − y, x), independently with probability ½
/// color             β, γ, σ ~ U(1 − color, 1 + color)
///                   x₁ = β x                     brightness
///                   x₂ = m + γ (x₁ − m)          contrast; m: the mean of grey(x₁) over all pixels
///                   x₃ = g + σ (x₂ − g)          saturation; g = grey(x₂) of the same pixel
/// ```
///
/// Values between pixels are interpolated bilinearly. Pixels that a shift or rotation moves in from outside
/// an image are 0: its background, as long as inputs are not standardized. A crop never reads outside the
/// image: coordinates beyond the outermost pixels' centres take the outermost pixels.
///
/// `grey(r, g, b) = 0.299 r + 0.587 g + 0.114 b` (Rec. 601) for three channels, else the channels' mean;
/// saturation changes images of three channels only. Changed colours are not clamped to `[0, 1]`, since
/// inputs may be standardized.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Augmentation {
    /// Largest shift in each direction, in pixels.
    pub shift: u32,
    /// Largest rotation either way, in degrees, `[0, 180]`.
    pub rotation: f64,
    /// Axes along which an image is flipped with probability ½ each.
    #[serde(skip_serializing_if = "is_default")]
    pub flip: Flip,
    /// Largest share of each side that a random crop removes, `[0, 1)`.
    #[serde(skip_serializing_if = "is_default")]
    pub crop: f64,
    /// Largest relative change of brightness, contrast and saturation, `[0, 1]`.
    #[serde(skip_serializing_if = "is_default")]
    pub color: f64,
}

/// Returns whether a field added later is off; it is then left out, so that older trial files keep their
/// bytes.
fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
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
        if !(0.0..1.0).contains(&self.crop) {
            return Err(Error::invalid("trial", "crop", "in [0, 1)", self.crop));
        }
        if !(0.0..=1.0).contains(&self.color) {
            return Err(Error::invalid("trial", "color", "in [0, 1]", self.color));
        }
        Ok(())
    }

    /// Returns whether images stay as they are.
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }

    /// Checks the fields, and that inputs to change are images: `[channels, height, width]`.
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
        } else if self.rotation != 0.0 {
            Err(Error::invalid("trial", "rotation", allowed, self.rotation))
        } else if self.flip != Flip::None {
            Err(Error::invalid("trial", "flip", "none for data that are not images", self.flip))
        } else if self.crop != 0.0 {
            Err(Error::invalid("trial", "crop", allowed, self.crop))
        } else {
            Err(Error::invalid("trial", "color", allowed, self.color))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_images_can_be_moved_or_turned() {
        let shift = Augmentation { shift: 1, ..Augmentation::default() };
        let rotation = Augmentation { rotation: 5.0, ..Augmentation::default() };
        for (augmentation, field) in [(shift, "`shift`"), (rotation, "`rotation`")] {
            assert!(augmentation.check(&[1, 28, 28]).is_ok());
            let error = augmentation.check(&[20, 1]).unwrap_err();
            assert!(error.is_usage() && error.to_string().contains(field), "{error}");
        }
        assert!(Augmentation::default().check(&[10]).is_ok());
    }

    #[test]
    fn only_images_can_be_flipped_cropped_or_coloured() {
        let flip = Augmentation { flip: Flip::Horizontal, ..Augmentation::default() };
        let crop = Augmentation { crop: 0.1, ..Augmentation::default() };
        let color = Augmentation { color: 0.1, ..Augmentation::default() };
        for (augmentation, field) in [(flip, "`flip`"), (crop, "`crop`"), (color, "`color`")] {
            assert!(augmentation.check(&[3, 32, 32]).is_ok());
            let error = augmentation.check(&[20, 1]).unwrap_err();
            assert!(error.is_usage() && error.to_string().contains(field), "{error}");
        }
    }

    #[test]
    fn a_rotation_outside_its_range_is_refused() {
        for (rotation, is_allowed) in
            [(0.0, true), (180.0, true), (-0.1, false), (180.1, false), (f64::NAN, false)]
        {
            let augmentation = Augmentation { rotation, ..Augmentation::default() };
            assert_eq!(augmentation.validate().is_ok(), is_allowed, "{rotation}");
        }
    }

    #[test]
    fn a_crop_or_color_outside_its_range_is_refused() {
        for (crop, is_allowed) in [(0.0, true), (0.99, true), (-0.1, false), (1.0, false), (f64::NAN, false)]
        {
            let result = Augmentation { crop, ..Augmentation::default() }.validate();
            assert_eq!(result.is_ok(), is_allowed, "{crop}");
            assert!(is_allowed || result.unwrap_err().to_string().contains("`crop` must be in [0, 1)"));
        }
        for (color, is_allowed) in [(0.0, true), (1.0, true), (-0.1, false), (1.1, false), (f64::NAN, false)]
        {
            let result = Augmentation { color, ..Augmentation::default() }.validate();
            assert_eq!(result.is_ok(), is_allowed, "{color}");
            assert!(is_allowed || result.unwrap_err().to_string().contains("`color` must be in [0, 1]"));
        }
    }

    #[test]
    fn a_field_that_is_off_is_not_written_and_one_that_is_missing_is_off() {
        let old = Augmentation { shift: 2, rotation: 5.0, ..Augmentation::default() };
        let text = r#"{"shift":2,"rotation":5.0}"#;
        assert_eq!(serde_json::to_string(&old).unwrap(), text);
        assert_eq!(serde_json::from_str::<Augmentation>(text).unwrap(), old);

        let new = Augmentation { flip: Flip::Both, crop: 0.25, color: 0.5, ..old };
        let text = r#"{"shift":2,"rotation":5.0,"flip":"both","crop":0.25,"color":0.5}"#;
        assert_eq!(serde_json::to_string(&new).unwrap(), text);
        assert_eq!(serde_json::from_str::<Augmentation>(text).unwrap(), new);
        assert!(serde_json::from_str::<Augmentation>(r#"{"zoom":1}"#).is_err());
        assert!(serde_json::from_str::<Augmentation>(r#"{"flip":"vertical"}"#).is_err());
    }
}
