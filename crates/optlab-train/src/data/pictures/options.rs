//! The settings for reading pictures: their size, colours and fit.

use crate::Error;
use serde::{Deserialize, Serialize};

/// Largest height and width, in pixels, that a picture is scaled to.
const LARGEST_SIDE: u32 = 4096;

/// How pictures of any size become inputs of one shape.
///
/// | field   | meaning                                  | default                             |
/// |:--------|:-----------------------------------------|:------------------------------------|
/// | `size`  | height and width in pixels, `[1, 4096]`  | the most common size, at most 64    |
/// | `color` | `grey` (1 channel) or `rgb` (3 channels) | `grey` if all pictures are grey     |
/// | `fit`   | `crop`, `pad` or `stretch`               | `crop`                              |
///
/// The defaults of `size` and `color` come from at most 64 pictures, evenly spaced in the list. If one of
/// them is higher or wider than 64 pixels, the default size is 64 × 64.
///
/// # Example
/// ```
/// use optlab_train::data::pictures::{PictureFit, PictureOptions, PictureSize};
///
/// let options: PictureOptions = serde_json::from_str(r#"{"size": [48, 64], "fit": "pad"}"#)?;
/// assert_eq!(options.size, Some(PictureSize { height: 48, width: 64 }));
/// assert_eq!((options.color, options.fit), (None, PictureFit::Pad));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PictureOptions {
    /// Height and width in pixels; `None` chooses by the pictures.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<PictureSize>,
    /// Grey or coloured; `None` chooses by the pictures.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub color: Option<PictureColor>,
    /// What happens to pictures whose sides have another ratio.
    pub fit: PictureFit,
}

impl PictureOptions {
    /// Checks the fields against their ranges.
    ///
    /// # Errors
    /// [`InvalidConfig`](optlab_core::Error::InvalidConfig) if a side is outside `[1, 4096]`.
    pub fn validate(&self) -> Result<(), Error> {
        let Some(PictureSize { height, width }) = self.size else { return Ok(()) };
        for side in [height, width] {
            if !(1..=LARGEST_SIDE).contains(&side) {
                return Err(Error::invalid("pictures", "size", "in [1, 4096] pixels", side));
            }
        }
        Ok(())
    }
}

/// A height and a width in pixels; in a file one number for a square, else `[height, width]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "Sides", into = "Sides")]
pub struct PictureSize {
    /// The height in pixels.
    pub height: u32,
    /// The width in pixels.
    pub width: u32,
}

#[derive(Serialize, Deserialize)]
#[serde(untagged, expecting = "a size is one number or [height, width], in pixels")]
enum Sides {
    Square(u32),
    Rectangle([u32; 2]),
}

impl From<Sides> for PictureSize {
    fn from(sides: Sides) -> Self {
        let [height, width] = match sides {
            Sides::Square(side) => [side, side],
            Sides::Rectangle(sides) => sides,
        };
        Self { height, width }
    }
}

impl From<PictureSize> for Sides {
    fn from(size: PictureSize) -> Self {
        if size.height == size.width {
            Sides::Square(size.height)
        } else {
            Sides::Rectangle([size.height, size.width])
        }
    }
}

/// The channels of a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PictureColor {
    /// One channel; colours are weighed as Rec. 601 does.
    Grey,
    /// Red, green and blue.
    Rgb,
}

impl PictureColor {
    /// Returns the number of channels.
    pub fn channels(self) -> usize {
        match self {
            PictureColor::Grey => 1,
            PictureColor::Rgb => 3,
        }
    }
}

/// What happens to a picture whose height and width have another ratio than the frame's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PictureFit {
    /// Scales it so that it covers the frame, and cuts off what sticks out equally on both sides.
    #[default]
    Crop,
    /// Scales it so that it fits into the frame, and fills the rest with 0.
    Pad,
    /// Scales height and width apart.
    Stretch,
}

/// The shape that all pictures get, and their fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Frame {
    /// Number of channels, 1 or 3.
    pub channels: usize,
    /// Height in pixels.
    pub height: usize,
    /// Width in pixels.
    pub width: usize,
    /// What happens to pictures whose sides have another ratio.
    pub fit: PictureFit,
}

impl Frame {
    /// Returns `[channels, height, width]`.
    pub fn shape(&self) -> [usize; 3] {
        [self.channels, self.height, self.width]
    }

    /// Returns the number of values of one picture, `channels · height · width`.
    pub fn values(&self) -> usize {
        self.channels * self.height * self.width
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<PictureOptions, serde_json::Error> {
        serde_json::from_str(text)
    }

    #[test]
    fn a_size_is_one_number_or_height_and_width() {
        let square = PictureSize { height: 32, width: 32 };
        assert_eq!(read(r#"{"size": 32}"#).unwrap().size, Some(square));
        assert_eq!(read(r#"{"size": [32, 32]}"#).unwrap().size, Some(square));
        let wide = PictureSize { height: 20, width: 30 };
        assert_eq!(read(r#"{"size": [20, 30]}"#).unwrap().size, Some(wide));
        for wrong in [r#"{"size": [1, 2, 3]}"#, r#"{"size": "big"}"#, r#"{"size": -1}"#] {
            let error = read(wrong).unwrap_err().to_string();
            assert!(error.contains("one number or [height, width]"), "{error}");
        }
    }

    #[test]
    fn options_survive_a_file_and_the_defaults_are_short() {
        let text = serde_json::to_string(&PictureOptions::default()).unwrap();
        assert_eq!(text, r#"{"fit":"crop"}"#);
        for text in [r#"{"size":32,"color":"grey","fit":"pad"}"#, r#"{"size":[20,30],"fit":"stretch"}"#] {
            assert_eq!(serde_json::to_string(&read(text).unwrap()).unwrap(), text);
        }
        assert!(read(r#"{"colour": "rgb"}"#).is_err() && read(r#"{"color": "cmyk"}"#).is_err());
    }

    #[test]
    fn a_side_outside_its_range_is_refused() {
        for (side, is_allowed) in [(0, false), (1, true), (4096, true), (4097, false)] {
            for size in [PictureSize { height: side, width: 8 }, PictureSize { height: 8, width: side }] {
                let result = PictureOptions { size: Some(size), ..PictureOptions::default() }.validate();
                assert_eq!(result.is_ok(), is_allowed, "{side}");
                assert!(is_allowed || result.unwrap_err().is_usage());
            }
        }
    }
}
