//! Occlusion: the output without a part of the input.

use crate::players::{Players, checked, square};
use crate::replacement::mean_outputs;
use crate::{Attribution, Baseline, Question};
use optlab_core::settings;
use optlab_train::Error;
use optlab_train::model::InputShape;

settings! {
    /// Settings of occlusion: by how much the output falls when a window of the input is replaced (Zeiler &
    /// Fergus, 2014).
    ///
    /// ```text
    /// aᵢ = mean over the windows W that cover i of  y(x) − y(x with W replaced)
    /// ```
    ///
    /// A window is a square of `window` × `window` pixels over all channels, or `window` time steps or
    /// tokens; it moves by `stride` and is cut off at the border. Of a table each column is replaced by
    /// itself, as Captum's `FeatureAblation` does, and the difference of a column of several elements is
    /// spread evenly over them. One pass forward for each window and row of the baseline.
    ///
    /// # Reference
    /// Zeiler & Fergus, *Visualizing and Understanding Convolutional Networks*, 2014,
    /// <https://arxiv.org/abs/1311.2901>; Captum's `Occlusion`
    pub struct OcclusionConfig {
        /// Side of the window.
        window: Option<usize> = None, in COUNT;
        /// By how much the window moves.
        stride: Option<usize> = None, in COUNT;
        /// What replaces the window.
        baseline: Baseline = (Baseline::Auto) as "auto",
            allowed "`auto` (zeros; the background for indices), `zero`, `mean` or `background`";
    }
}

impl OcclusionConfig {
    pub(super) const NAME: &'static str = "occlusion";

    pub(super) fn explain(&self, question: &Question<'_>, row: &[f32]) -> Result<Attribution, Error> {
        question.check(row)?;
        let model = question.model;
        let baselines = self.baseline.rows(question, Self::NAME)?;
        let output = model.output(row, question.output)?[0];
        let InputShape::Columns(_) = model.input() else {
            let windows = self.windows(question)?;
            let each = Players { of_element: (0..row.len()).collect(), count: row.len() };
            let mut sums = vec![0.0; row.len()];
            let mut counts = vec![0.0; row.len()];
            for windows in windows.chunks(super::PORTION) {
                let mask = |window: &Vec<usize>| {
                    let mut mask = vec![true; row.len()];
                    window.iter().for_each(|&i| mask[i] = false);
                    mask
                };
                let masks: Vec<Vec<bool>> = windows.iter().map(mask).collect();
                let outputs = mean_outputs(question, row, &each, &baselines, &masks)?;
                for (window, without) in windows.iter().zip(outputs) {
                    for &i in window {
                        sums[i] += output - without;
                        counts[i] += 1.0;
                    }
                }
            }
            // A stride above the window leaves elements that no window covers.
            let values =
                sums.iter().zip(&counts).map(|(sum, count)| if *count > 0.0 { sum / count } else { 0.0 });
            return Ok(Attribution::of(values.collect(), output));
        };
        if let Some(stride @ 2..) = self.stride {
            return Err(Error::invalid(Self::NAME, "stride", "none for a table", stride));
        }
        let players = Players::of(model, Self::NAME, self.window)?;
        let without = |player: usize| (0..players.count).map(|other| other != player).collect();
        let masks: Vec<Vec<bool>> = (0..players.count).map(without).collect();
        let outputs = mean_outputs(question, row, &players, &baselines, &masks)?;
        let differences: Vec<f64> = outputs.iter().map(|without| output - without).collect();
        Ok(Attribution::of(players.spread(&differences), output))
    }

    /// Returns the elements of each window.
    fn windows(&self, question: &Question<'_>) -> Result<Vec<Vec<usize>>, Error> {
        let model = question.model;
        let (channels, [height, width], step) = match *model.input() {
            InputShape::Image { channels, height, width } => (channels, [height, width], 1),
            InputShape::Sequence { time, features } => (1, [time, 1], features),
            InputShape::Tokens { time, .. } => (1, [time, 1], 1),
            InputShape::Columns(_) => (1, [1, 1], 1),
        };
        let is_image = channels * height * width > height;
        let default = if is_image { square(height, width).max(2) } else { 1 };
        let side = checked(Self::NAME, self.window, height.max(width), default.min(height.max(width)))?;
        let stride = self.stride.unwrap_or(if self.window.is_some() { 1 } else { side.div_ceil(2) });
        let starts = |size: usize| {
            let count = size.saturating_sub(side).div_ceil(stride) + 1;
            (0..count).map(move |k| k * stride).filter(move |start| *start < size)
        };
        let mut windows = Vec::new();
        for top in starts(height) {
            for left in starts(width) {
                let mut window = Vec::new();
                for channel in 0..channels {
                    for y in top..(top + side).min(height) {
                        for x in left..(left + side).min(width) {
                            let place = ((channel * height + y) * width + x) * step;
                            window.extend(place..place + step);
                        }
                    }
                }
                windows.push(window);
            }
        }
        Ok(windows)
    }
}
