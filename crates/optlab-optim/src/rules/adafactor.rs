//! Adafactor: second moments stored per row and column.

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
    /// Settings of [`Adafactor`].
    pub struct AdafactorConfig {
        /// Decay of the mean of the steps; 0 for no mean.
        beta_1: f64 = 0.0, "β₁", in BELOW_ONE, search(2, Search::Momentum);
        /// Exponent of the step number in the decay of the second moment.
        beta_2_decay: f64 = (-0.8), "δ", in NEGATIVE, search(1, Search::Uniform(-0.95, -0.5));
        /// Lower bound of the root of a second moment, and of the mean second moment of a matrix.
        epsilon_1: f64 = 1e-30, "ε₁", in POSITIVE;
        /// Lower bound of the root mean square of a parameter that scales its step.
        epsilon_2: f64 = 1e-3, "ε₂", in POSITIVE;
        /// Largest root mean square of an update, before it is scaled.
        clip_threshold: f64 = 1.0, "d", in POSITIVE;
        /// Decoupled weight decay.
        weight_decay: f64 = 0.0, "λ", in NON_NEGATIVE, search(3, Search::WeightDecay);
        /// Whether to decay only elements that the step does not move away from 0.
        cautious_decay: bool = false, since("2026-11-30");
    }
}

rule_config!(tensor AdafactorConfig, lr 1e-2);

impl AdafactorConfig {
    /// Checks the settings and builds the rule; errors name `owner`.
    pub(crate) fn build_as(&self, owner: &str) -> Result<Adafactor, Error> {
        self.check(owner)?;
        Ok(Adafactor { config: self.clone() })
    }
}

/// Adafactor: second moments stored per row and column, and steps proportional to the size of the parameter
/// (Shazeer & Stern, 2018).
///
/// ```text
/// R₀ = 0, C₀ = 0, v₀ = 0, m₀ = 0
/// αₜ = min(ηₜ, 1/√t) max(ε₂, RMS(θₜ₋₁))
/// β₂ₜ = 1 − tᵟ
/// for a matrix, and for each matrix of a stack:
///   Rₜ = β₂ₜ Rₜ₋₁ + (1 − β₂ₜ) (mean of gₜ² over each row)
///   Cₜ = β₂ₜ Cₜ₋₁ + (1 − β₂ₜ) (mean of gₜ² over each column)
///   vₜ[i, j] = Rₜ[i] Cₜ[j] / max(mean of Rₜ, ε₁)
/// for a vector:
///   vₜ = β₂ₜ vₜ₋₁ + (1 − β₂ₜ) gₜ²
/// uₜ = gₜ / max(√vₜ, ε₁)
/// mₜ = β₁ mₜ₋₁ + (1 − β₁) αₜ uₜ / max(1, RMS(uₜ) / d)
/// θₜ = θₜ₋₁ − ηₜ λ θₜ₋₁ − mₜ        RMS: the root of the mean of the squares of the whole tensor
/// ```
///
#[doc = settings_table!()]
///
/// With `cautious_decay`, `λ` is 0 for the elements that the step moves away from 0 (Chen et al., 2025,
/// <https://arxiv.org/abs/2510.12402>).
///
/// `ηₜ` is the `lr` argument of [`step`](burn::optim::Optimizer::step); the default rate, 0.01, without a
/// schedule, is the paper's.
///
/// # Shapes
/// `θ`, `g`: `[d₁, …, d_D]`, any rank. The last two dimensions are rows and columns, `[n, m]`, and any others
/// stack them: a kernel `[out, in, kh, kw]` is `out · in` matrices `[kh, kw]`. Swapping rows and columns
/// makes no difference.
///
/// State per parameter, in floats, apart from the step number: `d₁ ⋯ d_{D−2} (n + m)`, or `d₁` for a vector;
/// with `β₁ > 0` one more tensor of the parameter's shape. So a matrix `[1000, 500]` takes 1500 floats
/// instead of 500,000, but a kernel of 3 × 3 takes two thirds of its own size, and one of 1 × 1 twice its
/// size.
///
/// # Errors
/// [`AdafactorConfig::build`]: [`Error::InvalidConfig`] if a field is out of range or NaN.
///
/// # Example
/// The second moments of a matrix take one row and one column, and a step is proportional to the parameter:
/// ```
/// use burn::{optim::Optimizer, tensor::{Device, Tensor}};
///
/// let adafactor = optlab_optim::AdafactorConfig::default().build()?;
/// let device = Device::default();
/// let theta = Tensor::<2>::full([100, 50], 4.0, &device);
/// let grad = Tensor::full([100, 50], 7.0, &device);
/// let (theta, state) = adafactor.step(0.01, theta, grad, None);
/// let moved = 4.0 - theta.mean().into_scalar::<f32>();
/// assert!((moved - 0.01 * 4.0).abs() < 1e-5);
/// let state = state.unwrap();
/// assert_eq!(state.buffer::<2>("rows").unwrap().dims(), [100, 1]);
/// assert_eq!(state.buffer::<2>("columns").unwrap().dims(), [1, 50]);
/// # Ok::<(), optlab_optim::Error>(())
/// ```
///
/// # Differs from
/// Its paper, as PyTorch does: `ε₁` is a lower bound instead of being added to `g²`, and `ηₜ` instead of 0.01
/// bounds the rate.
///
/// PyTorch: `β₁`, for a mean of the scaled steps, is available as in optax; `δ = 0`, `ε₁ = 0` and `ε₂ = 0`
/// are refused; `d` may be below 1; `ε₁` is 1e-30 for every element type, where PyTorch uses the machine
/// epsilon; and `ε₁` bounds `√v`, where PyTorch bounds `v` by `ε₁²`, which would be 0 in 32 bits.
///
/// Burn: `ε₁` is a lower bound; `β₁` is available; the rate is always limited to `1/√t`, and steps are always
/// scaled by the parameter.
///
/// # Reference
/// Shazeer & Stern, *Adafactor: Adaptive Learning Rates with Sublinear Memory Cost*, 2018,
/// <https://arxiv.org/abs/1804.04235>
#[derive(Debug, Clone)]
pub struct Adafactor {
    config: AdafactorConfig,
}

const ROWS: &str = "rows";
const COLUMNS: &str = "columns";
const SECOND_MOMENT: &str = "second_moment";
const FIRST_MOMENT: &str = "first_moment";

impl Rule for Adafactor {
    const STATE: &'static [&'static str] = &[ROWS, COLUMNS, SECOND_MOMENT, FIRST_MOMENT];

    fn start(&self, buffer: &str, shape: &[usize]) -> Option<Start> {
        match buffer {
            ROWS => factored::rows(shape),
            COLUMNS => factored::columns(shape),
            SECOND_MOMENT => factored::elements(shape),
            _ => (self.config.beta_1 > 0.0).then_some(Start::Value(0.0)),
        }
    }
}

impl TensorRule for Adafactor {
    fn step<const D: usize>(
        &self,
        lr: f64,
        theta: Tensor<D>,
        grad: Tensor<D>,
        memory: &mut TensorMemory<'_>,
    ) -> Tensor<D> {
        let AdafactorConfig { beta_1, beta_2_decay, epsilon_1, epsilon_2, clip_threshold, .. } = self.config;
        let t = memory.t() as f64;
        let beta_2 = 1.0 - t.powf(beta_2_decay);
        let square = grad.clone().square();
        let root = if D >= 2 {
            root(factored::update_means(memory, [ROWS, COLUMNS], square, beta_2), epsilon_1)
        } else {
            memory.update(SECOND_MOMENT, |average| moving_average(&average, square, beta_2)).sqrt()
        };
        let update = grad / root.at_least(epsilon_1);
        let excess = root_mean_square(update.clone()).mul_scalar(1.0 / clip_threshold).at_least(1.0);
        let size = root_mean_square(theta.clone()).at_least(epsilon_2);
        let mut step = update * (size / excess).mul_scalar(lr.min(1.0 / t.sqrt()));
        if memory.has(FIRST_MOMENT) {
            step = memory.update(FIRST_MOMENT, |average| moving_average(&average, step, beta_1));
        }
        let decay = DecoupledDecay::new(lr, self.config.weight_decay, self.config.cautious_decay);
        decay.before(theta, &step) - step
    }
}

burn_optimizer!(Adafactor, crate::rule::tensor_step);

/// Returns `√(R C / max(mean of R, ε))`. Takes the roots first, because products of small squares would be 0
/// in 32 bits.
fn root<const D: usize>([rows, columns]: [Tensor<D>; 2], epsilon: f64) -> Tensor<D> {
    let mean = rows.clone().mean_dim(-2).at_least(epsilon);
    rows.sqrt() / mean.sqrt() * columns.sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::optim::Optimizer;
    use burn::tensor::Device;

    #[test]
    fn the_rate_is_at_most_one_over_the_root_of_the_step() {
        let device = Device::default();
        let adafactor = AdafactorConfig::default().build().unwrap();
        let mut state = None;
        // A constant gradient is divided by itself, so a step is the rate times the parameter.
        for expected in [0.0, 64.0 - 64.0 / 2.0_f32.sqrt(), 64.0 - 64.0 / 3.0_f32.sqrt(), 32.0] {
            let theta = Tensor::<1>::full([1], 64.0, &device);
            let (theta, next) =
                Optimizer::step(&adafactor, 5.0, theta, Tensor::full([1], 0.5, &device), state);
            assert!((theta.into_scalar::<f32>() - expected).abs() < 1e-4, "{expected}");
            state = next;
        }
    }

    #[test]
    fn products_of_squares_below_the_32_bit_range_keep_steps_correct() {
        let device = Device::default();
        let adafactor = AdafactorConfig::default().build().unwrap();
        for size in [1e-12_f32, 1e15] {
            let theta = Tensor::<2>::full([3, 4], 1.0, &device);
            let (theta, _) =
                Optimizer::step(&adafactor, 0.01, theta, Tensor::full([3, 4], size, &device), None);
            for theta in theta.into_data().iter::<f32>() {
                assert!((theta - 0.99).abs() < 1e-6, "{size}: {theta}");
            }
        }
    }
}
