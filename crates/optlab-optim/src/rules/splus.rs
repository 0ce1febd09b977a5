//! SPlus: signs of the momentum in the eigenbasis of Shampoo's preconditioners, and averaged weights.

use crate::Error;
use crate::burn_optimizer;
use crate::rule::{Rule, Start, TensorMemory, TensorRule};
use crate::rules::parts::linear_algebra::{eigen, gram, multiply_along, of_dimension, read, write};
use crate::rules::parts::moments::{moving_average, power};
use crate::rules::parts::weight_decay;
use crate::spec::rule_config;
use burn::tensor::Tensor;
use optlab_core::settings;
use optlab_core::settings::{Search, Settings};

settings! {
    /// Settings of [`SPlus`].
    pub struct SPlusConfig {
        /// Decay of the momentum.
        beta_1: f64 = 0.9, "β₁", in BELOW_ONE, search(1, Search::Momentum);
        /// Decay of the preconditioners.
        beta_2: f64 = 0.999, "β₂", in BELOW_ONE, search(3, Search::Decay);
        /// Decay of the average of the weights.
        average_decay: f64 = 0.999, "α", in BELOW_ONE, search(4, Search::Decay);
        /// Weight decay, scaled like the step.
        weight_decay: f64 = 0.01, "λ", in NON_NEGATIVE, search(2, Search::WeightDecay);
        /// Steps between two computations of the bases.
        precondition_frequency: usize = 100, "f", in COUNT;
        /// Largest dimension that has a basis.
        max_precond_dim: usize = 10_000, in COUNT;
        /// Factor of the rate for parameters other than matrices, and for larger matrices.
        vector_lr_factor: f64 = 0.001, "c", in POSITIVE, search(5, Search::Log(1e-4, 1e-2));
    }
}

rule_config!(tensor SPlusConfig, lr 0.1);

impl SPlusConfig {
    /// Checks the settings and builds the rule; errors name `owner`.
    pub(crate) fn build_as(&self, owner: &str) -> Result<SPlus, Error> {
        self.check(owner)?;
        Ok(SPlus { config: self.clone() })
    }
}

/// SPlus: steps by the signs of the momentum in the eigenbasis of the gradients' covariances, and evaluates
/// an average of the weights (Frans, Levine & Abbeel, 2025).
///
/// ```text
/// m₀ = 0, x₀ = 0, Hⁱ₀ = 0, Qⁱ₀ = I               for both dimensions i of a matrix [a, b]
/// mₜ = β₁ mₜ₋₁ + (1 − β₁) gₜ
/// uₜ = Q¹ sign((Q¹)ᵀ mₜ Q²) (Q²)ᵀ                 with the Q of the previous step; sign(mₜ) for other ranks
/// Hⁱₜ = β₂ Hⁱₜ₋₁ + (1 − β₂) Gⁱₜ (Gⁱₜ)ᵀ              G¹ = gₜ, G² = gₜᵀ
/// if t = 1 or f divides t: Qⁱ = eigenvectors of Hⁱₜ
/// s  = 2 / (a + b); c for other ranks, and if a or b exceeds max_precond_dim
/// ϑₜ = θₜ₋₁ − ηₜ s uₜ
/// xₜ = α xₜ₋₁ + (1 − α) ϑₜ                        evaluated: xₜ / (1 − αᵗ)
/// θₜ = (1 − ηₜ s λ) ϑₜ
/// ```
///
/// Signs in an eigenbasis have the length of steps along orthonormal directions, whatever the eigenvalues
/// are, so that a basis that is many steps old does no harm.
///
#[doc = settings_table!()]
///
/// `ηₜ` is the `lr` argument of [`step`](burn::optim::Optimizer::step); the schedule sets it. A dimension
/// larger than `max_precond_dim` has no basis (`Q = I`). The basis is computed in 64 bits on the host, which
/// takes time proportional to `a³ + b³` in the first step and in every `f`-th. Where a covariance has
/// eigenvalues of 0, as the first one of an oblong matrix, the basis of their space is arbitrary.
///
/// # Shapes
/// `θ`, `g`, `m`, `x`: `[d₁, …, d_D]`, any rank; only tensors of rank 2 are matrices. State: the step number,
/// two tensors of the parameter's shape, and two matrices `[dᵢ, dᵢ]` for each dimension that has a basis.
///
/// # Errors
/// [`SPlusConfig::build`]: [`Error::InvalidConfig`] if a field is out of range or NaN;
/// `precondition_frequency = 0`; `max_precond_dim = 0`.
///
/// # Example
/// After the first step, which takes the signs of the elements, steps follow the singular vectors of the
/// gradient:
/// ```
/// use burn::{optim::Optimizer, tensor::{Device, Tensor}};
///
/// let splus = optlab_optim::SPlusConfig { weight_decay: 0.0, ..Default::default() }.build()?;
/// let device = Device::default();
/// let grad = Tensor::<2>::from_floats([[2.0, 1.0], [1.0, 2.0]], &device);
/// let (theta, state) = splus.step(0.2, Tensor::zeros([2, 2], &device), grad.clone(), None);
/// let first: Vec<f32> = theta.clone().into_data().try_to_vec().unwrap();
/// assert_eq!(first, [-0.1; 4]);
/// // The gradient's singular vectors are (1, 1) / √2 and (1, −1) / √2; its singular values become 1. The
/// // signs of the elements of the rotated momentum off its diagonal are those of rounding errors.
/// let (second, _) = splus.step(0.2, theta.clone(), grad.clone(), state);
/// let along: f32 = ((theta - second) * grad).sum().into_scalar();
/// assert!((along - 0.1 * (3.0 + 1.0)).abs() < 1e-4);
/// # Ok::<(), optlab_optim::Error>(())
/// ```
///
/// # Differs from
/// Its authors' code: a dimension of exactly `max_precond_dim` has a basis; `ε = 1e-30`, which they add to
/// the covariances, changes no eigenvector. Their implementation for JAX also applies `c` to embeddings and
/// normalizations by name, averages the weights before the step, and decays by `ηₜ s λ θₜ₋₁`.
///
/// # Reference
/// Frans, Levine & Abbeel, *A Stable Whitening Optimizer for Efficient Neural Network Training*, 2025,
/// <https://arxiv.org/abs/2506.07254>; code: <https://github.com/kvfrans/splus>
#[derive(Debug, Clone)]
pub struct SPlus {
    config: SPlusConfig,
}

/// The buffers: the mean of `G Gᵀ` along each dimension, the basis of each, the momentum and the average of
/// the weights.
const BUFFERS: [&str; 6] = ["preconditioner_0", "preconditioner_1", "basis_0", "basis_1", MOMENTUM, AVERAGE];
const MOMENTUM: &str = "momentum";
const AVERAGE: &str = "average";

/// Returns the name of the buffer with the mean of `G Gᵀ` along a dimension.
fn covariance(dim: usize) -> &'static str {
    BUFFERS[dim]
}

/// Returns the name of the buffer with the basis of a dimension.
fn basis(dim: usize) -> &'static str {
    BUFFERS[2 + dim]
}

impl Rule for SPlus {
    const STATE: &'static [&'static str] = &BUFFERS;

    fn start(&self, buffer: &str, shape: &[usize]) -> Option<Start> {
        match (of_dimension(buffer), shape) {
            (None, _) => Some(Start::Value(0.0)),
            (Some((_, dim)), [_, _]) => {
                (shape[dim] <= self.config.max_precond_dim).then(|| Start::Zeros(vec![shape[dim]; 2]))
            }
            _ => None,
        }
    }
}

impl TensorRule for SPlus {
    fn step<const D: usize>(
        &self,
        lr: f64,
        theta: Tensor<D>,
        grad: Tensor<D>,
        memory: &mut TensorMemory<'_>,
    ) -> Tensor<D> {
        let SPlusConfig { beta_1, beta_2, average_decay, weight_decay, precondition_frequency, .. } =
            self.config;
        let t = memory.t();
        let momentum = memory.update(MOMENTUM, |mean: Tensor<D>| moving_average(&mean, grad.clone(), beta_1));
        // Before the first step, the bases are the axes.
        let dims: Vec<usize> = (0..D.min(2)).filter(|&dim| memory.has(basis(dim))).collect();
        let rotated: &[usize] = if t == 1 { &[] } else { &dims };
        let inside = rotated.iter().fold(momentum, |tensor, &dim| {
            multiply_along(memory.get::<2>(basis(dim)).transpose(), tensor, dim)
        });
        let direction = rotated
            .iter()
            .fold(inside.sign(), |tensor, &dim| multiply_along(memory.get(basis(dim)), tensor, dim));
        for dim in dims {
            let square = gram(grad.clone(), dim);
            memory.update(covariance(dim), |mean: Tensor<2>| moving_average(&mean, square, beta_2));
            if t == 1 || t.is_multiple_of(precondition_frequency as u64) {
                update_basis(dim, memory);
            }
        }
        let lr = lr * self.lr_factor(&theta.dims());
        let theta = theta - direction * lr;
        let moved = theta.clone();
        memory.update(AVERAGE, |average: Tensor<D>| moving_average(&average, moved, average_decay));
        weight_decay::decoupled(theta, lr, weight_decay)
    }

    const HAS_EVALUATION: bool = true;

    fn for_evaluation<const D: usize>(&self, _theta: Tensor<D>, memory: &TensorMemory<'_>) -> Tensor<D> {
        memory.get::<D>(AVERAGE) * (1.0 / (1.0 - power(self.config.average_decay, memory.t())))
    }
}

burn_optimizer!(SPlus, crate::rule::tensor_step);

impl SPlus {
    /// Returns the factor of the learning rate for a parameter.
    fn lr_factor(&self, shape: &[usize]) -> f64 {
        match shape {
            [a, b] if *a.max(b) <= self.config.max_precond_dim => 2.0 / (a + b) as f64,
            _ => self.config.vector_lr_factor,
        }
    }
}

/// Sets the basis of `dim` to the eigenvectors of the covariance along it.
fn update_basis(dim: usize, memory: &mut TensorMemory<'_>) {
    let matrix = memory.get::<2>(covariance(dim));
    let (device, dtype) = (matrix.device(), matrix.dtype());
    let (_, vectors) = eigen(read(matrix));
    memory.set(basis(dim), write(&vectors, &device, dtype));
}

#[cfg(test)]
mod tests {
    use crate::driver::ModelOptimizer;
    use crate::spec::OptimizerSpec;
    use burn::module::Param;
    use burn::optim::GradientsParams;
    use burn::tensor::{Device, Tensor};

    #[test]
    fn the_average_of_the_weights_is_evaluated_also_after_loading_the_state() {
        let device = Device::default();
        let spec: OptimizerSpec =
            "splus:average_decay=0.5,weight_decay=0.0,vector_lr_factor=1".parse().unwrap();
        let mut optimizer: ModelOptimizer = spec.build().unwrap();
        assert!(optimizer.has_evaluation_mode());
        let mut model = Param::from_tensor(Tensor::<1>::zeros([2], &device.clone().autodiff()));
        let value = |model: &Param<Tensor<1>>| -> Vec<f32> { model.val().into_data().try_to_vec().unwrap() };
        // Before the first step there is no average.
        assert_eq!(value(&optimizer.for_evaluation(&model)), [0.0; 2]);
        for _ in 0..2 {
            let mut gradients = GradientsParams::new();
            gradients.register(model.id, Tensor::<1>::from_floats([3.0, -2.0], &device));
            model = optimizer.apply(0.5, model, &mut gradients);
        }
        assert_eq!(value(&model), [-1.0, 1.0]);
        // x₂ = 0.5 (0.5 · −0.5) + 0.5 · −1, divided by 1 − 0.5².
        let expected = (0.5 * 0.5 * 0.5 + 0.5 * 1.0) / 0.75;
        let evaluated = value(&optimizer.for_evaluation(&model));
        assert!((evaluated[0] + expected).abs() < 1e-6 && (evaluated[1] - expected).abs() < 1e-6);
        let folder = tempfile::tempdir().unwrap();
        optimizer.save(&folder.path().join("optimizer")).unwrap();
        let mut loaded: ModelOptimizer = spec.build().unwrap();
        assert_eq!(value(&loaded.for_evaluation(&model)), [-1.0, 1.0]);
        loaded.load(&folder.path().join("optimizer"), &model, &device).unwrap();
        assert_eq!(value(&loaded.for_evaluation(&model)), evaluated);
    }
}
