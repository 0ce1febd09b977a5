//! AdaMuon: Muon divided by the root mean square of each element.

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
    /// Settings of [`AdaMuon`].
    pub struct AdaMuonConfig {
        /// Decay of the mean of the gradients and of the squares.
        momentum: f64 = 0.95, "μ", in BELOW_ONE, search(1, Search::Momentum);
        /// Whether to use Nesterov momentum.
        nesterov: bool = true, search(3, Search::Flag);
        /// Number of Newton-Schulz iterations that orthogonalize the step; none is that of the coefficients.
        ns_steps: Option<usize> = None, "N", in ITERATIONS;
        /// Coefficients of the iterations.
        coefficients: Coefficients = (Coefficients::QUINTIC) as "`quintic`", allowed "as in `muon`";
        /// Decoupled weight decay.
        weight_decay: f64 = 0.01, "λ", in NON_NEGATIVE, search(2, Search::WeightDecay);
        /// Constant added to the denominators.
        epsilon: f64 = 1e-8, "ε", in POSITIVE;
        /// Rule for parameters that are not matrices of hidden layers; none leaves vectors unchanged.
        other: Option<Box<OptimizerSpec>> = None, allowed "a rule: `other=adamw:beta_1=0.8`";
        /// Learning rate of `other`, relative to this rule's.
        other_lr_factor: f64 = 1.0, in NON_NEGATIVE;
    }
}

rule_config!(with_other AdaMuonConfig, lr 0.02);

impl AdaMuonConfig {
    /// Checks the settings and builds the rule; errors name `owner`.
    pub(crate) fn build_as(&self, owner: &str) -> Result<AdaMuon, Error> {
        self.check(owner)?;
        self.coefficients.check(owner)?;
        Ok(AdaMuon { config: self.clone() })
    }
}

/// AdaMuon: orthogonalizes the sign of the momentum, and divides by the root mean square of each element (Si
/// et al., 2025).
///
/// ```text
/// m₀ = 0, v₀ = 0
/// mₜ = μ mₜ₋₁ + (1 − μ) gₜ
/// uₜ = μ mₜ + (1 − μ) gₜ with nesterov, else mₜ
/// Oₜ = sign(uₜ), orthogonalized by N Newton-Schulz iterations            as in Muon, sign(0) = 0
/// vₜ = μ vₜ₋₁ + (1 − μ) Oₜ²
/// Pₜ = Oₜ / (√vₜ + ε)
/// θₜ = (1 − ηₜ λ) θₜ₋₁ − ηₜ 0.2 √(rows columns) / (‖Pₜ‖ + ε) Pₜ            Frobenius norm
/// ```
///
/// The root mean square of a step is `0.2 ηₜ`, about that of AdamW, so AdamW's learning rates fit.
///
#[doc = settings_table!()]
///
/// `ηₜ` is the `lr` argument of [`step`](burn::optim::Optimizer::step); the schedule sets it. `coefficients`,
/// rows and columns, and the parameters that `other` moves are as in [`Muon`](crate::Muon).
///
/// # Shapes
/// `θ`, `g`, `m`, `v`: `[d₁, …, d_D]`, `D ≥ 2`. State: the step number and two tensors per matrix.
///
/// # Errors
/// [`AdaMuonConfig::build`]: [`Error::InvalidConfig`] if a field is out of range or NaN; `ns_steps = 0`;
/// `coefficients` that are not three finite numbers for each iteration.
/// [`rules`](crate::spec::RuleConfig::rules) checks the fields of `other`; its errors name that rule.
///
/// # Example
/// The root mean square of a step is a fifth of the learning rate:
/// ```
/// use burn::{optim::Optimizer, tensor::{Device, Tensor}};
///
/// let adamuon = optlab_optim::AdaMuonConfig::default().build()?;
/// let device = Device::default();
/// let grad = Tensor::<2>::from_floats([[8.0, 0.1], [0.3, 2.0], [-1.0, 5.0]], &device);
/// let (theta, _) = adamuon.step(1.0, Tensor::zeros([3, 2], &device), grad, None);
/// let mean_square: f32 = theta.square().mean().into_scalar();
/// assert!((mean_square.sqrt() - 0.2).abs() < 1e-5);
/// # Ok::<(), optlab_optim::Error>(())
/// ```
///
/// # Differs from
/// Its authors' code: the iteration runs in 32 bits, not in bfloat16, and `1e-7` is a lower bound of its
/// norm; the step of a kernel has the length that its number of elements gives, where the authors' code takes
/// the smallest and the largest of its sizes. The paper: `v` is not corrected for its start, since the step's
/// length is.
///
/// # Reference
/// Si, Zhang & Shen, *AdaMuon: Adaptive Muon Optimizer*, 2025, <https://arxiv.org/abs/2507.11005>; code:
/// <https://github.com/Chongjie-Si/AdaMuon>
#[derive(Debug, Clone)]
pub struct AdaMuon {
    config: AdaMuonConfig,
}

/// The name of the buffer with the mean of the gradients.
const MEAN: &str = "first_moment";

/// The name of the buffer with the mean squares of the orthogonalized steps.
const SQUARES: &str = "second_moment";

impl Rule for AdaMuon {
    const STATE: &'static [&'static str] = &[MEAN, SQUARES];

    fn start(&self, _buffer: &str, shape: &[usize]) -> Option<Start> {
        (shape.len() >= 2).then_some(Start::Value(0.0))
    }
}

impl TensorRule for AdaMuon {
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
        let AdaMuonConfig { momentum, nesterov, weight_decay, epsilon, .. } = self.config;
        let shape = grad.dims();
        let sides = HiddenMatrix::of(&shape).sides;
        let (iterations, norm_factor) = self.config.coefficients.iterations(self.config.ns_steps);
        let step = momentum_step(memory, MEAN, grad, momentum, nesterov).sign();
        let step = orthogonalized(step.reshape(sides), &iterations, norm_factor).reshape(shape);
        let square = step.clone().square();
        let squares = memory.update(SQUARES, |squares| moving_average(&squares, square, momentum));
        let step = step / squares.sqrt().add_scalar(epsilon);
        let norm = step.clone().square().sum().sqrt().add_scalar(epsilon);
        let length = 0.2 * (sides[0] as f64 * sides[1] as f64).sqrt();
        theta * (1.0 - lr * weight_decay) - step / norm.unsqueeze() * (lr * length)
    }

    fn operations(&self, shape: &[usize]) -> f64 {
        HiddenMatrix::operations(shape, &self.config.coefficients, self.config.ns_steps)
    }
}

burn_optimizer!(AdaMuon, crate::rule::tensor_step);
