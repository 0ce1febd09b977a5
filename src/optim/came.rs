use crate::error::Error;
use crate::kernel::Value;
use crate::optim::elementwise::burn_optimizer;
use crate::optim::factored::{self, root_mean_square};
use crate::optim::moments::moving_average;
use crate::optim::{ParameterRule, Rule, RuleConfig, Start, TensorMemory, TensorRule, weight_decay};
use crate::range::{self, BELOW_ONE, NON_NEGATIVE, POSITIVE};
use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

/// Settings of [`Came`], where their ranges are listed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CameConfig {
    /// Decay of the mean of the updates.
    pub beta_1: f64,
    /// Decay of the mean squares of the gradients.
    pub beta_2: f64,
    /// Decay of the mean squares of what updates differ from their mean by.
    pub beta_3: f64,
    /// Added to the squares of the gradients.
    pub epsilon_1: f64,
    /// Added to the squares of the differences.
    pub epsilon_2: f64,
    /// Largest root mean square of an update.
    pub clip_threshold: f64,
    /// Weight decay, apart from the gradient.
    pub weight_decay: f64,
}

impl Default for CameConfig {
    fn default() -> Self {
        CameConfig {
            beta_1: 0.9,
            beta_2: 0.999,
            beta_3: 0.9999,
            epsilon_1: 1e-30,
            epsilon_2: 1e-16,
            clip_threshold: 1.0,
            weight_decay: 0.0,
        }
    }
}

impl RuleConfig for CameConfig {
    const DEFAULT_LR: f64 = 2e-4;

    fn rules(&self, _owner: &str) -> Result<Vec<ParameterRule>, Error> {
        Ok(vec![ParameterRule::tensor(self.build()?)])
    }
}

impl CameConfig {
    /// The rule by itself, for Burn's `ModuleOptimizer` or one's own loop.
    ///
    /// # Errors
    /// [`Error::InvalidConfig`] for a field out of its range or NaN.
    pub fn build(&self) -> Result<Came, Error> {
        range::check(
            "came",
            [
                ("beta_1", self.beta_1, BELOW_ONE),
                ("beta_2", self.beta_2, BELOW_ONE),
                ("beta_3", self.beta_3, BELOW_ONE),
                ("epsilon_1", self.epsilon_1, POSITIVE),
                ("epsilon_2", self.epsilon_2, POSITIVE),
                ("clip_threshold", self.clip_threshold, POSITIVE),
                ("weight_decay", self.weight_decay, NON_NEGATIVE),
            ],
        )?;
        Ok(Came { config: self.clone() })
    }
}

/// CAME: Adafactor with a momentum that is longer where updates agree with it (Luo et al., 2023).
///
/// ```text
/// R₀ = 0, C₀ = 0, v₀ = 0, m₀ = 0, r₀ = 0, c₀ = 0
/// of a matrix, and of each matrix of a stack:
///   Rₜ = β₂ Rₜ₋₁ + (1 − β₂) (mean of gₜ² + ε₁ over each row)
///   Cₜ = β₂ Cₜ₋₁ + (1 − β₂) (mean of gₜ² + ε₁ over each column)
///   vₜ[i, j] = Rₜ[i] Cₜ[j] / (mean of Rₜ)
/// of a vector:
///   vₜ = β₂ vₜ₋₁ + (1 − β₂) (gₜ² + ε₁)
/// uₜ = gₜ / √vₜ
/// ûₜ = uₜ / max(1, RMS(uₜ) / d)        RMS: the root of the mean of the squares of the whole tensor
/// mₜ = β₁ mₜ₋₁ + (1 − β₁) ûₜ
/// of a matrix, and of each matrix of a stack:
///   rₜ = β₃ rₜ₋₁ + (1 − β₃) (mean of (ûₜ − mₜ)² + ε₂ over each row)
///   cₜ = β₃ cₜ₋₁ + (1 − β₃) (mean of (ûₜ − mₜ)² + ε₂ over each column)
///   sₜ[i, j] = rₜ[i] cₜ[j] / (mean of rₜ)
/// of a vector:
///   sₜ = 1
/// θₜ = θₜ₋₁ − ηₜ (mₜ / √sₜ + λ θₜ₋₁)
/// ```
///
/// | field            | symbol | default | range    |
/// |:-----------------|:-------|--------:|:---------|
/// | `beta_1`         | `β₁`   |     0.9 | `[0, 1)` |
/// | `beta_2`         | `β₂`   |   0.999 | `[0, 1)` |
/// | `beta_3`         | `β₃`   |  0.9999 | `[0, 1)` |
/// | `epsilon_1`      | `ε₁`   |   1e-30 | `(0, ∞)` |
/// | `epsilon_2`      | `ε₂`   |   1e-16 | `(0, ∞)` |
/// | `clip_threshold` | `d`    |       1 | `(0, ∞)` |
/// | `weight_decay`   | `λ`    |       0 | `[0, ∞)` |
///
/// `ηₜ` is the `lr` argument of [`step`](burn::optim::Optimizer::step); the schedule owns it.
///
/// # Shapes
/// `θ`, `g`, `m`: `[d₁, …, d_D]`, any rank. The last two dimensions are rows and columns, `[n, m]`, and any others stack
/// them: a kernel `[out, in, kh, kw]` is `out · in` matrices `[kh, kw]`. Which of the two is rows makes no difference.
///
/// State per parameter, in floats beside the step number: one tensor of its shape, and `2 d₁ ⋯ d_{D−2} (n + m)`, or `d₁`
/// for a vector. So a matrix `[1000, 500]` takes 503,000, where Adam takes 1,000,000; a kernel of 3 × 3
/// takes more than with Adam, 21 floats in place of 18 for each pair of channels.
///
/// # Errors
/// [`CameConfig::build`]: [`Error::InvalidConfig`] if a field is out of range or NaN.
///
/// # Example
/// Nothing corrects the means for their start at 0, so that the first step of a matrix is long: where the gradient is the
/// same everywhere, `(1 − β₁) / (β₁ √(1 − β₃))` rates, which is 11. A vector, without `s`, moves by `1 − β₁` rates:
/// ```
/// use burn::{optim::Optimizer, tensor::{Device, Tensor}};
///
/// let came = optlab::optim::CameConfig::default().build()?;
/// let device = Device::default();
/// let matrix = Tensor::<2>::zeros([2, 2], &device);
/// let (matrix, _) = came.step(0.01, matrix, Tensor::full([2, 2], 7.0, &device), None);
/// assert!((matrix.mean().into_scalar::<f32>() + 0.01 * 0.1 / (0.9 * 0.01)).abs() < 1e-4);
/// let vector = Tensor::<1>::zeros([2], &device);
/// let (vector, _) = came.step(0.01, vector, Tensor::full([2], 7.0, &device), None);
/// assert!((vector.mean().into_scalar::<f32>() + 0.01 * 0.1).abs() < 1e-6);
/// # Ok::<(), optlab::Error>(())
/// ```
///
/// # Differs from
/// Its paper, and like pytorch_optimizer: rows and columns hold means, not sums, which gives the same `v` and `s`.
/// pytorch_optimizer: `ε₁ = 0` and `ε₂ = 0` are refused; there is no `ams_bound`.
///
/// # Reference
/// Luo et al., *CAME: Confidence-guided Adaptive Memory Efficient Optimization*, 2023, <https://arxiv.org/abs/2307.02047>
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
        let CameConfig { beta_1, beta_2, beta_3, epsilon_1, epsilon_2, clip_threshold, weight_decay } =
            self.config;
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
        weight_decay::decoupled(theta, lr, weight_decay) - direction.mul_scalar(lr)
    }
}

burn_optimizer!(Came, crate::optim::tensor_rule::step);

/// `x / √(R C / mean of R)`, one factor after the other: a product of two that have seen no gradient is 0 in 32 bits if
/// the mean is large.
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
    fn a_row_and_a_column_without_gradients_beside_large_ones_stay_where_they_are() {
        let device = Device::default();
        let came = CameConfig::default().build().unwrap();
        let theta = Tensor::<2>::ones([2, 2], &device);
        let grad = Tensor::from_floats([[1e18, 0.0], [0.0, 0.0]], &device);
        let (theta, _) = Optimizer::step(&came, 0.01, theta, grad, None);
        let theta: Vec<f32> = theta.into_data().try_to_vec().unwrap();
        assert!(theta[0] < 1.0 && theta[1..] == [1.0; 3], "{theta:?}");
    }
}
