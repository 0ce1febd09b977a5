//! Two-dimensional max pooling and average pooling.

use crate::layer::operation::{Operation, apply};
use crate::layer::pieces::chunks_or_none;
use crate::layer::window::Window;
use crate::layer::{CHANNELS_FIRST, CHANNELS_LAST};
use crate::memory::buffer::HostBuffer;
use crate::memory::pool::take;
use crate::vectorize::vectorized;
use burn::tensor::Tensor;
use rayon::prelude::*;

/// Returns the largest number of each channel under each window position, or NaN if one of the numbers is
/// NaN. Padding is smaller than any number. Of equal numbers the first in row-major order gets the gradient.
///
/// # Shapes
/// `x`: `[batch, channels, height, width]`, result `[batch, channels, …window.places([height, width])]`. In
/// memory the channels of the result are last.
///
/// # Panics
/// If `x` is not [on the host](crate::is_on_host), if the window does not fit, or if it
/// has more than 256 pixels.
pub fn max_pool2d(x: Tensor<4>, window: Window) -> Tensor<4> {
    assert!(window.area() <= 256, "a window of more than 256 pixels");
    Tensor::from_dispatch(apply(MaxPool2d { window }, [x.into_dispatch()]))
}

/// Returns the mean of each channel under each window position. Padding counts as zeros if
/// `count_include_pad` is set, otherwise it is left out.
///
/// # Shapes
/// `x`: `[batch, channels, height, width]`, result `[batch, channels, …window.places([height, width])]`. In
/// memory the channels of the result are last.
///
/// # Panics
/// If `x` is not [on the host](crate::is_on_host), or if the window does not fit.
pub fn avg_pool2d(x: Tensor<4>, window: Window, count_include_pad: bool) -> Tensor<4> {
    Tensor::from_dispatch(apply(AvgPool2d { window, count_include_pad }, [x.into_dispatch()]))
}

#[derive(Debug, Clone)]
struct MaxPool2d {
    window: Window,
}

#[derive(Debug, Clone)]
struct AvgPool2d {
    window: Window,
    count_include_pad: bool,
}

/// Images with their channels last, and the window's positions on them.
#[derive(Debug, Clone, Copy)]
struct Pooling {
    window: Window,
    batch: usize,
    image: [usize; 2],
    channels: usize,
    places: [usize; 2],
}

impl Pooling {
    /// Describes images `[batch, height, width, channels]`.
    fn new(window: Window, [batch, height, width, channels]: [usize; 4]) -> Self {
        let image = [height, width];
        Pooling { window, batch, image, channels, places: window.places(image) }
    }

    /// Returns the number of elements of an image before and after pooling.
    fn sizes(&self) -> (usize, usize) {
        let area = |[height, width]: [usize; 2]| height * width * self.channels;
        (area(self.image), area(self.places))
    }

    fn shape_after(&self) -> [usize; 4] {
        [self.batch, self.places[0], self.places[1], self.channels]
    }

    /// Computes the largest numbers of an image, and the index of each within its window unless `positions`
    /// is empty.
    #[inline(always)]
    fn largest(&self, x: &[f32], y: &mut [f32], positions: &mut [u8]) {
        let mut under = Under::new(self);
        for (place, y) in y.chunks_exact_mut(self.channels).enumerate() {
            y.fill(f32::NEG_INFINITY);
            let (first, pixels) = under.place(place);
            if positions.is_empty() {
                for &(_, pixel) in pixels {
                    let x = &x[first + pixel..][..y.len()];
                    for (y, x) in y.iter_mut().zip(x) {
                        *y = if *x > *y || x.is_nan() { *x } else { *y };
                    }
                }
                continue;
            }
            let positions = &mut positions[place * self.channels..][..y.len()];
            // If all numbers are −∞, the first one is chosen.
            positions.fill(pixels.first().map_or(0, |(number, _)| *number));
            for &(number, pixel) in pixels {
                let x = &x[first + pixel..][..y.len()];
                for ((y, x), position) in y.iter_mut().zip(x).zip(&mut *positions) {
                    let is_larger = *x > *y || x.is_nan();
                    *y = if is_larger { *x } else { *y };
                    *position = if is_larger { number } else { *position };
                }
            }
        }
    }

    /// Adds the gradient of each window position to the pixel with the largest number.
    #[inline(always)]
    fn give_to_largest(&self, grad: &[f32], positions: &[u8], of_x: &mut [f32]) {
        let mut under = Under::new(self);
        let places = grad.chunks_exact(self.channels).zip(positions.chunks_exact(self.channels));
        for (place, (grad, positions)) in places.enumerate() {
            let (first, pixels) = under.place(place);
            for &(number, pixel) in pixels {
                let of_x = &mut of_x[first + pixel..][..grad.len()];
                for ((of_x, grad), position) in of_x.iter_mut().zip(grad).zip(positions) {
                    *of_x += if *position == number { *grad } else { 0.0 };
                }
            }
        }
    }

    /// Computes the means of an image over `counted` pixels, or over the pixels that are not padding.
    #[inline(always)]
    fn means(&self, x: &[f32], y: &mut [f32], counted: Option<usize>) {
        let mut under = Under::new(self);
        for (place, y) in y.chunks_exact_mut(self.channels).enumerate() {
            y.fill(0.0);
            let (first, pixels) = under.place(place);
            for &(_, pixel) in pixels {
                let x = &x[first + pixel..][..y.len()];
                for (y, x) in y.iter_mut().zip(x) {
                    *y += x;
                }
            }
            let share = share(pixels, counted);
            for y in y {
                *y *= share;
            }
        }
    }

    /// Adds to each pixel its share of the gradients of the window positions that cover it.
    #[inline(always)]
    fn give_to_all(&self, grad: &[f32], of_x: &mut [f32], counted: Option<usize>) {
        let mut under = Under::new(self);
        for (place, grad) in grad.chunks_exact(self.channels).enumerate() {
            let (first, pixels) = under.place(place);
            let share = share(pixels, counted);
            for &(_, pixel) in pixels {
                let of_x = &mut of_x[first + pixel..][..grad.len()];
                for (of_x, grad) in of_x.iter_mut().zip(grad) {
                    *of_x += share * grad;
                }
            }
        }
    }
}

/// Returns the weight of a pixel in a mean; the mean is 0 if all pixels are padding.
fn share(pixels: &[(u8, usize)], counted: Option<usize>) -> f32 {
    1.0 / counted.unwrap_or(pixels.len()).max(1) as f32
}

/// The pixels under a window.
struct Under<'a> {
    pooling: &'a Pooling,
    /// At a position without padding: each pixel's index in the window and its offset from the first pixel.
    inside: Vec<(u8, usize)>,
    /// At a position with padding: the same for the pixels inside the image, with offsets from the image's
    /// start.
    at_border: Vec<(u8, usize)>,
}

impl<'a> Under<'a> {
    fn new(pooling: &'a Pooling) -> Self {
        let Window { size: [down, across], dilation, .. } = pooling.window;
        let offset = |vertical, horizontal| {
            (vertical * dilation[0] * pooling.image[1] + horizontal * dilation[1]) * pooling.channels
        };
        let row = |vertical| (0..across).map(move |horizontal| (vertical, horizontal));
        let inside = (0..down).flat_map(row);
        let inside = inside.map(|(vertical, horizontal)| {
            ((vertical * across + horizontal) as u8, offset(vertical, horizontal))
        });
        Under { pooling, inside: inside.collect(), at_border: Vec::new() }
    }

    /// Returns the pixels at a window position, counted row by row: an offset, and each pixel's index in the
    /// window and position relative to that offset.
    fn place(&mut self, place: usize) -> (usize, &[(u8, usize)]) {
        let Pooling { window, image, channels, places, .. } = *self.pooling;
        let place = [place / places[1], place % places[1]];
        let inside: [_; 2] = std::array::from_fn(|axis| window.inside(axis, place[axis], image[axis]));
        let pixel = |vertical, horizontal| {
            let [y, x] = [window.pixel(0, place[0], vertical), window.pixel(1, place[1], horizontal)];
            (y * image[1] + x) * channels
        };
        if inside.each_ref().map(ExactSizeIterator::len) == window.size {
            return (pixel(0, 0), &self.inside);
        }
        self.at_border.clear();
        for vertical in inside[0].clone() {
            for horizontal in inside[1].clone() {
                let number = vertical * window.size[1] + horizontal;
                self.at_border.push((number as u8, pixel(vertical, horizontal)));
            }
        }
        (0, &self.at_border)
    }
}

impl MaxPool2d {
    fn pool(&self, x: HostBuffer, save: bool) -> (HostBuffer, SavedPositions) {
        let x = x.permute(CHANNELS_LAST).into_contiguous();
        let pooling = Pooling::new(self.window, x.dims());
        let (before, after) = pooling.sizes();
        let mut y = take(pooling.batch * after);
        let mut positions = vec![0; if save { y.len() } else { 0 }];
        let mut of_images = chunks_or_none(&mut positions, after, pooling.batch);
        x.with_slice(|x| {
            let images = y.par_chunks_mut(after).zip(x.par_chunks(before)).zip(&mut of_images);
            images.for_each(|((y, x), positions)| {
                vectorized(
                    #[inline(always)]
                    || pooling.largest(x, y, positions),
                );
            });
        });
        let y = x.with_elements(y, &pooling.shape_after()).permute(CHANNELS_FIRST);
        let before = x.dims();
        x.recycle();
        (y, SavedPositions { positions, before })
    }
}

#[derive(Debug, Clone)]
struct SavedPositions {
    /// The index within its window of each number of the result.
    positions: Vec<u8>,
    /// `[batch, height, width, channels]`.
    before: [usize; 4],
}

impl Operation<1> for MaxPool2d {
    type Saved = SavedPositions;

    fn forward(&self, [x]: [HostBuffer; 1]) -> HostBuffer {
        self.pool(x, false).0
    }

    fn forward_and_save(&self, [x]: [HostBuffer; 1]) -> (HostBuffer, SavedPositions) {
        self.pool(x, true)
    }

    fn backward(&self, saved: SavedPositions, grad: HostBuffer, _: [bool; 1]) -> [Option<HostBuffer>; 1] {
        let pooling = Pooling::new(self.window, saved.before);
        let (_, after) = pooling.sizes();
        let of_x = gradient(
            &pooling,
            grad,
            #[inline(always)]
            |image, grad, of_x| {
                pooling.give_to_largest(grad, &saved.positions[image * after..][..after], of_x)
            },
        );
        [Some(of_x)]
    }
}

impl AvgPool2d {
    /// Returns the number of pixels in a mean, if it is the same at every window position.
    fn counted(&self) -> Option<usize> {
        self.count_include_pad.then(|| self.window.area())
    }
}

impl Operation<1> for AvgPool2d {
    /// `[batch, height, width, channels]`.
    type Saved = [usize; 4];

    fn forward_and_save(&self, [x]: [HostBuffer; 1]) -> (HostBuffer, [usize; 4]) {
        let x = x.permute(CHANNELS_LAST).into_contiguous();
        let pooling = Pooling::new(self.window, x.dims());
        let (before, after) = pooling.sizes();
        let mut y = take(pooling.batch * after);
        x.with_slice(|x| {
            y.par_chunks_mut(after).zip(x.par_chunks(before)).for_each(|(y, x)| {
                vectorized(
                    #[inline(always)]
                    || pooling.means(x, y, self.counted()),
                );
            });
        });
        let (y, before) = (x.with_elements(y, &pooling.shape_after()), x.dims());
        x.recycle();
        (y.permute(CHANNELS_FIRST), before)
    }

    fn backward(&self, before: [usize; 4], grad: HostBuffer, _: [bool; 1]) -> [Option<HostBuffer>; 1] {
        let pooling = Pooling::new(self.window, before);
        let of_x = gradient(
            &pooling,
            grad,
            #[inline(always)]
            |_, grad, of_x| pooling.give_to_all(grad, of_x, self.counted()),
        );
        [Some(of_x)]
    }
}

/// Computes the gradient of the images; `add` adds an image's gradient to zeros.
fn gradient(
    pooling: &Pooling,
    grad: HostBuffer,
    add: impl Fn(usize, &[f32], &mut [f32]) + Sync,
) -> HostBuffer {
    let grad = grad.permute(CHANNELS_LAST).into_contiguous();
    let (before, after) = pooling.sizes();
    let mut of_x = take(pooling.batch * before);
    grad.with_slice(|grad| {
        let images = of_x.par_chunks_mut(before).zip(grad.par_chunks(after)).enumerate();
        images.for_each(|(image, (of_x, grad))| {
            vectorized(
                #[inline(always)]
                || {
                    of_x.fill(0.0);
                    add(image, grad, of_x);
                },
            );
        });
    });
    let [height, width] = pooling.image;
    let of_x = grad.with_elements(of_x, &[pooling.batch, height, width, pooling.channels]);
    grad.recycle();
    of_x.permute(CHANNELS_FIRST)
}
