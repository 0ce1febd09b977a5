//! Scales a decoded picture into its frame.

use super::decode::Raster;
use super::options::{Frame, PictureFit};
use std::ops::Range;

impl Frame {
    /// Fills `out`, `[channels, height, width]`, with `raster` scaled into this frame.
    ///
    /// ```text
    /// out(i, j) = Σ_y Σ_x  k_i(y) k_j(x) in(y, x)      k_i(y) ∝ max(0, 1 − |y + ½ − c_i| / s)
    /// c_i = first + (i + ½) r      r: source pixels per pixel of the frame      s = max(1, r)
    /// ```
    ///
    /// The triangle filter averages when it shrinks and interpolates bilinearly when it enlarges. A picture
    /// of the frame's size stays as it is.
    ///
    /// # Panics
    /// If `raster` has other channels than the frame, or `out` another length.
    pub(super) fn place(&self, raster: &Raster, out: &mut [u8]) {
        assert!(raster.channels == self.channels && out.len() == self.values());
        let (rows, columns) = self.extents(raster);
        let rows = Axis::new(rows, raster.height);
        let columns = Axis::new(columns, raster.width);
        let used = columns.used();
        if self.fit == PictureFit::Pad {
            out.fill(0);
        }

        let mut line = vec![0.0; used.len() * self.channels];
        for (y, taps) in rows.targets.clone().zip(&rows.taps) {
            line.fill(0.0);
            for (weight, from) in taps.weights.iter().zip(taps.first..) {
                let start = from * raster.width + used.start;
                let samples = &raster.samples[start * self.channels..][..line.len()];
                for (sum, &sample) in line.iter_mut().zip(samples) {
                    *sum += weight * f32::from(sample);
                }
            }
            for (x, taps) in columns.targets.clone().zip(&columns.taps) {
                let pixels = line[(taps.first - used.start) * self.channels..].chunks_exact(self.channels);
                let mut sums = [0.5_f32; 3];
                for (weight, pixel) in taps.weights.iter().zip(pixels) {
                    for (sum, value) in sums.iter_mut().zip(pixel) {
                        *sum += weight * value;
                    }
                }
                for (channel, sum) in sums[..self.channels].iter().enumerate() {
                    // A conversion to an integer clamps to its range.
                    out[(channel * self.height + y) * self.width + x] = *sum as u8;
                }
            }
        }
    }

    /// Returns which rows and columns of the frame come from which part of `raster`.
    fn extents(&self, raster: &Raster) -> (Extent, Extent) {
        let (height, width) = (raster.height as f64, raster.width as f64);
        let (down, across) = (self.height as f64 / height, self.width as f64 / width);
        let whole = |frame, side| Extent { targets: 0..frame, first: 0.0, length: side };
        match self.fit {
            PictureFit::Stretch => (whole(self.height, height), whole(self.width, width)),
            PictureFit::Crop => {
                let scale = down.max(across);
                let middle = |frame: usize, side: f64| {
                    let length = (frame as f64 / scale).min(side);
                    Extent { targets: 0..frame, first: (side - length) / 2.0, length }
                };
                (middle(self.height, height), middle(self.width, width))
            }
            PictureFit::Pad => {
                let scale = down.min(across);
                let inside = |frame: usize, side: f64| {
                    let covered = ((side * scale).round() as usize).clamp(1, frame);
                    let first = (frame - covered) / 2;
                    Extent { targets: first..first + covered, first: 0.0, length: side }
                };
                (inside(self.height, height), inside(self.width, width))
            }
        }
    }
}

/// The rows (or columns) of a frame and the part of the picture that they show, in source pixels.
struct Extent {
    targets: Range<usize>,
    first: f64,
    length: f64,
}

/// The source pixels of each row (or column) of a frame.
struct Axis {
    targets: Range<usize>,
    taps: Vec<Taps>,
}

/// Weights of neighbouring source pixels, the first at `first`; their sum is 1.
struct Taps {
    first: usize,
    weights: Vec<f32>,
}

impl Axis {
    fn new(extent: Extent, side: usize) -> Self {
        let ratio = extent.length / extent.targets.len() as f64;
        let support = ratio.max(1.0);
        let taps = (0..extent.targets.len())
            .map(|i| {
                let centre = extent.first + (i as f64 + 0.5) * ratio;
                let weight = |pixel: usize| 1.0 - (pixel as f64 + 0.5 - centre).abs() / support;
                let nearest = (centre as usize).min(side - 1);
                let first = (0..nearest).rev().take_while(|&pixel| weight(pixel) > 0.0).last();
                let first = first.unwrap_or(nearest);
                let weights: Vec<f64> =
                    (first..side).map(weight).take_while(|&weight| weight > 0.0).collect();
                let sum: f64 = weights.iter().sum();
                Taps { first, weights: weights.iter().map(|weight| (weight / sum) as f32).collect() }
            })
            .collect();
        Self { targets: extent.targets, taps }
    }

    /// Returns the source pixels with a weight.
    fn used(&self) -> Range<usize> {
        let first = self.taps.first().map_or(0, |taps| taps.first);
        first..self.taps.last().map_or(0, |taps| taps.first + taps.weights.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns a picture of `channels` with scattered values.
    fn scattered(channels: usize, height: usize, width: usize) -> Raster {
        let samples = (0..channels * height * width).map(|i| ((i * 7919 + 31) % 251) as u8).collect();
        Raster { channels, height, width, samples }
    }

    fn placed(raster: &Raster, height: usize, width: usize, fit: PictureFit) -> Vec<u8> {
        let frame = Frame { channels: raster.channels, height, width, fit };
        let mut out = vec![99; frame.values()];
        frame.place(raster, &mut out);
        out
    }

    /// Computes one value by the documented formula, in `f64`; `first` and `length` of the rows and columns.
    fn expected(
        raster: &Raster,
        channel: usize,
        (rows, i): ((f64, f64, usize), usize),
        (columns, j): ((f64, f64, usize), usize),
    ) -> f64 {
        let kernel = |(first, length, count): (f64, f64, usize), i: usize, pixel: usize| {
            let ratio = length / count as f64;
            let centre = first + (i as f64 + 0.5) * ratio;
            (1.0 - (pixel as f64 + 0.5 - centre).abs() / ratio.max(1.0)).max(0.0)
        };
        let (mut sum, mut total) = (0.0, 0.0);
        for y in 0..raster.height {
            for x in 0..raster.width {
                let weight = kernel(rows, i, y) * kernel(columns, j, x);
                let sample = raster.samples[(y * raster.width + x) * raster.channels + channel];
                sum += weight * f64::from(sample);
                total += weight;
            }
        }
        sum / total
    }

    #[test]
    fn every_value_matches_the_formula() {
        for channels in [1, 3] {
            for (height, width) in [(30, 40), (5, 3), (9, 50)] {
                let raster = scattered(channels, height, width);
                let whole = ((0.0, height as f64, 8), (0.0, width as f64, 6));
                // What a frame of 8 × 6 shows of the picture: the largest part of that ratio, in the middle.
                let scale = (8.0 / height as f64).max(6.0 / width as f64);
                let (rows, columns) = (8.0 / scale, 6.0 / scale);
                let middle =
                    (((height as f64 - rows) / 2.0, rows, 8), ((width as f64 - columns) / 2.0, columns, 6));
                for (fit, (rows, columns)) in [(PictureFit::Stretch, whole), (PictureFit::Crop, middle)] {
                    let out = placed(&raster, 8, 6, fit);
                    for (at, &value) in out.iter().enumerate() {
                        let (channel, i, j) = (at / 48, at / 6 % 8, at % 6);
                        let expected = expected(&raster, channel, (rows, i), (columns, j));
                        assert!((f64::from(value) - expected).abs() < 0.501, "{fit:?} {height} {at}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_picture_of_the_frames_size_stays_as_it_is() {
        for fit in [PictureFit::Crop, PictureFit::Pad, PictureFit::Stretch] {
            let raster = scattered(1, 7, 5);
            assert_eq!(placed(&raster, 7, 5, fit), raster.samples);
            let raster = scattered(3, 2, 2);
            let planes: Vec<u8> =
                (0..3).flat_map(|c| raster.samples[c..].iter().step_by(3).copied()).collect();
            assert_eq!(placed(&raster, 2, 2, fit), planes);
        }
    }

    #[test]
    fn one_colour_stays_one_colour() {
        for (height, width) in [(1, 1), (3, 200), (100, 7)] {
            let raster = Raster { channels: 1, height, width, samples: vec![201; height * width] };
            for fit in [PictureFit::Crop, PictureFit::Stretch] {
                assert_eq!(placed(&raster, 10, 20, fit), [201; 200]);
            }
        }
    }

    #[test]
    fn a_crop_cuts_off_both_ends_equally() {
        // 2 × 8: two columns each of 10, 20, 30, 40; a square shows the four in the middle.
        let row = [10, 10, 20, 20, 30, 30, 40, 40];
        let wide = Raster { channels: 1, height: 2, width: 8, samples: row.repeat(2) };
        assert_eq!(placed(&wide, 2, 2, PictureFit::Crop), [20, 30, 20, 30]);
        let tall =
            Raster { channels: 1, height: 8, width: 2, samples: row.iter().flat_map(|&v| [v, v]).collect() };
        assert_eq!(placed(&tall, 2, 2, PictureFit::Crop), [20, 20, 30, 30]);
    }

    #[test]
    fn padding_shows_the_whole_picture_between_zeros() {
        let wide = Raster { channels: 1, height: 2, width: 4, samples: vec![200; 8] };
        assert_eq!(placed(&wide, 4, 4, PictureFit::Pad), [[0; 4], [200; 4], [200; 4], [0; 4]].concat());
        let tall = Raster { channels: 1, height: 4, width: 2, samples: vec![200; 8] };
        assert_eq!(placed(&tall, 4, 4, PictureFit::Pad), [0, 200, 200, 0].repeat(4));
        // A line thinner than a pixel of the frame still gets one.
        let line = Raster { channels: 1, height: 1, width: 1000, samples: vec![200; 1000] };
        assert_eq!(placed(&line, 3, 3, PictureFit::Pad), [0, 0, 0, 200, 200, 200, 0, 0, 0]);
    }

    #[test]
    fn shrinking_averages_instead_of_skipping_pixels() {
        // A checkerboard of single pixels becomes grey.
        let samples = (0..64 * 64).map(|i| if (i / 64 + i % 64) % 2 == 0 { 0 } else { 255 }).collect();
        let board = Raster { channels: 1, height: 64, width: 64, samples };
        let small = placed(&board, 8, 8, PictureFit::Stretch);
        assert!(small.iter().all(|value| (120..=135).contains(value)), "{small:?}");
    }
}
