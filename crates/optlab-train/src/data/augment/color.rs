//! Changes of an image's brightness, contrast and saturation.

/// The shares of red, green and blue in grey (Rec. 601).
const GREY: [f32; 3] = [0.299, 0.587, 0.114];

/// The factors of one image's colours; 1 changes nothing.
#[derive(Debug, Clone, Copy)]
pub(super) struct ColorFactors {
    pub brightness: f64,
    pub contrast: f64,
    /// Ignored unless the image has three channels.
    pub saturation: f64,
}

impl ColorFactors {
    /// Changes the colours of `image`, whose channels have `area` pixels each. The formulas are in the docs
    /// of [`Augmentation`](super::Augmentation).
    pub fn apply(&self, image: &mut [f32], area: usize) {
        let brightness = self.brightness as f32;
        image.iter_mut().for_each(|value| *value *= brightness);

        let mean = mean_grey(image, area) as f32;
        let contrast = self.contrast as f32;
        image.iter_mut().for_each(|value| *value = mean + contrast * (*value - mean));

        if image.len() == 3 * area {
            saturate(image, area, self.saturation as f32);
        }
    }
}

/// Returns the mean over all pixels of their grey value; of the channels' mean unless there are three.
fn mean_grey(image: &[f32], area: usize) -> f64 {
    let channels = image.len() / area;
    let shares = if channels == 3 { GREY.to_vec() } else { vec![1.0 / channels as f32; channels] };
    let sums = image.chunks_exact(area).map(|channel| channel.iter().map(|&v| f64::from(v)).sum::<f64>());
    sums.zip(shares).map(|(sum, share)| sum * f64::from(share)).sum::<f64>() / area as f64
}

fn saturate(image: &mut [f32], area: usize, saturation: f32) {
    let (red, others) = image.split_at_mut(area);
    let (green, blue) = others.split_at_mut(area);
    for ((r, g), b) in red.iter_mut().zip(green).zip(blue) {
        let grey = GREY[0] * *r + GREY[1] * *g + GREY[2] * *b;
        for value in [r, g, b] {
            *value = grey + saturation * (*value - grey);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Applies the documented formulas in `f64`.
    fn expected(image: &[f32], area: usize, factors: ColorFactors) -> Vec<f64> {
        let channels = image.len() / area;
        let grey = |image: &[f64], pixel: usize| {
            let of = |channel: usize| image[channel * area + pixel];
            if channels == 3 {
                0.299 * of(0) + 0.587 * of(1) + 0.114 * of(2)
            } else {
                (0..channels).map(of).sum::<f64>() / channels as f64
            }
        };
        let bright: Vec<f64> = image.iter().map(|&v| factors.brightness * f64::from(v)).collect();
        let mean = (0..area).map(|pixel| grey(&bright, pixel)).sum::<f64>() / area as f64;
        let contrasted: Vec<f64> = bright.iter().map(|v| mean + factors.contrast * (v - mean)).collect();
        if channels != 3 {
            return contrasted;
        }
        (0..image.len())
            .map(|i| {
                let grey = grey(&contrasted, i % area);
                grey + factors.saturation * (contrasted[i] - grey)
            })
            .collect()
    }

    #[test]
    fn brightness_contrast_and_saturation_match_their_formulas() {
        for channels in [1, 2, 3] {
            let image: Vec<f32> = (0..6 * channels).map(|i| ((i * 7 + 3) % 11) as f32 / 10.0).collect();
            for (brightness, contrast, saturation) in
                [(0.7, 1.0, 1.0), (1.0, 1.4, 1.0), (1.0, 1.0, 0.2), (1.3, 0.6, 1.8)]
            {
                let factors = ColorFactors { brightness, contrast, saturation };
                let mut changed = image.clone();
                factors.apply(&mut changed, 6);
                for (value, expected) in changed.iter().zip(expected(&image, 6, factors)) {
                    assert!((f64::from(*value) - expected).abs() < 1e-6, "{channels} {factors:?}");
                }
            }
        }
    }

    #[test]
    fn without_saturation_an_image_is_grey() {
        let mut image: Vec<f32> = (0..12).map(|i| i as f32 / 12.0).collect();
        ColorFactors { brightness: 1.0, contrast: 1.0, saturation: 0.0 }.apply(&mut image, 4);
        assert!(image[..4] == image[4..8] && image[..4] == image[8..]);
    }
}
