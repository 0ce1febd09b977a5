use super::*;
use crate::data::pictures::test_files::{grey_png, jpeg, png, rgb_png};
use ::png::{BitDepth, ColorType};

/// Decodes a file of these bytes, whose name says nothing about its kind.
fn decoded(bytes: &[u8]) -> Result<Raster, Error> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("picture.dat");
    std::fs::write(&path, bytes).unwrap();
    let raster = decode(&path);
    if let Ok(raster) = &raster {
        assert_eq!(size(&path).unwrap(), (raster.height as u32, raster.width as u32));
    }
    raster
}

fn refused(bytes: &[u8]) -> String {
    let error = decoded(bytes).unwrap_err();
    assert!(matches!(error, Error::Data { .. }));
    let text = error.to_string();
    assert!(text.contains("picture.dat: ") && !text.contains('\n'), "{text}");
    text
}

#[test]
fn every_kind_of_png_gives_its_8_bit_samples() {
    // Two pixels, one above the other.
    let cases = [
        (ColorType::Grayscale, BitDepth::Eight, vec![7, 200], 1, vec![7, 200]),
        (ColorType::Rgb, BitDepth::Eight, vec![1, 2, 3, 4, 5, 6], 3, vec![1, 2, 3, 4, 5, 6]),
        // Black and white in one bit each, at the start of a byte.
        (ColorType::Grayscale, BitDepth::One, vec![0, 0x80], 1, vec![0, 255]),
        // The palette is red and blue.
        (ColorType::Indexed, BitDepth::Eight, vec![1, 0], 3, vec![0, 0, 255, 255, 0, 0]),
        (ColorType::Indexed, BitDepth::One, vec![0x80, 0], 3, vec![0, 0, 255, 255, 0, 0]),
        // 0x807F / 257 = 127.998, 0xFFFF / 257 = 255.
        (ColorType::Grayscale, BitDepth::Sixteen, vec![0x80, 0x7F, 0xFF, 0xFF], 1, vec![128, 255]),
        (
            ColorType::Rgb,
            BitDepth::Sixteen,
            vec![0, 0, 0, 128, 0, 129, 1, 1, 2, 2, 3, 3],
            3,
            vec![0, 0, 1, 1, 2, 3],
        ),
        // Opaque; half transparent: (101 · 128 + 255 · 127) / 255 = 177.7.
        (ColorType::GrayscaleAlpha, BitDepth::Eight, vec![7, 255, 101, 128], 1, vec![7, 178]),
        (ColorType::Rgba, BitDepth::Eight, vec![1, 2, 3, 255, 9, 9, 9, 0], 3, vec![1, 2, 3, 255, 255, 255]),
        (ColorType::GrayscaleAlpha, BitDepth::Sixteen, vec![7, 7, 0xFF, 0xFF, 9, 9, 0, 0], 1, vec![7, 255]),
    ];
    for (color, depth, samples, channels, expected) in cases {
        let raster = decoded(&png([2, 1], color, depth, &samples)).unwrap();
        assert_eq!(
            raster,
            Raster { channels, height: 2, width: 1, samples: expected },
            "{color:?} {depth:?}"
        );
    }
    let wide = [[9, 8, 7, 255]; 2].concat();
    let sixteen: Vec<u8> = wide.iter().flat_map(|&v| [v, v]).collect();
    let raster = decoded(&png([2, 1], ColorType::Rgba, BitDepth::Sixteen, &sixteen)).unwrap();
    assert_eq!(raster.samples, [9, 8, 7, 9, 8, 7]);
}

#[test]
fn a_jpeg_gives_its_colours() {
    let grey = decoded(&jpeg([8, 16], 1, &[100; 128], 1)).unwrap();
    assert_eq!((grey.channels, grey.height, grey.width), (1, 8, 16));
    assert!(grey.samples.iter().all(|value| (99..=101).contains(value)));
    let red = decoded(&jpeg([8, 16], 3, &[200, 30, 40].repeat(128), 1)).unwrap();
    assert_eq!((red.channels, red.height, red.width), (3, 8, 16));
    for pixel in red.samples.as_chunks().0 {
        let [r, g, b]: [u8; 3] = *pixel;
        assert!(r.abs_diff(200) <= 2 && g.abs_diff(30) <= 2 && b.abs_diff(40) <= 2, "{pixel:?}");
    }
}

#[test]
fn the_orientation_of_a_jpeg_is_applied() {
    // The upper left quarter of 16 × 32 pixels is white. For each orientation of the Exif standard: the size
    // upright, and where that quarter is.
    let white = |i: usize| if i / 32 < 8 && i % 32 < 16 { 255 } else { 0 };
    let samples: Vec<u8> = (0..16 * 32).map(white).collect();
    for (orientation, (height, width), (is_lower, is_right)) in [
        (1, (16, 32), (false, false)),
        (2, (16, 32), (false, true)),
        (3, (16, 32), (true, true)),
        (4, (16, 32), (true, false)),
        (5, (32, 16), (false, false)),
        (6, (32, 16), (false, true)),
        (7, (32, 16), (true, true)),
        (8, (32, 16), (true, false)),
    ] {
        let raster = decoded(&jpeg([16, 32], 1, &samples, orientation)).unwrap();
        assert_eq!((raster.height, raster.width), (height, width), "{orientation}");
        for (i, &value) in raster.samples.iter().enumerate() {
            let (y, x) = (i / width, i % width);
            let is_white = (y >= height / 2) == is_lower && (x >= width / 2) == is_right;
            assert!(value.abs_diff(if is_white { 255 } else { 0 }) <= 3, "{orientation}: {y} {x} {value}");
        }
    }
}

#[test]
fn colours_become_grey_as_rec_601_weighs_them() {
    let raster = Raster {
        channels: 3,
        height: 1,
        width: 5,
        samples: vec![255, 0, 0, 0, 255, 0, 0, 0, 255, 7, 7, 7, 255, 255, 255],
    };
    assert!(!raster.is_grey());
    // 255 · 0.299 = 76.2, 255 · 0.587 = 149.7, 255 · 0.114 = 29.1.
    let grey = raster.clone().with_channels(1);
    assert_eq!((grey.channels, &grey.samples[..]), (1, &[76, 150, 29, 7, 255][..]));
    assert!(grey.is_grey());
    let again = grey.with_channels(3);
    assert_eq!(again.samples[..6], [76, 76, 76, 150, 150, 150]);
    assert!(again.is_grey());
    assert_eq!(raster.clone().with_channels(3), raster);
}

#[test]
fn a_truncated_file_is_refused() {
    let samples: Vec<u8> = (0..64 * 64).map(|i| ((i * 7919) % 251) as u8).collect();
    let whole = jpeg([64, 64], 1, &samples, 1);
    assert!(decoded(&whole).is_ok());
    for length in [3, 50, 200, whole.len() / 2, whole.len() - 100, whole.len() - 1] {
        let text = refused(&whole[..length]);
        assert!(text.contains("is truncated") || text.contains("cannot be decoded"), "{text}");
    }
    assert!(refused(&whole[..whole.len() / 2]).ends_with("is truncated: its JPEG data have no end"));
    let whole = grey_png(64, 64, &samples);
    for length in [8, 20, 40, whole.len() / 2, whole.len() - 30] {
        assert!(refused(&whole[..length]).contains("cannot be decoded"));
    }
}

#[test]
fn a_file_of_another_kind_is_refused() {
    for bytes in [&b""[..], b"hello", b"GIF89a and more", b"RIFF\x04\0\0\0WEBPVP8 ", b"\x89PN"] {
        assert!(refused(bytes).ends_with("is neither a PNG nor a JPEG picture"));
    }
}

#[test]
fn a_missing_file_is_refused_with_its_name() {
    let error = decode(Path::new("/nowhere/x.png")).unwrap_err().to_string();
    assert!(error.starts_with("data file /nowhere/x.png: cannot be read: "), "{error}");
}

#[test]
fn a_picture_of_more_than_100_million_pixels_is_refused_before_it_is_decoded() {
    // A PNG whose header claims more pixels than its few bytes have.
    let mut claims = rgb_png(1, 1, &[0; 3]);
    let mut claim = |height: u32, width: u32| {
        claims[16..20].copy_from_slice(&width.to_be_bytes());
        claims[20..24].copy_from_slice(&height.to_be_bytes());
        let checksum = crc32(&claims[12..29]);
        claims[29..33].copy_from_slice(&checksum.to_be_bytes());
        refused(&claims)
    };
    assert!(claim(10_001, 10_000).ends_with("has 10000 × 10001 pixels, more than 100 million"));
    // The PNG decoder itself refuses more than fits in memory.
    assert!(claim(1 << 30, 1 << 30).contains("cannot be decoded: "));
    assert!(claim(100, 100).contains("cannot be decoded"));
}

/// Returns the checksum of a PNG chunk (ISO 3309).
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, &byte| {
        (0..8).fold(
            crc ^ u32::from(byte),
            |crc, _| if crc & 1 == 1 { (crc >> 1) ^ 0xEDB8_8320 } else { crc >> 1 },
        )
    })
}
