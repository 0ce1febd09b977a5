use super::Window;

/// Images whose pixels under each place of a window stand in rows of a matrix, so that a convolution is a product.
///
/// Images are `[image, height, width, channel]`. A row of the matrix is a place, counted row by row over all images; a
/// column is `[vertical, horizontal, channel]` under the window.
#[derive(Debug, Clone)]
pub(super) struct Unfold {
    window: Window,
    image: [usize; 2],
    channels: usize,
    places: [usize; 2],
    /// What a line of places takes from a line of pixels.
    runs: Vec<Run>,
    /// The length of all runs, if they have the same.
    run_len: Option<usize>,
}

/// Neighbours that are copied together.
#[derive(Debug, Clone, Copy)]
struct Run {
    /// From where the line of places begins in the matrix.
    row: usize,
    /// From where the line of pixels begins.
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
            let run = |offset: usize, pixels: usize| Run {
                row: row + offset * channels,
                pixel: window.pixel(1, place, offset) * channels,
                len: pixels * channels,
            };
            // Neighbours under the window are neighbours in the image, unless it is dilated.
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

    /// Columns of the matrix.
    pub fn columns(&self) -> usize {
        self.window.area() * self.channels
    }

    /// Lines of places in an image, and places in a line.
    pub fn places(&self) -> [usize; 2] {
        self.places
    }

    /// The rows of the matrix for as many lines of places as it has rows for, from number `first` on.
    pub fn read(&self, images: &[f32], first: usize, matrix: &mut [f32]) {
        if self.window.padding != [(0, 0); 2] {
            matrix.fill(0.0);
        }
        let lines = matrix.len() / (self.columns() * self.places[1]);
        for (row, pixel) in self.lines(first, lines) {
            let (matrix, images) = (&mut matrix[row..], &images[pixel..]);
            // Runs of an image with one channel are so short that a call takes longer than the copy.
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

    /// Adds the rows of the matrix, for those lines, to the pixels that they come from.
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

    /// Where a line of places begins in the matrix, and the line of pixels under it in the images, for each line of the
    /// window that is inside of the image.
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

/// Copies runs whose length is known when the program is compiled.
fn copy_runs<const LEN: usize>(matrix: &mut [f32], images: &[f32], runs: &[Run]) {
    for run in runs {
        let pixels = &images[run.pixel..run.pixel + LEN];
        matrix[run.row..run.row + LEN].copy_from_slice(pixels);
    }
}
