//! CAME: Adafactor with momentum weighted by its confidence.

use crate::Error;
use crate::burn_optimizer;
use crate::rule::{Rule, Start, TensorMemory, TensorRule};
use crate::rules::parts::factored::{self, root_mean_square};
use crate::rules::parts::moments::moving_average;
use crate::rules::parts::weight_decay::DecoupledDecay;
use crate::spec::rule_config;
use burn::tensor::Tensor;
use optlab_core::settings;
use optlab_core::settings::{Search, Settings};
use optlab_kernel::Value;

settings! {
    /// Settings of [`Came`].
    pub struct CameConfig {
        /// Decay of the mean of the updates.
        beta_1: f64 = 0.9, "β₁", in BELOW_ONE, search(1, Search::Momentum);
        /// Decay of the mean squares of the gradients.
        beta_2: f64 = 0.999, "β₂", in BELOW_ONE, search(2, Search::Decay);
        /// Decay of the mean squared deviation of the updates from their mean.
        beta_3: f64 = 0.9999, "β₃", in BELOW_ONE, search(3, Search::Decay);
        /// Constant added to the squares of the gradients.
        epsilon_1: f64 = 1e-30, "ε₁", in POSITIVE;
        /// Constant added to the squared deviations.
        epsilon_2: f64 = 1e-16, "ε₂", in POSITIVE;
        /// Largest root mean square of an update.
        clip_threshold: f64 = 1.0, "d", in POSITIVE;
        /// Decoupled weight decay.
        weight_decay: f64 = 0.0, "λ", in NON_NEGATIVE;
        /// Whether to decay only elements that the step does not move away from 0.
        cautious_decay: bool = false, since("2026-11-30");
    }
}

rule_config!(tensor CameConfig, lr 2e-4);

impl CameConfig {
    /// Checks the settings and builds the rule; errors name `owner`.
    pub(crate) fn build_as(&self, owner: &str) -> Result<Came, Error> {
        self.check(owner)?;
        Ok(Came { config: self.clone() })
    }
}

/// CAME: Adafactor with momentum, scaled up where updates agree with it (Luo et al., 2023).
///
/// ```text
/// R₀ = 0, C₀ = 0, v₀ = 0, m₀ = 0, r₀ = 0, c₀ = 0
/// for a matrix, and for each matrix of a stack:
///   Rₜ = β₂ Rₜ₋₁ + (1 − β₂) (mean of gₜ² + ε₁ over each row)
///   Cₜ = β₂ Cₜ₋₁ + (1 − β₂) (mean of gₜ² + ε₁ over each column)
///   vₜ[i, j] = Rₜ[i] Cₜ[j] / (mean of Rₜ)
/// for a vector:
///   vₜ = β₂ vₜ₋₁ + (1 − β₂) (gₜ² + ε₁)
/// uₜ = gₜ / √vₜ
/// ûₜ = uₜ / max(1, RMS(uₜ) / d)        RMS: the root of the mean of the squares of the whole tensor
/// mₜ = β₁ mₜ₋₁ + (1 − β₁) ûₜ
/// for a matrix, and for each matrix of a stack:
///   rₜ = β₃ rₜ₋₁ + (1 − β₃) (mean of (ûₜ − mₜ)² + ε₂ over each row)
///   cₜ = β₃ cₜ₋₁ + (1 − β₃) (mean of (ûₜ − mₜ)² + ε₂ over each column)
///   sₜ[i, j] = rₜ[i] cₜ[j] / (mean of rₜ)
/// for a vector:
///   sₜ = 1
/// θₜ = θₜ₋₁ − ηₜ (mₜ / √sₜ + λ θₜ₋₁)
/// ```
///
#[doc = settings_table!()]
///
/// With `cautious_decay`, `λ` is 0 for the elements that the step moves away from 0 (Chen et al., 2025,
/// <https://arxiv.org/abs/2510.12402>).
///
/// `ηₜ` is the `lr` argument of [`step`](burn::optim::Optimizer::step); the schedule sets it.
///
/// # Shapes
/// `θ`, `g`, `m`: `[d₁, …, d_D]`, any rank. The last two dimensions are rows and columns, `[n, m]`, and any
/// others stack them: a kernel `[out, in, kh, kw]` is `out · in` matrices `[kh, kw]`. Swapping rows and
/// columns makes no difference.
///
/// State per parameter, in floats, apart from the step number: one tensor of its shape, and
/// `2 d₁ ⋯ d_{D−2} (n + m)`, or `d₁` for a vector. So a matrix `[1000, 500]` takes 503,000 floats, where Adam
/// takes 1,000,000; a kernel of 3 × 3 takes more than with Adam, 21 floats instead of 18 for each pair of
/// channels.
///
/// # Errors
/// [`CameConfig::build`]: [`Error::InvalidConfig`] if a field is out of range or NaN.
///
/// # Example
/// The means are not corrected for starting at 0, so the first step of a matrix is long: for a gradient that
/// is the same everywhere, `(1 − β₁) / (β₁ √(1 − β₃))` times the rate, which is 11 times. A vector, which has
/// no `s`, moves by `1 − β₁` times the rate:
/// ```
/// use burn::{optim::Optimizer, tensor::{Device, Tensor}};
///
/// let came = optlab_optim::CameConfig::default().build()?;
/// let device = Device::default();
/// let matrix = Tensor::<2>::zeros([2, 2], &device);
/// let (matrix, _) = came.step(0.01, matrix, Tensor::full([2, 2], 7.0, &device), None);
/// assert!((matrix.mean().into_scalar::<f32>() + 0.01 * 0.1 / (0.9 * 0.01)).abs() < 1e-4);
/// let vector = Tensor::<1>::zeros([2], &device);
/// let (vector, _) = came.step(0.01, vector, Tensor::full([2], 7.0, &device), None);
/// assert!((vector.mean().into_scalar::<f32>() + 0.01 * 0.1).abs() < 1e-6);
/// # Ok::<(), optlab_optim::Error>(())
/// ```
///
/// # Differs from
/// Its paper, as pytorch_optimizer does: rows and columns hold means, not sums, which gives the same `v` and
/// `s`. pytorch_optimizer: `ε₁ = 0` and `ε₂ = 0` are refused; there is no `ams_bound`.
///
/// # Reference
/// Luo et al., *CAME: Confidence-guided Adaptive Memory Efficient Optimization*, 2023,
/// <https://arxiv.org/abs/2307.02047>
#[derive(Debug, Clone)]
pub struct Came {
    config: CameConfig,
}

const SQUARE: [&str; 2] = ["rows", "columns"];
const SECOND_MOMENT: &str = "second_moment";
const FIRST_MOMENT: &str = "first_moment";
const DIFFERENCE: [&str; 2] = ["difference_rows", "difference_columns"];

impl Rule for Came {
    const STATE: &'static [&'static str] =
        &[SQUARE[0], SQUARE[1], SECOND_MOMENT, FIRST_MOMENT, DIFFERENCE[0], DIFFERENCE[1]];

    fn start(&self, buffer: &str, shape: &[usize]) -> Option<Start> {
        match buffer {
            FIRST_MOMENT => Some(Start::Value(0.0)),
            SECOND_MOMENT => factored::elements(shape),
            rows if rows == SQUARE[0] || rows == DIFFERENCE[0] => factored::rows(shape),
            _ => factored::columns(shape),
        }
    }
}

impl TensorRule for Came {
    fn step<const D: usize>(
        &self,
        lr: f64,
        theta: Tensor<D>,
        grad: Tensor<D>,
        memory: &mut TensorMemory<'_>,
    ) -> Tensor<D> {
        let CameConfig { beta_1, beta_2, beta_3, epsilon_1, epsilon_2, clip_threshold, .. } = self.config;
        let square = grad.clone().square().add_scalar(epsilon_1);
        let update = if D >= 2 {
            over_root(grad, factored::update_means(memory, SQUARE, square, beta_2))
        } else {
            grad / memory.update(SECOND_MOMENT, |average| moving_average(&average, square, beta_2)).sqrt()
        };
        let excess = root_mean_square(update.clone()).mul_scalar(1.0 / clip_threshold).at_least(1.0);
        let update = update / excess;
        let momentum =
            memory.update(FIRST_MOMENT, |average| moving_average(&average, update.clone(), beta_1));
        let direction = if D >= 2 {
            let difference = (update - momentum.clone()).square().add_scalar(epsilon_2);
            over_root(momentum, factored::update_means(memory, DIFFERENCE, difference, beta_3))
        } else {
            momentum
        };
        let decay = DecoupledDecay::new(lr, self.config.weight_decay, self.config.cautious_decay);
        decay.before(theta, &direction) - direction.mul_scalar(lr)
    }
}

burn_optimizer!(Came, crate::rule::tensor_step);

/// Returns `x / √(R C / mean of R)`, dividing by one factor at a time: the product of a row and a column that
/// have seen no gradient would be 0 in 32 bits if the mean is large.
fn over_root<const D: usize>(x: Tensor<D>, [rows, columns]: [Tensor<D>; 2]) -> Tensor<D> {
    let mean = rows.clone().mean_dim(-2);
    x / columns.sqrt() * (mean.sqrt() / rows.sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::optim::Optimizer;
    use burn::tensor::Device;

    #[test]
    fn a_row_and_a_column_without_gradients_next_to_large_ones_do_not_move() {
        let device = Device::default();
        let came = CameConfig::default().build().unwrap();
        let theta = Tensor::<2>::ones([2, 2], &device);
        let grad = Tensor::from_floats([[1e18, 0.0], [0.0, 0.0]], &device);
        let (theta, _) = Optimizer::step(&came, 0.01, theta, grad, None);
        let theta: Vec<f32> = theta.into_data().try_to_vec().unwrap();
        assert!(theta[0] < 1.0 && theta[1..] == [1.0; 3], "{theta:?}");
    }
}
