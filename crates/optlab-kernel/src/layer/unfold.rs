//! The unfolding of images for a convolution.

use crate::layer::window::Window;

/// The matrix whose rows are the pixels under each position of a window, so that a convolution is a matrix
/// product.
///
/// Images are `[image, height, width, channel]`. Each row of the matrix is a window position, counted row by
/// row over all images; each column is `[vertical, horizontal, channel]` under the window.
#[derive(Debug, Clone)]
pub(super) struct Unfold {
    window: Window,
    image: [usize; 2],
    channels: usize,
    places: [usize; 2],
    /// The copies from a line of pixels to a line of window positions.
    runs: Vec<CopiedRun>,
    /// The length of the runs, if it is the same for all.
    run_len: Option<usize>,
}

/// Adjacent elements that are copied together.
#[derive(Debug, Clone, Copy)]
struct CopiedRun {
    /// The offset from the start of the line of window positions in the matrix.
    row: usize,
    /// The offset from the start of the line of pixels.
    pixel: usize,
    len: usize,
}

impl Unfold {
    pub fn new(window: Window, image: [usize; 2], channels: usize) -> Self {
        let places = window.places(image);
        let mut runs = Vec::new();
        for place in 0..places[1] {
            let inside = window.inside(1, place, image[1]);
            let row = place * window.area() * channels;
            let run = |offset: usize, pixels: usize| CopiedRun {
                row: row + offset * channels,
                pixel: window.pixel(1, place, offset) * channels,
                len: pixels * channels,
            };
            // Neighbours under the window are neighbours in the image, unless the window is dilated.
            match window.dilation[1] {
                1 if inside.is_empty() => {}
                1 => runs.push(run(inside.start, inside.len())),
                _ => runs.extend(inside.map(|offset| run(offset, 1))),
            }
        }
        let first = runs.first().map(|run| run.len);
        let run_len = first.filter(|len| runs.iter().all(|run| run.len == *len));
        Unfold { window, image, channels, places, runs, run_len }
    }

    /// Returns the number of columns of the matrix.
    pub fn columns(&self) -> usize {
        self.window.area() * self.channels
    }

    /// Returns the number of lines of window positions in an image, and of positions in a line.
    pub fn places(&self) -> [usize; 2] {
        self.places
    }

    /// Fills `matrix` with the rows of its lines of window positions, beginning with line `first`.
    pub fn read(&self, images: &[f32], first: usize, matrix: &mut [f32]) {
        if self.window.padding != [(0, 0); 2] {
            matrix.fill(0.0);
        }
        let lines = matrix.len() / (self.columns() * self.places[1]);
        for (row, pixel) in self.lines(first, lines) {
            let (matrix, images) = (&mut matrix[row..], &images[pixel..]);
            // The runs of an image with one channel are so short that a call would take longer than the copy.
            match self.run_len {
                Some(3) => copy_runs::<3>(matrix, images, &self.runs),
                Some(5) => copy_runs::<5>(matrix, images, &self.runs),
                Some(7) => copy_runs::<7>(matrix, images, &self.runs),
                _ => {
                    for run in &self.runs {
                        let pixels = &images[run.pixel..run.pixel + run.len];
                        matrix[run.row..run.row + run.len].copy_from_slice(pixels);
                    }
                }
            }
        }
    }

    /// Adds the rows of the matrix, for the same lines, to the pixels that they were read from.
    #[inline(always)]
    pub fn add_to(&self, images: &mut [f32], first: usize, matrix: &[f32]) {
        let lines = matrix.len() / (self.columns() * self.places[1]);
        for (row, pixel) in self.lines(first, lines) {
            for run in &self.runs {
                let pixels = &mut images[pixel + run.pixel..][..run.len];
                let row = &matrix[row + run.row..][..run.len];
                for (pixel, x) in pixels.iter_mut().zip(row) {
                    *pixel += x;
                }
            }
        }
    }

    /// Returns, for each line of each window that is inside the image, the offset of the line of window
    /// positions in the matrix and the offset of the line of pixels in the images.
    fn lines(&self, first: usize, lines: usize) -> impl Iterator<Item = (usize, usize)> {
        let Unfold { window, image: [height, width], channels, places: [down, across], .. } = *self;
        let columns = self.columns();
        (0..lines).flat_map(move |line| {
            let (image, place) = ((first + line) / down, (first + line) % down);
            window.inside(0, place, height).map(move |vertical| {
                let row = line * across * columns + vertical * window.size[1] * channels;
                (row, (image * height + window.pixel(0, place, vertical)) * width * channels)
            })
        })
    }
}

/// Copies runs whose length is known at compile time.
fn copy_runs<const LEN: usize>(matrix: &mut [f32], images: &[f32], runs: &[CopiedRun]) {
    for run in runs {
        let pixels = &images[run.pixel..run.pixel + LEN];
        matrix[run.row..run.row + LEN].copy_from_slice(pixels);
    }
}
