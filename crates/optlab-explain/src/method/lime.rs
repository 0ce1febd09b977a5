//! LIME: a linear model of the outputs nearby.

use crate::players::Players;
use crate::replacement::mean_outputs;
use crate::{Attribution, Baseline, Question, weighted_ridge};
use optlab_core::random::{Purpose, stream};
use optlab_core::settings;
use optlab_train::Error;
use rand::Rng;
use serde::{Deserialize, Serialize};

use super::normal;

/// How inputs nearby are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Nearby {
    /// Parts of the input are replaced at random, half of them on average, as `lime_image` does.
    #[default]
    Presence,
    /// Numbers are drawn from normal distributions with the background's means and deviations, as
    /// `lime_tabular` does without discretization.
    Normal,
}

settings! {
    /// Settings of LIME: a linear model, fitted to the outputs of inputs nearby (Ribeiro et al., 2016).
    ///
    /// ```text
    /// minimize  Σₖ π(zₖ) (y(zₖ) − b − Σ cᵢ zₖᵢ)² + α Σ cᵢ²        π(z) = √exp(−d(z)² / width²)
    /// presence:  zₖᵢ is 1 if part i is kept, else 0;  d = 1 − cosine(zₖ, 1);  width 0.25;      aᵢ = cᵢ
    /// normal:    zₖᵢ standardized by the background;  d = ‖zₖ − z(x)‖;   width 0.75 √parts;  aᵢ = cᵢ zᵢ(x)
    /// ```
    ///
    /// `samples` passes forward, for each row of the baseline. [`Attribution::local_fit`] is the R² of the
    /// linear model: where it is low, the attributions do not describe the model. They depend on the
    /// kernel's width.
    ///
    /// # Differs from
    /// `lime`: the parts of a picture are squares of pixels, not segments of similar colour; numbers of a
    /// table are not discretized; all parts are in the model (`feature_selection="none"`).
    ///
    /// # Reference
    /// Ribeiro, Singh & Guestrin, *"Why Should I Trust You?"*, 2016, <https://arxiv.org/abs/1602.04938>; the
    /// Python package `lime`
    pub struct LimeConfig {
        /// Number of inputs nearby.
        samples: usize = 1000, in COUNT;
        /// How inputs nearby are made.
        nearby: Nearby = (Nearby::Presence) as "presence", allowed "`presence` or `normal`";
        /// Width of the kernel.
        kernel_width: Option<f64> = None, in POSITIVE;
        /// Penalty on the coefficients.
        alpha: f64 = 1.0, "α", in NON_NEGATIVE;
        /// Side of the squares of pixels, or number of time steps, that are replaced together.
        window: Option<usize> = None, in COUNT;
        /// What replaces a part.
        baseline: Baseline = (Baseline::Auto) as "auto",
            allowed "`auto` (zeros; the background for indices), `zero`, `mean` or `background`";
    }
}

impl LimeConfig {
    pub(super) const NAME: &'static str = "lime";

    pub(super) fn explain(&self, question: &Question<'_>, row: &[f32]) -> Result<Attribution, Error> {
        question.check(row)?;
        match self.nearby {
            Nearby::Presence => self.by_presence(question, row),
            Nearby::Normal => self.by_normal(question, row),
        }
    }

    fn by_presence(&self, question: &Question<'_>, row: &[f32]) -> Result<Attribution, Error> {
        let players = Players::of(question.model, Self::NAME, self.window)?;
        let baselines = self.baseline.rows(question, Self::NAME)?;
        let mut random = stream(question.seed, Purpose::Explanation, 0);
        let mut masks = vec![vec![true; players.count]];
        while masks.len() < self.samples.max(2) {
            masks.push((0..players.count).map(|_| random.next_u64() >> 63 == 1).collect());
        }
        let outputs = mean_outputs(question, row, &players, &baselines, &masks)?;
        let width = self.kernel_width.unwrap_or(0.25);
        let weights: Vec<f64> = masks.iter().map(|mask| kernel(cosine_distance(mask), width)).collect();
        let rows: Vec<f64> = masks.iter().flatten().map(|kept| f64::from(u8::from(*kept))).collect();
        let fit = weighted_ridge(&rows, &weights, &outputs, self.alpha)?;
        let values = players.spread(&fit.coefficients);
        Ok(Attribution { local_fit: Some(fit.score), ..Attribution::of(values, outputs[0]) })
    }

    fn by_normal(&self, question: &Question<'_>, row: &[f32]) -> Result<Attribution, Error> {
        if question.model.has_indices() {
            let given = "normal, with indices of categories";
            return Err(Error::invalid(Self::NAME, "nearby", "presence for indices of categories", given));
        }
        let background = question.background_rows(Self::NAME, usize::MAX)?;
        let count = background.len() as f64;
        let mean = |i: usize| background.iter().map(|row| f64::from(row[i])).sum::<f64>() / count;
        let means: Vec<f64> = (0..row.len()).map(mean).collect();
        let deviation = |i: usize| {
            let squares = background.iter().map(|row| (f64::from(row[i]) - means[i]).powi(2));
            let deviation = (squares.sum::<f64>() / count).sqrt();
            if deviation > 0.0 { deviation } else { 1.0 }
        };
        let deviations: Vec<f64> = (0..row.len()).map(deviation).collect();
        let scaled = |i: usize| (f64::from(row[i]) - means[i]) / deviations[i];
        let own: Vec<f64> = (0..row.len()).map(scaled).collect();
        let mut random = stream(question.seed, Purpose::Explanation, 0);
        let samples = self.samples.max(2);
        let mut nearby = own.clone();
        nearby.extend((row.len()..samples * row.len()).map(|_| normal(&mut random)));
        let model_rows: Vec<f32> = nearby
            .iter()
            .enumerate()
            .map(|(place, z)| (means[place % row.len()] + deviations[place % row.len()] * z) as f32)
            .collect();
        let outputs = question.model.output(&model_rows, question.output)?;
        let width = self.kernel_width.unwrap_or(0.75 * (row.len() as f64).sqrt());
        let distance = |z: &[f64]| z.iter().zip(&own).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt();
        let weights: Vec<f64> = nearby.chunks(row.len()).map(|z| kernel(distance(z), width)).collect();
        let fit = weighted_ridge(&nearby, &weights, &outputs, self.alpha)?;
        let values = fit.coefficients.iter().zip(&own).map(|(c, z)| c * z).collect();
        Ok(Attribution { local_fit: Some(fit.score), ..Attribution::of(values, outputs[0]) })
    }
}

/// Returns the weight of an input at a distance.
pub fn kernel(distance: f64, width: f64) -> f64 {
    (-(distance * distance) / (width * width)).exp().sqrt()
}

/// Returns the cosine distance between a mask and the one that keeps everything; 1 for an empty mask.
pub fn cosine_distance(mask: &[bool]) -> f64 {
    let kept = mask.iter().filter(|kept| **kept).count() as f64;
    1.0 - (kept / mask.len() as f64).sqrt()
}
