//! SM3: AdaGrad with sums stored per row and column.

use crate::Error;
use crate::burn_optimizer;
use crate::rule::{Rule, Start, TensorMemory, TensorRule};
use crate::rules::parts::moments::moving_average;
use crate::spec::rule_config;
use burn::tensor::Tensor;
use optlab_core::settings;
use optlab_core::settings::{Search, Settings};

settings! {
    /// Settings of [`Sm3`].
    pub struct Sm3Config {
        /// Decay of the mean of the steps; 0 for no mean.
        momentum: f64 = 0.9, "μ", in BELOW_ONE, search(1, Search::Momentum);
        /// Constant added under the root.
        epsilon: f64 = 1e-8, "ε", in POSITIVE, search(2, Search::Epsilon);
    }
}

rule_config!(tensor Sm3Config, lr 0.1);

impl Sm3Config {
    /// Checks the settings and builds the rule; errors name `owner`.
    pub(crate) fn build_as(&self, owner: &str) -> Result<Sm3, Error> {
        self.check(owner)?;
        Ok(Sm3 { config: self.clone() })
    }
}

/// SM3: AdaGrad that stores only the largest sum of each row and of each column (Anil et al., 2019).
///
/// ```text
/// c₀ = 0, m₀ = 0
/// sₜ[i₁, …, i_D] = min over k of cₜ₋₁ᵏ[i_k] + gₜ[i₁, …, i_D]²
/// cₜᵏ[i] = max of sₜ over all elements whose index in dimension k is i
/// mₜ = μ mₜ₋₁ + (1 − μ) gₜ / √(sₜ + ε)
/// θₜ = θₜ₋₁ − ηₜ mₜ
/// ```
///
#[doc = settings_table!()]
///
/// `ηₜ` is the `lr` argument of [`step`](burn::optim::Optimizer::step); the schedule sets it.
///
/// # Shapes
/// `θ`, `g`, `m`: `[d₁, …, d_D]`, any rank; `cᵏ`: `d_k`, for each dimension `k`. For a vector, `c` holds a
/// sum for each element, as in AdaGrad. The order of the dimensions makes no difference.
///
/// State per parameter, in floats, apart from the step number: `d₁ + … + d_D`; with `μ > 0` one more tensor
/// of the parameter's shape. So with `μ = 0` a matrix `[1000, 500]` takes 1500 floats instead of 500,000, and
/// a kernel `[64, 32, 3, 3]` takes 102 instead of 18,432.
///
/// # Errors
/// [`Sm3Config::build`]: [`Error::InvalidConfig`] if a field is out of range or NaN.
///
/// # Example
/// An element whose row and column have seen large gradients moves less, even if its own gradients were 0:
/// ```
/// use burn::{optim::Optimizer, tensor::{Device, Tensor}};
///
/// let sm3 = optlab_optim::Sm3Config { momentum: 0.0, ..Default::default() }.build()?;
/// let device = Device::default();
/// let theta = Tensor::<2>::zeros([2, 2], &device);
/// let grad = Tensor::from_floats([[2.0, 0.0], [0.0, 2.0]], &device);
/// let (_, state) = sm3.step(0.1, theta.clone(), grad, None);
/// let (theta, _) = sm3.step(0.1, theta, Tensor::ones([2, 2], &device), state);
/// for theta in theta.into_data().iter::<f32>() {
///     assert!((theta + 0.1 / (4.0_f32 + 1.0).sqrt()).abs() < 1e-6);
/// }
/// # Ok::<(), optlab_optim::Error>(())
/// ```
///
/// # Differs from
/// Its paper, where this is SM3-II, as optax does: there is momentum, and `ε` replaces the rule that
/// `0/0 = 0`. `optax.sm3`: `ε` can be set.
///
/// # Reference
/// Anil et al., *Memory-Efficient Adaptive Optimization*, 2019, <https://arxiv.org/abs/1901.11150>
#[derive(Debug, Clone)]
pub struct Sm3 {
    config: Sm3Config,
}

/// The names of the buffers with the sums of each dimension.
const COVERS: [&str; 8] =
    ["cover_1", "cover_2", "cover_3", "cover_4", "cover_5", "cover_6", "cover_7", "cover_8"];

const FIRST_MOMENT: &str = "first_moment";

impl Rule for Sm3 {
    const STATE: &'static [&'static str] = {
        let [c1, c2, c3, c4, c5, c6, c7, c8] = COVERS;
        &[c1, c2, c3, c4, c5, c6, c7, c8, FIRST_MOMENT]
    };

    fn start(&self, buffer: &str, shape: &[usize]) -> Option<Start> {
        let Some(dimension) = COVERS.iter().position(|cover| *cover == buffer) else {
            return (self.config.momentum > 0.0).then_some(Start::Value(0.0));
        };
        // The buffer has the parameter's rank, so that it broadcasts.
        let mut cover = vec![1; shape.len()];
        let length = *shape.get(dimension)?;
        cover[dimension] = length;
        Some(Start::Zeros(cover))
    }
}

impl TensorRule for Sm3 {
    fn step<const D: usize>(
        &self,
        lr: f64,
        theta: Tensor<D>,
        grad: Tensor<D>,
        memory: &mut TensorMemory<'_>,
    ) -> Tensor<D> {
        let Sm3Config { momentum, epsilon } = self.config;
        // In row-major order, in case the gradient is a view.
        let grad = grad.clone().reshape([grad.shape().num_elements()]).reshape(grad.dims());
        let [first, others @ ..] = COVERS;
        // Each cover has one element in every dimension but its own, so their minimum is computed by
        // broadcasting.
        let smallest = others[..D.saturating_sub(1)]
            .iter()
            .fold(memory.get::<D>(first), |smallest, cover| smallest.min_pair(memory.get(cover)));
        let sum = smallest + grad.clone().square();
        let dims = theta.dims();
        for (dimension, cover) in COVERS[..D].iter().enumerate() {
            // As rows of a matrix, because Burn's fusion computes wrong maxima for a tensor of rank 4 with a
            // transposed view as gradient when it fuses the reduction with the preceding formula.
            let others = sum.shape().num_elements() / dims[dimension].max(1);
            let rows: Tensor<2> = sum.clone().swap_dims(0, dimension).reshape([dims[dimension], others]);
            let mut shape = [1; D];
            shape[dimension] = dims[dimension];
            memory.set(cover, rows.max_dim(1).reshape(shape));
        }
        let mut step = grad / sum.add_scalar(epsilon).sqrt();
        if memory.has(FIRST_MOMENT) {
            step = memory.update(FIRST_MOMENT, |average| moving_average(&average, step, momentum));
        }
        theta - step.mul_scalar(lr)
    }
}

burn_optimizer!(Sm3, crate::rule::tensor_step);
