use super::*;
use crate::data::pictures::test_files::{folder_of, grey_png, jpeg, rgb_png};
use crate::data::pictures::{PictureColor, PictureFit, PictureSize};
use std::fs;

/// Returns a folder with five pictures of other sizes and kinds, and their list.
fn pictures() -> (tempfile::TempDir, Pictures) {
    let names = ["a/1.png", "a/2.jpg", "b/3.png", "b/4.png", "b/5.png"];
    let folder = folder_of(&names);
    let red_and_blue: Vec<u8> =
        (0..8 * 16).flat_map(|i| if i % 16 < 8 { [255, 0, 0] } else { [0, 0, 255] }).collect();
    let files = [
        rgb_png(4, 4, &[10, 20, 30].repeat(16)),
        jpeg([16, 16], 3, &[200, 100, 50].repeat(256), 1),
        grey_png(2, 6, &[40; 12]),
        rgb_png(8, 16, &red_and_blue),
        grey_png(1, 1, &[255]),
    ];
    for (name, bytes) in names.iter().zip(files) {
        fs::write(folder.path().join(name), bytes).unwrap();
    }
    let pictures = Pictures::list(folder.path()).unwrap();
    (folder, pictures)
}

fn options(color: PictureColor, fit: PictureFit) -> PictureOptions {
    PictureOptions { size: Some(PictureSize { height: 4, width: 4 }), color: Some(color), fit }
}

#[test]
fn pictures_of_any_size_and_colour_become_values_of_one_shape() {
    let (_folder, pictures) = pictures();
    let pixels = pictures.decode_all(&options(PictureColor::Rgb, PictureFit::Stretch)).unwrap();
    assert_eq!((pixels.len(), pixels.frame().shape(), pixels.is_empty()), (5, [3, 4, 4], false));
    let values = pixels.values();
    assert_eq!(values.len(), 5 * 48);
    let constant = [[10, 20, 30], [200, 100, 50], [40, 40, 40], [0, 0, 0], [255, 255, 255]];
    for (i, colors) in constant.iter().enumerate().filter(|(i, _)| *i != 3) {
        for (channel, color) in colors.iter().enumerate() {
            for value in &values[i * 48 + channel * 16..][..16] {
                // A JPEG is lossy by two 255ths.
                let limit = if i == 1 { 2.01 / 255.0 } else { 1e-6 };
                assert!((f64::from(*value) - f64::from(*color) / 255.0).abs() < limit, "{i} {channel}");
            }
        }
    }
    // Each pixel of the frame shows two or four columns of one colour, with a neighbour at the border.
    let red_row = [255, 223, 32, 0];
    assert_eq!(pixels.bytes(3)[..4], red_row);
    assert_eq!(pixels.bytes(3)[32..36], [0, 32, 223, 255]);
    assert!(pixels.bytes(3)[16..32].iter().all(|&green| green == 0));
}

#[test]
fn a_picture_read_alone_is_the_picture_among_all() {
    let (_folder, pictures) = pictures();
    for color in [PictureColor::Grey, PictureColor::Rgb] {
        for fit in [PictureFit::Crop, PictureFit::Pad, PictureFit::Stretch] {
            let options = options(color, fit);
            let pixels = pictures.decode_all(&options).unwrap();
            let frame = pictures.frame(&options).unwrap();
            assert_eq!(pixels.frame(), &frame);
            let values = pixels.values();
            for (i, expected) in values.chunks_exact(frame.values()).enumerate() {
                let mut alone = vec![f32::NAN; frame.values()];
                pictures.decode(i, &frame, &mut alone).unwrap();
                assert_eq!(alone, expected);
                alone.fill(f32::NAN);
                pixels.read(i, &mut alone);
                assert_eq!(alone, expected);
                let of_bytes: Vec<f32> =
                    pixels.bytes(i).iter().map(|&byte| f32::from(byte) / 255.0).collect();
                assert_eq!(alone, of_bytes);
                assert!(alone.iter().all(|value| (0.0..=1.0).contains(value)));
            }
        }
    }
}

#[test]
fn the_first_picture_that_cannot_be_decoded_is_named() {
    let (_folder, pictures) = pictures();
    for broken in [4, 2, 1] {
        fs::write(pictures.path(broken), b"no picture").unwrap();
        for _ in 0..20 {
            let error = pictures.decode_all(&options(PictureColor::Rgb, PictureFit::Crop)).unwrap_err();
            let expected =
                format!("{}: is neither a PNG nor a JPEG picture", pictures.path(broken).display());
            assert!(error.to_string().ends_with(&expected), "{error}");
        }
    }
}
