//! SOAP: Adam in the eigenbasis of Shampoo's preconditioners.

use crate::Error;
use crate::burn_optimizer;
use crate::rule::{Rule, Start, TensorMemory, TensorRule};
use crate::rules::parts::eigenbasis::{first_basis, next_basis};
use crate::rules::parts::linear_algebra::{
    Lines, Matrix, gram, multiply_along, of_dimension, read, tensor, values, write,
};
use crate::rules::parts::moments::{moving_average, power};
use crate::rules::parts::slices;
use crate::spec::rule_config;
use burn::tensor::{Int, Tensor, TensorData};
use optlab_core::settings;
use optlab_core::settings::{Search, Settings};
use optlab_kernel::is_on_host;

settings! {
    /// Settings of [`Soap`].
    pub struct SoapConfig {
        /// Decay of the first moment.
        beta_1: f64 = 0.95, "β₁", in BELOW_ONE, search(1, Search::Momentum);
        /// Decay of the second moment and of the preconditioners.
        beta_2: f64 = 0.95, "β₂", in BELOW_ONE, search(2, Search::Decay);
        /// Constant added to the denominator.
        epsilon: f64 = 1e-8, "ε", in POSITIVE;
        /// Decoupled weight decay.
        weight_decay: f64 = 0.01, "λ", in NON_NEGATIVE, search(3, Search::WeightDecay);
        /// Steps between two updates of the basis.
        precondition_frequency: usize = 10, "f", in COUNT;
        /// Whether vectors have a basis too.
        precondition_1d: bool = false;
        /// Largest dimension that has a basis.
        max_precond_dim: usize = 10_000, in COUNT;
    }
}

rule_config!(tensor SoapConfig, lr 3e-3);

impl SoapConfig {
    /// Checks the settings and builds the rule; errors name `owner`.
    pub(crate) fn build_as(&self, owner: &str) -> Result<Soap, Error> {
        self.check(owner)?;
        Ok(Soap { config: self.clone() })
    }
}

/// SOAP: Adam in a basis in which the gradient's covariance along each dimension is approximately diagonal
/// (Vyas et al., 2024).
///
/// ```text
/// m = 0, v = 0, Hⁱ = 0 at first                            for each dimension i that has a basis
/// H₁ⁱ = (1 − β₂) G₁ⁱ (G₁ⁱ)ᵀ, Q₁ⁱ = its eigenvectors, θ₁ = θ₀      the first step moves nothing
///
/// in step t = s + 1 = 2, 3, …, with P(x) = x ×₁ (Q¹)ᵀ … ×ₖ (Qᵏ)ᵀ, with the Q of the previous step:
/// mₜ = β₁ mₜ₋₁ + (1 − β₁) gₜ
/// vₜ = β₂ vₜ₋₁ + (1 − β₂) P(gₜ)²
/// θₜ = (1 − ηₜ λ) (θₜ₋₁ − ηₜ √(1 − β₂ˢ) / (1 − β₁ˢ) P⁻¹(P(mₜ) / (√vₜ + ε)))
/// Hₜⁱ = β₂ Hₜ₋₁ⁱ + (1 − β₂) Gₜⁱ (Gₜⁱ)ᵀ                        Gⁱ: g unfolded to rows along dimension i
/// if f divides s: sort the columns q of Qⁱ, and v with them, so that qᵀ Hₜⁱ q decreases; Qⁱ = QR(Hₜⁱ Qⁱ)
/// ```
///
#[doc = settings_table!()]
///
/// `ηₜ` is the `lr` argument of [`step`](burn::optim::Optimizer::step); the schedule sets it.
///
/// A dimension larger than `max_precond_dim` has no basis (`Q = I`), and a vector has one only with
/// `precondition_1d`. The moments are stored in the bases, so a step rotates the gradient once forward and
/// once back. In the first step the basis is computed in 64 bits; for a matrix with fewer columns than half
/// its rows from the eigenvectors of the smaller `Gᵀ G`. All else is computed in the precision of the
/// parameter. A basis is updated in one step, which takes time proportional to `Σ dᵢ³`: 15 times as long as
/// another step for a matrix of 1,600 rows and 128 columns.
///
/// # Shapes
/// `θ`, `g`, `m`, `v`: `[d₁, …, d_k]`, any rank. State: the step number, two tensors of the parameter's
/// shape, and two matrices `[dᵢ, dᵢ]` for each dimension that has a basis: `H`, of which only the lower
/// triangle is read, and the basis, a vector in each row.
///
/// # Errors
/// [`SoapConfig::build`]: [`Error::InvalidConfig`] if a field is out of range or NaN;
/// `precondition_frequency = 0`; `max_precond_dim = 0`.
///
/// # Example
/// The first step moves nothing. For a constant gradient of rank 1, the second step moves by the learning
/// rate along the gradient's direction, whatever its orientation to the axes:
/// ```
/// use burn::{optim::Optimizer, tensor::{Device, Tensor}};
///
/// let soap = optlab_optim::SoapConfig { epsilon: 0.01, weight_decay: 0.0, ..Default::default() }.build()?;
/// let device = Device::default();
/// let grad = Tensor::<2>::from_floats([[48.0, 36.0], [64.0, 48.0]], &device);
/// let (theta, state) = soap.step(0.5, Tensor::zeros([2, 2], &device), grad.clone(), None);
/// assert_eq!(theta.clone().abs().sum().into_scalar::<f32>(), 0.0);
/// let (theta, _) = soap.step(0.5, theta, grad, state);
/// let moved: Vec<f32> = theta.into_data().try_to_vec().unwrap();
/// for (moved, expected) in moved.into_iter().zip([0.24, 0.18, 0.32, 0.24]) {
///     assert!((moved + expected).abs() < 1e-3);
/// }
/// # Ok::<(), optlab_optim::Error>(())
/// ```
///
/// # Differs from
/// Its authors' code: the settings `shampoo_beta` (here `β₂`), `merge_dims`, `normalize_grads`,
/// `correct_bias` and `data_format` have their defaults; the first basis is computed in 64 bits.
///
/// # Reference
/// Vyas et al., *SOAP: Improving and Stabilizing Shampoo using Adam*, 2024,
/// <https://arxiv.org/abs/2409.11321>; code: <https://github.com/nikhilvyas/SOAP>
#[derive(Debug, Clone)]
pub struct Soap {
    config: SoapConfig,
}

/// The buffers: the mean of `G Gᵀ` along each dimension, the basis of each, and the moments in the bases.
const BUFFERS: [&str; 18] = [
    "preconditioner_0",
    "preconditioner_1",
    "preconditioner_2",
    "preconditioner_3",
    "preconditioner_4",
    "preconditioner_5",
    "preconditioner_6",
    "preconditioner_7",
    "eigenvectors_0",
    "eigenvectors_1",
    "eigenvectors_2",
    "eigenvectors_3",
    "eigenvectors_4",
    "eigenvectors_5",
    "eigenvectors_6",
    "eigenvectors_7",
    FIRST,
    SECOND,
];
const FIRST: &str = "rotated_first_moment";
const SECOND: &str = "rotated_second_moment";

/// Returns the name of the buffer with the mean of `G Gᵀ` along a dimension.
fn covariance(dim: usize) -> &'static str {
    BUFFERS[dim]
}

/// Returns the name of the buffer with the basis of a dimension.
fn basis(dim: usize) -> &'static str {
    BUFFERS[8 + dim]
}

impl Rule for Soap {
    const STATE: &'static [&'static str] = &BUFFERS;

    fn start(&self, buffer: &str, shape: &[usize]) -> Option<Start> {
        let Some((_, dim)) = of_dimension(buffer) else {
            return Some(Start::Value(0.0));
        };
        let size = *shape.get(dim)?;
        let has_basis =
            size <= self.config.max_precond_dim && (shape.len() > 1 || self.config.precondition_1d);
        has_basis.then(|| Start::Zeros(vec![size; 2]))
    }
}

impl TensorRule for Soap {
    fn step<const D: usize>(
        &self,
        lr: f64,
        theta: Tensor<D>,
        grad: Tensor<D>,
        memory: &mut TensorMemory<'_>,
    ) -> Tensor<D> {
        if is_on_host(&grad) && is_on_host(&theta) {
            return self.step_on_slices(lr, theta, grad, memory);
        }
        let SoapConfig { beta_1, beta_2, epsilon, .. } = self.config;
        // The first step only initializes the basis from the gradient.
        let steps = memory.t() - 1;
        let theta = if steps == 0 {
            theta
        } else {
            let rotated = into_basis(grad.clone(), memory);
            let first = memory.update(FIRST, |first| moving_average(&first, rotated.clone(), beta_1));
            let second = memory.update(SECOND, |second| moving_average(&second, rotated.square(), beta_2));
            let direction = out_of_basis(first / (second.sqrt() + epsilon), memory);
            (theta - direction * self.factor(lr, steps)) * self.decay(lr)
        };
        let is_due = self.is_due(steps);
        let first = is_due.then(|| out_of_basis(memory.get::<D>(FIRST), memory));
        for dim in (0..D).filter(|&dim| self.has_basis(&grad.dims(), dim)) {
            let square = gram(grad.clone(), dim);
            memory.update(covariance(dim), |mean: Tensor<2>| moving_average(&mean, square, beta_2));
            if steps == 0 {
                let rows: Matrix = Lines::of(&grad.dims(), dim)
                    .unfolded(&values::<f64, D>(grad.clone()), |view| first_basis(Matrix::from_view(view)));
                memory.set(basis(dim), write(&rows, &grad.device(), grad.dtype()));
            } else if is_due {
                let mut mean = read(memory.get(covariance(dim)));
                let (rows, order) = next_basis(&mut mean, &read(memory.get(basis(dim))));
                memory.set(basis(dim), write(&rows, &grad.device(), grad.dtype()));
                let order: Vec<i64> = order.into_iter().map(|place| place as i64).collect();
                let order = TensorData::new(order, [rows.nrows()]);
                let order = Tensor::<1, Int>::from_data(order, &grad.device());
                memory.update(SECOND, |second: Tensor<D>| second.select(dim, order));
            }
        }
        if let Some(first) = first {
            memory.set(FIRST, into_basis(first, memory));
        }
        theta
    }

    fn operations(&self, shape: &[usize]) -> f64 {
        let elements: usize = shape.iter().product();
        let of_dim = |dim: usize| {
            let n = shape[dim] as f64;
            // Two rotations and half of `G Gᵀ`; a product and a factorization.
            5.0 * n * elements as f64 + 6.0 * n.powi(3) / self.config.precondition_frequency as f64
        };
        (0..shape.len()).filter(|&dim| self.has_basis(shape, dim)).map(of_dim).sum()
    }
}

impl Soap {
    /// Returns whether a dimension of a parameter has a basis.
    fn has_basis(&self, shape: &[usize], dim: usize) -> bool {
        shape[dim] <= self.config.max_precond_dim && (shape.len() > 1 || self.config.precondition_1d)
    }

    /// Returns whether the bases are updated at the end of the step after `steps` others.
    fn is_due(&self, steps: u64) -> bool {
        steps > 0 && steps.is_multiple_of(self.config.precondition_frequency as u64)
    }

    /// Returns the factor of the direction, with both bias corrections.
    fn factor(&self, lr: f64, steps: u64) -> f64 {
        let SoapConfig { beta_1, beta_2, .. } = self.config;
        lr * (1.0 - power(beta_2, steps)).sqrt() / (1.0 - power(beta_1, steps))
    }

    /// Returns the share of the parameter that weight decay keeps.
    fn decay(&self, lr: f64) -> f64 {
        1.0 - lr * self.config.weight_decay
    }

    /// Makes the same step on slices, without copies of the state.
    fn step_on_slices<const D: usize>(
        &self,
        lr: f64,
        theta: Tensor<D>,
        grad: Tensor<D>,
        memory: &mut TensorMemory<'_>,
    ) -> Tensor<D> {
        let (shape, device, dtype) = (grad.dims(), grad.device(), grad.dtype());
        let steps = memory.t() - 1;
        let dims: Vec<usize> = (0..D).filter(|&dim| self.has_basis(&shape, dim)).collect();
        let grad: Vec<f32> = values(grad);
        let mut bases: Vec<Matrix<f32>> = dims
            .iter()
            .map(|&dim| Matrix::from_vec(values(memory.take::<2>(basis(dim))), shape[dim], shape[dim]))
            .collect();
        let rotated = |bases: &[Matrix<f32>], from: Vec<f32>, back: bool| {
            dims.iter().zip(bases).fold(from, |from, (&dim, basis)| {
                let basis = if back { basis.view().t() } else { basis.view() };
                Lines::of(&shape, dim).multiplied(&from, basis)
            })
        };
        let (mut first, mut second) =
            (values::<f32, D>(memory.take(FIRST)), values::<f32, D>(memory.take(SECOND)));
        let mut theta = theta;
        if steps > 0 {
            let mut direction = rotated(&bases, grad.clone(), false);
            let SoapConfig { beta_1, beta_2, epsilon, .. } = self.config;
            slices::normalize(&mut direction, &mut first, &mut second, [beta_1, beta_2, epsilon]);
            let direction = rotated(&bases, direction, true);
            let decay = self.decay(lr);
            theta = slices::moved(theta, &direction, self.factor(lr, steps) * decay, decay);
        }
        let is_due = self.is_due(steps);
        if is_due {
            first = rotated(&bases, first, true);
        }
        for (&dim, basis) in dims.iter().zip(&mut bases) {
            let lines = Lines::of(&shape, dim);
            let mut mean =
                Matrix::from_vec(values(memory.take::<2>(covariance(dim))), shape[dim], shape[dim]);
            lines.add_gram(&grad, mean.values_mut(), self.config.beta_2, 1.0 - self.config.beta_2);
            if steps == 0 {
                let rows = lines.unfolded(&grad, |view| first_basis(Matrix::from_view(view).to_64_bits()));
                *basis = Matrix::from_fn(shape[dim], shape[dim], |row, column| rows[(row, column)] as f32);
            } else if is_due {
                let (rows, order) = next_basis(&mut mean, basis);
                *basis = rows;
                second = lines.reordered(&second, &order);
            }
            memory.set(covariance(dim), tensor(mean.into_values(), [shape[dim]; 2], &device, dtype));
        }
        if is_due {
            first = rotated(&bases, first, false);
        }
        for (&dim, rows) in dims.iter().zip(bases) {
            memory.set(basis(dim), tensor(rows.into_values(), [shape[dim]; 2], &device, dtype));
        }
        memory.set(FIRST, tensor(first, shape, &device, dtype));
        memory.set(SECOND, tensor(second, shape, &device, dtype));
        theta
    }
}

burn_optimizer!(Soap, crate::rule::tensor_step);

/// Transforms the tensor into the bases of its dimensions.
fn into_basis<const D: usize>(tensor: Tensor<D>, memory: &TensorMemory<'_>) -> Tensor<D> {
    (0..D)
        .filter(|&dim| memory.has(basis(dim)))
        .fold(tensor, |tensor, dim| multiply_along(memory.get(basis(dim)), tensor, dim))
}

/// Inverts [`into_basis`].
fn out_of_basis<const D: usize>(tensor: Tensor<D>, memory: &TensorMemory<'_>) -> Tensor<D> {
    (0..D)
        .filter(|&dim| memory.has(basis(dim)))
        .fold(tensor, |tensor, dim| multiply_along(memory.get::<2>(basis(dim)).transpose(), tensor, dim))
}

#[cfg(test)]
mod tests {
    use super::{Soap, SoapConfig};
    use crate::rules::AdamConfig;
    use burn::optim::Optimizer;
    use burn::tensor::{Device, Tensor, TensorData};

    fn soap(change: impl FnOnce(&mut SoapConfig)) -> Soap {
        let mut config = SoapConfig { weight_decay: 0.0, precondition_frequency: 2, ..SoapConfig::default() };
        change(&mut config);
        config.build().unwrap()
    }

    /// Returns the parameter after each step of `rule`, from 0 along gradients of the given shape.
    fn trajectory<const D: usize>(rule: &impl Optimizer, shape: [usize; D], first: usize) -> Vec<Vec<f32>> {
        let device = Device::default();
        let size: usize = shape.iter().product();
        let (mut theta, mut state) = (Tensor::<D>::zeros(shape, &device), None);
        let mut places = Vec::new();
        for t in first..9 {
            let grad: Vec<f32> = (0..size).map(|i| ((i * i + 5 * t) as f32 * 0.7).sin()).collect();
            let grad = Tensor::from_data(TensorData::new(grad, shape), &device);
            (theta, state) = rule.step(0.1, theta, grad, state);
            places.push(theta.clone().into_data().try_to_vec().unwrap());
        }
        places
    }

    fn assert_close(given: &[Vec<f32>], expected: &[Vec<f32>]) {
        for (t, (given, expected)) in given.iter().zip(expected).enumerate() {
            let is_close = given.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-5);
            assert!(is_close, "step {t}: {given:?}, not {expected:?}");
        }
    }

    #[test]
    fn a_vector_moves_as_with_adam_from_the_second_gradient_on() {
        let adam = AdamConfig { beta_1: 0.95, beta_2: 0.95, ..AdamConfig::default() }.build().unwrap();
        let given = trajectory(&soap(|_| {}), [5], 0);
        assert_eq!(given[0], [0.0; 5]);
        let expected = trajectory(&adam, [5], 1);
        assert_close(&given[1..], &expected);
        // A matrix without a dimension small enough for a basis also moves as with Adam.
        assert_close(&trajectory(&soap(|config| config.max_precond_dim = 1), [5, 2], 0)[1..], &{
            trajectory(&adam, [5, 2], 1)
        });
    }

    #[test]
    fn a_vector_with_a_basis_moves_as_a_matrix_of_one_row() {
        let given = trajectory(&soap(|config| config.precondition_1d = true), [5], 0);
        assert_close(&given, &trajectory(&soap(|_| {}), [1, 5], 0));
        assert_ne!(given, trajectory(&soap(|_| {}), [5], 0));
        // The basis of one element is ±1.
        let too_long = soap(|config| (config.precondition_1d, config.max_precond_dim) = (true, 4));
        assert_close(&trajectory(&too_long, [5], 0), &trajectory(&soap(|_| {}), [5], 0));
    }

    #[test]
    fn without_a_gradient_nothing_moves() {
        let device = Device::default();
        let (mut theta, mut state) = (Tensor::<2>::ones([3, 2], &device), None);
        for _ in 0..5 {
            let grad = Tensor::zeros([3, 2], &device);
            (theta, state) = soap(|_| {}).step(0.1, theta, grad, state);
        }
        assert_eq!(theta.into_data().try_to_vec::<f32>().unwrap(), [1.0; 6]);
    }
}
