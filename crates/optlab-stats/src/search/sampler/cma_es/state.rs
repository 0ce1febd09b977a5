//! The state of the strategy after some generations, and its update by the next one.

use nalgebra::{DMatrix, DVector, SymmetricEigen};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

/// The normal distribution of the next points, and the two evolution paths that change it.
///
/// ```text
/// m₀ = ½, σ₀ = 0.3, C₀ = I, p = q = 0
/// xₖ ~ m + σ N(0, C)                                  k = 1 … λ, then sorted, the best first
/// yₖ = (xₖ − m) / σ
/// m ← m + σ Σₖ wₖ⁺ yₖ                                  the better half alone
/// p ← (1 − c_σ) p + √(c_σ (2 − c_σ) μ) C^(−½) Σₖ wₖ⁺ yₖ
/// σ ← σ exp(c_σ / d_σ (‖p‖ / E‖N(0, I)‖ − 1))
/// q ← (1 − c_c) q + h √(c_c (2 − c_c) μ) Σₖ wₖ⁺ yₖ       h = 0 while p is too long, else 1
/// C ← (1 + c₁ (1 − h) c_c (2 − c_c) − c₁ − c_μ Σₖ wₖ) C + c₁ q qᵀ + c_μ Σₖ wₖ° yₖ yₖᵀ
/// wₖ° = wₖ where wₖ ≥ 0, else wₖ n / ‖C^(−½) yₖ‖²
/// ```
///
/// The steps follow figure 6 of the tutorial and the constants its table 1, with its negative weights; terms
/// that have no effect with its `λ = 4 + ⌊3 ln n⌋` are left out. `yₖ` is shortened to `√n + 2n / (n + 2)` in
/// units of `C`, as for external points (Hansen, *Injecting External Solutions Into CMA-ES*, 2011,
/// <https://arxiv.org/abs/1110.4181>), since a point may come from the border of the cube or from an earlier
/// state.
pub struct CmaEsState {
    mean: DVector<f64>,
    sigma: f64,
    covariance: DMatrix<f64>,
    /// `p`, which changes `σ`.
    sigma_path: DVector<f64>,
    /// `q`, which changes `C`.
    covariance_path: DVector<f64>,
    /// The number of generations so far.
    generations: i32,
    constants: Constants,
}

/// The constants that depend only on the number of dimensions.
struct Constants {
    /// The weight of each point of a generation, the best first; below 0 for the worse half.
    weights: Vec<f64>,
    /// `μ`: the variance-effective number of points with a positive weight.
    mu: f64,
    c_sigma: f64,
    d_sigma: f64,
    c_c: f64,
    c_1: f64,
    c_mu: f64,
    /// `E‖N(0, I)‖`.
    expected_length: f64,
}

/// The smallest standard deviation as a fraction of the largest: a numerically singular matrix has no inverse
/// root.
const SMALLEST_AXIS: f64 = 1e-7;
/// The range of `σ`: below it points differ by less than the digits of a value, and steps larger than the
/// cube are useless.
const SIGMA: [f64; 2] = [1e-6, 1.0];

impl Constants {
    fn new(dimensions: usize) -> Self {
        let n = dimensions as f64;
        let lambda = 4 + (3.0 * n.ln()).floor() as usize;
        let raw: Vec<f64> =
            (1..=lambda).map(|rank| ((lambda as f64 + 1.0) / 2.0).ln() - (rank as f64).ln()).collect();
        let effective = |weights: &[f64]| {
            let squares: f64 = weights.iter().map(|weight| weight * weight).sum();
            weights.iter().sum::<f64>().powi(2) / squares
        };
        let (better, worse) = raw.split_at(lambda / 2);
        let (mu, mu_worse) = (effective(better), effective(worse));
        let c_1 = 2.0 / ((n + 1.3).powi(2) + mu);
        let c_mu = 2.0 * (0.25 + mu + 1.0 / mu - 2.0) / ((n + 2.0).powi(2) + mu);
        let c_sigma = (mu + 2.0) / (n + mu + 5.0);
        let alpha = (1.0 + c_1 / c_mu).min(1.0 + 2.0 * mu_worse / (mu + 2.0));
        let positive: f64 = raw.iter().filter(|weight| **weight > 0.0).sum();
        let negative: f64 = -raw.iter().filter(|weight| **weight < 0.0).sum::<f64>();
        let weights =
            raw.iter().map(|w| if *w >= 0.0 { w / positive } else { w * alpha / negative }).collect();
        Constants {
            weights,
            mu,
            c_sigma,
            d_sigma: 1.0 + c_sigma,
            c_c: (4.0 + mu / n) / (n + 4.0 + 2.0 * mu / n),
            c_1,
            c_mu,
            expected_length: n.sqrt() * (1.0 - 1.0 / (4.0 * n) + 1.0 / (21.0 * n * n)),
        }
    }
}

impl CmaEsState {
    /// Returns the state before the first generation, in the middle of the unit cube.
    pub fn new(dimensions: usize) -> Self {
        CmaEsState {
            mean: DVector::from_element(dimensions, 0.5),
            sigma: 0.3,
            covariance: DMatrix::identity(dimensions, dimensions),
            sigma_path: DVector::zeros(dimensions),
            covariance_path: DVector::zeros(dimensions),
            generations: 0,
            constants: Constants::new(dimensions),
        }
    }

    /// Returns the number of points of a generation.
    pub fn lambda(&self) -> usize {
        self.constants.weights.len()
    }

    /// Draws a point of the next generation, possibly outside the cube.
    pub fn draw(&self, random: &mut ChaCha8Rng) -> DVector<f64> {
        let normal = DVector::from_fn(self.mean.len(), |_, _| StandardNormal.sample(random));
        let (axes, lengths) = self.axes();
        &self.mean + self.sigma * (axes * normal.component_mul(&lengths))
    }

    /// Updates the state with the points of a generation, the best first.
    pub fn tell(&mut self, points: &[&[f64]]) {
        let Constants { weights, mu, c_sigma, d_sigma, c_c, c_1, c_mu, expected_length } = &self.constants;
        let n = self.mean.len() as f64;
        let (axes, lengths) = self.axes();
        let whiten = |y: &DVector<f64>| &axes * (axes.tr_mul(y)).component_div(&lengths);
        let longest = n.sqrt() + 2.0 * n / (n + 2.0);
        let steps: Vec<DVector<f64>> = points
            .iter()
            .map(|point| (DVector::from_column_slice(point) - &self.mean) / self.sigma)
            .map(|y| &y * (longest / whiten(&y).norm()).min(1.0))
            .collect();
        let mean_step = weights.iter().zip(&steps).filter(|(weight, _)| **weight > 0.0);
        let mean_step = mean_step.fold(DVector::zeros(steps[0].len()), |sum, (weight, y)| sum + *weight * y);
        self.mean += self.sigma * &mean_step;
        self.generations += 1;

        self.sigma_path *= 1.0 - c_sigma;
        self.sigma_path += (c_sigma * (2.0 - c_sigma) * mu).sqrt() * whiten(&mean_step);
        let length = self.sigma_path.norm();
        let grown = 1.0 - (1.0 - c_sigma).powi(2 * self.generations);
        let is_short = length / grown.sqrt() < (1.4 + 2.0 / (n + 1.0)) * expected_length;

        self.covariance_path *= 1.0 - c_c;
        if is_short {
            self.covariance_path += (c_c * (2.0 - c_c) * mu).sqrt() * &mean_step;
        }
        let missing = if is_short { 0.0 } else { c_1 * c_c * (2.0 - c_c) };
        self.covariance *= 1.0 + missing - c_1 - c_mu * weights.iter().sum::<f64>();
        self.covariance += *c_1 * &self.covariance_path * self.covariance_path.transpose();
        for (weight, y) in weights.iter().zip(&steps) {
            let worse = if *weight < 0.0 { n / whiten(y).norm_squared().max(f64::MIN_POSITIVE) } else { 1.0 };
            self.covariance += *c_mu * *weight * worse * y * y.transpose();
        }
        let change = (c_sigma / d_sigma * (length / expected_length - 1.0)).exp();
        self.sigma = (self.sigma * change).clamp(SIGMA[0], SIGMA[1]);
    }

    /// Returns the axes of `C`, one per column, and the standard deviation along each.
    fn axes(&self) -> (DMatrix<f64>, DVector<f64>) {
        let eigen = SymmetricEigen::new(self.covariance.clone());
        let lengths = eigen.eigenvalues.map(|variance| variance.max(0.0).sqrt());
        let smallest = lengths.max() * SMALLEST_AXIS;
        (eigen.eigenvectors, lengths.map(|length| length.max(smallest)))
    }
}

#[cfg(test)]
mod tests;
