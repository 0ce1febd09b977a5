use super::buffer::HostBuffer;
use super::operation::{Operation, apply};
use super::{CHANNELS_FIRST, CHANNELS_LAST, Window};
use burn::tensor::Tensor;
use pulp::Arch;
use rayon::prelude::*;

/// The largest number of each channel under a window; NaN where there is one. Padding is smaller than any number. Of equal
/// numbers the first, in rows from the top, gets the gradient.
///
/// # Shapes
/// `x`: `[batch, channels, height, width]`, result `[batch, channels, …window.places([height, width])]`. In memory the
/// channels of the result are last.
///
/// # Panics
/// If `x` is not [on the host](super::is_on_host), if the window does not fit, or if it has more than 256 pixels.
pub fn max_pool2d(x: Tensor<4>, window: Window) -> Tensor<4> {
    assert!(window.area() <= 256, "a window of more than 256 pixels");
    Tensor::from_dispatch(apply(MaxPool2d { window }, [x.into_dispatch()]))
}

/// The mean of each channel under a window. Padding counts as zeros if `count_include_pad` says so, and else not at all.
///
/// # Shapes
/// `x`: `[batch, channels, height, width]`, result `[batch, channels, …window.places([height, width])]`. In memory the
/// channels of the result are last.
///
/// # Panics
/// If `x` is not [on the host](super::is_on_host), or if the window does not fit.
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

/// Images, their channels last, and the places of a window on them.
#[derive(Debug, Clone, Copy)]
struct Pooling {
    window: Window,
    batch: usize,
    image: [usize; 2],
    channels: usize,
    places: [usize; 2],
}


impl Pooling {
    /// Of images `[batch, height, width, channels]`.
    fn new(window: Window, [batch, height, width, channels]: [usize; 4]) -> Self {
        let image = [height, width];
        Pooling { window, batch, image, channels, places: window.places(image) }
    }

    /// Elements of an image before and after.
    fn sizes(&self) -> (usize, usize) {
        let area = |[height, width]: [usize; 2]| height * width * self.channels;
        (area(self.image), area(self.places))
    }

    fn shape_after(&self) -> [usize; 4] {
        [self.batch, self.places[0], self.places[1], self.channels]
    }

    /// Calls `visit` with each pixel under the window at a place of an image: its number under the window, and where its
    /// channels begin.
    #[inline(always)]
    fn for_each_pixel(&self, line: usize, column: usize, mut visit: impl FnMut(usize, usize)) {
        let [height, width] = self.image;
        let [down, across] = self.window.size;
        for vertical in 0..down {
            let Some(y) = self.window.pixel(0, line, vertical, height) else { continue };
            for horizontal in 0..across {
                if let Some(x) = self.window.pixel(1, column, horizontal, width) {
                    visit(vertical * across + horizontal, (y * width + x) * self.channels);
                }
            }
        }
    }

    /// Calls `visit` with the line, the column and where its channels begin for each place of an image.
    #[inline(always)]
    fn for_each_place(&self, mut visit: impl FnMut(usize, usize, usize)) {
        let [down, across] = self.places;
        for line in 0..down {
            for column in 0..across {
                visit(line, column, (line * across + column) * self.channels);
            }
        }
    }

    /// The largest numbers of an image, and where each was found, if there is a place for that.
    #[inline(always)]
    fn largest(&self, x: &[f32], y: &mut [f32], positions: &mut [u8]) {
        self.for_each_place(|line, column, place| {
            let y = &mut y[place..place + self.channels];
            y.fill(f32::NEG_INFINITY);
            if positions.is_empty() {
                self.for_each_pixel(line, column, |_, pixel| {
                    for (y, x) in y.iter_mut().zip(&x[pixel..]) {
                        *y = if *x > *y || x.is_nan() { *x } else { *y };
                    }
                });
                return;
            }
            let positions = &mut positions[place..place + self.channels];
            // Where all are −∞, the first.
            let mut seen = false;
            self.for_each_pixel(line, column, |number, pixel| {
                if !seen {
                    positions.fill(number as u8);
                    seen = true;
                }
                for ((y, x), position) in y.iter_mut().zip(&x[pixel..]).zip(positions.iter_mut()) {
                    let is_larger = *x > *y || x.is_nan();
                    *y = if is_larger { *x } else { *y };
                    *position = if is_larger { number as u8 } else { *position };
                }
            });
        });
    }
}

impl MaxPool2d {
    fn pool(&self, x: HostBuffer, save: bool) -> (HostBuffer, SavedPositions) {
        let x = x.permute(CHANNELS_LAST).into_contiguous();
        let pooling = Pooling::new(self.window, x.dims());
        let (before, after) = pooling.sizes();
        let mut y = vec![0.0; pooling.batch * after];
        let mut positions = vec![0; if save { y.len() } else { 0 }];
        let mut of_images: Vec<&mut [u8]> = match save {
            true => positions.chunks_mut(after).collect(),
            false => (0..pooling.batch).map(|_| &mut [][..]).collect(),
        };
        x.with_slice(|x| {
            let images = y.par_chunks_mut(after).zip(x.par_chunks(before)).zip(&mut of_images);
            images.for_each(|((y, x), positions)| {
                Arch::new().dispatch(
                    #[inline(always)]
                    || pooling.largest(x, y, positions),
                );
            });
        });
        let y = x.with_elements(y, &pooling.shape_after()).permute(CHANNELS_FIRST);
        (y, SavedPositions { positions, before: x.dims() })
    }
}

#[derive(Debug, Clone)]
struct SavedPositions {
    /// For each number of the result, where under the window it was found.
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
        let of_x = gradient(&pooling, grad, |image, grad, of_x| {
            let (_, after) = pooling.sizes();
            let positions = &saved.positions[image * after..][..after];
            pooling.for_each_place(|line, column, place| {
                let grad = &grad[place..place + pooling.channels];
                let positions = &positions[place..place + pooling.channels];
                pooling.for_each_pixel(line, column, |number, pixel| {
                    let of_x = of_x[pixel..pixel + pooling.channels].iter_mut();
                    for ((of_x, grad), position) in of_x.zip(grad).zip(positions) {
                        *of_x += if *position == number as u8 { *grad } else { 0.0 };
                    }
                });
            });
        });
        [Some(of_x)]
    }
}

impl AvgPool2d {
    /// What a sum under the window is multiplied by to be a mean.
    #[inline(always)]
    fn weight(&self, pooling: &Pooling, line: usize, column: usize) -> f32 {
        let mut count = self.window.area();
        if !self.count_include_pad {
            count = 0;
            pooling.for_each_pixel(line, column, |_, _| count += 1);
        }
        // Where there is nothing but padding, the mean is 0.
        1.0 / count.max(1) as f32
    }
}

impl Operation<1> for AvgPool2d {
    /// `[batch, height, width, channels]`.
    type Saved = [usize; 4];

    fn forward_and_save(&self, [x]: [HostBuffer; 1]) -> (HostBuffer, [usize; 4]) {
        let x = x.permute(CHANNELS_LAST).into_contiguous();
        let pooling = Pooling::new(self.window, x.dims());
        let (before, after) = pooling.sizes();
        let mut y = vec![0.0; pooling.batch * after];
        let mean = |x: &[f32], y: &mut [f32]| {
            pooling.for_each_place(|line, column, place| {
                let y = &mut y[place..place + pooling.channels];
                pooling.for_each_pixel(line, column, |_, pixel| {
                    y.iter_mut().zip(&x[pixel..]).for_each(|(y, x)| *y += x);
                });
                let weight = self.weight(&pooling, line, column);
                y.iter_mut().for_each(|y| *y *= weight);
            });
        };
        x.with_slice(|x| {
            y.par_chunks_mut(after).zip(x.par_chunks(before)).for_each(|(y, x)| {
                Arch::new().dispatch(
                    #[inline(always)]
                    || mean(x, y),
                );
            });
        });
        (x.with_elements(y, &pooling.shape_after()).permute(CHANNELS_FIRST), x.dims())
    }

    fn backward(&self, before: [usize; 4], grad: HostBuffer, _: [bool; 1]) -> [Option<HostBuffer>; 1] {
        let pooling = Pooling::new(self.window, before);
        let of_x = gradient(&pooling, grad, |_, grad, of_x| {
            pooling.for_each_place(|line, column, place| {
                let weight = self.weight(&pooling, line, column);
                let grad = &grad[place..place + pooling.channels];
                pooling.for_each_pixel(line, column, |_, pixel| {
                    let of_x = of_x[pixel..pixel + pooling.channels].iter_mut();
                    of_x.zip(grad).for_each(|(of_x, grad)| *of_x += weight * grad);
                });
            });
        });
        [Some(of_x)]
    }
}

/// The gradient of the images, to whose zeros `add` adds what those of the places of an image give it.
fn gradient(
    pooling: &Pooling,
    grad: HostBuffer,
    add: impl Fn(usize, &[f32], &mut [f32]) + Sync,
) -> HostBuffer {
    let grad = grad.permute(CHANNELS_LAST).into_contiguous();
    let (before, after) = pooling.sizes();
    let mut of_x = vec![0.0; pooling.batch * before];
    grad.with_slice(|grad| {
        let images = of_x.par_chunks_mut(before).zip(grad.par_chunks(after)).enumerate();
        images.for_each(|(image, (of_x, grad))| {
            Arch::new().dispatch(
                #[inline(always)]
                || add(image, grad, of_x),
            );
        });
    });
    let [height, width] = pooling.image;
    grad.with_elements(of_x, &[pooling.batch, height, width, pooling.channels]).permute(CHANNELS_FIRST)
}
