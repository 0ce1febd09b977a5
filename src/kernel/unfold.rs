use super::Window;

/// Images whose pixels under each place of a window stand in rows of a matrix, so that a convolution is a product.
///
/// Images are `[image, height, width, channel]`. A row of the matrix is a place, counted row by row over all images; a
/// column is `[vertical, horizontal, channel]` under the window.
#[derive(Debug, Clone, Copy)]
pub(super) struct Unfold {
    window: Window,
    image: [usize; 2],
    channels: usize,
    places: [usize; 2],
}

impl Unfold {
    pub fn new(window: Window, image: [usize; 2], channels: usize) -> Self {
        Unfold { window, image, channels, places: window.places(image) }
    }

    /// Columns of the matrix.
    pub fn columns(&self) -> usize {
        self.window.area() * self.channels
    }

    /// Lines of places in an image, and places in a line.
    pub fn places(&self) -> [usize; 2] {
        self.places
    }

    /// The rows of the matrix for `matrix.len() / columns / places[1]` lines of places from number `first` on.
    pub fn read(&self, images: &[f32], first: usize, matrix: &mut [f32]) {
        if self.window.padding != [(0, 0); 2] {
            matrix.fill(0.0);
        }
        let lines = matrix.len() / (self.columns() * self.places[1]);
        self.for_each_run(first, lines, |row, pixel, len| {
            copy(&mut matrix[row..row + len], &images[pixel..pixel + len]);
        });
    }

    /// Adds the rows of the matrix, for those lines, to the pixels that they come from.
    pub fn add_to(&self, images: &mut [f32], first: usize, matrix: &[f32]) {
        let lines = matrix.len() / (self.columns() * self.places[1]);
        self.for_each_run(first, lines, |row, pixel, len| {
            let pixels = images[pixel..pixel + len].iter_mut();
            pixels.zip(&matrix[row..row + len]).for_each(|(pixel, row)| *pixel += row);
        });
    }

    /// Calls `run` for each run of neighbours: where it is in the matrix, where in the images, and how long it is.
    #[inline(always)]
    fn for_each_run(&self, first: usize, lines: usize, mut run: impl FnMut(usize, usize, usize)) {
        let Unfold { window, image: [height, width], channels, places: [places_down, places_across] } = *self;
        let [down, across] = window.size;
        for line in 0..lines {
            let (image, place) = ((first + line) / places_down, (first + line) % places_down);
            for vertical in 0..down {
                let Some(y) = window.pixel(0, place, vertical, height) else { continue };
                let row = line * places_across * self.columns() + vertical * across * channels;
                let pixels = (image * height + y) * width;
                for place in 0..places_across {
                    let row = row + place * self.columns();
                    if window.dilation[1] == 1 {
                        // Those under the window that are none of the padding, which are neighbours.
                        let (left, begin) = (window.padding[1].0, place * window.stride[1]);
                        let from = left.saturating_sub(begin);
                        let to = across.min((width + left).saturating_sub(begin));
                        if from < to {
                            let pixel = pixels + begin + from - left;
                            run(row + from * channels, pixel * channels, (to - from) * channels);
                        }
                    } else {
                        for horizontal in 0..across {
                            if let Some(x) = window.pixel(1, place, horizontal, width) {
                                run(row + horizontal * channels, (pixels + x) * channels, channels);
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Copies a run. Short ones, of images with a single channel, without a call.
#[inline(always)]
fn copy(to: &mut [f32], from: &[f32]) {
    match to.len() {
        len if len > 8 => to.copy_from_slice(from),
        _ => to.iter_mut().zip(from).for_each(|(to, from)| *to = *from),
    }
}
