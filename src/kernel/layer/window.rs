use std::ops::Range;

/// The window that a convolution or a pooling slides over an image. Arrays are `[vertical, horizontal]`, in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Its height and width, from 1.
    pub size: [usize; 2],
    /// From one place to the next, from 1.
    pub stride: [usize; 2],
    /// Pixels around the image: above and below, left and right.
    pub padding: [(usize, usize); 2],
    /// From one pixel under the window to the next, from 1: with 1 they are neighbours.
    pub dilation: [usize; 2],
}

impl Window {
    /// A window of that size that goes on by 1 and stays inside of the image.
    pub fn new(size: [usize; 2]) -> Self {
        Window { size, stride: [1, 1], padding: [(0, 0); 2], dilation: [1, 1] }
    }

    /// Pixels under the window.
    pub fn area(&self) -> usize {
        self.size.iter().product()
    }

    /// How many places it has on an image: rows and columns of what comes out.
    ///
    /// # Panics
    /// If it does not fit once.
    pub fn places(&self, image: [usize; 2]) -> [usize; 2] {
        std::array::from_fn(|axis| {
            let (before, after) = self.padding[axis];
            let extent = self.dilation[axis] * (self.size[axis] - 1) + 1;
            let room = (image[axis] + before + after).checked_sub(extent);
            let room = room.unwrap_or_else(|| panic!("a window of {self:?} on an image of {image:?}"));
            room / self.stride[axis] + 1
        })
    }

    /// Which of the pixels under the window at `place` are those of an image `size` long, and none of the padding.
    pub(super) fn inside(&self, axis: usize, place: usize, size: usize) -> Range<usize> {
        let (before, begin) = (self.padding[axis].0, place * self.stride[axis]);
        let until = |pixel: usize| pixel.saturating_sub(begin).div_ceil(self.dilation[axis]);
        let end = until(before + size).min(self.size[axis]);
        until(before).min(end)..end
    }

    /// The pixel that is number `offset` under the window at `place`, for one that is [inside](Self::inside).
    pub(super) fn pixel(&self, axis: usize, place: usize, offset: usize) -> usize {
        place * self.stride[axis] + offset * self.dilation[axis] - self.padding[axis].0
    }
}
