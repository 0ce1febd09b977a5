//! Scion: steps to the boundary of a ball whose norm depends on the layer.

use crate::Error;
use crate::burn_optimizer;
use crate::driver::ParameterRule;
use crate::rule::{Rule, Start, TensorMemory, TensorRule};
use crate::rules::parts::moments::moving_average;
use crate::rules::parts::newton_schulz::quintic;
use crate::rules::parts::weight_decay;
use crate::settings_of;
use crate::spec::RuleConfig;
use burn::tensor::Tensor;
use optlab_core::settings;
use optlab_core::settings::{Search, Settings};
use serde::{Deserialize, Serialize};

settings! {
    /// Settings of [`Scion`].
    pub struct ScionConfig {
        /// Decay of the mean of the gradients.
        momentum: f64 = 0.9, "μ", in BELOW_ONE, search(1, Search::Momentum);
        /// Norm of hidden weights of rank 2.
        norm: MatrixNorm = (MatrixNorm::Spectral) as "`spectral`",
            allowed "`spectral`, `sign`, `row` or `column`";
        /// Radius of the ball of kernels, vectors and hidden weights.
        scale: f64 = 50.0, "ρ", in POSITIVE, search(2, Search::Log(1.0, 100.0));
        /// Norm of the last weight, if it has rank 2, and of embeddings.
        last_norm: MatrixNorm = (MatrixNorm::Sign) as "`sign`",
            allowed "`spectral`, `sign`, `row` or `column`";
        /// Radius of the ball of the last weight and of embeddings.
        last_scale: f64 = 3000.0, "ρ", in POSITIVE, search(3, Search::Log(10.0, 10_000.0));
        /// Whether parameters stay within the balls.
        constrained: bool = true;
        /// Number of Newton-Schulz iterations of the spectral norm.
        ns_steps: usize = 5, "N", in ITERATIONS;
    }
}

/// The norm of the ball in which [`Scion`] keeps a weight of rank 2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MatrixNorm {
    /// The largest singular value, times `√(inputs / outputs)`.
    Spectral,
    /// The largest absolute value of an element, times the number of inputs.
    Sign,
    /// The largest Euclidean norm of a row (the weights of an output), times `√inputs`.
    Row,
    /// The largest root mean square of a column (the weights of an input), times the number of inputs.
    Column,
}

/// The place of a weight of rank 2 in the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Neither the last weight nor an embedding; Burn stores it as `[inputs, outputs]`.
    Hidden,
    /// The last weight of the model, stored as `[inputs, outputs]`.
    Last,
    /// An embedding, stored as `[tokens, size]`: tokens are its outputs.
    Embedding,
}

impl RuleConfig for ScionConfig {
    const DEFAULT_LR: f64 = 1.0 / 4096.0;

    settings_of!();

    fn rules(&self, owner: &str) -> Result<Vec<ParameterRule>, Error> {
        self.check(owner)?;
        let rule = |place| ParameterRule::tensor(Scion { config: self.clone(), place });
        Ok(vec![
            rule(Place::Embedding).for_parameters(|parameter| parameter.module == "Embedding"),
            rule(Place::Last).for_parameters(|parameter| parameter.is_last_matrix),
            rule(Place::Hidden),
        ])
    }
}

impl ScionConfig {
    /// Checks the settings and builds the rule; errors name `owner`.
    pub(crate) fn build_as(&self, owner: &str) -> Result<Scion, Error> {
        self.check(owner)?;
        Ok(Scion { config: self.clone(), place: Place::Hidden })
    }
}

/// Scion: steps against the mean gradient to the boundary of a ball, whose norm depends on the kind of layer
/// (Pethick et al., 2025).
///
/// ```text
/// m₀ = 0
/// mₜ = μ mₜ₋₁ + (1 − μ) gₜ
/// θₜ = (1 − ηₜ) θₜ₋₁ − ηₜ ρ D(mₜ)        without constrained: θₜ = θₜ₋₁ − ηₜ ρ D(mₜ)
///
/// D(m), with ε = 1e-8:
///   vector              m / (√(mean of m²) + ε)
///   kernel              √(outputs / inputs) / (elements of the window) · orthogonalized m
///   weight of rank 2    m has a row for each output and a column for each input
///     spectral          √(outputs / inputs) · orthogonalized m
///     sign              sign(m) / inputs                                         sign(0) = 0
///     row               m / (√inputs · √(sum of m² over each row) + ε)
///     column            m / (inputs · √(mean of m² over each column) + ε)
///
/// orthogonalized m = X_N, with X₀ = m / (‖m‖ + 1e-7)
/// Xᵢ = a Xᵢ₋₁ + (b A + c A²) Xᵢ₋₁,  A = Xᵢ₋₁ Xᵢ₋₁ᵀ    for i = 1 … N, with a = 3.4445, b = −4.775, c = 2.0315
/// ```
///
/// `D(m)` is the element of the unit ball of the norm that has the largest inner product with `m`. If
/// `ηₜ ≤ 1`, a constrained parameter that starts in the ball of radius `ρ` stays there, up to the error of
/// the iteration; one outside moves towards it, like with a decoupled weight decay of 1.
///
/// Hidden weights of rank 2 have the norm `norm` and the radius `scale`; the last weight of the model, if it
/// has rank 2, and embeddings have `last_norm` and `last_scale`. Vectors and kernels have the radius `scale`.
/// The outputs of an embedding are its tokens. Good values of the radii depend on the model: the authors use
/// 50 and 3000 with `η = 2⁻¹²` for transformers, 1 and 1024 with `2⁻⁶` for dense networks, and 8 and 128 with
/// `2⁻⁴` and `μ = 0.5` for a convolutional network.
///
#[doc = settings_table!()]
///
/// `ηₜ` is the `lr` argument of [`step`](burn::optim::Optimizer::step); the schedule sets it.
///
/// # Shapes
/// `θ`, `g`, `m`: `[d₁, …, d_D]`, any rank. A kernel is `[out, in, window…]`. State: the step number; with
/// `μ > 0` one tensor of the parameter's shape.
///
/// # Errors
/// [`ScionConfig::build`]: [`Error::InvalidConfig`] if a field is out of range or NaN; `ns_steps = 0`.
///
/// # Example
/// A bias stays within its ball, however long a constant gradient pushes it:
/// ```
/// use burn::{optim::Optimizer, tensor::{Device, Tensor}};
///
/// let scion = optlab_optim::ScionConfig { scale: 2.0, ..Default::default() }.build()?;
/// let device = Device::default();
/// let (mut theta, mut state) = (Tensor::<1>::zeros([2], &device), None);
/// for _ in 0..200 {
///     let grad = Tensor::from_floats([-7.0, 7.0], &device);
///     (theta, state) = scion.step(0.1, theta, grad, state);
/// }
/// let theta: Vec<f32> = theta.into_data().try_to_vec().unwrap();
/// assert!((theta[0] - 2.0).abs() < 1e-5 && (theta[1] + 2.0).abs() < 1e-5);
/// # Ok::<(), optlab_optim::Error>(())
/// ```
///
/// # Differs from
/// Its authors' code: `momentum` is 1 minus theirs, and has the value that they recommend; the defaults are
/// those of their nanoGPT, not a spectral norm of radius 1 for every matrix; the iteration runs in 32 bits,
/// not in bfloat16; the window of a kernel need not be a square; the settings `max` of the spectral norm and
/// `normalized` have their defaults, with `normalized = true` for columns; the initial weights are those of
/// the model.
///
/// With [`build`](ScionConfig::build), for Burn's `ModuleOptimizer`, all weights are hidden ones, because it
/// does not say which one is the last.
///
/// # Reference
/// Pethick et al., *Training Deep Learning Models with Norm-Constrained LMOs*, 2025,
/// <https://arxiv.org/abs/2502.07529>; code: <https://github.com/LIONS-EPFL/scion>
#[derive(Debug, Clone)]
pub struct Scion {
    config: ScionConfig,
    place: Place,
}

/// The name of the buffer with the mean of the gradients.
const MEAN: &str = "first_moment";

/// Constant added to norms to divide by.
const EPSILON: f64 = 1e-8;

impl Rule for Scion {
    const STATE: &'static [&'static str] = &[MEAN];

    fn start(&self, _buffer: &str, _shape: &[usize]) -> Option<Start> {
        (self.config.momentum != 0.0).then_some(Start::Value(0.0))
    }
}

impl TensorRule for Scion {
    fn step<const D: usize>(
        &self,
        lr: f64,
        theta: Tensor<D>,
        grad: Tensor<D>,
        memory: &mut TensorMemory<'_>,
    ) -> Tensor<D> {
        let ScionConfig { momentum, scale, last_scale, constrained, .. } = self.config;
        let mean = if memory.has(MEAN) {
            memory.update(MEAN, |mean: Tensor<D>| moving_average(&mean, grad, momentum))
        } else {
            grad
        };
        let scale = if D == 2 && self.place != Place::Hidden { last_scale } else { scale };
        let theta = weight_decay::decoupled(theta, lr, if constrained { 1.0 } else { 0.0 });
        theta - self.direction(mean) * (lr * scale)
    }
}

burn_optimizer!(Scion, crate::rule::tensor_step);

impl Scion {
    /// Returns the element of the unit ball with the largest inner product with `mean`.
    fn direction<const D: usize>(&self, mean: Tensor<D>) -> Tensor<D> {
        let shape = mean.dims();
        match D {
            0 | 1 => {
                let root_mean_square = mean.clone().square().mean().sqrt() + EPSILON;
                mean / root_mean_square.unsqueeze()
            }
            2 => {
                let matrix = mean.reshape([shape[0], shape[1]]);
                if self.place == Place::Embedding {
                    self.of_matrix(matrix).reshape(shape)
                } else {
                    self.of_matrix(matrix.transpose()).transpose().reshape(shape)
                }
            }
            _ => {
                let window: usize = shape[2..].iter().product();
                let matrix = mean.reshape([shape[0], shape[1] * window]);
                let factor = (shape[0] as f64 / shape[1] as f64).sqrt() / window as f64;
                (quintic(matrix, self.config.ns_steps) * factor).reshape(shape)
            }
        }
    }

    /// Returns the direction of a weight `[outputs, inputs]`.
    fn of_matrix(&self, mean: Tensor<2>) -> Tensor<2> {
        let [outputs, inputs] = mean.dims().map(|size| size as f64);
        let norm = if self.place == Place::Hidden { self.config.norm } else { self.config.last_norm };
        match norm {
            MatrixNorm::Spectral => quintic(mean, self.config.ns_steps) * (outputs / inputs).sqrt(),
            MatrixNorm::Sign => mean.sign() * (1.0 / inputs),
            MatrixNorm::Row => {
                let norms = mean.clone().square().sum_dim(1).sqrt() * inputs.sqrt();
                mean / (norms + EPSILON)
            }
            MatrixNorm::Column => {
                let norms = mean.clone().square().mean_dim(0).sqrt() * inputs;
                mean / (norms + EPSILON)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::ScionConfig;
    use crate::driver::ModelOptimizer;
    use crate::spec::OptimizerSpec;
    use burn::module::{Module, Param};
    use burn::nn::conv::{Conv2d, Conv2dConfig};
    use burn::nn::{Embedding, EmbeddingConfig, Linear, LinearConfig};
    use burn::optim::{GradientsParams, Optimizer};
    use burn::tensor::{Device, Tensor, TensorData};

    fn wave<const D: usize>(shape: [usize; D]) -> Tensor<D> {
        let size = shape.iter().product::<usize>();
        let values: Vec<f32> = (1..=size).map(|i| (i as f32 * 0.9).sin()).collect();
        Tensor::from_data(TensorData::new(values, shape), &Device::default())
    }

    #[derive(Module, Debug)]
    struct Model {
        embedding: Embedding,
        hidden: Linear,
        conv: Conv2d,
        output: Linear,
    }

    /// Returns how far each parameter moves, at most, in a first step with a rate of 1: the tokens, the
    /// hidden weight and its bias, the kernel and its bias, and the last weight and its bias.
    fn moved(text: &str) -> [f32; 7] {
        struct Gradients(GradientsParams);
        impl burn::module::ModuleVisitor for Gradients {
            fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
                self.0.register(param.id, wave(param.val().dims()));
            }
        }
        let device = Device::default().autodiff();
        let before = Model {
            embedding: EmbeddingConfig::new(5, 3).init(&device),
            hidden: LinearConfig::new(3, 2).init(&device),
            conv: Conv2dConfig::new([2, 2], [2, 2]).init(&device),
            output: LinearConfig::new(2, 4).init(&device),
        };
        let mut optimizer: ModelOptimizer = text.parse::<OptimizerSpec>().unwrap().build().unwrap();
        let mut gradients = Gradients(GradientsParams::new());
        before.visit(&mut gradients);
        let after = optimizer.apply(1.0, before.clone(), &mut gradients.0);
        fn largest<const D: usize>(before: &Param<Tensor<D>>, after: &Param<Tensor<D>>) -> f32 {
            (before.val() - after.val()).abs().max().into_scalar()
        }
        [
            largest(&before.embedding.weight, &after.embedding.weight),
            largest(&before.hidden.weight, &after.hidden.weight),
            largest(before.hidden.bias.as_ref().unwrap(), after.hidden.bias.as_ref().unwrap()),
            largest(&before.conv.weight, &after.conv.weight),
            largest(before.conv.bias.as_ref().unwrap(), after.conv.bias.as_ref().unwrap()),
            largest(&before.output.weight, &after.output.weight),
            largest(before.output.bias.as_ref().unwrap(), after.output.bias.as_ref().unwrap()),
        ]
    }

    #[test]
    fn the_last_weight_and_embeddings_have_a_norm_and_a_radius_of_their_own() {
        let settings = "scion:constrained=false,norm=sign,scale=6,last_norm=sign,last_scale=60";
        let [tokens, hidden, _, kernel, _, last, bias] = moved(settings);
        // The inputs of an embedding are the numbers of a token.
        assert!((tokens - 20.0).abs() < 1e-4, "{tokens}");
        assert!((hidden - 2.0).abs() < 1e-5, "{hidden}");
        assert!((last - 30.0).abs() < 1e-4, "{last}");
        // The radius of kernels and vectors is that of hidden weights.
        assert!(kernel < 6.0 && (6.0..15.0).contains(&bias), "{kernel}, {bias}");
        let wider = moved(&settings.replace("last_scale=60", "last_scale=600"));
        let ratios = moved(settings).map(f32::recip).into_iter().zip(wider).map(|(a, b)| (a * b).round());
        assert_eq!(ratios.collect::<Vec<_>>(), [10.0, 1.0, 1.0, 1.0, 1.0, 10.0, 1.0]);
    }

    #[test]
    fn a_gradient_of_zeros_only_shrinks_the_parameter() {
        let scion = ScionConfig::default().build().unwrap();
        let (theta, _) = scion.step(0.25, wave([2, 3]), Tensor::zeros([2, 3], &Device::default()), None);
        assert_eq!(theta.into_data(), (wave::<2>([2, 3]) * 0.75).into_data());
        let (theta, _) = scion.step(0.25, wave([5]), Tensor::zeros([5], &Device::default()), None);
        assert_eq!(theta.into_data(), (wave::<1>([5]) * 0.75).into_data());
    }
}
