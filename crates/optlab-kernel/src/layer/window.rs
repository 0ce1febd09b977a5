//! The window of a convolution or a pooling.

use std::ops::Range;

/// The window that a convolution or a pooling moves over an image. Arrays are `[vertical, horizontal]`, in
/// pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Its height and width, at least 1.
    pub size: [usize; 2],
    /// The distance from one position to the next, at least 1.
    pub stride: [usize; 2],
    /// The pixels of padding around the image: above and below, left and right.
    pub padding: [(usize, usize); 2],
    /// The distance between pixels under the window, at least 1; with 1 they are adjacent.
    pub dilation: [usize; 2],
}

impl Window {
    /// Returns a window of that size with stride 1, without padding or dilation.
    pub fn new(size: [usize; 2]) -> Self {
        Window { size, stride: [1, 1], padding: [(0, 0); 2], dilation: [1, 1] }
    }

    /// Returns the number of pixels under the window.
    pub fn area(&self) -> usize {
        self.size.iter().product()
    }

    /// Returns the number of window positions on an image, vertically and horizontally: the height and width
    /// of the result.
    ///
    /// # Panics
    /// If the window does not fit into the padded image.
    pub fn places(&self, image: [usize; 2]) -> [usize; 2] {
        std::array::from_fn(|axis| {
            let (before, after) = self.padding[axis];
            let extent = self.dilation[axis] * (self.size[axis] - 1) + 1;
            let room = (image[axis] + before + after).checked_sub(extent);
            let room = room.unwrap_or_else(|| panic!("a window of {self:?} on an image of {image:?}"));
            room / self.stride[axis] + 1
        })
    }

    /// Returns the range of the window's offsets at `place` that are inside an image of `size` pixels, not in
    /// the padding.
    pub(super) fn inside(&self, axis: usize, place: usize, size: usize) -> Range<usize> {
        let (before, begin) = (self.padding[axis].0, place * self.stride[axis]);
        let until = |pixel: usize| pixel.saturating_sub(begin).div_ceil(self.dilation[axis]);
        let end = until(before + size).min(self.size[axis]);
        until(before).min(end)..end
    }

    /// Returns the pixel at `offset` under the window at `place`; the offset must be [inside](Self::inside).
    pub(super) fn pixel(&self, axis: usize, place: usize, offset: usize) -> usize {
        place * self.stride[axis] + offset * self.dilation[axis] - self.padding[axis].0
    }
}
