//! Reads a picture of a digit from a PNG file as a model input: bright ink on black, centred as in MNIST.

use crate::Error;
use crate::data::split::pad_images;
use optlab_core::bounded_file;
use std::io::BufReader;
use std::path::Path;

/// Largest width and height in pixels; a page scanned at 300 dots per inch has 3,500.
const LARGEST_SIDE: u32 = 4096;
/// The most bytes of a file: 4096 × 4096 pixels of four 16-bit samples, and as much besides.
const LARGEST: u64 = 256 << 20;
/// Values above this share of the brightest stroke are ink; values below are shadows of the paper.
const INK: f32 = 0.1;
/// A picture whose brightest and background values are closer than this counts as blank.
const LEAST_CONTRAST: f32 = 0.1;

/// Reads the picture of one digit as an input of `shape`, `[channels, height, width]`, values in `[0, 1]`, 1
/// for ink.
///
/// A picture of exactly `height × width` pixels is neither scaled nor moved. If `shape` is 32 × 32, a picture
/// of 28 × 28 pixels is padded like MNIST. In any other picture, the part with ink is scaled (area average)
/// and centred like MNIST's digits: its longer side has 20 of 28 pixels, and its centre of mass is in the
/// middle. In a frame below 20 pixels a digit fills the frame, as in the 8 × 8 set.
///
/// Colours become grey (Rec. 601), 16-bit samples become 8-bit, transparent areas become paper. A picture
/// with a bright border is taken as dark ink on paper and is inverted. All channels are the same.
///
/// # Errors
/// [`Error::Data`] if `path` is missing, truncated, not a PNG, above 4096 × 4096 pixels, or shows no digit.
pub fn read_digit_png(path: impl AsRef<Path>, shape: [usize; 3]) -> Result<Vec<f32>, Error> {
    let path = path.as_ref();
    let [channels, height, width] = shape;
    let mut picture = decode(path)?;
    if picture.border_level() > 0.5 {
        picture.values.iter_mut().for_each(|value| *value = 1.0 - *value);
    }
    let image = match (picture.height, picture.width) {
        size if size == (height, width) => picture.values,
        (28, 28) if (height, width) == (32, 32) => pad_images(&picture.values),
        _ => picture.stretch(path)?.centred(height, width),
    };
    Ok(image.repeat(channels))
}

/// Grey values, row by row.
struct Picture {
    height: usize,
    width: usize,
    values: Vec<f32>,
}

fn decode(path: &Path) -> Result<Picture, Error> {
    let error = |reason| Error::Data { path: path.into(), reason };
    let file = bounded_file::open(path, LARGEST).map_err(Error::unreadable(path))?;
    let mut decoder = png::Decoder::new(BufReader::new(file));
    // Converts palettes and other bit depths to 8-bit samples.
    decoder.set_transformations(png::Transformations::normalize_to_color8());
    let unreadable = |source: png::DecodingError| error(format!("cannot be read as a PNG image: {source}"));
    let mut reader = decoder.read_info().map_err(unreadable)?;
    let (width, height) = reader.info().size();
    if width.max(height) > LARGEST_SIDE {
        return Err(error(format!(
            "has {width} × {height} pixels, more than {LARGEST_SIDE} × {LARGEST_SIDE}"
        )));
    }
    let bytes = reader.output_buffer_size().ok_or_else(|| error("is larger than memory".into()))?;
    let mut samples = vec![0; bytes];
    let frame = reader.next_frame(&mut samples).map_err(unreadable)?;

    let (mut greys, mut alphas) = (Vec::new(), Vec::new());
    for pixel in samples[..frame.buffer_size()].chunks_exact(frame.color_type.samples()) {
        let (grey, alpha) = grey_and_alpha(pixel);
        greys.push(grey);
        alphas.push(alpha);
    }
    let mut picture = Picture { height: frame.height as usize, width: frame.width as usize, values: greys };
    picture.blend(&alphas);
    Ok(picture)
}

/// Returns the grey and alpha values of a pixel of one to four samples: grey or RGB, with or without alpha.
fn grey_and_alpha(pixel: &[u8]) -> (f32, f32) {
    let share = |sample: u8| f32::from(sample) / 255.0;
    let grey_of = |r, g, b| 0.299 * share(r) + 0.587 * share(g) + 0.114 * share(b);
    match *pixel {
        [grey, alpha] => (share(grey), share(alpha)),
        [r, g, b] => (grey_of(r, g, b), 1.0),
        [r, g, b, alpha] => (grey_of(r, g, b), share(alpha)),
        _ => (share(pixel[0]), 1.0),
    }
}

impl Picture {
    /// Returns the indices of the pixels along the four sides.
    fn border(&self) -> impl Iterator<Item = usize> {
        let (height, width) = (self.height, self.width);
        (0..height * width).filter(move |i| {
            i / width == 0 || i / width == height - 1 || i % width == 0 || i % width == width - 1
        })
    }

    /// Returns the median along the border; a stroke that touches the border does not change it.
    fn border_level(&self) -> f32 {
        let mut values: Vec<f32> = self.border().map(|i| self.values[i]).collect();
        values.sort_by(f32::total_cmp);
        values.get(values.len() / 2).copied().unwrap_or(0.0)
    }

    /// Puts paper under transparent pixels: the border's grey if the border is mostly opaque, else white for
    /// dark ink and black for bright ink.
    fn blend(&mut self, alphas: &[f32]) {
        let mean = |positions: &mut dyn Iterator<Item = usize>| {
            let (sum, weight, count) = positions.fold((0.0, 0.0, 0), |(sum, weight, count), i| {
                (sum + self.values[i] * alphas[i], weight + alphas[i], count + 1)
            });
            (if weight > 0.0 { sum / weight } else { 0.0 }, weight / count.max(1) as f32)
        };
        let (border_grey, border_alpha) = mean(&mut self.border());
        let paper = if border_alpha >= 0.5 {
            border_grey
        } else {
            let (ink_grey, _) = mean(&mut (0..self.values.len()));
            if ink_grey < 0.5 { 1.0 } else { 0.0 }
        };
        for (value, alpha) in self.values.iter_mut().zip(alphas) {
            *value = *value * alpha + paper * (1.0 - alpha);
        }
    }

    /// Scales the values so that the background is 0 and the brightest pixel is 1.
    fn stretch(mut self, path: &Path) -> Result<Self, Error> {
        let background = self.border_level();
        let brightest = self.values.iter().copied().fold(0.0, f32::max);
        if brightest - background < LEAST_CONTRAST {
            return Err(Error::Data {
                path: path.into(),
                reason: "shows no digit: all of it is about as bright as its border".into(),
            });
        }
        for value in &mut self.values {
            *value = ((*value - background) / (brightest - background)).max(0.0);
        }
        Ok(self)
    }

    /// Returns the ink, scaled and moved into `height × width` pixels; the brightest pixel is 1.
    fn centred(&self, height: usize, width: usize) -> Vec<f32> {
        let ink = self.ink();
        let longer = (ink.right - ink.left).max(ink.bottom - ink.top);
        // Picture pixels per image pixel.
        let scale = longer as f64 / digit_side(height.min(width));
        // MNIST's centres of mass lie in the pixel right of and below the middle. Offsets are whole pixels,
        // so that a digit that already lies on the grid is not blurred.
        let place = |first: usize, end: usize, centre: f64, side: usize| {
            let room = side as f64 - ((end - first) as f64 / scale).ceil();
            (side as f64 / 2.0 - (centre - first as f64) / scale).ceil().clamp(0.0, room.max(0.0))
        };
        let x_offset = place(ink.left, ink.right, ink.centre_x, width);
        let y_offset = place(ink.top, ink.bottom, ink.centre_y, height);

        let mut image: Vec<f32> = (0..height * width)
            .map(|i| {
                let left = ink.left as f64 + ((i % width) as f64 - x_offset) * scale;
                let top = ink.top as f64 + ((i / width) as f64 - y_offset) * scale;
                self.mean_of_area((left, left + scale), (top, top + scale))
            })
            .collect();
        // A thin pen's lines become faint when scaled down; MNIST's are not.
        let brightest = image.iter().copied().fold(f32::MIN_POSITIVE, f32::max);
        image.iter_mut().for_each(|value| *value /= brightest);
        image
    }

    fn ink(&self) -> Ink {
        let mut ink = Ink { left: self.width, top: self.height, ..Ink::default() };
        let mut mass = 0.0;
        for (i, &value) in self.values.iter().enumerate().filter(|(_, value)| **value > INK) {
            let (x, y) = (i % self.width, i / self.width);
            ink.left = ink.left.min(x);
            ink.right = ink.right.max(x + 1);
            ink.top = ink.top.min(y);
            ink.bottom = ink.bottom.max(y + 1);
            mass += f64::from(value);
            ink.centre_x += f64::from(value) * (x as f64 + 0.5);
            ink.centre_y += f64::from(value) * (y as f64 + 0.5);
        }
        ink.centre_x /= mass;
        ink.centre_y /= mass;
        ink
    }

    /// Returns the mean over a rectangle whose sides may lie inside pixels; values outside the picture are 0.
    fn mean_of_area(&self, (left, right): (f64, f64), (top, bottom): (f64, f64)) -> f32 {
        let overlap = |i: usize, from: f64, to: f64| (to.min(i as f64 + 1.0) - from.max(i as f64)).max(0.0);
        let pixels =
            |from: f64, to: f64, side: usize| from.max(0.0) as usize..(to.max(0.0).ceil() as usize).min(side);
        let mut sum = 0.0;
        for y in pixels(top, bottom, self.height) {
            for x in pixels(left, right, self.width) {
                let share = overlap(y, top, bottom) * overlap(x, left, right);
                sum += share * f64::from(self.values[y * self.width + x]);
            }
        }
        (sum / ((right - left) * (bottom - top))) as f32
    }
}

/// The bounding box of the ink (`right` and `bottom` exclusive) and its centre of mass.
#[derive(Default)]
struct Ink {
    left: usize,
    right: usize,
    top: usize,
    bottom: usize,
    centre_x: f64,
    centre_y: f64,
}

/// Returns the length in pixels of a digit's longer side in a frame of `side` pixels.
fn digit_side(side: usize) -> f64 {
    match side {
        0..20 => side as f64,
        // A frame of 28 pixels, padded by two on each side.
        32 => 20.0,
        _ => side as f64 * 20.0 / 28.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Examples, Source, load};
    use png::{BitDepth, ColorType};
    use std::fs::File;

    const MNIST: [usize; 3] = [1, 28, 28];

    fn digits() -> Examples {
        load("mnist-10k", &Source::default()).unwrap().test
    }

    /// Writes a PNG file with these samples, in a folder that exists until the first of the pair is dropped.
    fn png_file(
        width: usize,
        color: ColorType,
        depth: BitDepth,
        samples: &[u8],
    ) -> (tempfile::TempDir, std::path::PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("digit.png");
        let bits = width * color.samples() * depth as usize;
        let height = samples.len() / bits.div_ceil(8);
        let mut encoder = png::Encoder::new(File::create(&path).unwrap(), width as u32, height as u32);
        encoder.set_color(color);
        encoder.set_depth(depth);
        if color == ColorType::Indexed {
            encoder.set_palette(vec![255, 255, 255, 0, 0, 128]);
        }
        encoder.write_header().unwrap().write_image_data(samples).unwrap();
        (folder, path)
    }

    fn read(width: usize, color: ColorType, depth: BitDepth, samples: &[u8]) -> Result<Vec<f32>, Error> {
        let (_folder, path) = png_file(width, color, depth, samples);
        read_digit_png(path, MNIST)
    }

    fn bytes(image: &[f32]) -> Vec<u8> {
        image.iter().map(|value| (value * 255.0).round() as u8).collect()
    }

    /// Returns the width and pixels of `image` (28 wide) with each pixel enlarged `factor` times in width and
    /// height, plus a margin of `margin` pixels.
    fn enlarged(image: &[u8], factor: usize, margin: (usize, usize), paper: u8) -> (usize, Vec<u8>) {
        let (width, height) = (28 * factor + margin.0, 28 * factor + margin.1);
        let mut picture = vec![paper; width * height];
        for y in 0..28 * factor {
            for x in 0..28 * factor {
                // All of the margin is to the left and above, so that the digit is not in the middle.
                picture[(y + margin.1) * width + x + margin.0] = image[y / factor * 28 + x / factor];
            }
        }
        (width, picture)
    }

    fn mean_difference(a: &[f32], b: &[f32]) -> f32 {
        assert_eq!(a.len(), b.len());
        a.iter().zip(b).map(|(a, b)| (a - b).abs()).sum::<f32>() / a.len() as f32
    }

    #[test]
    fn a_picture_of_the_right_size_is_taken_as_it_is() {
        let image = digits().input(0).to_vec();
        let same = read(28, ColorType::Grayscale, BitDepth::Eight, &bytes(&image)).unwrap();
        assert!(mean_difference(&same, &image) < 1e-6);
    }

    #[test]
    fn dark_ink_on_light_paper_is_inverted() {
        let image = digits().input(1).to_vec();
        let inverted: Vec<u8> = bytes(&image).iter().map(|value| 255 - value).collect();
        let back = read(28, ColorType::Grayscale, BitDepth::Eight, &inverted).unwrap();
        assert!(mean_difference(&back, &image) < 1e-6);
    }

    /// Returns the `i`-th test digit as dark ink on paper, enlarged three times and off the middle.
    fn on_paper(digits: &Examples, i: usize) -> (usize, Vec<u8>) {
        let inverted: Vec<u8> = bytes(digits.input(i)).iter().map(|value| 255 - value).collect();
        enlarged(&inverted, 3, (37, 11), 255)
    }

    #[test]
    fn an_enlarged_inverted_digit_off_the_middle_comes_back() {
        let digits = digits();
        let mut exact = 0;
        for i in 0..100 {
            let (width, picture) = on_paper(&digits, i);
            let back = read(width, ColorType::Grayscale, BitDepth::Eight, &picture).unwrap();
            exact += usize::from(mean_difference(&back, digits.input(i)) < 0.001);
        }
        // Where the faintest pixels of a digit decide its box or its rounded centre, the result is off by a
        // pixel.
        assert!(exact >= 97, "{exact} of 100");
    }

    #[test]
    fn shadows_on_the_paper_change_little() {
        let digits = digits();
        let (width, mut picture) = on_paper(&digits, 0);
        for (i, value) in picture.iter_mut().enumerate() {
            *value = value.saturating_sub((i % 13) as u8);
        }
        let back = read(width, ColorType::Grayscale, BitDepth::Eight, &picture).unwrap();
        assert!(mean_difference(&back, digits.input(0)) < 0.03);
    }

    #[test]
    fn every_colour_type_and_depth_gives_the_same_digit() {
        let digits = digits();
        let (width, grey) = on_paper(&digits, 2);
        let spread = |samples: &dyn Fn(u8) -> Vec<u8>| {
            grey.iter().flat_map(|&value| samples(value)).collect::<Vec<u8>>()
        };
        let plain = read(width, ColorType::Grayscale, BitDepth::Eight, &grey).unwrap();
        for (color, depth, samples) in [
            (ColorType::Rgb, BitDepth::Eight, spread(&|v| vec![v; 3])),
            (ColorType::Rgba, BitDepth::Eight, spread(&|v| vec![v, v, v, 255])),
            (ColorType::GrayscaleAlpha, BitDepth::Eight, spread(&|v| vec![v, 255])),
            (ColorType::Grayscale, BitDepth::Sixteen, spread(&|v| vec![v, v])),
            // Black ink on a transparent background, its alpha the darkness; and the same in white ink.
            (ColorType::Rgba, BitDepth::Eight, spread(&|v| vec![0, 0, 0, 255 - v])),
            (ColorType::GrayscaleAlpha, BitDepth::Eight, spread(&|v| vec![255, 255 - v])),
        ] {
            let image = read(width, color, depth, &samples).unwrap();
            assert!(mean_difference(&image, &plain) < 1e-5, "{color:?} {depth:?}");
        }
    }

    #[test]
    fn colours_are_weighed_as_rec_601_does() {
        for (colour, grey) in [([255, 0, 0], 0.299), ([0, 255, 0], 0.587), ([0, 0, 255], 0.114)] {
            let mut samples = vec![0; 28 * 28 * 3];
            samples[1200..1203].copy_from_slice(&colour);
            let image = read(28, ColorType::Rgb, BitDepth::Eight, &samples).unwrap();
            assert!((image[400] - grey).abs() < 1e-6, "{colour:?}");
        }
    }

    #[test]
    fn a_palette_of_one_bit_is_read() {
        // A bar of palette entry 1 (navy) on entry 0 (white): 16 × 32, two bytes per row.
        let mut samples = vec![0; 64];
        samples[8..56]
            .as_chunks_mut()
            .0
            .iter_mut()
            .for_each(|row: &mut [u8; 2]| *row = [0b0000_0011, 0b1100_0000]);
        let image = read(16, ColorType::Indexed, BitDepth::One, &samples).unwrap();
        // 4 × 24 becomes 3⅓ × 20 pixels of full ink, in the middle.
        let ink: f32 = image.iter().sum();
        assert!((ink - 20.0 * 20.0 / 6.0).abs() < 0.1, "{ink}");
        assert_eq!(image[14 * 28 + 13], 1.0);
        assert_eq!((image[3 * 28 + 13], image[4 * 28 + 13]), (0.0, 1.0));
    }

    #[test]
    fn thin_lines_stay_bright() {
        let mut samples = vec![255; 400 * 400];
        for y in 50..350 {
            samples[y * 400 + 200] = 0;
        }
        let image = read(400, ColorType::Grayscale, BitDepth::Eight, &samples).unwrap();
        assert_eq!(image.iter().copied().fold(0.0, f32::max), 1.0);
    }

    #[test]
    fn other_frames_get_the_digit_at_their_size() {
        let digits = digits();
        let image = digits.input(0);
        let (_folder, path) = png_file(28, ColorType::Grayscale, BitDepth::Eight, &bytes(image));
        let difference = mean_difference(&read_digit_png(&path, [1, 32, 32]).unwrap(), &pad_images(image));
        assert!(difference < 1e-6);
        assert_eq!(
            read_digit_png(&path, [3, 28, 28]).unwrap()[784..1568],
            read_digit_png(&path, MNIST).unwrap()
        );
        let (width, picture) = on_paper(&digits, 0);
        let (_folder, path) = png_file(width, ColorType::Grayscale, BitDepth::Eight, &picture);
        let difference = mean_difference(&read_digit_png(&path, [1, 32, 32]).unwrap(), &pad_images(image));
        assert!(difference < 0.001, "{difference}");
        let small = read_digit_png(&path, [1, 8, 8]).unwrap();
        assert!(
            small[..8].iter().any(|&ink| ink > 0.1) && small[56..].iter().any(|&ink| ink > 0.1),
            "{small:?}"
        );
    }

    #[test]
    fn a_picture_without_a_digit_is_an_error() {
        for samples in [vec![255; 40 * 40], vec![0; 40 * 40], vec![128; 40 * 40], vec![7]] {
            let width = if samples.len() == 1 { 1 } else { 40 };
            let error = read(width, ColorType::Grayscale, BitDepth::Eight, &samples).unwrap_err();
            assert!(error.to_string().contains("shows no digit"), "{error}");
        }
        let error = read(40, ColorType::GrayscaleAlpha, BitDepth::Eight, &[0; 3200]).unwrap_err();
        assert!(error.to_string().contains("shows no digit"), "{error}");
    }

    #[test]
    fn a_missing_truncated_foreign_or_huge_file_is_an_error_with_its_name() {
        let (width, picture) = on_paper(&digits(), 0);
        let (folder, path) = png_file(width, ColorType::Grayscale, BitDepth::Eight, &picture);
        let whole = std::fs::read(&path).unwrap();
        let fails = |reason: &str| {
            let error = read_digit_png(&path, MNIST).unwrap_err();
            assert!(matches!(error, Error::Data { .. }), "{error}");
            let text = error.to_string();
            assert!(text.contains("digit.png") && text.contains(reason), "{text}");
        };
        for length in [0, 4, 20, 50, whole.len() / 2] {
            std::fs::write(&path, &whole[..length]).unwrap();
            fails("cannot be read as a PNG image");
        }
        std::fs::write(&path, b"GIF89a and more").unwrap();
        fails("cannot be read as a PNG image");
        let file = File::create(&path).unwrap();
        let mut encoder = png::Encoder::new(file, 5000, 1);
        encoder.set_color(ColorType::Grayscale);
        encoder.write_header().unwrap().write_image_data(&[0; 5000]).unwrap();
        fails("has 5000 × 1 pixels");
        std::fs::remove_file(&path).unwrap();
        fails("cannot be read: ");
        std::fs::create_dir(&path).unwrap();
        fails("is a folder, not a file");
        drop(folder);
    }
}
