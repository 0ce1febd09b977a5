//! APOLLO: gradients scaled by Adam's step sizes in a random projection.

use crate::Error;
use crate::burn_optimizer;
use crate::driver::ParameterRule;
use crate::rule::{Rule, Start, TensorMemory, TensorRule};
use crate::rules::parts::hidden::is_hidden_weight;
use crate::rules::parts::low_rank::{FIRST, LowRankAdam, PROJECTION, SECOND, SmallSide};
use crate::settings_of;
use crate::spec::RuleConfig;
use burn::tensor::{DType, Device, Tensor, TensorData};
use optlab_core::random::{self, Purpose};
use optlab_core::range::check_seed;
use optlab_core::settings;
use optlab_core::settings::{Search, Settings};
use serde::{Deserialize, Serialize};

settings! {
    /// Settings of [`Apollo`].
    pub struct ApolloConfig {
        /// Decay of the first moment.
        beta_1: f64 = 0.9, "β₁", in BELOW_ONE, search(1, Search::Momentum);
        /// Decay of the second moment.
        beta_2: f64 = 0.999, "β₂", in BELOW_ONE, search(3, Search::Decay);
        /// Constant added to the denominator.
        epsilon: f64 = 1e-6, "ε", in POSITIVE;
        /// Decoupled weight decay.
        weight_decay: f64 = 0.0, "λ", in NON_NEGATIVE, search(4, Search::WeightDecay);
        /// Dimensions of the projection, at most.
        rank: usize = 256, "r", in COUNT;
        /// Steps between two projections.
        projection_frequency: usize = 200, "f", in COUNT;
        /// Square of the factor of the steps of projected weights.
        scale: f64 = 1.0, "α", in POSITIVE, search(2, Search::Log(0.25, 256.0));
        /// Whether each channel has its own step size, or the tensor one.
        scale_type: ScaleType = (ScaleType::Channel) as "`channel`", allowed "`channel` or `tensor`";
        /// Seed of the projections.
        seed: u64 = 0, allowed "at most 2⁶³ − 1";
    }
}

/// The part of a weight that has one step size in [`Apollo`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScaleType {
    /// Each index of the larger dimension.
    Channel,
    /// The whole weight.
    Tensor,
}

impl RuleConfig for ApolloConfig {
    const DEFAULT_LR: f64 = 0.01;

    settings_of!();

    fn rules(&self, owner: &str) -> Result<Vec<ParameterRule>, Error> {
        let apollo = self.build_as(owner)?;
        let whole = Apollo { projects: false, ..apollo.clone() };
        Ok(vec![ParameterRule::tensor(apollo).for_parameters(is_hidden_weight), ParameterRule::tensor(whole)])
    }
}

impl ApolloConfig {
    /// Checks the settings and builds the rule; errors name `owner`.
    pub(crate) fn build_as(&self, owner: &str) -> Result<Apollo, Error> {
        self.check(owner)?;
        check_seed(owner, "seed", self.seed)?;
        Ok(Apollo { config: self.clone(), projects: true })
    }
}

/// APOLLO: gradients scaled by the step sizes that Adam would have in a random projection to a low rank (Zhu
/// et al., 2024).
///
/// ```text
/// m₀ = 0, v₀ = 0
/// if f divides t − 1: P [n, r] has elements of the normal distribution with variance 1/r
/// Rₜ = Pᵀ Gₜ                                       G: g with the smaller dimension as rows, [n, N]
/// mₜ = β₁ mₜ₋₁ + (1 − β₁) Rₜ
/// vₜ = β₂ vₜ₋₁ + (1 − β₂) Rₜ²
/// sₜ = ‖mₜ / (√vₜ + ε)‖ / (‖Rₜ‖ + 1e-8)              norm of each column with channel, of all with tensor
/// Uₜ = sₜ Gₜ / lₜ
/// lₜ = max(‖sₜ Gₜ‖ / (‖Uₜ₋₁‖ + 1e-8), 1.01) / 1.01       l₁ = 1; limits the growth of the norm
/// ϑₜ = θₜ₋₁ − ηₜ √(1 − β₂ᵗ) / (1 − β₁ᵗ) √α Uₜ
/// θₜ = (1 − ηₜ λ) ϑₜ
/// ```
///
/// Projected are weights of rank 2, except for embeddings and the last weight of the model; everything else
/// is moved by AdamW: `ϑₜ = θₜ₋₁ − ηₜ √(1 − β₂ᵗ) / (1 − β₁ᵗ) mₜ / (√vₜ + ε)`. If both dimensions are equal,
/// the inputs are the smaller one. The moments stay as they are when `P` changes. APOLLO-Mini is
/// `rank=1,scale_type=tensor,scale=128`.
///
/// `P` is a function of `seed`, the number of projections so far and its shape, so resuming continues with
/// the same numbers. Weights with the same smaller dimension have the same `P`.
///
#[doc = settings_table!()]
///
/// `ηₜ` is the `lr` argument of [`step`](burn::optim::Optimizer::step); the schedule sets it.
///
/// # Shapes
/// `θ`, `g`: `[d₁, …, d_D]`, any rank. State: the step number; for a projected weight `m` and `v` `[r, N]`,
/// `P` `[n, r]` and `‖U‖`, with `r ≤ n ≤ N`; for others two tensors of the parameter's shape. So a weight of
/// 512 × 2048 takes 5,121 floats as APOLLO-Mini does.
///
/// # Errors
/// [`ApolloConfig::build`]: [`Error::InvalidConfig`] if a field is out of range or NaN; `rank = 0`;
/// `projection_frequency = 0`.
///
/// # Example
/// Each output's step has the direction of its gradient, and its size depends on that direction alone:
/// ```
/// use burn::{optim::Optimizer, tensor::{Device, Tensor}};
///
/// let apollo = optlab_optim::ApolloConfig { rank: 1, ..Default::default() }.build()?;
/// let device = Device::default();
/// // Two inputs in rows, three outputs in columns.
/// let grad = Tensor::<2>::from_floats([[8.0, 0.2, 2.0], [4.0, 0.1, 0.0]], &device);
/// let (theta, state) = apollo.step(0.1, Tensor::zeros([2, 3], &device), grad, None);
/// let moved: Vec<f32> = theta.into_data().try_to_vec().unwrap();
/// assert!((moved[0] / moved[3] - 2.0).abs() < 1e-5 && moved[5] == 0.0);
/// assert!((moved[0] / moved[1] - 1.0).abs() < 1e-3);
/// assert_eq!(state.unwrap().buffer::<2>("first_moment").unwrap().dims(), [1, 3]);
/// # Ok::<(), optlab_optim::Error>(())
/// ```
///
/// # Differs from
/// Its authors' code: `P` comes from this project's generator; `r` is at most the smaller dimension;
/// `proj_type` is `std`, `scale_front` and `disable_nl` are off, `correct_bias` is on. The default rate and
/// rank are those of their example.
///
/// With [`build`](ApolloConfig::build), for Burn's `ModuleOptimizer`, every weight of rank 2 is projected,
/// because it does not say which one is an embedding or the last.
///
/// # Reference
/// Zhu et al., *APOLLO: SGD-like Memory, AdamW-level Performance*, 2024,
/// <https://arxiv.org/abs/2412.05270>; code: <https://github.com/zhuhanqing/APOLLO>
#[derive(Debug, Clone)]
pub struct Apollo {
    config: ApolloConfig,
    projects: bool,
}

/// The name of the buffer with the norm of the previous step.
const NORM: &str = "norm";

/// Constant added to norms to divide by.
const EPSILON: f64 = 1e-8;

/// Largest growth of the norm of a step from one to the next.
const GROWTH: f64 = 1.01;

impl Apollo {
    /// Returns the dimension that is projected.
    fn side(&self, shape: &[usize]) -> Option<SmallSide> {
        SmallSide::of(shape).filter(|_| self.projects)
    }

    /// Returns the projection that is drawn in step `t`.
    fn projection(&self, t: u64, side: SmallSide, device: &Device, dtype: DType) -> Tensor<2> {
        let ApolloConfig { rank, projection_frequency, seed, .. } = self.config;
        let rank = rank.min(side.size);
        let mut random = random::stream(seed, Purpose::Projection, (t - 1) / projection_frequency as u64);
        let deviation = 1.0 / (rank as f64).sqrt();
        let values =
            (0..side.size * rank).map(|_| deviation * random::normal(&mut random)).collect::<Vec<_>>();
        Tensor::from_data(TensorData::new(values, [side.size, rank]), (device, dtype))
    }
}

impl Rule for Apollo {
    const STATE: &'static [&'static str] = &[FIRST, SECOND, PROJECTION, NORM];

    fn start(&self, buffer: &str, shape: &[usize]) -> Option<Start> {
        match (self.side(shape), buffer) {
            (Some(_), NORM) => Some(Start::Zeros(vec![1])),
            (Some(side), _) => Some(side.start(buffer, self.config.rank)),
            (None, FIRST | SECOND) => Some(Start::Value(0.0)),
            (None, _) => None,
        }
    }
}

impl TensorRule for Apollo {
    fn step<const D: usize>(
        &self,
        lr: f64,
        theta: Tensor<D>,
        grad: Tensor<D>,
        memory: &mut TensorMemory<'_>,
    ) -> Tensor<D> {
        let ApolloConfig { beta_1, beta_2, epsilon, weight_decay, projection_frequency, scale, .. } =
            self.config;
        let adam = LowRankAdam { beta_1, beta_2, epsilon, weight_decay };
        let Some(side) = self.side(&theta.dims()) else {
            let direction = adam.direction(grad, memory);
            return adam.moved(theta, direction, lr, memory);
        };
        let t = memory.t();
        let rows = side.rows(grad);
        if (t - 1).is_multiple_of(projection_frequency as u64) {
            memory.set(PROJECTION, self.projection(t, side, &rows.device(), rows.dtype()));
        }
        let low = memory.get::<2>(PROJECTION).transpose().matmul(rows.clone());
        let direction = adam.direction(low.clone(), memory);
        let step = rows * (self.norms(direction) / (self.norms(low) + EPSILON));
        let norm = step.clone().square().sum().sqrt();
        let limit = if t == 1 {
            norm.ones_like()
        } else {
            let growth = norm.clone() / (memory.get::<1>(NORM) + EPSILON);
            growth.clamp_min(GROWTH) * (1.0 / GROWTH)
        };
        memory.set(NORM, norm / limit.clone());
        let step = step / limit.unsqueeze() * scale.sqrt();
        adam.moved(theta, side.restore(step), lr, memory)
    }
}

burn_optimizer!(Apollo, crate::rule::tensor_step);

impl Apollo {
    /// Returns the norm of each column, or of the whole matrix, in a shape that broadcasts with it.
    fn norms(&self, matrix: Tensor<2>) -> Tensor<2> {
        let square = matrix.square();
        match self.config.scale_type {
            ScaleType::Channel => square.sum_dim(0).sqrt(),
            ScaleType::Tensor => square.sum().sqrt().unsqueeze(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Apollo, ApolloConfig};
    use crate::rules::parts::low_rank::PROJECTION;
    use burn::optim::Optimizer;
    use burn::tensor::{Device, Tensor};

    fn projections(config: ApolloConfig, shape: [usize; 2]) -> Vec<Vec<f32>> {
        let apollo: Apollo = config.build().unwrap();
        let device = Device::default();
        let (mut theta, mut state) = (Tensor::<2>::zeros(shape, &device), None);
        let mut projections = Vec::new();
        for _ in 0..3 {
            (theta, state) = apollo.step(0.1, theta, Tensor::ones(shape, &device), state);
            let projection = state.as_ref().unwrap().buffer::<2>(PROJECTION).unwrap();
            projections.push(projection.into_data().try_to_vec().unwrap());
        }
        projections
    }

    #[test]
    fn a_projection_depends_on_the_seed_and_on_the_number_of_projections() {
        let config = |seed| ApolloConfig { rank: 2, projection_frequency: 2, seed, ..Default::default() };
        let here = projections(config(0), [4, 5]);
        assert_eq!(here[0], here[1]);
        assert_ne!(here[1], here[2]);
        assert_eq!(here, projections(config(0), [7, 4]));
        assert_ne!(here[0], projections(config(1), [4, 5])[0]);
        // The rank is at most the smaller dimension.
        assert_eq!(projections(ApolloConfig::default(), [3, 5])[0].len(), 9);
    }
}
