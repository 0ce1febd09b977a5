//! SOAP-Muon: Adam's step in Shampoo's eigenbasis, orthogonalized.

use crate::Error;
use crate::burn_optimizer;
use crate::rule::{Rule, Start, TensorMemory, TensorRule};
use crate::rules::parts::eigenbasis;
use crate::rules::parts::hidden_matrix::HiddenMatrix;
use crate::rules::parts::linear_algebra::{eigen, gram, multiply_along, of_dimension, read, write};
use crate::rules::parts::moments::{moving_average, power};
use crate::rules::parts::newton_schulz::{quintic, refined};
use crate::rules::parts::weight_decay;
use crate::spec::{OptimizerSpec, rule_config};
use burn::tensor::{Int, Tensor, TensorData};
use optlab_core::settings;
use optlab_core::settings::{Search, Settings};

settings! {
    /// Settings of [`SoapMuon`].
    pub struct SoapMuonConfig {
        /// Decay of the first moment.
        beta_1: f64 = 0.95, "β₁", in BELOW_ONE, search(1, Search::Momentum);
        /// Decay of the second moment and of the preconditioners.
        beta_2: f64 = 0.98, "β₂", in BELOW_ONE, search(2, Search::Decay);
        /// Constant added to the denominator.
        epsilon: f64 = 1e-15, "ε", in POSITIVE;
        /// Decoupled weight decay.
        weight_decay: f64 = 0.0, "λ", in NON_NEGATIVE, search(3, Search::WeightDecay);
        /// Whether to use Nesterov momentum.
        nesterov: bool = false, search(4, Search::Flag);
        /// Steps between two updates of the bases.
        precondition_frequency: usize = 10, "f", in COUNT;
        /// Largest dimension that has a basis.
        max_precond_dim: usize = 10_000, in COUNT;
        /// Whether only the smaller dimension has a basis, unless both are equal.
        smaller_side_only: bool = false;
        /// Number of quintic Newton-Schulz iterations.
        ns_steps: usize = 5, "N", in ITERATIONS;
        /// Rule for parameters that are not matrices of hidden layers; none leaves vectors unchanged.
        other: Option<Box<OptimizerSpec>> = None, allowed "a rule: `other=adamw:beta_1=0.8`";
        /// Learning rate of `other`, relative to this rule's.
        other_lr_factor: f64 = 1.0, in NON_NEGATIVE;
    }
}

rule_config!(with_other SoapMuonConfig, lr 1e-3);

impl SoapMuonConfig {
    /// Checks the settings and builds the rule; errors name `owner`.
    pub(crate) fn build_as(&self, owner: &str) -> Result<SoapMuon, Error> {
        self.check(owner)?;
        Ok(SoapMuon { config: self.clone() })
    }
}

/// SOAP-Muon: SOAP's step, orthogonalized in the eigenbasis of the gradients' covariances and made more even
/// by the roots of its elements (Vyas et al., 2025).
///
/// ```text
/// m = 0, v = 0, Hⁱ = 0 at first                                for both dimensions i of a matrix G
/// H₁ⁱ = (1 − β₂) G₁ⁱ (G₁ⁱ)ᵀ, Q₁ⁱ = its eigenvectors, θ₁ = θ₀     the first step moves nothing
///
/// in step t = s + 1 = 2, 3, …, with P(x) = (Q¹)ᵀ x Q², with the Q of the previous step:
/// mₜ = β₁ mₜ₋₁ + (1 − β₁) gₜ
/// vₜ = β₂ vₜ₋₁ + (1 − β₂) P(gₜ)²
/// n  = mₜ, with nesterov mₜ + (1 − β₁) gₜ
/// X₀ = U / (‖U‖ + 1e-7), U = P(n) / (√vₜ + ε)
/// Xᵢ = a Xᵢ₋₁ + (b A + c A²) Xᵢ₋₁,  A = Xᵢ₋₁ Xᵢ₋₁ᵀ   for i = 1 … N, with a = 3.4445, b = −4.775, c = 2.0315
/// Xᵢ = 1.5 Xᵢ₋₁ − 0.5 A Xᵢ₋₁                                  for i = N + 1, N + 2
/// Y  = sign(X) √|X|, element by element, of the last X
/// u  = P⁻¹(Y / ‖Y‖) √min(rows, columns) √max(1, rows / columns)
/// θₜ = (1 − ηₜ λ) (θₜ₋₁ − ηₜ √(1 − β₂ˢ) / (1 − β₁ˢ) u)
/// Hₜⁱ = β₂ Hₜ₋₁ⁱ + (1 − β₂) Gₜⁱ (Gₜⁱ)ᵀ                          G¹ = G, G² = Gᵀ
/// if f divides s: sort the columns q of Qⁱ, and v with them, so that qᵀ Hₜⁱ q decreases; Qⁱ = QR(Hₜⁱ Qⁱ)
/// ```
///
/// The rows of a matrix are its outputs; a kernel `[out, in, …]` is a matrix of `out` rows.
///
#[doc = settings_table!()]
///
/// `ηₜ` is the `lr` argument of [`step`](burn::optim::Optimizer::step); the schedule sets it. Without
/// `other`, every parameter of rank 2 or more is moved, and vectors do not change. With `other`, that rule
/// moves vectors, embeddings and the last matrix of the model, at `other_lr_factor` times the rate.
///
/// A dimension larger than `max_precond_dim` has no basis (`Q = I`), nor has the larger one with
/// `smaller_side_only`, which the authors use for transformers. The bases are computed in 64 bits on the
/// host, which takes time proportional to the sum of the cubes of these dimensions in the first step and in
/// every `f`-th.
///
/// # Shapes
/// `θ`, `g`, `m`, `v`: `[d₁, …, d_k]`, `k ≥ 2`. State: the step number, two tensors of the parameter's shape,
/// and two matrices `[n, n]` for each dimension of the matrix that has a basis.
///
/// # Errors
/// [`SoapMuonConfig::build`]: [`Error::InvalidConfig`] if a field is out of range or NaN; `ns_steps = 0`;
/// `precondition_frequency = 0`; `max_precond_dim = 0`. [`rules`](crate::spec::RuleConfig::rules) checks the
/// fields of `other`; its errors name that rule.
///
/// # Example
/// The first step moves nothing. The second one has the norm of an orthogonal matrix, for any gradient:
/// ```
/// use burn::{optim::Optimizer, tensor::{Device, Tensor}};
///
/// let soap_muon = optlab_optim::SoapMuonConfig { beta_1: 0.98, ..Default::default() }.build()?;
/// let device = Device::default();
/// let grad = Tensor::<2>::from_floats([[8.0, 1.0], [-3.0, 2.0]], &device);
/// let (theta, state) = soap_muon.step(1.0, Tensor::zeros([2, 2], &device), grad.clone(), None);
/// assert_eq!(theta.clone().abs().sum().into_scalar::<f32>(), 0.0);
/// let (theta, _) = soap_muon.step(1.0, theta, grad, state);
/// let norm: f32 = theta.square().sum().sqrt().into_scalar();
/// // √(1 − β₂) / (1 − β₁) times √2.
/// assert!((norm - 2.0_f32.sqrt() / 0.02_f32.sqrt()).abs() < 1e-4);
/// # Ok::<(), optlab_optim::Error>(())
/// ```
///
/// # Differs from
/// Its authors' code for nanoGPT: the basis is computed in 64 bits; kernels are moved; `shampoo_beta` is
/// `β₂`, `correct_bias` is on; of `projection_type`, `full` and `std` (`smaller_side_only`) are available.
///
/// # Reference
/// Vyas, Zhao, Morwani, Kwun & Kakade, *Improving SOAP using Iterative Whitening and Muon*, 2025,
/// <https://nikhilvyas.github.io/SOAP_Muon.pdf>; code: <https://github.com/nikhilvyas/SOAP_MUON>
#[derive(Debug, Clone)]
pub struct SoapMuon {
    config: SoapMuonConfig,
}

/// The buffers: the mean of `G Gᵀ` along each dimension, the basis of each, and the moments.
const BUFFERS: [&str; 6] = ["preconditioner_0", "preconditioner_1", "basis_0", "basis_1", FIRST, SECOND];
const FIRST: &str = "first_moment";
const SECOND: &str = "second_moment";

/// Number of cubic iterations after the quintic ones.
const CUBIC_STEPS: usize = 2;

/// Returns the name of the buffer with the mean of `G Gᵀ` along a dimension.
fn covariance(dim: usize) -> &'static str {
    BUFFERS[dim]
}

/// Returns the name of the buffer with the basis of a dimension.
fn basis(dim: usize) -> &'static str {
    BUFFERS[2 + dim]
}

impl Rule for SoapMuon {
    const STATE: &'static [&'static str] = &BUFFERS;

    fn start(&self, buffer: &str, shape: &[usize]) -> Option<Start> {
        if shape.len() < 2 {
            return None;
        }
        let sides = HiddenMatrix::of(shape).sides;
        match of_dimension(buffer) {
            None => Some(Start::Zeros(sides.to_vec())),
            Some((_, dim)) => {
                let SoapMuonConfig { max_precond_dim, smaller_side_only, .. } = self.config;
                let is_wanted = !smaller_side_only || sides[dim] <= sides[1 - dim];
                (is_wanted && sides[dim] <= max_precond_dim).then(|| Start::Zeros(vec![sides[dim]; 2]))
            }
        }
    }
}

impl TensorRule for SoapMuon {
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
        let SoapMuonConfig { beta_1, beta_2, weight_decay, precondition_frequency, .. } = self.config;
        // The first step only initializes the bases from the gradient.
        let steps = memory.t() - 1;
        let shape = theta.dims();
        let HiddenMatrix { sides, outputs, inputs, .. } = HiddenMatrix::of(&shape);
        let grad = grad.reshape(sides);
        let theta = if steps == 0 {
            theta
        } else {
            let inside = self.direction(grad.clone(), memory);
            let [outputs, inputs] = [outputs, inputs].map(|size| size as f64);
            let scale = (outputs.min(inputs) * (outputs / inputs).max(1.0)).sqrt();
            let norm = inside.clone().square().sum().sqrt();
            let step = out_of_basis(inside / norm.unsqueeze(), memory).reshape(shape);
            let factor = lr * scale * (1.0 - power(beta_2, steps)).sqrt() / (1.0 - power(beta_1, steps));
            weight_decay::decoupled(theta - step * factor, lr, weight_decay)
        };
        for dim in (0..2).filter(|&dim| memory.has(basis(dim))).collect::<Vec<_>>() {
            let square = gram(grad.clone(), dim);
            memory.update(covariance(dim), |mean: Tensor<2>| moving_average(&mean, square, beta_2));
            if steps == 0 {
                first_basis(dim, memory);
            } else if steps.is_multiple_of(precondition_frequency as u64) {
                next_basis(dim, memory);
            }
        }
        theta
    }
}

burn_optimizer!(SoapMuon, crate::rule::tensor_step);

impl SoapMuon {
    /// Updates the moments, and returns the step in the bases, up to its length.
    fn direction(&self, grad: Tensor<2>, memory: &mut TensorMemory<'_>) -> Tensor<2> {
        let SoapMuonConfig { beta_1, beta_2, epsilon, nesterov, ns_steps, .. } = self.config;
        let first = memory.update(FIRST, |first| moving_average(&first, grad.clone(), beta_1));
        let inside = into_basis(grad, memory);
        let square = inside.clone().square();
        let second = memory.update(SECOND, |second| moving_average(&second, square, beta_2));
        let mut first = into_basis(first, memory);
        if nesterov {
            first = first + inside * (1.0 - beta_1);
        }
        let step = quintic(first / (second.sqrt() + epsilon), ns_steps);
        let step = refined(step, CUBIC_STEPS);
        step.clone().abs().sqrt() * step.sign()
    }
}

/// Transforms the matrix into the bases of its dimensions.
fn into_basis(matrix: Tensor<2>, memory: &TensorMemory<'_>) -> Tensor<2> {
    (0..2)
        .filter(|&dim| memory.has(basis(dim)))
        .fold(matrix, |matrix, dim| multiply_along(memory.get::<2>(basis(dim)).transpose(), matrix, dim))
}

/// Inverts [`into_basis`].
fn out_of_basis(matrix: Tensor<2>, memory: &TensorMemory<'_>) -> Tensor<2> {
    (0..2)
        .filter(|&dim| memory.has(basis(dim)))
        .fold(matrix, |matrix, dim| multiply_along(memory.get(basis(dim)), matrix, dim))
}

/// Sets the basis of `dim` to the eigenvectors of the covariance along it.
fn first_basis(dim: usize, memory: &mut TensorMemory<'_>) {
    let matrix = memory.get::<2>(covariance(dim));
    let (device, dtype) = (matrix.device(), matrix.dtype());
    memory.set(basis(dim), write(&eigen(read(matrix)).1, &device, dtype));
}

/// Makes one iteration towards the eigenvectors of the covariance along `dim`. The second moment is reordered
/// with the basis.
fn next_basis(dim: usize, memory: &mut TensorMemory<'_>) {
    let matrix = memory.get::<2>(covariance(dim));
    let (device, dtype) = (matrix.device(), matrix.dtype());
    // The vectors of the iteration are rows.
    let vectors = read(memory.get(basis(dim))).transpose();
    let (vectors, order) = eigenbasis::next_basis(&mut read(matrix), &vectors);
    memory.set(basis(dim), write(&vectors.transpose(), &device, dtype));
    let order: Vec<i64> = order.into_iter().map(|place| place as i64).collect();
    let order = Tensor::<1, Int>::from_data(TensorData::new(order, [vectors.nrows()]), &device);
    memory.update(SECOND, |second: Tensor<2>| second.select(dim, order));
}

#[cfg(test)]
mod tests {
    use crate::driver::ModelOptimizer;
    use crate::spec::OptimizerSpec;
    use burn::module::{Module, Param};
    use burn::nn::{Linear, LinearConfig};
    use burn::optim::GradientsParams;
    use burn::tensor::{Device, Tensor};

    #[derive(Module, Debug)]
    struct Model {
        hidden: Linear,
        output: Linear,
    }

    /// Returns whether the hidden weight, its bias and the last weight move in the first step, when this rule
    /// moves nothing and `sgd` does.
    fn moved(text: &str) -> [bool; 3] {
        let device = Device::default();
        let layer = || LinearConfig::new(3, 3).init(&device.clone().autodiff());
        let before = Model { hidden: layer(), output: layer() };
        let mut gradients = GradientsParams::new();
        for layer in [&before.hidden, &before.output] {
            gradients.register(layer.weight.id, Tensor::<2>::eye(3, &device));
            gradients.register(layer.bias.as_ref().unwrap().id, Tensor::<1>::ones([3], &device));
        }
        let mut optimizer: ModelOptimizer = text.parse::<OptimizerSpec>().unwrap().build().unwrap();
        let after = optimizer.apply(0.1, before.clone(), &mut gradients);
        let differs = |before: &Param<Tensor<2>>, after: &Param<Tensor<2>>| {
            before.val().into_data() != after.val().into_data()
        };
        let biases = [&before, &after].map(|model| model.hidden.bias.as_ref().unwrap().val().into_data());
        [
            differs(&before.hidden.weight, &after.hidden.weight),
            biases[0] != biases[1],
            differs(&before.output.weight, &after.output.weight),
        ]
    }

    #[test]
    fn another_rule_moves_vectors_and_the_last_matrix() {
        assert_eq!(moved("soap_muon"), [false, false, false]);
        assert_eq!(moved("soap_muon:other=sgd"), [false, true, true]);
        assert_eq!(moved("soap_muon:other_lr_factor=0.0,other=sgd"), [false, false, false]);
    }
}
