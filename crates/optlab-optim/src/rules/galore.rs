//! GaLore: AdamW on gradients projected to a low rank.

use crate::Error;
use crate::burn_optimizer;
use crate::driver::ParameterRule;
use crate::rule::{Rule, Start, TensorMemory, TensorRule};
use crate::rules::parts::hidden::is_hidden_weight;
use crate::rules::parts::linear_algebra::{Matrix, eigen, read, write};
use crate::rules::parts::low_rank::{FIRST, LowRankAdam, PROJECTION, SECOND, SmallSide};
use crate::settings_of;
use crate::spec::RuleConfig;
use burn::tensor::Tensor;
use optlab_core::settings;
use optlab_core::settings::{Search, Settings};

settings! {
    /// Settings of [`GaLore`].
    pub struct GaLoreConfig {
        /// Decay of the first moment.
        beta_1: f64 = 0.9, "β₁", in BELOW_ONE, search(1, Search::Momentum);
        /// Decay of the second moment.
        beta_2: f64 = 0.999, "β₂", in BELOW_ONE, search(3, Search::Decay);
        /// Constant added to the denominator.
        epsilon: f64 = 1e-6, "ε", in POSITIVE;
        /// Decoupled weight decay.
        weight_decay: f64 = 0.0, "λ", in NON_NEGATIVE, search(4, Search::WeightDecay);
        /// Dimensions that the projection keeps, at most.
        rank: usize = 128, "r", in COUNT;
        /// Steps between two computations of the projection.
        projection_frequency: usize = 200, "f", in COUNT;
        /// Factor of the steps of projected weights.
        scale: f64 = 0.25, "α", in POSITIVE, search(2, Search::Log(0.05, 2.0));
    }
}

impl RuleConfig for GaLoreConfig {
    const DEFAULT_LR: f64 = 0.01;

    settings_of!();

    fn rules(&self, owner: &str) -> Result<Vec<ParameterRule>, Error> {
        let galore = self.build_as(owner)?;
        let whole = GaLore { projects: false, ..galore.clone() };
        Ok(vec![ParameterRule::tensor(galore).for_parameters(is_hidden_weight), ParameterRule::tensor(whole)])
    }
}

impl GaLoreConfig {
    /// Checks the settings and builds the rule; errors name `owner`.
    pub(crate) fn build_as(&self, owner: &str) -> Result<GaLore, Error> {
        self.check(owner)?;
        Ok(GaLore { config: self.clone(), projects: true })
    }
}

/// GaLore: AdamW on gradients projected to their leading singular vectors, for moments of a low rank (Zhao et
/// al., 2024).
///
/// ```text
/// m₀ = 0, v₀ = 0
/// if f divides t − 1: P = the r leading singular vectors of Gₜ along its smaller dimension
/// Rₜ = Pᵀ Gₜ                                       G: g with the smaller dimension as rows
/// mₜ = β₁ mₜ₋₁ + (1 − β₁) Rₜ
/// vₜ = β₂ vₜ₋₁ + (1 − β₂) Rₜ²
/// ϑₜ = θₜ₋₁ − ηₜ √(1 − β₂ᵗ) / (1 − β₁ᵗ) α P (mₜ / (√vₜ + ε))
/// θₜ = (1 − ηₜ λ) ϑₜ
/// ```
///
/// Projected are weights of rank 2, except for embeddings and the last weight of the model; everything else
/// has `P = I` and `α = 1`. If both dimensions are equal, the inputs are the smaller one. The moments stay as
/// they are when `P` changes. The sign of a singular vector makes its largest element positive.
///
#[doc = settings_table!()]
///
/// `ηₜ` is the `lr` argument of [`step`](burn::optim::Optimizer::step); the schedule sets it. The singular
/// vectors are computed in 64 bits on the host, which takes time proportional to `n² (n + N)` in the first
/// step and in every `f`-th, for a weight of `n` and `N ≥ n` inputs and outputs.
///
/// # Shapes
/// `θ`, `g`: `[d₁, …, d_D]`, any rank. State: the step number; for a projected weight `m` and `v` `[r, N]`
/// and `P` `[n, r]`, with `r ≤ n ≤ N`; for others two tensors of the parameter's shape. So a weight of 512 ×
/// 2048 takes 2¹⁹ + 2¹⁶ floats with the default rank, 28 % of Adam's.
///
/// # Errors
/// [`GaLoreConfig::build`]: [`Error::InvalidConfig`] if a field is out of range or NaN; `rank = 0`;
/// `projection_frequency = 0`.
///
/// # Example
/// A weight moves within the space of the leading singular vectors:
/// ```
/// use burn::{optim::Optimizer, tensor::{Device, Tensor}};
///
/// let galore = optlab_optim::GaLoreConfig { rank: 1, scale: 1.0, ..Default::default() }.build()?;
/// let device = Device::default();
/// let grad = Tensor::<2>::from_floats([[3.0, 6.0, 6.0], [0.5, 0.0, -0.25]], &device);
/// let (theta, state) = galore.step(0.1, Tensor::zeros([2, 3], &device), grad, None);
/// let moved: Vec<f32> = theta.into_data().try_to_vec().unwrap();
/// for (moved, expected) in moved.into_iter().zip([-0.1, -0.1, -0.1, 0.0, 0.0, 0.0]) {
///     assert!((moved - expected).abs() < 1e-5);
/// }
/// assert_eq!(state.unwrap().buffer::<2>("first_moment").unwrap().dims(), [1, 3]);
/// # Ok::<(), optlab_optim::Error>(())
/// ```
///
/// # Differs from
/// Its authors' code: singular vectors are those of 64 bits, and their signs are fixed; `proj_type` is
/// `std`, `correct_bias` is on; kernels are not projected. The default rate is the one of their example,
/// 0.01.
///
/// With [`build`](GaLoreConfig::build), for Burn's `ModuleOptimizer`, every weight of rank 2 is projected,
/// because it does not say which one is an embedding or the last.
///
/// # Reference
/// Zhao et al., *GaLore: Memory-Efficient LLM Training by Gradient Low-Rank Projection*, 2024,
/// <https://arxiv.org/abs/2403.03507>; code: <https://github.com/jiaweizzhao/GaLore>
#[derive(Debug, Clone)]
pub struct GaLore {
    config: GaLoreConfig,
    projects: bool,
}

impl GaLore {
    /// Returns the dimension that is projected.
    fn side(&self, shape: &[usize]) -> Option<SmallSide> {
        SmallSide::of(shape).filter(|_| self.projects)
    }
}

impl Rule for GaLore {
    const STATE: &'static [&'static str] = &[FIRST, SECOND, PROJECTION];

    fn start(&self, buffer: &str, shape: &[usize]) -> Option<Start> {
        match self.side(shape) {
            Some(side) => Some(side.start(buffer, self.config.rank)),
            None => (buffer != PROJECTION).then_some(Start::Value(0.0)),
        }
    }
}

impl TensorRule for GaLore {
    fn step<const D: usize>(
        &self,
        lr: f64,
        theta: Tensor<D>,
        grad: Tensor<D>,
        memory: &mut TensorMemory<'_>,
    ) -> Tensor<D> {
        let GaLoreConfig { beta_1, beta_2, epsilon, weight_decay, rank, projection_frequency, scale } =
            self.config;
        let adam = LowRankAdam { beta_1, beta_2, epsilon, weight_decay };
        let Some(side) = self.side(&theta.dims()) else {
            let direction = adam.direction(grad, memory);
            return adam.moved(theta, direction, lr, memory);
        };
        let rows = side.rows(grad);
        if (memory.t() - 1).is_multiple_of(projection_frequency as u64) {
            memory.set(PROJECTION, leading_vectors(rows.clone(), rank.min(side.size)));
        }
        let projection = memory.get::<2>(PROJECTION);
        let low = projection.clone().transpose().matmul(rows);
        let direction = projection.matmul(adam.direction(low, memory)) * scale;
        adam.moved(theta, side.restore(direction), lr, memory)
    }
}

burn_optimizer!(GaLore, crate::rule::tensor_step);

/// Returns the leading left singular vectors of a matrix as columns, each with the sign that makes its
/// largest element positive.
fn leading_vectors(rows: Tensor<2>, count: usize) -> Tensor<2> {
    let (device, dtype) = (rows.device(), rows.dtype());
    let matrix = read(rows);
    let (_, vectors) = eigen(&matrix * &matrix.transpose());
    let n = vectors.nrows();
    let sign = |column: usize| {
        let largest = (0..n)
            .map(|row| vectors[(row, column)])
            .reduce(|largest, element| if element.abs() > largest.abs() { element } else { largest });
        largest.unwrap_or(1.0).signum()
    };
    let signs: Vec<f64> = (0..count).map(sign).collect();
    write(&Matrix::from_fn(n, count, |row, column| signs[column] * vectors[(row, column)]), &device, dtype)
}
