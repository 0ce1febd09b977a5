//! Changes of where an image's pixels are: shift, rotation, crop, flip.

/// Fills `to` with `from`, rotated by `angle` (radians, from x towards y) around the centre and then shifted
/// by `shift`.
pub(super) fn transform(
    from: &[f32],
    to: &mut [f32],
    (height, width): (usize, usize),
    shift: (f64, f64),
    angle: f64,
) {
    let (sin, cos) = angle.sin_cos();
    let (centre_x, centre_y) = ((width as f64 - 1.0) / 2.0, (height as f64 - 1.0) / 2.0);
    let pixel = |x: f64, y: f64| {
        let inside = x >= 0.0 && y >= 0.0 && x < width as f64 && y < height as f64;
        if inside { from[y as usize * width + x as usize] } else { 0.0 }
    };
    for (y, row) in to.chunks_exact_mut(width).enumerate() {
        for (x, value) in row.iter_mut().enumerate() {
            let (u, v) = (x as f64 - centre_x - shift.0, y as f64 - centre_y - shift.1);
            let (source_x, source_y) = (centre_x + cos * u + sin * v, centre_y - sin * u + cos * v);
            let (left, top) = (source_x.floor(), source_y.floor());
            let (right_share, lower_share) = ((source_x - left) as f32, (source_y - top) as f32);
            let upper = pixel(left, top) * (1.0 - right_share) + pixel(left + 1.0, top) * right_share;
            let lower =
                pixel(left, top + 1.0) * (1.0 - right_share) + pixel(left + 1.0, top + 1.0) * right_share;
            *value = upper * (1.0 - lower_share) + lower * lower_share;
        }
    }
}

/// The part of an image that a crop keeps, as shares of the image's sides.
#[derive(Debug, Clone, Copy)]
pub(super) struct Window {
    pub top: f64,
    pub left: f64,
    pub height: f64,
    pub width: f64,
}

/// Fills `to` with the part of `from` in `window`, enlarged to the size of `from`.
pub(super) fn crop(from: &[f32], to: &mut [f32], (height, width): (usize, usize), window: Window) {
    for (y, row) in to.chunks_exact_mut(width).enumerate() {
        let (upper, lower, lower_share) = neighbours(y, height, window.top, window.height);
        let (upper, lower) = (&from[upper * width..][..width], &from[lower * width..][..width]);
        for (x, value) in row.iter_mut().enumerate() {
            let (left, right, right_share) = neighbours(x, width, window.left, window.width);
            let above = between(upper[left], upper[right], right_share);
            let below = between(lower[left], lower[right], right_share);
            *value = between(above, below, lower_share);
        }
    }
}

/// Returns the value at `share` of the way from `a` to `b`; exactly `a` if both are the same.
fn between(a: f32, b: f32, share: f32) -> f32 {
    a + (b - a) * share
}

/// Returns the two pixels of `side` between which pixel `i` of the enlarged window lies, and the share of the
/// second.
fn neighbours(i: usize, side: usize, first: f64, share: f64) -> (usize, usize, f32) {
    let source = first * side as f64 + share * (i as f64 + 0.5) - 0.5;
    let source = source.clamp(0.0, side as f64 - 1.0);
    let before = source.floor();
    (before as usize, (before as usize + 1).min(side - 1), (source - before) as f32)
}

/// Flips one channel left to right.
pub(super) fn flip_horizontally(channel: &mut [f32], width: usize) {
    channel.chunks_exact_mut(width).for_each(<[f32]>::reverse);
}

/// Flips one channel top to bottom.
pub(super) fn flip_vertically(channel: &mut [f32], width: usize) {
    let height = channel.len() / width;
    let (upper, lower) = channel.split_at_mut(height / 2 * width);
    for (row, other) in upper.chunks_exact_mut(width).zip(lower.chunks_exact_mut(width).rev()) {
        row.swap_with_slice(other);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns a 3 × 4 image with the values 1 to 12.
    fn image() -> Vec<f32> {
        (1..=12).map(|i| i as f32).collect()
    }

    fn transformed(shift: (f64, f64), angle: f64) -> Vec<f32> {
        let mut to = vec![f32::NAN; 12];
        transform(&image(), &mut to, (3, 4), shift, angle);
        to
    }

    #[test]
    fn a_whole_shift_moves_pixels_and_leaves_zeros() {
        assert_eq!(transformed((0.0, 0.0), 0.0), image());
        assert_eq!(
            transformed((1.0, 0.0), 0.0),
            [0.0, 1.0, 2.0, 3.0, 0.0, 5.0, 6.0, 7.0, 0.0, 9.0, 10.0, 11.0]
        );
        assert_eq!(
            transformed((0.0, -1.0), 0.0),
            [5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 11.0, 12.0, 0.0, 0.0, 0.0, 0.0]
        );
    }

    #[test]
    fn a_fractional_shift_interpolates() {
        assert_eq!(
            transformed((0.25, 0.0), 0.0)[..4],
            [0.75, 0.25 + 0.75 * 2.0, 0.25 * 2.0 + 0.75 * 3.0, 0.25 * 3.0 + 0.75 * 4.0]
        );
        assert_eq!(transformed((0.0, 0.5), 0.0)[..8], [0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0]);
    }

    #[test]
    fn a_quarter_turn_moves_the_right_edge_to_the_bottom() {
        let from = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0];
        let mut to = [0.0; 9];
        transform(&from, &mut to, (3, 3), (0.0, 0.0), std::f64::consts::FRAC_PI_2);
        for (value, expected) in to.iter().zip([7.0, 4.0, 1.0, 8.0, 5.0, 2.0, 9.0, 6.0, 3.0]) {
            assert!((value - expected).abs() < 1e-5, "{to:?}");
        }
    }

    fn cropped(top: f64, left: f64, height: f64, width: f64) -> Vec<f32> {
        let mut to = vec![f32::NAN; 12];
        crop(&image(), &mut to, (3, 4), Window { top, left, height, width });
        to
    }

    #[test]
    fn a_crop_of_everything_changes_nothing() {
        assert_eq!(cropped(0.0, 0.0, 1.0, 1.0), image());
    }

    #[test]
    fn a_crop_enlarges_its_window() {
        // The right half of each row, columns 2 and 3, is read at columns 1.75, 2.25, 2.75 and 3.25, the last
        // beyond the last pixel's centre.
        let row = [2.75, 3.25, 3.75, 4.0];
        assert_eq!(cropped(0.0, 0.5, 1.0, 0.5)[..4], row);
        assert_eq!(cropped(0.0, 0.5, 1.0, 0.5)[8..], row.map(|value| value + 8.0));
        // The middle row alone, read at rows ⅔, 1 and 1⅓.
        for (value, expected) in cropped(1.0 / 3.0, 0.0, 1.0 / 3.0, 1.0)
            .iter()
            .zip([8.0 / 3.0, 4.0, 16.0 / 3.0].iter().flat_map(|rows| (1..=4).map(move |x| rows + x as f32)))
        {
            assert!((value - expected).abs() < 1e-5);
        }
    }

    #[test]
    fn a_flip_mirrors_exactly() {
        let mut channel = image();
        flip_horizontally(&mut channel, 4);
        assert_eq!(channel, [4.0, 3.0, 2.0, 1.0, 8.0, 7.0, 6.0, 5.0, 12.0, 11.0, 10.0, 9.0]);
        let mut channel = image();
        flip_vertically(&mut channel, 4);
        assert_eq!(channel, [9.0, 10.0, 11.0, 12.0, 5.0, 6.0, 7.0, 8.0, 1.0, 2.0, 3.0, 4.0]);
    }
}
