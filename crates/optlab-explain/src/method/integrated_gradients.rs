//! Integrated gradients: the gradient along the way from a baseline.

use crate::space::Space;
use crate::{Attribution, Baseline, Question};
use optlab_core::settings;
use optlab_train::Error;

settings! {
    /// Settings of integrated gradients (Sundararajan et al., 2017).
    ///
    /// ```text
    /// aᵢ = (xᵢ − bᵢ) ∫₀¹ ∂y/∂xᵢ (b + α (x − b)) dα        Σ aᵢ = y(x) − y(b)
    /// ```
    ///
    /// The integral is a Gauss-Legendre sum of `steps` points, so it takes `steps` passes forward and
    /// backward. The gap that the sum leaves is reported ([`Attribution::completeness_gap`]); more steps
    /// close it. Several baselines (`background`) are averaged. Tokens are differentiated behind their
    /// embedding, from zeros there.
    ///
    /// # Reference
    /// Sundararajan, Taly & Yan, *Axiomatic Attribution for Deep Networks*, 2017,
    /// <https://arxiv.org/abs/1703.01365>; Captum's `IntegratedGradients(method="gausslegendre")`
    pub struct IntegratedGradientsConfig {
        /// Number of points of the integral.
        steps: usize = 200, in ITERATIONS;
        /// Where the way begins.
        baseline: Baseline = (Baseline::Auto) as "auto", "b",
            allowed "`auto` (zeros), `zero`, `mean` or `background`";
    }
}

impl IntegratedGradientsConfig {
    pub(super) const NAME: &'static str = "integrated_gradients";

    pub(super) fn explain(&self, question: &Question<'_>, row: &[f32]) -> Result<Attribution, Error> {
        let space = Space::at(question, row)?;
        let baselines = match (space.is_embedded(), self.baseline, question.baseline) {
            (true, Baseline::Auto | Baseline::Zero, None) => vec![vec![0.0; space.point.len()]],
            (true, baseline, _) => {
                let rows = baseline.rows(question, Self::NAME)?;
                rows.iter().map(|row| space.point_of(row)).collect::<Result<_, _>>()?
            }
            (false, baseline, _) => baseline.rows(question, Self::NAME)?,
        };
        let nodes = gauss_legendre(self.steps);
        let width = space.point.len();
        let mut sums = vec![0.0; width];
        let mut of_baselines = 0.0;
        for baseline in &baselines {
            let mut along = vec![0.0; width];
            for nodes in nodes.chunks(super::PORTION) {
                let at = |alpha: f64| {
                    let pairs = space.point.iter().zip(baseline);
                    pairs.map(move |(x, b)| (f64::from(*b) + alpha * (f64::from(*x) - f64::from(*b))) as f32)
                };
                let points: Vec<f32> = nodes.iter().flat_map(|(alpha, _)| at(*alpha)).collect();
                let (_, gradients) = space.gradients(&points)?;
                for (gradient, (_, weight)) in gradients.chunks(width).zip(nodes) {
                    along.iter_mut().zip(gradient).for_each(|(sum, g)| *sum += weight * f64::from(*g));
                }
            }
            for (i, sum) in sums.iter_mut().enumerate() {
                let way = f64::from(space.point[i]) - f64::from(baseline[i]);
                *sum += way * along[i] / baselines.len() as f64;
            }
            of_baselines += space.output(baseline)? / baselines.len() as f64;
        }
        let output = space.output(&space.point)?;
        let baseline_output = Some(of_baselines);
        Ok(Attribution { baseline_output, ..Attribution::of(space.collapse(sums), output) })
    }
}

/// Returns the points and weights of Gauss and Legendre's rule on `[0, 1]`, exact for polynomials below
/// degree `2 · points`.
fn gauss_legendre(points: usize) -> Vec<(f64, f64)> {
    let n = points as f64;
    let node = |i: usize| {
        // Newton's method from Tricomi's estimate of a root of Legendre's polynomial.
        let mut x = (std::f64::consts::PI * (i as f64 + 0.75) / (n + 0.5)).cos();
        let mut slope = 1.0;
        for _ in 0..100 {
            let (mut before, mut value) = (1.0, x);
            for k in 2..=points {
                let k = k as f64;
                (before, value) = (value, ((2.0 * k - 1.0) * x * value - (k - 1.0) * before) / k);
            }
            slope = n * (x * value - before) / (x * x - 1.0);
            let step = value / slope;
            x -= step;
            if step.abs() < 1e-15 {
                break;
            }
        }
        // Of the interval [−1, 1], with weights 2 / ((1 − x²) P′²), halved.
        ((1.0 - x) / 2.0, 1.0 / ((1.0 - x * x) * slope * slope))
    };
    if points == 1 { vec![(0.5, 1.0)] } else { (0..points).map(node).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rule_integrates_polynomials_below_twice_its_points_exactly() {
        for points in [1, 2, 3, 5, 20, 200, 1000] {
            let nodes = gauss_legendre(points);
            for degree in [0, 1, 2 * points.min(20) - 1] {
                let sum: f64 = nodes.iter().map(|(x, weight)| weight * x.powi(degree as i32)).sum();
                let exact = 1.0 / (degree as f64 + 1.0);
                assert!((sum - exact).abs() < 1e-12, "{points} points, degree {degree}: {sum}, not {exact}");
            }
        }
    }
}
