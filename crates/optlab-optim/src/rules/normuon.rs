//! NorMuon: Muon with steps of equal size for each output.

use crate::Error;
use crate::burn_optimizer;
use crate::rule::{Rule, Start, TensorMemory, TensorRule};
use crate::rules::parts::hidden_matrix::{HiddenMatrix, momentum_step};
use crate::rules::parts::moments::moving_average;
use crate::rules::parts::newton_schulz::{Coefficients, orthogonalized};
use crate::spec::{OptimizerSpec, rule_config};
use burn::tensor::Tensor;
use optlab_core::settings;
use optlab_core::settings::{Search, Settings};

settings! {
    /// Settings of [`NorMuon`].
    pub struct NorMuonConfig {
        /// Decay of the mean of the gradients.
        momentum: f64 = 0.95, "μ", in BELOW_ONE, search(1, Search::Momentum);
        /// Decay of the mean squares of the outputs.
        beta_2: f64 = 0.95, "β₂", in BELOW_ONE, search(4, Search::Decay);
        /// Whether to use Nesterov momentum.
        nesterov: bool = true, search(3, Search::Flag);
        /// Number of Newton-Schulz iterations that orthogonalize the step; none is that of the coefficients.
        ns_steps: Option<usize> = None, "N", in ITERATIONS;
        /// Coefficients of the iterations.
        coefficients: Coefficients = (Coefficients::QUINTIC) as "`quintic`", allowed "as in `muon`";
        /// Decoupled weight decay.
        weight_decay: f64 = 0.0, "λ", in NON_NEGATIVE, search(2, Search::WeightDecay);
        /// Constant added to the denominators.
        epsilon: f64 = 1e-10, "ε", in POSITIVE;
        /// Rule for parameters that are not matrices of hidden layers; none leaves vectors unchanged.
        other: Option<Box<OptimizerSpec>> = None, allowed "a rule: `other=adamw:beta_1=0.8`";
        /// Learning rate of `other`, relative to this rule's.
        other_lr_factor: f64 = 1.0, in NON_NEGATIVE;
    }
}

rule_config!(with_other NorMuonConfig, lr 0.02);

impl NorMuonConfig {
    /// Checks the settings and builds the rule; errors name `owner`.
    pub(crate) fn build_as(&self, owner: &str) -> Result<NorMuon, Error> {
        self.check(owner)?;
        self.coefficients.check(owner)?;
        Ok(NorMuon { config: self.clone() })
    }
}

/// NorMuon: Muon whose orthogonalized step is divided by its root mean square for each output (Li et al.,
/// 2025).
///
/// ```text
/// m₀ = 0, v₀ = 0
/// mₜ = μ mₜ₋₁ + (1 − μ) gₜ
/// uₜ = μ mₜ + (1 − μ) gₜ with nesterov, else mₜ
/// Oₜ = uₜ, orthogonalized by N Newton-Schulz iterations                  as in Muon
/// vₜ = β₂ vₜ₋₁ + (1 − β₂) mean of Oₜ² along each row                      a number for each output
/// Pₜ = Oₜ / (√vₜ + ε)                                                      each row by its own number
/// θₜ = (1 − ηₜ λ) θₜ₋₁ − ηₜ √max(1, rows / columns) ‖Oₜ‖ / (‖Pₜ‖ + ε) Pₜ    Frobenius norms
/// ```
///
/// Orthogonalized steps have rows of different lengths where a matrix has more rows than columns. The
/// division makes them more equal without changing the length of the whole step.
///
#[doc = settings_table!()]
///
/// `ηₜ` is the `lr` argument of [`step`](burn::optim::Optimizer::step); the schedule sets it. `coefficients`,
/// rows and columns, and the parameters that `other` moves are as in [`Muon`](crate::Muon).
///
/// # Shapes
/// `θ`, `g`, `m`: `[d₁, …, d_D]`, `D ≥ 2`; `v`: `[outputs]`. State: the step number and both for each matrix.
///
/// # Errors
/// [`NorMuonConfig::build`]: [`Error::InvalidConfig`] if a field is out of range or NaN; `ns_steps = 0`;
/// `coefficients` that are not three finite numbers for each iteration.
/// [`rules`](crate::spec::RuleConfig::rules) checks the fields of `other`; its errors name that rule.
///
/// # Example
/// The outputs of a gradient of rank 1, here of lengths 1 and 3, move equally far:
/// ```
/// use burn::{optim::Optimizer, tensor::{Device, Tensor}};
///
/// let normuon = optlab_optim::NorMuonConfig::default().build()?;
/// let device = Device::default();
/// // Each column of a weight is an output.
/// let grad = Tensor::<2>::from_floats([[0.6, 1.8], [0.8, 2.4]], &device);
/// let (theta, _) = normuon.step(1.0, Tensor::zeros([2, 2], &device), grad, None);
/// let moved: Vec<f32> = theta.into_data().try_to_vec().unwrap();
/// // The iterations multiply rounding errors of singular values of 0 by up to 500.
/// assert!((moved[0] - moved[1]).abs() < 1e-3 && (moved[2] - moved[3]).abs() < 1e-3);
/// assert!((moved[2] / moved[0] - 4.0 / 3.0).abs() < 1e-2);
/// # Ok::<(), optlab_optim::Error>(())
/// ```
///
/// # Differs from
/// Its authors' code: the iteration runs in 32 bits, not in bfloat16, and `1e-7` is a lower bound of its
/// norm; a kernel is a matrix with a row for each output, as in the paper and in `pytorch_optimizer`, where
/// the authors' code normalizes each row of the kernel's window.
///
/// # Reference
/// Li et al., *NorMuon: Making Muon more efficient and scalable*, 2025, <https://arxiv.org/abs/2510.05491>;
/// code: <https://github.com/zichongli5/NorMuon>
#[derive(Debug, Clone)]
pub struct NorMuon {
    config: NorMuonConfig,
}

/// The name of the buffer with the mean of the gradients.
const MEAN: &str = "first_moment";

/// The name of the buffer with the mean squares of the outputs.
const SQUARES: &str = "second_moment";

/// Returns the Frobenius norm as a matrix of one element.
fn norm(matrix: Tensor<2>) -> Tensor<2> {
    matrix.square().sum().sqrt().unsqueeze()
}

impl Rule for NorMuon {
    const STATE: &'static [&'static str] = &[MEAN, SQUARES];

    fn start(&self, buffer: &str, shape: &[usize]) -> Option<Start> {
        (shape.len() >= 2).then(|| match buffer {
            SQUARES => Start::Zeros(vec![HiddenMatrix::of(shape).outputs]),
            _ => Start::Value(0.0),
        })
    }
}

impl TensorRule for NorMuon {
    fn step<const D: usize>(
        &self,
        lr: f64,
        theta: Tensor<D>,
        grad: Tensor<D>,
        memory: &mut TensorMemory<'_>,
    ) -> Tensor<D> {
        if D < 2 {
            return theta;
        }
        let NorMuonConfig { momentum, beta_2, nesterov, weight_decay, epsilon, .. } = self.config;
        let shape = grad.dims();
        let matrix = HiddenMatrix::of(&shape);
        let (iterations, norm_factor) = self.config.coefficients.iterations(self.config.ns_steps);
        let step = momentum_step(memory, MEAN, grad, momentum, nesterov);
        let step = orthogonalized(step.reshape(matrix.sides), &iterations, norm_factor);
        let norm = norm(step.clone());
        let means = step.clone().square().mean_dim(matrix.input_dim(D));
        let of_outputs = means.dims();
        let means = means.reshape([matrix.outputs]);
        let squares = memory.update(SQUARES, |squares: Tensor<1>| moving_average(&squares, means, beta_2));
        let step = step / squares.sqrt().add_scalar(epsilon).reshape(of_outputs);
        let ratio = norm / (self::norm(step.clone()) + epsilon);
        let scale = (matrix.outputs as f64 / matrix.inputs as f64).max(1.0).sqrt();
        theta * (1.0 - lr * weight_decay) - (step * ratio).reshape(shape) * (lr * scale)
    }

    fn operations(&self, shape: &[usize]) -> f64 {
        HiddenMatrix::operations(shape, &self.config.coefficients, self.config.ns_steps)
    }
}

burn_optimizer!(NorMuon, crate::rule::tensor_step);
