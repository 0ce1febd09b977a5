//! A picture beside the heat map of its attributions.

use crate::picture::palette::{Palette, colour, largest};
use crate::picture::png_file::Pixels;
use optlab_train::Error;

/// The least height and width of a picture in pixels.
const LEAST: usize = 256;
/// Pixels between pictures.
const GAP: usize = 16;
const PAPER: [u8; 3] = [255, 255, 255];

/// Returns a PNG file with the picture `input` on the left and its `attributions` on the right, both
/// `[channels, height, width]` in row-major order, enlarged to at least 256 pixels. The attributions of a
/// pixel's channels are summed; zero is gray, the largest size is the full colour.
///
/// # Errors
/// [`Usage`](optlab_core::Error::Usage) for a picture that PNG cannot hold.
///
/// # Panics
/// If there are not `channels · height · width` numbers of each.
pub fn heat_map(
    input: &[f32],
    attributions: &[f64],
    [channels, height, width]: [usize; 3],
    palette: Palette,
) -> Result<Vec<u8>, Error> {
    assert_eq!((input.len(), attributions.len()), (channels * height * width, channels * height * width));
    let scale = LEAST.div_ceil(height.min(width)).max(1);
    let mut pixels = Pixels::new(2 * width * scale + GAP, height * scale, PAPER);
    let size = height * width;
    let sums: Vec<f64> = (0..size).map(|i| attributions.iter().skip(i).step_by(size).sum()).collect();
    let most = largest(&sums);
    let (least, largest) = input
        .iter()
        .fold((f32::MAX, f32::MIN), |(least, largest), &value| (least.min(value), largest.max(value)));
    let grey = |value: f32| {
        let range = largest - least;
        (if range > 0.0 { (value - least) / range * 255.0 } else { 0.0 }) as u8
    };
    for i in 0..size {
        let place = [i % width, i / width];
        let own = match channels {
            3 => [0, 1, 2].map(|channel| grey(input[channel * size + i])),
            _ => [grey(input[i]); 3],
        };
        pixels.square([0, 0], place, scale, own);
        pixels.square([width * scale + GAP, 0], place, scale, colour(sums[i], most, palette));
    }
    pixels.encode()
}

/// Returns a PNG file with each of the `channels` maps of a layer, `[channels, height, width]`, side by side
/// in rows, each coloured by its own largest size. At most 64 channels are shown.
///
/// # Errors
/// [`Usage`](optlab_core::Error::Usage) for a picture that PNG cannot hold.
///
/// # Panics
/// If there are not `channels · height · width` numbers.
pub fn contact_sheet(values: &[f64], [channels, height, width]: [usize; 3]) -> Result<Vec<u8>, Error> {
    assert_eq!(values.len(), channels * height * width);
    let shown = channels.min(64);
    let across = (shown as f64).sqrt().ceil() as usize;
    let scale = (LEAST / 4).div_ceil(height.min(width)).max(1);
    let (cell_width, cell_height) = (width * scale + GAP / 4, height * scale + GAP / 4);
    let mut pixels = Pixels::new(across * cell_width, shown.div_ceil(across) * cell_height, PAPER);
    for (channel, map) in values.chunks(height * width).take(shown).enumerate() {
        let corner = [channel % across * cell_width, channel / across * cell_height];
        let most = largest(map);
        for (i, value) in map.iter().enumerate() {
            pixels.square(corner, [i % width, i / width], scale, colour(*value, most, Palette::Diverging));
        }
    }
    pixels.encode()
}
