//! PSGD Kron: gradients preconditioned by a Kronecker product that is fitted as training goes on.

use crate::Error;
use crate::burn_optimizer;
use crate::rule::{Rule, Start, TensorMemory, TensorRule};
use crate::rules::parts::kron_factors::{FACTORS, Factor, as_matrix, balance, from_matrix, matrix_shape};
use crate::rules::parts::moments::{moving_average, power};
use crate::rules::parts::triangular::norm_bound;
use crate::spec::rule_config;
use burn::tensor::{DType, Device, FloatDType, Tensor, TensorData};
use optlab_core::random::{self, Purpose};
use optlab_core::range::check_seed;
use optlab_core::settings;
use optlab_core::settings::{Search, Settings};
use serde::{Deserialize, Serialize};

settings! {
    /// Settings of [`Kron`].
    pub struct KronConfig {
        /// Decay of the mean of the gradients.
        beta_1: f64 = 0.9, "β₁", in BELOW_ONE, search(1, Search::Momentum);
        /// Weight decay of parameters other than vectors.
        weight_decay: f64 = 0.0, "λ", in NON_NEGATIVE, search(2, Search::WeightDecay);
        /// Updates of the factors per step; none falls from 1 to 0.03.
        update_probability: Option<f64> = None, in POSITIVE_UP_TO_ONE;
        /// Step size of the factors.
        precond_lr: f64 = 0.1, "ρ", in POSITIVE, search(3, Search::Log(0.01, 1.0));
        /// Product of the factors at first.
        precond_init_scale: f64 = 1.0, "s", in POSITIVE;
        /// Largest dimension that has a triangular factor.
        max_precond_dim: usize = 8192, in COUNT;
        /// Dimensions of a matrix that have a diagonal factor, to save memory.
        memory_save_mode: MemorySaveMode = (MemorySaveMode::None) as "`none`",
            allowed "`none`, `smart_one_diag`, `one_diag` or `all_diag`";
        /// Whether the factors are fitted to the mean of the gradients.
        momentum_into_precond_update: bool = true;
        /// Updates of the factors between two balances of their sizes.
        balance_frequency: usize = 100, "b", in COUNT;
        /// Seed of the random probes.
        seed: u64 = 0, allowed "at most 2⁶³ − 1";
    }
}

/// The dimensions of a matrix that have a diagonal factor with [`Kron`], however small they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MemorySaveMode {
    /// No dimension.
    None,
    /// The larger one, unless both are equal.
    SmartOneDiag,
    /// The larger one; the inputs, if both are equal.
    OneDiag,
    /// Both.
    AllDiag,
}

rule_config!(tensor KronConfig, lr 3e-4);

impl KronConfig {
    /// Checks the settings and builds the rule; errors name `owner`.
    pub(crate) fn build_as(&self, owner: &str) -> Result<Kron, Error> {
        self.check(owner)?;
        check_seed(owner, "seed", self.seed)?;
        Ok(Kron { config: self.clone() })
    }
}

/// PSGD Kron: preconditions the mean gradient by a Kronecker product of triangular factors, which is fitted
/// in each step so that preconditioned gradients become white noise (Li, 2015; Walters et al., 2024).
///
/// ```text
/// m₀ = 0, Qⁱ₀ = s^(1/k) I                       for each dimension i of the k of G: 2 of a matrix, 1 of a vector
/// mₜ = β₁ mₜ₋₁ + (1 − β₁) gₜ
/// G  = mₜ / (1 − β₁ᵗ)
/// if the factors are due:
///   every b-th time, for a matrix: Qⁱ = Qⁱ c / cⁱ      cⁱ: the largest |element| of Qⁱ, c = √(c¹ c²)
///   V  has elements of the standard normal distribution
///   G  = G + √(2⁻²³) (mean of |G|) V
///   A  = G ×₁ Q¹ ×₂ Q²                             ×ᵢ: multiplies each line along dimension i
///   B  = V ×₁ (Q¹)⁻ᵀ ×₂ (Q²)⁻ᵀ
///   Qⁱ = Qⁱ − ρ triu(Aⁱ(Aⁱ)ᵀ − Bⁱ(Bⁱ)ᵀ) Qⁱ / ‖Aⁱ(Aⁱ)ᵀ + Bⁱ(Bⁱ)ᵀ‖
/// uₜ = G ×₁ (Q¹)ᵀ Q¹ ×₂ (Q²)ᵀ Q²
/// θₜ = θₜ₋₁ − ηₜ (uₜ min(1, 1.1 / (RMS(uₜ) + 1e-12)) + λ θₜ₋₁)       without λ for vectors
/// ```
///
/// `Aⁱ` is `A` unfolded to rows along dimension `i`, and `‖…‖` a lower bound of the spectral norm: with `M`
/// the matrix and `x` its longest column, `‖M M x‖ / ‖M x‖`. A diagonal factor keeps only the diagonals of
/// the two products, and divides by the largest element of their sum. Without
/// `momentum_into_precond_update`, the gradient plus noise takes the place of `G` in `A` alone.
///
/// The factors are due when the number of steps since the last update is at least `1 / p`, with
/// `update_probability` or `p = min(1, max(0.03, exp(−(t − 501) / 1000)))`: in every step at first, and about
/// every 33rd after 4000 steps.
///
/// A weight `[inputs, outputs]` is a matrix of its outputs, a kernel `[out, in, …]` one whose columns are its
/// last dimension. Triangular are the factors of dimensions of 2 to `max_precond_dim` of a matrix, except for
/// those that `memory_save_mode` makes diagonal.
///
/// `V` is a function of `seed`, the step and its shape, so resuming continues with the same numbers.
///
#[doc = settings_table!()]
///
/// `ηₜ` is the `lr` argument of [`step`](burn::optim::Optimizer::step); the schedule sets it. `V` is drawn,
/// and `B` computed, in 64 bits on the host, which waits for the device in the steps that update factors.
///
/// # Shapes
/// `θ`, `g`, `m`: `[d₁, …, d_D]`, any rank. State: the step number, two numbers, one tensor of the parameter's
/// shape, and for each of the `k` dimensions a triangular factor `[n, n]` or a diagonal one `[n]`.
///
/// # Errors
/// [`KronConfig::build`]: [`Error::InvalidConfig`] if a field is out of range or NaN; `max_precond_dim = 0`;
/// `balance_frequency = 0`.
///
/// # Example
/// Of a constant gradient, large and small elements come to the same size:
/// ```
/// use burn::{optim::Optimizer, tensor::{Device, Tensor}};
///
/// let kron = optlab_optim::KronConfig::default().build()?;
/// let device = Device::default();
/// let grad = Tensor::<1>::from_floats([0.25, 4.0], &device);
/// let (mut theta, mut state) = (Tensor::<1>::zeros([2], &device), None);
/// for _ in 0..200 {
///     (theta, state) = kron.step(0.01, theta, grad.clone(), state);
/// }
/// let (last, _) = kron.step(0.01, theta.clone(), grad, state);
/// let moved: Vec<f32> = (theta - last).into_data().try_to_vec().unwrap();
/// assert!((0.5..2.0).contains(&(moved[0] / moved[1])), "{moved:?}");
/// # Ok::<(), optlab_optim::Error>(())
/// ```
///
/// # Differs from
/// kron_torch: the sizes of factors are balanced after a number of updates, not with a probability of 1 %;
/// `merge_dims` is on and `min_ndim_triangular` is 2. Parameters of the same shape have the same `V`. As
/// there, the noise in `G` is preconditioned, too.
///
/// # Reference
/// Li, *Preconditioned Stochastic Gradient Descent*, 2015, <https://arxiv.org/abs/1512.04202>; code: Walters,
/// Pooladzandi & Li, *kron_torch*, 2024, <https://github.com/evanatyourservice/kron_torch>
#[derive(Debug, Clone)]
pub struct Kron {
    config: KronConfig,
}

const MOMENTUM: &str = "first_moment";

/// The smallest number to divide by.
const TINY: f64 = f32::MIN_POSITIVE as f64;

impl Rule for Kron {
    const STATE: &'static [&'static str] = &[MOMENTUM, FACTORS[0], FACTORS[1]];

    const NUMBERS: &'static [(&'static str, f64)] = &[("steps_since_update", 0.0), ("updates", 0.0)];

    fn start(&self, buffer: &str, shape: &[usize]) -> Option<Start> {
        if buffer == MOMENTUM {
            return Some(Start::Value(0.0));
        }
        // The first step sets the factors to multiples of the identity.
        let factor = self.factors(shape).into_iter().find(|factor| FACTORS[factor.dim] == buffer)?;
        Some(Start::Zeros(vec![factor.size; if factor.is_triangular { 2 } else { 1 }]))
    }
}

impl TensorRule for Kron {
    fn step<const D: usize>(
        &self,
        lr: f64,
        theta: Tensor<D>,
        grad: Tensor<D>,
        memory: &mut TensorMemory<'_>,
    ) -> Tensor<D> {
        let KronConfig { beta_1, weight_decay, momentum_into_precond_update, .. } = self.config;
        let t = memory.t();
        let shape = theta.dims();
        let factors = self.factors(&shape);
        if t == 1 {
            self.start_factors(&factors, memory, &theta.device(), theta.dtype());
        }
        let mean = memory.update(MOMENTUM, |mean: Tensor<D>| moving_average(&mean, grad.clone(), beta_1));
        let mut mean = as_matrix(mean) * (1.0 / (1.0 - power(beta_1, t)));
        if self.is_update_due(t, memory.numbers()) {
            let probe = self.probe(t, mean.dims(), &mean.device(), mean.dtype());
            if factors.len() == 2
                && (memory.numbers()[1] as u64).is_multiple_of(self.config.balance_frequency as u64)
            {
                balance(memory, &factors);
            }
            if momentum_into_precond_update {
                mean = with_noise(mean, &probe);
                self.update_factors(&factors, memory, mean.clone(), probe);
            } else {
                let noisy = with_noise(as_matrix(grad), &probe);
                self.update_factors(&factors, memory, noisy, probe);
            }
        }
        let step = factors.iter().fold(mean, |x, factor| factor.of_gram(memory, x));
        let rms = step.clone().square().mean().sqrt();
        let clip = ((rms + 1e-12).recip() * 1.1).clamp_max(1.0);
        let step = from_matrix::<D>(step * clip.unsqueeze(), shape);
        let decay = if D < 2 { 0.0 } else { lr * weight_decay };
        if decay == 0.0 { theta - step * lr } else { theta * (1.0 - decay) - step * lr }
    }
}

burn_optimizer!(Kron, crate::rule::tensor_step);

impl Kron {
    /// Returns the factors of a parameter.
    fn factors(&self, shape: &[usize]) -> Vec<Factor> {
        let [rows, columns] = matrix_shape(shape);
        let is_diagonal = |dim: usize| match self.config.memory_save_mode {
            MemorySaveMode::None => false,
            MemorySaveMode::SmartOneDiag => rows != columns && dim == usize::from(columns > rows),
            MemorySaveMode::OneDiag => dim == usize::from(columns >= rows),
            MemorySaveMode::AllDiag => true,
        };
        let factor = |(dim, size)| {
            let may_be_triangular = shape.len() > 1 && size > 1 && size <= self.config.max_precond_dim;
            Factor { dim, size, is_triangular: may_be_triangular && !is_diagonal(dim) }
        };
        [rows, columns].into_iter().enumerate().map(factor).take(shape.len()).collect()
    }

    /// Sets the factors to equal multiples of the identity.
    fn start_factors(
        &self,
        factors: &[Factor],
        memory: &mut TensorMemory<'_>,
        device: &Device,
        dtype: DType,
    ) {
        let scale = self.config.precond_init_scale.powf(1.0 / factors.len() as f64);
        for factor in factors {
            if factor.is_triangular {
                let identity = Tensor::<2>::eye(factor.size, device).cast(FloatDType::from(dtype));
                memory.set(FACTORS[factor.dim], identity * scale);
            } else {
                memory.set(FACTORS[factor.dim], Tensor::<1>::full([factor.size], scale, (device, dtype)));
            }
        }
    }

    /// Counts step `t`, and returns whether the factors are updated in it.
    fn is_update_due(&self, t: u64, numbers: &mut [f64]) -> bool {
        let [steps, updates] = numbers else { unreachable!("two numbers") };
        let scheduled = (-(t as f64 - 501.0) / 1000.0).exp().clamp(0.03, 1.0);
        *steps += 1.0;
        let is_due = *steps >= 1.0 / self.config.update_probability.unwrap_or(scheduled);
        if is_due {
            (*steps, *updates) = (0.0, *updates + 1.0);
        }
        is_due
    }

    /// Returns the random numbers of step `t`.
    fn probe(&self, t: u64, shape: [usize; 2], device: &Device, dtype: DType) -> Tensor<2> {
        let mut random = random::stream(self.config.seed, Purpose::Probe, t);
        let values: Vec<f64> = (0..shape[0] * shape[1]).map(|_| random::normal(&mut random)).collect();
        Tensor::from_data(TensorData::new(values, shape), (device, dtype))
    }

    /// Moves the factors towards those that make `A Aᵀ` and `B Bᵀ` equal.
    fn update_factors(
        &self,
        factors: &[Factor],
        memory: &mut TensorMemory<'_>,
        grad: Tensor<2>,
        probe: Tensor<2>,
    ) {
        let a = factors.iter().fold(grad, |x, factor| factor.of(memory, x));
        let b = factors.iter().fold(probe, |x, factor| factor.of_inverse(memory, x));
        for factor in factors {
            let (a, b) = (factor.rows(a.clone()), factor.rows(b.clone()));
            if factor.is_triangular {
                let (a, b) = (a.clone().matmul(a.transpose()), b.clone().matmul(b.transpose()));
                let sum = a.clone() + b.clone();
                let largest = sum.clone().abs().max().clamp_min(TINY);
                let norm = norm_bound(sum, largest).clamp_min(TINY);
                let change = (a - b).triu(0) * self.config.precond_lr / norm.unsqueeze();
                memory.update(FACTORS[factor.dim], |q: Tensor<2>| q.clone() - change.matmul(q));
            } else {
                let [a, b] = [a, b].map(|x| x.square().sum_dim(1).reshape([factor.size]));
                let largest = (a.clone() + b.clone()).max().clamp_min(TINY);
                let change = (a - b) * self.config.precond_lr / largest;
                memory.update(FACTORS[factor.dim], |q: Tensor<1>| q.clone() - change * q);
            }
        }
    }
}

/// Adds a little of the probe, so that no direction has a variance of 0.
fn with_noise(grad: Tensor<2>, probe: &Tensor<2>) -> Tensor<2> {
    let share = f64::from(f32::EPSILON).sqrt();
    let size = grad.clone().abs().mean() * share;
    grad + probe.clone() * size.unsqueeze()
}

#[cfg(test)]
mod tests {
    use super::KronConfig;

    #[test]
    fn factors_are_updated_in_each_of_500_steps_and_then_less_often() {
        let kron = KronConfig::default().build().unwrap();
        let mut numbers = [0.0, 0.0];
        let due: Vec<u64> = (1..=6000).filter(|&t| kron.is_update_due(t, &mut numbers)).collect();
        // At step 502, the probability first falls below 1.
        assert_eq!(due[..502], (1..=501).chain([503]).collect::<Vec<u64>>());
        let last = &due[due.len() - 3..];
        assert_eq!([last[1] - last[0], last[2] - last[1]], [34, 34]);
        assert_eq!(numbers[1], due.len() as f64);
        let kron = KronConfig { update_probability: Some(0.4), ..KronConfig::default() }.build().unwrap();
        let mut numbers = [0.0, 0.0];
        let due: Vec<u64> = (1..=10).filter(|&t| kron.is_update_due(t, &mut numbers)).collect();
        assert_eq!(due, [3, 6, 9]);
    }
}
