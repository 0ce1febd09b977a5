//! Shampoo: gradients preconditioned by their covariance along each dimension.

use crate::Error;
use crate::burn_optimizer;
use crate::rule::{Rule, Start, TensorMemory, TensorRule};
use crate::rules::parts::linear_algebra::{
    Lines, Matrix, of_dimension, read_pair, tensor, values, write_pair,
};
use crate::spec::rule_config;
use burn::tensor::Tensor;
use optlab_core::settings;
use optlab_core::settings::{Search, Settings};
use optlab_kernel::matrix::inverse_root_times;

settings! {
    /// Settings of [`Shampoo`].
    pub struct ShampooConfig {
        /// Initial value of the preconditioners, times the identity.
        epsilon: f64 = 1e-6, "ε", in POSITIVE, search(2, Search::Epsilon);
        /// Share of the velocity kept per step.
        momentum: f64 = 0.0, "μ", in BELOW_ONE, search(1, Search::Momentum);
        /// Steps between two computations of the inverse roots.
        precondition_frequency: usize = 1, "f", in COUNT;
    }
}

rule_config!(tensor ShampooConfig, lr 1e-3);

impl ShampooConfig {
    /// Checks the settings and builds the rule; errors name `owner`.
    pub(crate) fn build_as(&self, owner: &str) -> Result<Shampoo, Error> {
        self.check(owner)?;
        Ok(Shampoo { config: self.clone() })
    }
}

/// Shampoo: preconditions the gradient by a root of the inverse of its covariance along each dimension (Gupta
/// et al., 2018).
///
/// ```text
/// H₀ⁱ = ε I                                              for each dimension i = 1 … k
/// Hₜⁱ = Hₜ₋₁ⁱ + Gₜⁱ (Gₜⁱ)ᵀ                                 Gⁱ: g unfolded to rows along dimension i
/// pₜ  = gₜ ×₁ (Hₜ¹)^(−1/2k) … ×ₖ (Hₜᵏ)^(−1/2k)             ×ᵢ: multiplies each line along dimension i
/// bₜ  = μ bₜ₋₁ + pₜ, b₀ = 0
/// θₜ  = θₜ₋₁ − ηₜ bₜ
/// ```
///
/// The roots are computed in steps 1, 1 + f, 1 + 2 f, …; in between, the latest ones are reused. They
/// multiply the components of a gradient in directions that they have not seen by `ε^(−1/2k)` for each
/// dimension: 1000 for a vector with the default `ε`, so `f > 1` needs a larger `ε`.
///
#[doc = settings_table!()]
///
/// `ηₜ` is the `lr` argument of [`step`](burn::optim::Optimizer::step); the schedule sets it.
///
/// Sums, roots and products are computed in 64 bits on the host, because `ε` would be lost in the rounding of
/// a 32-bit sum. A step waits for the device and takes time proportional to `Σ dᵢ Π dⱼ`, plus `Σ dᵢ³` in a
/// step with new roots: about 0.2 s for a dimension of 1,600 on two cores. Only the lower triangle of a sum
/// is computed.
///
/// # Shapes
/// `θ`, `g`, `b`: `[d₁, …, d_k]`, any rank. State: the step number; for each dimension a matrix `[dᵢ, dᵢ]`,
/// two matrices with `f > 1`, each stored as the sum of two 32-bit matrices, `[2, dᵢ, dᵢ]`; with momentum, a
/// tensor of the parameter's shape.
///
/// # Errors
/// [`ShampooConfig::build`]: [`Error::InvalidConfig`] if a field is out of range or NaN;
/// `precondition_frequency = 0`.
///
/// # Example
/// The first step of a vector has the length of the learning rate and the direction of the gradient, which an
/// element-wise adaptive rule would change:
/// ```
/// use burn::{optim::Optimizer, tensor::{Device, Tensor}};
///
/// let shampoo = optlab_optim::ShampooConfig::default().build()?;
/// let device = Device::default();
/// let theta = Tensor::<1>::zeros([2], &device);
/// let (theta, _) = shampoo.step(0.5, theta, Tensor::from_floats([3.0, 4.0], &device), None);
/// let moved: Vec<f32> = theta.into_data().try_to_vec().unwrap();
/// assert!((moved[0] + 0.3).abs() < 1e-3 && (moved[1] + 0.4).abs() < 1e-3);
/// # Ok::<(), optlab_optim::Error>(())
/// ```
///
/// # Differs from
/// Its paper: the algorithm has no momentum; here it is heavy-ball momentum of the preconditioned gradient.
/// No preconditioner is diagonal, however large its dimension.
///
/// # Reference
/// Gupta, Koren & Singer, *Shampoo: Preconditioned Stochastic Tensor Optimization*, 2018, algorithm 2,
/// <https://arxiv.org/abs/1802.09568>
#[derive(Debug, Clone)]
pub struct Shampoo {
    config: ShampooConfig,
}

/// The buffers: the sum of `G Gᵀ` along each dimension, without `ε I`, and the inverse root along each, both
/// as pairs; the velocity.
const BUFFERS: [&str; 17] = [
    "preconditioner_0",
    "preconditioner_1",
    "preconditioner_2",
    "preconditioner_3",
    "preconditioner_4",
    "preconditioner_5",
    "preconditioner_6",
    "preconditioner_7",
    "inverse_root_0",
    "inverse_root_1",
    "inverse_root_2",
    "inverse_root_3",
    "inverse_root_4",
    "inverse_root_5",
    "inverse_root_6",
    "inverse_root_7",
    VELOCITY,
];
const VELOCITY: &str = "velocity";

/// Returns the name of the buffer with the sum of `G Gᵀ` along a dimension.
fn preconditioner(dim: usize) -> &'static str {
    BUFFERS[dim]
}

/// Returns the name of the buffer with the inverse root along a dimension.
fn inverse_root(dim: usize) -> &'static str {
    BUFFERS[8 + dim]
}

impl Rule for Shampoo {
    const STATE: &'static [&'static str] = &BUFFERS;

    fn start(&self, buffer: &str, shape: &[usize]) -> Option<Start> {
        let ShampooConfig { momentum, precondition_frequency, .. } = self.config;
        let Some((kind, dim)) = of_dimension(buffer) else {
            return (momentum != 0.0).then_some(Start::Value(0.0));
        };
        let size = *shape.get(dim)?;
        (kind == "preconditioner" || precondition_frequency > 1).then(|| Start::Zeros(vec![2, size, size]))
    }
}

impl TensorRule for Shampoo {
    fn step<const D: usize>(
        &self,
        lr: f64,
        theta: Tensor<D>,
        grad: Tensor<D>,
        memory: &mut TensorMemory<'_>,
    ) -> Tensor<D> {
        let ShampooConfig { epsilon, momentum, precondition_frequency } = self.config;
        let is_due = (memory.t() - 1).is_multiple_of(precondition_frequency as u64);
        let (device, dtype) = (grad.device(), grad.dtype());
        let shape = grad.dims();
        let grad: Vec<f64> = values(grad);
        let mut step = grad.clone();
        for dim in 0..D {
            let (lines, len) = (Lines::of(&shape, dim), shape[dim]);
            let mut sum = read_pair(memory.take(preconditioner(dim)));
            lines.add_gram(&grad, sum.values_mut(), 1.0, 1.0);
            memory.set(preconditioner(dim), write_pair(&sum, &device, dtype));
            let exponent = 1.0 / (2 * D) as f64;
            if precondition_frequency == 1 {
                // The product with the root takes less time than the root.
                let unfolded = lines.unfolded(&step, Matrix::from_view);
                step = lines.folded(inverse_root_times(sum, epsilon, exponent, &unfolded));
                continue;
            }
            if is_due {
                let root = inverse_root_times(sum, epsilon, exponent, &Matrix::identity(len));
                memory.set(inverse_root(dim), write_pair(&root, &device, dtype));
            }
            step = lines.multiplied(&step, read_pair(memory.get(inverse_root(dim))).view());
        }
        let mut step = tensor(step, shape, &device, dtype);
        if momentum != 0.0 {
            step = memory.update(VELOCITY, |velocity: Tensor<D>| velocity * momentum + step);
        }
        theta - step * lr
    }

    fn operations(&self, shape: &[usize]) -> f64 {
        let elements: usize = shape.iter().product();
        let of_dim = |&n: &usize| {
            let n = n as f64;
            3.0 * n * elements as f64 + 3.0 * n.powi(3) / self.config.precondition_frequency as f64
        };
        IN_64_BITS * shape.iter().map(of_dim).sum::<f64>()
    }
}

/// The time of an operation in 64 bits, of one in 32 bits.
const IN_64_BITS: f64 = 2.5;

burn_optimizer!(Shampoo, crate::rule::tensor_step);

#[cfg(test)]
mod tests {
    use super::{Shampoo, ShampooConfig};
    use burn::optim::Optimizer;
    use burn::tensor::{Device, Tensor};

    fn moved(shampoo: &Shampoo, grads: &[[[f32; 2]; 2]]) -> Vec<f32> {
        let device = Device::default();
        let (mut theta, mut state) = (Tensor::<2>::zeros([2, 2], &device), None);
        for grad in grads {
            (theta, state) = shampoo.step(1.0, theta, Tensor::from_floats(*grad, &device), state);
        }
        theta.into_data().try_to_vec().unwrap()
    }

    #[test]
    fn a_zero_gradient_moves_nothing_and_one_of_lower_rank_moves_within_its_span() {
        let shampoo = ShampooConfig::default().build().unwrap();
        assert_eq!(moved(&shampoo, &[[[0.0; 2]; 2]; 2]), [0.0; 4]);
        // A matrix of rank 1 and norm 1: each root divides by the root of its norm.
        let rank_one = [[0.48, 0.36], [0.64, 0.48]];
        for (moved, expected) in moved(&shampoo, &[rank_one]).into_iter().zip([0.48, 0.36, 0.64, 0.48]) {
            assert!((moved + expected).abs() < 1e-4, "{moved}");
        }
    }

    #[test]
    fn gradients_much_larger_than_epsilon_keep_steps_finite() {
        let shampoo = ShampooConfig::default().build().unwrap();
        let moved = moved(&shampoo, &[[[3e4, 1e4], [6e4, 2e4]]; 3]);
        assert!(moved.iter().all(|theta| theta.is_finite() && theta.abs() < 3.0), "{moved:?}");
    }
}
