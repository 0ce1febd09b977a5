//! Makes files of pictures for tests.

use image::codecs::jpeg::JpegEncoder;
use image::{ExtendedColorType, ImageEncoder};
use std::fs;

/// Makes a folder with empty files of these names.
pub(super) fn folder_of(names: &[&str]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in names {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, b"").unwrap();
    }
    folder
}

/// Encodes a PNG file; 16-bit samples are big-endian.
pub(super) fn png(
    [height, width]: [u32; 2],
    color: png::ColorType,
    depth: png::BitDepth,
    samples: &[u8],
) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(color);
    encoder.set_depth(depth);
    if color == png::ColorType::Indexed {
        encoder.set_palette(vec![255, 0, 0, 0, 0, 255]);
    }
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(samples).unwrap();
    writer.finish().unwrap();
    bytes
}

pub(super) fn grey_png(height: u32, width: u32, samples: &[u8]) -> Vec<u8> {
    png([height, width], png::ColorType::Grayscale, png::BitDepth::Eight, samples)
}

pub(super) fn rgb_png(height: u32, width: u32, samples: &[u8]) -> Vec<u8> {
    png([height, width], png::ColorType::Rgb, png::BitDepth::Eight, samples)
}

/// Encodes a JPEG file of the highest quality, with this Exif orientation.
pub(super) fn jpeg([height, width]: [u32; 2], channels: usize, samples: &[u8], orientation: u8) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = JpegEncoder::new_with_quality(&mut bytes, 100);
    // A big-endian TIFF header and a directory of one entry: tag 0x112, one 16-bit number.
    let mut exif = vec![b'M', b'M', 0, 42, 0, 0, 0, 8, 0, 1, 0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, orientation];
    exif.extend_from_slice(&[0; 6]);
    encoder.set_exif_metadata(exif).unwrap();
    let color = if channels == 1 { ExtendedColorType::L8 } else { ExtendedColorType::Rgb8 };
    encoder.write_image(samples, width, height, color).unwrap();
    bytes
}
