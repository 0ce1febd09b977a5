//! ASGO: the mean gradient of each matrix, preconditioned along its smaller side.

use crate::Error;
use crate::burn_optimizer;
use crate::rule::{Rule, Start, TensorMemory, TensorRule};
use crate::rules::parts::hidden_matrix::HiddenMatrix;
use crate::rules::parts::inverse_root::inverse_square_root;
use crate::rules::parts::linear_algebra::{gram, multiply_along};
use crate::rules::parts::moments::moving_average;
use crate::spec::{OptimizerSpec, rule_config};
use burn::tensor::Tensor;
use optlab_core::settings;
use optlab_core::settings::{Search, Settings};

settings! {
    /// Settings of [`Asgo`].
    pub struct AsgoConfig {
        /// Decay of the mean of the gradients.
        momentum: f64 = 0.9, "μ", in BELOW_ONE, search(1, Search::Momentum);
        /// Decay of the preconditioner.
        beta_2: f64 = 0.8, "β₂", in BELOW_ONE, search(3, Search::Decay);
        /// Number of Newton-Schulz iterations that compute the inverse root.
        ns_steps: usize = 10, "N", in ITERATIONS;
        /// Constant added to the diagonal of the preconditioner in its norm.
        epsilon: f64 = 1e-10, "ε", in POSITIVE;
        /// Decoupled weight decay.
        weight_decay: f64 = 0.1, "λ", in NON_NEGATIVE, search(2, Search::WeightDecay);
        /// Rule for parameters that are not matrices of hidden layers; none leaves vectors unchanged.
        other: Option<Box<OptimizerSpec>> = None, allowed "a rule: `other=adamw:beta_1=0.8`";
        /// Learning rate of `other`, relative to this rule's.
        other_lr_factor: f64 = 1.0, in NON_NEGATIVE;
    }
}

rule_config!(with_other AsgoConfig, lr 0.01);

impl AsgoConfig {
    /// Checks the settings and builds the rule; errors name `owner`.
    pub(crate) fn build_as(&self, owner: &str) -> Result<Asgo, Error> {
        self.check(owner)?;
        Ok(Asgo { config: self.clone() })
    }
}

/// ASGO: multiplies the mean gradient of a matrix by the inverse root of the gradients' covariance along its
/// smaller side (An et al., 2025).
///
/// ```text
/// m₀ = 0, V₀ = 0
/// mₜ = μ mₜ₋₁ + (1 − μ) gₜ
/// Vₜ = β₂ Vₜ₋₁ + (1 − β₂) gₜ gₜᵀ                            gₜᵀ gₜ unless there are fewer rows than columns
/// Pₜ = Vₜ^(−1/2) mₜ                                        mₜ Vₜ^(−1/2) likewise
/// θₜ = (1 − ηₜ λ) θₜ₋₁ − ηₜ 0.2 √(rows columns) / ‖Pₜ‖ Pₜ    Frobenius norm
///
/// Vₜ^(−1/2) = Z_N / √s, s = 1.01 ‖Vₜ + ε I‖, from Y₀ = Vₜ / s and Z₀ = I by N iterations
/// Bᵢ = b Zᵢ₋₁ Yᵢ₋₁ + c (Zᵢ₋₁ Yᵢ₋₁)²,  Yᵢ = a Yᵢ₋₁ + Yᵢ₋₁ Bᵢ,  Zᵢ = a Zᵢ₋₁ + Bᵢ Zᵢ₋₁
/// ```
///
/// `a, b, c` of each iteration are those of [Polar Express](crate::CoefficientSet::PolarExpress). The root
/// mean square of a step is `0.2 ηₜ`, about that of AdamW, so AdamW's learning rates fit.
///
#[doc = settings_table!()]
///
/// `ηₜ` is the `lr` argument of [`step`](burn::optim::Optimizer::step); the schedule sets it. Rows and
/// columns, and the parameters that `other` moves are as in [`Muon`](crate::Muon). The iterations are four
/// products of matrices of the smaller side each, on the device and in the type of the parameter. Directions
/// whose eigenvalue of `V` is far below `2⁻²² s` (`1e-9 s` in 64 bits) are all multiplied by about the same
/// number.
///
/// # Shapes
/// `θ`, `g`, `m`: `[d₁, …, d_D]`, `D ≥ 2`; `V`: `[n, n]`, `n` the smaller of rows and columns. State: the
/// step number and both for each matrix.
///
/// # Errors
/// [`AsgoConfig::build`]: [`Error::InvalidConfig`] if a field is out of range or NaN; `ns_steps = 0`.
/// [`rules`](crate::spec::RuleConfig::rules) checks the fields of `other`; its errors name that rule.
///
/// # Example
/// The first step is orthogonal: singular values of 8 and 2 become equal, and the root mean square of the
/// step is a fifth of the learning rate:
/// ```
/// use burn::{optim::Optimizer, tensor::{Device, Tensor}};
///
/// let asgo = optlab_optim::AsgoConfig::default().build()?;
/// let device = Device::default();
/// let grad = Tensor::<2>::from_floats([[8.0, 0.0], [0.0, 2.0]], &device);
/// let (theta, _) = asgo.step(1.0, Tensor::zeros([2, 2], &device), grad, None);
/// let moved: Vec<f32> = theta.into_data().try_to_vec().unwrap();
/// let expected = -0.2 * 2.0_f32.sqrt();
/// assert!((moved[0] - expected).abs() < 1e-4 && (moved[3] - expected).abs() < 1e-4);
/// assert_eq!(moved[1..3], [0.0, 0.0]);
/// # Ok::<(), optlab_optim::Error>(())
/// ```
///
/// # Differs from
/// Its authors' code: `2⁻²² s` is added to the diagonal of `Y₀` (`2⁻⁵¹ s` in 64 bits). Without it, the
/// iterations diverge in the negative eigenvalues that rounding makes of those of 0, which a gradient of
/// lower rank than the smaller side has; where the root is not finite, the code takes the identity for it.
/// After gradients of zeros only the decay moves a matrix; in the code it becomes NaN. Kernels are matrices
/// with a row for each output; the code refuses them. The paper: its first algorithm sums `gₜ gₜᵀ`, has no
/// momentum and no length, and adds `ε I` to `V^(1/2)`.
///
/// # Reference
/// An et al., *ASGO: Adaptive Structured Gradient Optimization*, 2025, <https://arxiv.org/abs/2503.20762>;
/// code: <https://github.com/infinity-stars/ASGO>, whose class and configuration have the same defaults
#[derive(Debug, Clone)]
pub struct Asgo {
    config: AsgoConfig,
}

/// The name of the buffer with the mean of the gradients.
const MEAN: &str = "first_moment";

/// The name of the buffer with the mean of `G Gᵀ` along the smaller side.
const PRECONDITIONER: &str = "preconditioner";

/// The lower bound of the norm that a step is divided by.
const LEAST_NORM: f64 = 1e-30;

impl Rule for Asgo {
    const STATE: &'static [&'static str] = &[MEAN, PRECONDITIONER];

    fn start(&self, buffer: &str, shape: &[usize]) -> Option<Start> {
        (shape.len() >= 2).then(|| match buffer {
            PRECONDITIONER => {
                let HiddenMatrix { outputs, inputs, .. } = HiddenMatrix::of(shape);
                Start::Zeros(vec![outputs.min(inputs); 2])
            }
            _ => Start::Value(0.0),
        })
    }
}

impl TensorRule for Asgo {
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
        let AsgoConfig { momentum, beta_2, ns_steps, epsilon, weight_decay, .. } = self.config;
        let shape = grad.dims();
        let matrix = HiddenMatrix::of(&shape);
        let dim = matrix.smaller_dim(D);
        let mean = memory.update(MEAN, |mean: Tensor<D>| moving_average(&mean, grad.clone(), momentum));
        let square = gram(grad.reshape(matrix.sides), dim);
        let preconditioner =
            memory.update(PRECONDITIONER, |mean: Tensor<2>| moving_average(&mean, square, beta_2));
        let root = inverse_square_root(preconditioner, epsilon, ns_steps);
        let step = multiply_along(root, mean.reshape(matrix.sides), dim);
        let norm = step.clone().square().sum().sqrt().clamp_min(LEAST_NORM);
        let length = 0.2 * (matrix.outputs as f64 * matrix.inputs as f64).sqrt();
        let step = (step / norm.unsqueeze()).reshape(shape);
        theta * (1.0 - lr * weight_decay) - step * (lr * length)
    }

    fn operations(&self, shape: &[usize]) -> f64 {
        if shape.len() < 2 {
            return 0.0;
        }
        let HiddenMatrix { outputs, inputs, .. } = HiddenMatrix::of(shape);
        let (short, long) = (outputs.min(inputs) as f64, outputs.max(inputs) as f64);
        // Two products with the matrix, and four of the small square for each iteration.
        4.0 * short * short * long + 8.0 * short.powi(3) * self.config.ns_steps as f64
    }
}

burn_optimizer!(Asgo, crate::rule::tensor_step);

#[cfg(test)]
mod tests {
    use super::AsgoConfig;
    use burn::optim::Optimizer;
    use burn::tensor::{Device, Tensor, TensorData};

    /// Returns a matrix of ones of the given shape after two steps along the same gradient.
    fn moved(shape: [usize; 2], grad: Vec<f32>, config: &AsgoConfig) -> Vec<f32> {
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
        for moved in moved([3, 2], vec![0.0; 6], &AsgoConfig::default()) {
            assert!((moved - 0.95 * 0.95).abs() < 1e-6, "{moved}");
        }
    }

    #[test]
    fn a_gradient_of_rank_one_moves_along_itself_by_a_fifth_of_the_rate_in_root_mean_square() {
        let config = AsgoConfig { weight_decay: 0.0, ..AsgoConfig::default() };
        for shape in [[4, 9], [9, 4], [30, 30]] {
            let [rows, columns] = shape;
            let wave = |place: usize| (place as f32 * 0.7 + 1.0).sin();
            let grad: Vec<f32> =
                (0..rows * columns).map(|place| wave(place / columns) * wave(place % columns)).collect();
            let norm = grad.iter().map(|g| g * g).sum::<f32>().sqrt();
            let length = 2.0 * 0.5 * 0.2 * ((rows * columns) as f32).sqrt();
            for (moved, grad) in moved(shape, grad.clone(), &config).into_iter().zip(&grad) {
                let expected = 1.0 - length * grad / norm;
                assert!((moved - expected).abs() < 5e-3, "{shape:?}: {moved}, not {expected}");
            }
        }
    }
}
