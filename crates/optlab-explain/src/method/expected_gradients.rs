//! Expected gradients: integrated gradients from random background rows.

use crate::space::Space;
use crate::{Attribution, Question};
use optlab_core::random::{Purpose, stream};
use optlab_core::settings;
use optlab_train::Error;

use super::unit;

settings! {
    /// Settings of expected gradients: integrated gradients, averaged over background rows as baselines
    /// (Erion et al., 2021), by samples.
    ///
    /// ```text
    /// aᵢ = E [(xᵢ − bᵢ) ∂y/∂xᵢ (b + α (x − b))]        b a background row, α uniform in [0, 1]
    /// ```
    ///
    /// `samples` passes forward and backward. Every row has as many samples, and its values of `α` are
    /// spread evenly: one at a random place in each of as many parts of `[0, 1]`. The attributions sum to
    /// the output minus the mean output of the background, up to the error of the samples; `standard_errors`
    /// are those of independent samples, and so too large.
    ///
    /// # Reference
    /// Erion et al., *Improving performance of deep learning models with axiomatic attribution priors and
    /// expected gradients*, 2021, <https://arxiv.org/abs/1906.10670>; `shap`'s `GradientExplainer`
    pub struct ExpectedGradientsConfig {
        /// Number of samples.
        samples: usize = 1000, "n", in COUNT;
        /// The most background rows.
        background: usize = 100, in COUNT;
    }
}

impl ExpectedGradientsConfig {
    pub(super) const NAME: &'static str = "expected_gradients";

    pub(super) fn explain(&self, question: &Question<'_>, row: &[f32]) -> Result<Attribution, Error> {
        let space = Space::at(question, row)?;
        let rows = question.background_rows(Self::NAME, self.background.min(self.samples))?;
        let baselines = rows.iter().map(|row| space.point_of(row)).collect::<Result<Vec<_>, _>>()?;
        let mut random = stream(question.seed, Purpose::Explanation, 0);
        let of_row = self.samples / baselines.len();
        let n = of_row * baselines.len();
        let draw = |i: usize| {
            let alpha = ((i / baselines.len()) as f64 + unit(&mut random)) / of_row as f64;
            (i % baselines.len(), alpha)
        };
        let draws: Vec<(usize, f64)> = (0..n).map(draw).collect();
        let width = space.point.len();
        let (mut sums, mut squares) = (vec![0.0; width], vec![0.0; width]);
        for draws in draws.chunks(super::PORTION) {
            let way = |i: usize, of: usize| f64::from(space.point[i]) - f64::from(baselines[of][i]);
            let at = |&(of, alpha): &(usize, f64)| {
                let baselines = &baselines;
                (0..width).map(move |i| (f64::from(baselines[of][i]) + alpha * way(i, of)) as f32)
            };
            let points: Vec<f32> = draws.iter().flat_map(at).collect();
            let (_, gradients) = space.gradients(&points)?;
            for (gradient, (of, _)) in gradients.chunks(width).zip(draws) {
                for i in 0..width {
                    let value = way(i, *of) * f64::from(gradient[i]);
                    sums[i] += value;
                    squares[i] += value * value;
                }
            }
        }
        let count = n as f64;
        let error =
            |(sum, square): (&f64, &f64)| ((square / count - (sum / count).powi(2)).max(0.0) / count).sqrt();
        let standard_errors = (!space.is_embedded()).then(|| sums.iter().zip(&squares).map(error).collect());
        let mut of_background = 0.0;
        for baseline in &baselines {
            of_background += space.output(baseline)? / baselines.len() as f64;
        }
        let values = space.collapse(sums.into_iter().map(|sum| sum / count).collect());
        let output = space.output(&space.point)?;
        let baseline_output = Some(of_background);
        Ok(Attribution { standard_errors, baseline_output, ..Attribution::of(values, output) })
    }
}
