//! SmoothGrad: the mean gradient of noisy copies.

use crate::space::Space;
use crate::{Attribution, Question};
use optlab_core::random::{Purpose, stream};
use optlab_core::settings;
use optlab_train::Error;
use serde::{Deserialize, Serialize};

use super::normal;

/// The quantity that is averaged over the noisy copies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Smoothing {
    /// The gradient: `SmoothGrad`.
    #[default]
    Mean,
    /// Its square: `SmoothGrad²` (Hooker et al., 2019).
    Square,
    /// Its variance: `VarGrad` (Adebayo et al., 2018).
    Variance,
}

settings! {
    /// Settings of SmoothGrad: the mean gradient of noisy copies of the input (Smilkov et al., 2017).
    ///
    /// ```text
    /// aᵢ = 1/n Σₖ ∂y/∂xᵢ (x + εₖ)        εₖ normal with deviation  noise · (max x − min x)
    /// ```
    ///
    /// `samples` passes forward and backward. `standard_errors` are those of the mean over the copies, for
    /// numbers that are not embedded.
    ///
    /// # Reference
    /// Smilkov et al., *SmoothGrad: removing noise by adding noise*, 2017,
    /// <https://arxiv.org/abs/1706.03825>; Captum's `NoiseTunnel` over `Saliency(abs=False)`
    pub struct SmoothGradConfig {
        /// Number of noisy copies.
        samples: usize = 50, "n", in COUNT;
        /// Deviation of the noise as a share of the input's range.
        noise: f64 = 0.15, in NON_NEGATIVE;
        /// What is averaged.
        kind: Smoothing = (Smoothing::Mean) as "mean", allowed "`mean`, `square` or `variance` of the gradients";
    }
}

impl SmoothGradConfig {
    pub(super) const NAME: &'static str = "smooth_grad";

    pub(super) fn explain(&self, question: &Question<'_>, row: &[f32]) -> Result<Attribution, Error> {
        let space = Space::at(question, row)?;
        let (least, most) =
            space.point.iter().fold((f32::MAX, f32::MIN), |(a, b), &value| (a.min(value), b.max(value)));
        let deviation = self.noise * f64::from(most - least);
        let mut random = stream(question.seed, Purpose::Explanation, 0);
        let width = space.point.len();
        let (mut sums, mut squares) = (vec![0.0; width], vec![0.0; width]);
        let mut fourths = vec![0.0; width];
        // In portions, so that many samples of a large input fit into memory.
        let mut left = self.samples;
        while left > 0 {
            let portion = left.min(super::PORTION);
            let mut noisy = Vec::with_capacity(portion * width);
            for _ in 0..portion {
                let copy =
                    space.point.iter().map(|x| (f64::from(*x) + deviation * normal(&mut random)) as f32);
                noisy.extend(copy);
            }
            let (_, gradients) = space.gradients(&noisy)?;
            for gradient in gradients.chunks(width) {
                for (i, g) in gradient.iter().map(|g| f64::from(*g)).enumerate() {
                    sums[i] += g;
                    squares[i] += g * g;
                    fourths[i] += g.powi(4);
                }
            }
            left -= portion;
        }
        let n = self.samples as f64;
        let variance = |sum: f64, square: f64| (square / n - (sum / n).powi(2)).max(0.0);
        let pairs = || sums.iter().zip(&squares).map(|(sum, square)| (*sum, *square));
        let values: Vec<f64> = match self.kind {
            Smoothing::Mean => sums.iter().map(|sum| sum / n).collect(),
            Smoothing::Square => squares.iter().map(|square| square / n).collect(),
            Smoothing::Variance => pairs().map(|(sum, square)| variance(sum, square)).collect(),
        };
        let standard_errors: Option<Vec<f64>> = match self.kind {
            _ if space.is_embedded() => None,
            Smoothing::Mean => {
                Some(pairs().map(|(sum, square)| (variance(sum, square) / n).sqrt()).collect())
            }
            Smoothing::Square => {
                let pairs = squares.iter().zip(&fourths);
                Some(pairs.map(|(square, fourth)| (variance(*square, *fourth) / n).sqrt()).collect())
            }
            Smoothing::Variance => None,
        };
        let output = space.output(&space.point)?;
        Ok(Attribution { standard_errors, ..Attribution::of(space.collapse(values), output) })
    }
}
