//! Decodes PNG and JPEG files to 8-bit samples, upright and opaque.

use super::jpeg_end::has_end;
use crate::Error;
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits};
use optlab_core::bounded_file;
use std::io::Cursor;
use std::path::Path;

/// Most pixels of a picture; a camera's has 10 to 60 million. A small file can claim billions.
const MOST_PIXELS: u64 = 100_000_000;
/// Most bytes of a file, and that a decoder may allocate: 100 million pixels of 64 bits fit.
const MOST_BYTES: u64 = 1 << 30;

/// A decoded picture.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Raster {
    /// Number of channels, 1 (grey) or 3 (red, green, blue).
    pub channels: usize,
    pub height: usize,
    pub width: usize,
    /// Row by row, the channels of a pixel next to each other.
    pub samples: Vec<u8>,
}

/// Decodes the file at `path`. A file's kind is told by its first bytes, not by its name.
///
/// 16-bit samples are rounded to 8 bits, palettes become colours, transparent pixels are blended over white,
/// and the orientation of the Exif data is applied. Colour profiles are ignored.
///
/// # Errors
/// [`Error::Data`] if the file cannot be read, is truncated, is neither PNG nor JPEG, or has more than 100
/// million pixels.
pub(super) fn decode(path: &Path) -> Result<Raster, Error> {
    let bytes = read(path)?;
    let (mut decoder, format) = open(path, &bytes)?;
    let orientation = decoder.orientation().map_err(|source| undecodable(path, source))?;
    let mut image = DynamicImage::from_decoder(decoder).map_err(|source| undecodable(path, source))?;
    // The decoder fills the missing part of a JPEG with grey.
    if format == ImageFormat::Jpeg && !has_end(&bytes) {
        return Err(Error::Data {
            path: path.into(),
            reason: "is truncated: its JPEG data have no end".into(),
        });
    }
    image.apply_orientation(orientation);
    Ok(Raster::of(image))
}

/// Returns the height and width of the picture at `path`, upright and in pixels, without decoding it.
///
/// # Errors
/// As [`decode`], as far as the file's header shows the problem.
pub(super) fn size(path: &Path) -> Result<(u32, u32), Error> {
    let bytes = read(path)?;
    let (mut decoder, _) = open(path, &bytes)?;
    let (width, height) = decoder.dimensions();
    Ok(match decoder.orientation().map_err(|source| undecodable(path, source))? {
        Orientation::Rotate90
        | Orientation::Rotate270
        | Orientation::Rotate90FlipH
        | Orientation::Rotate270FlipH => (width, height),
        _ => (height, width),
    })
}

fn read(path: &Path) -> Result<Vec<u8>, Error> {
    bounded_file::read(path, MOST_BYTES).map_err(Error::unreadable(path))
}

/// Returns a decoder that has read the header, and the file's kind.
fn open<'a>(path: &Path, bytes: &'a [u8]) -> Result<(impl ImageDecoder + 'a, ImageFormat), Error> {
    let error = |reason: String| Error::Data { path: path.into(), reason };
    // The formats that other crates switch on in `image` must not change which files can be read.
    let format = image::guess_format(bytes)
        .ok()
        .filter(|format| matches!(format, ImageFormat::Png | ImageFormat::Jpeg))
        .ok_or_else(|| error("is neither a PNG nor a JPEG picture".into()))?;
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    let mut limits = Limits::no_limits();
    limits.max_alloc = Some(MOST_BYTES);
    reader.limits(limits);
    let decoder = reader.into_decoder().map_err(|source| undecodable(path, source))?;
    let (width, height) = decoder.dimensions();
    if u64::from(width) * u64::from(height) > MOST_PIXELS {
        return Err(error(format!("has {width} × {height} pixels, more than 100 million")));
    }
    Ok((decoder, format))
}

fn undecodable(path: &Path, source: ImageError) -> Error {
    let reason = format!("cannot be decoded: {source}").replace('\n', " ");
    Error::Data { path: path.into(), reason }
}

impl Raster {
    fn of(image: DynamicImage) -> Self {
        let (height, width) = (image.height() as usize, image.width() as usize);
        let (channels, samples) = match image {
            DynamicImage::ImageLuma8(image) => (1, image.into_raw()),
            DynamicImage::ImageRgb8(image) => (3, image.into_raw()),
            DynamicImage::ImageLumaA8(image) => (1, blended::<2>(&image)),
            DynamicImage::ImageRgba8(image) => (3, blended::<4>(&image)),
            DynamicImage::ImageLuma16(image) => (1, eight_bits(&image)),
            DynamicImage::ImageRgb16(image) => (3, eight_bits(&image)),
            DynamicImage::ImageLumaA16(image) => (1, blended::<2>(&eight_bits(&image))),
            DynamicImage::ImageRgba16(image) => (3, blended::<4>(&eight_bits(&image))),
            // PNG and JPEG have no other kind of sample.
            other => (3, other.into_rgb8().into_raw()),
        };
        Self { channels, height, width, samples }
    }

    /// Returns whether all pixels have equal red, green and blue.
    pub fn is_grey(&self) -> bool {
        self.channels == 1 || self.samples.as_chunks().0.iter().all(|&[r, g, b]| r == g && g == b)
    }

    /// Returns the picture with 1 or 3 channels.
    pub fn with_channels(self, channels: usize) -> Self {
        let samples = match (self.channels, channels) {
            (3, 1) => self.samples.as_chunks().0.iter().map(|&pixel| grey(pixel)).collect(),
            (1, 3) => self.samples.iter().flat_map(|&grey| [grey; 3]).collect(),
            _ => self.samples,
        };
        Self { channels, samples, ..self }
    }
}

/// Returns the grey value of a colour as Rec. 601 weighs it, rounded.
fn grey([r, g, b]: [u8; 3]) -> u8 {
    ((299 * u32::from(r) + 587 * u32::from(g) + 114 * u32::from(b) + 500) / 1000) as u8
}

/// Blends pixels of `N` samples, the last of which is the alpha value, over white.
fn blended<const N: usize>(samples: &[u8]) -> Vec<u8> {
    let over_white = |sample: u8, alpha: u8| {
        let (sample, alpha) = (u32::from(sample), u32::from(alpha));
        ((sample * alpha + 255 * (255 - alpha) + 127) / 255) as u8
    };
    let (pixels, _) = samples.as_chunks::<N>();
    pixels.iter().flat_map(|pixel| pixel[..N - 1].iter().map(|&v| over_white(v, pixel[N - 1]))).collect()
}

/// Rounds 16-bit samples to 8 bits.
fn eight_bits(samples: &[u16]) -> Vec<u8> {
    samples.iter().map(|&sample| ((u32::from(sample) + 128) / 257) as u8).collect()
}

#[cfg(test)]
mod tests;
