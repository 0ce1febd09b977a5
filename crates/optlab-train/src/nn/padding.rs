//! Padding in pixels, from Burn's configuration.

use burn::nn::PaddingConfig2d;

/// Returns the padding of an image of size `image`: above and below, left and right.
///
/// With `Same` there are `⌈image / stride⌉` output positions per axis; of an odd number of pixels the larger
/// half is below or right.
pub(super) fn padding(
    config: &PaddingConfig2d,
    image: [usize; 2],
    size: [usize; 2],
    stride: [usize; 2],
) -> [(usize, usize); 2] {
    match *config {
        PaddingConfig2d::Valid => [(0, 0); 2],
        PaddingConfig2d::Explicit(top, left, bottom, right) => [(top, bottom), (left, right)],
        PaddingConfig2d::Same => std::array::from_fn(|axis| {
            let places = image[axis].div_ceil(stride[axis]);
            let covered = places.saturating_sub(1) * stride[axis] + size[axis];
            let around = covered.saturating_sub(image[axis]);
            (around / 2, around.div_ceil(2))
        }),
    }
}
