//! One-sided Shampoo: the mean gradient of each matrix, preconditioned along one side, of Adam's length.

use crate::Error;
use crate::burn_optimizer;
use crate::rule::{Rule, Start, TensorMemory, TensorRule};
use crate::rules::parts::hidden_matrix::HiddenMatrix;
use crate::rules::parts::linear_algebra::{
    Lines, Matrix, of_dimension, read_pair, tensor, values, write_pair,
};
use crate::rules::parts::moments::{moving_average, power};
use crate::rules::parts::weight_decay;
use crate::spec::{OptimizerSpec, rule_config};
use burn::tensor::Tensor;
use optlab_core::settings;
use optlab_core::settings::{Search, Settings};
use optlab_kernel::matrix::{inverse_root_times, pseudo_inverse_root_times};
use serde::{Deserialize, Serialize};

settings! {
    /// Settings of [`OneSidedShampoo`].
    pub struct OneSidedShampooConfig {
        /// Decay of the first moment.
        beta_1: f64 = 0.9, "β₁", in BELOW_ONE, search(1, Search::Momentum);
        /// Decay of the second moment and of the preconditioners.
        beta_2: f64 = 0.9, "β₂", in BELOW_ONE, search(3, Search::Decay);
        /// The side that has a preconditioner.
        side: Side = (Side::Smaller) as "`smaller`", allowed "`smaller`, `outputs`, `inputs` or `both`";
        /// Exponent of the inverse root.
        power: f64 = 0.25, "p", in POSITIVE_BELOW_ONE, search(4, Search::Uniform(0.2, 0.5));
        /// Constant added to the eigenvalues of a preconditioner; none takes its pseudo-inverse.
        epsilon: Option<f64> = None, "ε", in POSITIVE;
        /// Share of the largest eigenvalue up to which an eigenvalue is 0 in the pseudo-inverse.
        rank_tolerance: f64 = 1e-12, "τ", in BELOW_ONE;
        /// Constant added to the denominator of Adam's step.
        grafting_epsilon: f64 = 1e-15, "δ", in POSITIVE;
        /// Decoupled weight decay.
        weight_decay: f64 = 0.1, "λ", in NON_NEGATIVE, search(2, Search::WeightDecay);
        /// Whether only elements decay that the step does not move away from 0.
        cautious_decay: bool = false;
        /// Steps between two computations of the inverse roots.
        precondition_frequency: usize = 1, "f", in COUNT;
        /// Rule for parameters that are not matrices of hidden layers; none leaves vectors unchanged.
        other: Option<Box<OptimizerSpec>> = None, allowed "a rule: `other=adamw:beta_1=0.8`";
        /// Learning rate of `other`, relative to this rule's.
        other_lr_factor: f64 = 1.0, in NON_NEGATIVE;
    }
}

/// The sides of a matrix that have a preconditioner in [`OneSidedShampoo`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// The outputs if there are fewer of them than inputs, else the inputs.
    Smaller,
    /// The outputs.
    Outputs,
    /// The inputs.
    Inputs,
    /// Outputs and inputs, each with the same exponent.
    Both,
}

rule_config!(with_other OneSidedShampooConfig, lr 0.01);

impl OneSidedShampooConfig {
    /// Checks the settings and builds the rule; errors name `owner`.
    pub(crate) fn build_as(&self, owner: &str) -> Result<OneSidedShampoo, Error> {
        self.check(owner)?;
        Ok(OneSidedShampoo { config: self.clone() })
    }
}

/// One-sided Shampoo: multiplies the mean gradient of a matrix by a root of the inverse of the gradients'
/// covariance along one side, and steps as far as Adam (Xie et al., 2025; Shi et al., 2023).
///
/// ```text
/// m₀ = 0, v₀ = 0, L₀ = 0
/// mₜ = β₁ mₜ₋₁ + (1 − β₁) gₜ                              m̂ₜ = mₜ / (1 − β₁ᵗ)
/// vₜ = β₂ vₜ₋₁ + (1 − β₂) gₜ²                             v̂ₜ = vₜ / (1 − β₂ᵗ)
/// Lₜ = β₂ Lₜ₋₁ + (1 − β₂) gₜ gₜᵀ                          L̂ₜ = Lₜ / (1 − β₂ᵗ); gₜᵀ gₜ for the inputs
/// Rₜ = (L̂ₜ + ε I)^(−p) if f divides t, else Rₜ₋₁
/// aₜ = m̂ₜ / (√v̂ₜ + δ)                                     Adam's step
/// Pₜ = Rₜ m̂ₜ                                              m̂ₜ Rₜ for the inputs
/// sₜ = ‖aₜ‖ / (‖Pₜ‖ + 1e-16) Pₜ, aₜ for t < f              Frobenius norms
/// θₜ = θₜ₋₁ − ηₜ (sₜ + λ θₜ₋₁)
/// ```
///
/// Without `ε`, `R` is the root of the pseudo-inverse: 0 in the directions whose eigenvalue is at most `τ`
/// times the largest. With `side=both`, each side has its `L` and its `R`, and `P` is their product with the
/// mean gradient from both sides: Shampoo with Adam's step length.
///
#[doc = settings_table!()]
///
/// `ηₜ` is the `lr` argument of [`step`](burn::optim::Optimizer::step); the schedule sets it. Rows are
/// outputs and columns inputs, as in [`Muon`](crate::Muon), and so are the parameters that `other` moves.
/// With `cautious_decay`, `λ` is 0 for the elements that the step moves away from 0 (Chen et al., 2025,
/// <https://arxiv.org/abs/2510.12402>).
///
/// Preconditioners and roots are computed in 64 bits on the host, so a step waits for the device. With `n`
/// the length of a preconditioned side, a step with new roots takes time proportional to `n³`, on one core
/// without `ε`, and on all cores with it.
///
/// # Shapes
/// `θ`, `g`, `m`, `v`: `[d₁, …, d_D]`, `D ≥ 2`. State: the step number, two tensors of the parameter's shape,
/// and for each preconditioned side a matrix `[n, n]`, two matrices with `f > 1`, each stored as the sum of
/// two 32-bit matrices, `[2, n, n]`.
///
/// # Errors
/// [`OneSidedShampooConfig::build`]: [`Error::InvalidConfig`] if a field is out of range or NaN;
/// `precondition_frequency = 0`. [`rules`](crate::spec::RuleConfig::rules) checks the fields of `other`; its
/// errors name that rule.
///
/// # Example
/// The exponent 1/4 on one side leaves the roots of the singular values, here of 16 and 1, and the step has
/// the length of Adam's, here of two elements that move by 1:
/// ```
/// use burn::{optim::Optimizer, tensor::{Device, Tensor}};
///
/// let config = optlab_optim::OneSidedShampooConfig { weight_decay: 0.0, ..Default::default() };
/// let device = Device::default();
/// let grad = Tensor::<2>::from_floats([[16.0, 0.0], [0.0, 1.0]], &device);
/// let (theta, _) = config.build()?.step(1.0, Tensor::zeros([2, 2], &device), grad, None);
/// let moved: Vec<f32> = theta.into_data().try_to_vec().unwrap();
/// assert!((moved[0] / moved[3] - 4.0).abs() < 1e-4);
/// assert!((moved[0].hypot(moved[3]) - 2.0_f32.sqrt()).abs() < 1e-4);
/// # Ok::<(), optlab_optim::Error>(())
/// ```
///
/// # Differs from
/// [`Shampoo`](crate::Shampoo): means in place of sums, Adam's step length, any exponent, decay, and matrices
/// only. The paper of Xie et al.: its one-sided Shampoo has the exponent 1/2 and no length of another rule.
/// The code of Shi et al.: a side without a preconditioner has the exponent 0 there, and no setting means the
/// smaller side; `smaller` is the side that [`Asgo`](crate::Asgo) preconditions. Its `τ` is 0, which inverts
/// eigenvalues that are positive only by rounding. It preconditions vectors, too, and splits matrices into
/// blocks of a largest size. The published scripts of records 21 and 35 of track 3 of modded-nanogpt leave
/// the exponents of that code at their defaults, which is `side=both,power=0.25`; the table of records calls
/// record 35 one-sided. Its other settings are the defaults here, except `τ`.
///
/// # Reference
/// Xie et al., *Structured Preconditioners in Adaptive Optimization: A Unified Analysis*, 2025,
/// <https://arxiv.org/abs/2503.10537>; Shi et al., *A Distributed Data-Parallel PyTorch Implementation of the
/// Distributed Shampoo Optimizer for Training Neural Networks At-Scale*, 2023,
/// <https://arxiv.org/abs/2309.06497>; code: <https://github.com/facebookresearch/optimizers>; records:
/// <https://github.com/KellerJordan/modded-nanogpt>, `records/track_3_optimization`
#[derive(Debug, Clone)]
pub struct OneSidedShampoo {
    config: OneSidedShampooConfig,
}

/// The buffers: the mean of `G Gᵀ` along each stored dimension and its inverse root, as pairs; the moments.
const BUFFERS: [&str; 6] =
    ["preconditioner_0", "preconditioner_1", "inverse_root_0", "inverse_root_1", FIRST, SECOND];
const FIRST: &str = "first_moment";
const SECOND: &str = "second_moment";

/// Returns the name of the buffer with the mean of `G Gᵀ` along a dimension.
fn preconditioner(dim: usize) -> &'static str {
    BUFFERS[dim]
}

/// Returns the name of the buffer with the inverse root along a dimension.
fn inverse_root(dim: usize) -> &'static str {
    BUFFERS[2 + dim]
}

/// Constant added to the norm of the preconditioned gradient.
const NORM_EPSILON: f64 = 1e-16;

impl Rule for OneSidedShampoo {
    const STATE: &'static [&'static str] = &BUFFERS;

    fn start(&self, buffer: &str, shape: &[usize]) -> Option<Start> {
        if shape.len() < 2 {
            return None;
        }
        let Some((kind, dim)) = of_dimension(buffer) else {
            return Some(Start::Value(0.0));
        };
        let matrix = HiddenMatrix::of(shape);
        let is_wanted = self.config.side.has(dim, matrix, shape.len());
        let is_kept = kind == "preconditioner" || self.config.precondition_frequency > 1;
        (is_wanted && is_kept).then(|| Start::Zeros(vec![2, matrix.sides[dim], matrix.sides[dim]]))
    }
}

impl TensorRule for OneSidedShampoo {
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
        let OneSidedShampooConfig { beta_1, beta_2, grafting_epsilon, weight_decay, .. } = self.config;
        let (t, shape) = (memory.t(), grad.dims());
        let first = memory.update(FIRST, |first| moving_average(&first, grad.clone(), beta_1));
        let square = grad.clone().square();
        let second = memory.update(SECOND, |second| moving_average(&second, square, beta_2));
        let mean: Tensor<D> = first * (1.0 / (1.0 - power(beta_1, t)));
        let root: Tensor<D> = (second * (1.0 / (1.0 - power(beta_2, t)))).sqrt();
        let adam = mean.clone() / root.add_scalar(grafting_epsilon);
        let sides = HiddenMatrix::of(&shape).sides;
        let step = match self.preconditioned(sides, grad, mean, memory) {
            None => adam,
            Some(step) => {
                let norm = step.iter().map(|x| x * x).sum::<f64>().sqrt() + NORM_EPSILON;
                let direction = step.into_iter().map(|x| x / norm).collect();
                let direction: Tensor<D> = tensor(direction, shape, &theta.device(), theta.dtype());
                direction * adam.square().sum().sqrt().unsqueeze()
            }
        };
        let step = weight_decay::in_step(step, &theta, weight_decay, self.config.cautious_decay);
        theta - step * lr
    }

    fn operations(&self, shape: &[usize]) -> f64 {
        if shape.len() < 2 {
            return 0.0;
        }
        let matrix = HiddenMatrix::of(shape);
        let elements: usize = shape.iter().product();
        let of_dim = |dim: usize| {
            let n = matrix.sides[dim] as f64;
            3.0 * n * elements as f64 + 10.0 * n.powi(3) / self.config.precondition_frequency as f64
        };
        let dims = (0..2).filter(|&dim| self.config.side.has(dim, matrix, shape.len()));
        IN_64_BITS * dims.map(of_dim).sum::<f64>()
    }
}

/// The time of an operation in 64 bits, of one in 32 bits.
const IN_64_BITS: f64 = 2.5;

burn_optimizer!(OneSidedShampoo, crate::rule::tensor_step);

impl Side {
    /// Returns whether the stored dimension `dim` of the matrix of a parameter of rank `rank` has a
    /// preconditioner.
    fn has(self, dim: usize, matrix: HiddenMatrix, rank: usize) -> bool {
        match self {
            Side::Smaller => dim == matrix.smaller_dim(rank),
            Side::Outputs => dim != matrix.input_dim(rank),
            Side::Inputs => dim == matrix.input_dim(rank),
            Side::Both => true,
        }
    }
}

impl OneSidedShampoo {
    /// Updates the preconditioners and, where they are due, the roots; returns the elements of the
    /// preconditioned `mean`, or `None` before the first roots. `sides` are the rows and columns of `grad`.
    fn preconditioned<const D: usize>(
        &self,
        sides: [usize; 2],
        grad: Tensor<D>,
        mean: Tensor<D>,
        memory: &mut TensorMemory<'_>,
    ) -> Option<Vec<f64>> {
        let OneSidedShampooConfig { beta_2, precondition_frequency, .. } = self.config;
        let (t, frequency) = (memory.t(), precondition_frequency as u64);
        let (device, dtype) = (grad.device(), grad.dtype());
        let grad: Vec<f64> = values(grad);
        let mut step = (t >= frequency).then(|| values::<f64, D>(mean));
        for dim in (0..2).filter(|&dim| memory.has(preconditioner(dim))).collect::<Vec<_>>() {
            let lines = Lines::of(&sides, dim);
            let mut sum = read_pair(memory.take(preconditioner(dim)));
            lines.add_gram(&grad, sum.values_mut(), beta_2, 1.0 - beta_2);
            memory.set(preconditioner(dim), write_pair(&sum, &device, dtype));
            let Some(step) = &mut step else { continue };
            let corrected = sum.scaled(1.0 / (1.0 - power(beta_2, t)));
            if frequency == 1 {
                // The product with the root takes less time than the root.
                let unfolded = lines.unfolded(step, Matrix::from_view);
                *step = lines.folded(self.root_times(corrected, &unfolded));
                continue;
            }
            if t.is_multiple_of(frequency) {
                let root = self.root_times(corrected, &Matrix::identity(sides[dim]));
                memory.set(inverse_root(dim), write_pair(&root, &device, dtype));
            }
            *step = lines.multiplied(step, read_pair(memory.get(inverse_root(dim))).view());
        }
        step
    }

    /// Returns the product of the inverse root of a preconditioner and `right`.
    fn root_times(&self, matrix: Matrix, right: &Matrix) -> Matrix {
        let OneSidedShampooConfig { power, epsilon, rank_tolerance, .. } = self.config;
        match epsilon {
            Some(epsilon) => inverse_root_times(matrix, epsilon, power, right),
            None => pseudo_inverse_root_times(&matrix, rank_tolerance, power, right),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{OneSidedShampooConfig, Side};
    use burn::optim::Optimizer;
    use burn::tensor::{Device, Tensor, TensorData};

    /// Returns a matrix of ones of the given shape after two steps along the same gradient.
    fn moved(shape: [usize; 2], grad: Vec<f32>, config: &OneSidedShampooConfig) -> Vec<f32> {
        let device = Device::default();
        let (mut theta, mut state) = (Tensor::<2>::ones(shape, &device), None);
        for _ in 0..2 {
            let grad = Tensor::from_data(TensorData::new(grad.clone(), shape), &device);
            (theta, state) = config.build().unwrap().step(0.5, theta, grad, state);
        }
        theta.into_data().try_to_vec().unwrap()
    }

    #[test]
    fn gradients_of_zeros_leave_only_the_decay() {
        for epsilon in [None, Some(1e-6)] {
            let config = OneSidedShampooConfig { epsilon, ..Default::default() };
            for moved in moved([3, 2], vec![0.0; 6], &config) {
                assert!((moved - 0.95 * 0.95).abs() < 1e-6, "{moved}");
            }
        }
    }

    #[test]
    fn a_gradient_of_rank_one_moves_along_itself_as_far_as_adam() {
        for (shape, side) in [([4, 9], Side::Smaller), ([9, 4], Side::Outputs), ([20, 20], Side::Both)] {
            let config = OneSidedShampooConfig { side, weight_decay: 0.0, ..Default::default() };
            let [rows, columns] = shape;
            let wave = |place: usize| (place as f32 * 0.7 + 1.0).sin();
            let grad: Vec<f32> =
                (0..rows * columns).map(|place| wave(place / columns) * wave(place % columns)).collect();
            let norm = grad.iter().map(|g| g * g).sum::<f32>().sqrt();
            // Adam moves each element by the rate.
            let length = 2.0 * 0.5 * ((rows * columns) as f32).sqrt();
            for (moved, grad) in moved(shape, grad.clone(), &config).into_iter().zip(&grad) {
                let expected = 1.0 - length * grad / norm;
                assert!((moved - expected).abs() < 1e-4, "{shape:?}: {moved}, not {expected}");
            }
        }
    }
}
