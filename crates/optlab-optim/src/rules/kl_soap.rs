//! KL-SOAP: Adam in the eigenbases of KL-Shampoo's factors.

use crate::Error;
use crate::burn_optimizer;
use crate::rule::{Rule, Start, TensorMemory, TensorRule};
use crate::rules::parts::kl_factors::{self, KlFactors, as_matrix, into_basis, out_of_basis};
use crate::rules::parts::moments::moving_average;
use crate::rules::parts::weight_decay;
use crate::spec::rule_config;
use burn::tensor::Tensor;
use optlab_core::settings;
use optlab_core::settings::{Search, Settings};

settings! {
    /// Settings of [`KlSoap`].
    pub struct KlSoapConfig {
        /// Decay of the first moment.
        beta_1: f64 = 0.9, "β₁", in BELOW_ONE, search(1, Search::Momentum);
        /// Decay of the factors and of the second moment.
        beta_2: f64 = 0.98, "β₂", in BELOW_ONE, search(2, Search::Decay);
        /// Constant added to the denominator.
        epsilon: f64 = 1e-8, "ε", in POSITIVE;
        /// Decoupled weight decay.
        weight_decay: f64 = 0.01, "λ", in NON_NEGATIVE, search(3, Search::WeightDecay);
        /// Steps between two updates of the bases.
        precondition_frequency: usize = 10, "f", in COUNT;
        /// Largest dimension that has a basis.
        max_precond_dim: usize = 10_000, in COUNT;
        /// Initial eigenvalues of the factors.
        init_factor: f64 = 0.1, "d₀", in POSITIVE, search(4, Search::Log(1e-3, 10.0));
    }
}

rule_config!(tensor KlSoapConfig, lr 1e-4);

impl KlSoapConfig {
    /// Checks the settings and builds the rule; errors name `owner`.
    pub(crate) fn build_as(&self, owner: &str) -> Result<KlSoap, Error> {
        self.check(owner)?;
        Ok(KlSoap { config: self.clone() })
    }
}

/// KL-SOAP: Adam in the eigenbases of a Kronecker product whose factors are fitted to each other by the
/// Kullback-Leibler divergence (Lin et al., 2025).
///
/// ```text
/// for a matrix G [a, b], in step t = 1:
/// m = 0, v = 0
/// S¹₁ = (1 − β₂) G₁ G₁ᵀ / b, S²₁ = (1 − β₂) G₁ᵀ G₁ / a, Qⁱ₁ = their eigenvectors, dⁱ₁ = d₀, θ₁ = θ₀
///                                                                the first step moves nothing
///
/// in step t = 2, 3, …, with Q and d of the previous step, and P(x) = (Q¹)ᵀ x Q²:
/// mₜ = β₁ mₜ₋₁ + (1 − β₁) gₜ
/// vₜ = β₂ vₜ₋₁ + (1 − β₂) P(gₜ)²
/// θₜ = (1 − ηₜ λ) (θₜ₋₁ − ηₜ P⁻¹(P(mₜ) / (√vₜ + ε)))
/// S¹ₜ = β₂ S¹ₜ₋₁ + (1 − β₂) G Q² (D²)⁻¹ (Q²)ᵀ Gᵀ / b                  Dⁱ = diag(dⁱₜ₋₁)
/// S²ₜ = β₂ S²ₜ₋₁ + (1 − β₂) Gᵀ Q¹ (D¹)⁻¹ (Q¹)ᵀ G / a
/// d¹ₜ = β₂ d¹ₜ₋₁ + (1 − β₂) (mean over the columns of H² (D²)⁻¹),  H² = ((Q¹)ᵀ G Q²)², element by element
/// d²ₜ = β₂ d²ₜ₋₁ + (1 − β₂) (mean over the rows of (D¹)⁻¹ H²)
/// dⁱₜ = max(dⁱₜ, c⁻²) if it is not 0, with c the rows or columns, at least 10 and at most 4000
/// if f divides t − 1: Qⁱ = QR(Sⁱₜ Qⁱ)
/// ```
///
/// Where an eigenvalue `d` is 0, its inverse counts as 0. A dimension larger than `max_precond_dim` has the
/// basis `Q = I` and no `S`. So has a vector, which moves as with Adam without its bias correction, from the
/// second step on. A kernel `[out, in, …]` is a matrix of `out` rows.
///
#[doc = settings_table!()]
///
/// `ηₜ` is the `lr` argument of [`step`](burn::optim::Optimizer::step); the schedule sets it. The bases are
/// computed in 64 bits on the host, which takes time proportional to `a³ + b³` in the first step and in every
/// `f`-th.
///
/// # Shapes
/// `θ`, `g`, `m`, `v`: `[d₁, …, d_k]`, any rank. State: the step number, two tensors of the parameter's shape,
/// `d` of each dimension of the matrix, and for those that have a basis two matrices `[n, n]`.
///
/// # Errors
/// [`KlSoapConfig::build`]: [`Error::InvalidConfig`] if a field is out of range or NaN;
/// `precondition_frequency = 0`; `max_precond_dim = 0`.
///
/// # Example
/// The first step moves nothing. For a constant gradient of rank 1, the second step moves along the
/// gradient's direction, whatever its orientation to the axes, as far as Adam without bias correction:
/// ```
/// use burn::{optim::Optimizer, tensor::{Device, Tensor}};
///
/// let config = optlab_optim::KlSoapConfig { epsilon: 0.01, weight_decay: 0.0, ..Default::default() };
/// let kl_soap = config.build()?;
/// let device = Device::default();
/// let grad = Tensor::<2>::from_floats([[48.0, 36.0], [64.0, 48.0]], &device);
/// let (theta, state) = kl_soap.step(0.5, Tensor::zeros([2, 2], &device), grad.clone(), None);
/// assert_eq!(theta.clone().abs().sum().into_scalar::<f32>(), 0.0);
/// let (theta, _) = kl_soap.step(0.5, theta, grad, state);
/// let moved: Vec<f32> = theta.into_data().try_to_vec().unwrap();
/// let length = 0.5 * 0.1 / 0.02_f32.sqrt();
/// for (moved, expected) in moved.into_iter().zip([0.48, 0.36, 0.64, 0.48]) {
///     assert!((moved + length * expected).abs() < 1e-3);
/// }
/// # Ok::<(), optlab_optim::Error>(())
/// ```
///
/// # Differs from
/// Its authors' code: everything runs in 32 bits, the bases in 64, where theirs has bfloat16; a kernel is a
/// matrix, where theirs has three factors for rank 3 and none for rank 4; vectors are moved, where theirs
/// moves none; `m` is stored in the parameter's own basis, which is mathematically equivalent; `shampoo_beta`
/// is `β₂`, `using_damping` and `normalize_grads` are off.
///
/// # Reference
/// Lin et al., *Understanding and Improving Shampoo and SOAP via Kullback-Leibler Minimization*, 2025,
/// <https://arxiv.org/abs/2509.03378>; code: <https://github.com/yorkerlin/KL-Methods>
#[derive(Debug, Clone)]
pub struct KlSoap {
    config: KlSoapConfig,
}

const FIRST: &str = "first_moment";
const SECOND: &str = "second_moment";

impl Rule for KlSoap {
    const STATE: &'static [&'static str] = &[
        kl_factors::BUFFERS[0],
        kl_factors::BUFFERS[1],
        kl_factors::BUFFERS[2],
        kl_factors::BUFFERS[3],
        kl_factors::BUFFERS[4],
        kl_factors::BUFFERS[5],
        FIRST,
        SECOND,
    ];

    fn start(&self, buffer: &str, shape: &[usize]) -> Option<Start> {
        match buffer {
            FIRST | SECOND => Some(Start::Value(0.0)),
            _ => self.factors().start(buffer, shape),
        }
    }
}

impl TensorRule for KlSoap {
    fn step<const D: usize>(
        &self,
        lr: f64,
        theta: Tensor<D>,
        grad: Tensor<D>,
        memory: &mut TensorMemory<'_>,
    ) -> Tensor<D> {
        let KlSoapConfig { beta_1, beta_2, epsilon, weight_decay, .. } = self.config;
        let matrix = as_matrix(grad.clone());
        let theta = if memory.t() == 1 {
            theta
        } else {
            let first = memory.update(FIRST, |first: Tensor<D>| moving_average(&first, grad, beta_1));
            let square = into_basis(matrix.clone(), memory).square().reshape(theta.dims());
            let second = memory.update(SECOND, |second: Tensor<D>| moving_average(&second, square, beta_2));
            let direction = into_basis(as_matrix(first), memory) / (as_matrix(second).sqrt() + epsilon);
            let step = out_of_basis(direction, memory).reshape(theta.dims());
            weight_decay::decoupled(theta - step * lr, lr, weight_decay)
        };
        self.factors().update(&matrix, memory);
        theta
    }
}

burn_optimizer!(KlSoap, crate::rule::tensor_step);

impl KlSoap {
    fn factors(&self) -> KlFactors {
        let KlSoapConfig { beta_2, precondition_frequency, max_precond_dim, init_factor, .. } = self.config;
        KlFactors { beta: beta_2, frequency: precondition_frequency, max_dim: max_precond_dim, init_factor }
    }
}
