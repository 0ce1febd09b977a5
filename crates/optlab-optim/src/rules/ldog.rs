//! L-DoG: DoG with a step size for each tensor.

use crate::Error;
use crate::burn_optimizer;
use crate::rule::{Content, Rule, Start, TensorMemory, TensorRule};
use crate::rules::parts::polynomial_average;
use crate::rules::parts::weight_decay;
use crate::spec::rule_config;
use burn::tensor::Tensor;
use optlab_core::settings;
use optlab_core::settings::{Search, Settings};

settings! {
    /// Settings of [`Ldog`].
    pub struct LdogConfig {
        /// Initial distance, relative to 1 plus the norm of the initial tensor.
        reps_rel: f64 = 1e-6, "r_ε", in POSITIVE, search(1, Search::Log(1e-8, 1e-3));
        /// Constant added to the sum of the squared gradient norms.
        epsilon: f64 = 1e-8, "ε", in POSITIVE;
        /// Weight decay, added to the gradient.
        weight_decay: f64 = 0.0, "λ", in NON_NEGATIVE, search(2, Search::WeightDecay);
        /// Rate of the first step; without it, the rate from the initial distance.
        init_eta: Option<f64> = None, "η̂₁", in POSITIVE;
        /// Power of the average of the parameters to evaluate with; `none` for no average.
        average_power: Option<f64> = (Some(8.0)), "γ", in NON_NEGATIVE;
    }
}

rule_config!(tensor LdogConfig, lr 1.0, lr_search (10.0, 3.0));

impl LdogConfig {
    /// Checks the settings and builds the rule; errors name `owner`.
    pub(crate) fn build_as(&self, owner: &str) -> Result<Ldog, Error> {
        self.check(owner)?;
        Ok(Ldog { config: self.clone() })
    }
}

/// L-DoG: [DoG](crate::rules::Dog) with the distance and the gradient norms of each tensor by itself (Ivgi,
/// Hinder & Carmon, 2023).
///
/// ```text
/// gₜ' = gₜ + λ θₜ₋₁
/// r₁ = r_ε (1 + ‖θ₀‖)
/// rₜ = max(rₜ₋₁, ‖θₜ₋₁ − θ₀‖)
/// Gₜ = ε + ‖g₁'‖² + … + ‖gₜ'‖²
/// θₜ = θₜ₋₁ − ηₜ rₜ / √Gₜ gₜ'                             at t = 1 with init_eta: θ₁ = θ₀ − η̂₁ g₁'
/// xₜ = xₜ₋₁ + (1 + γ) / (t + γ) (θₜ − xₜ₋₁)               evaluated
/// ```
///
/// `‖·‖` is the Euclidean norm of the tensor. With `init_eta`, `r₁ = 0`.
///
#[doc = settings_table!()]
///
/// `ηₜ` is the `lr` argument of [`step`](burn::optim::Optimizer::step), 1 unless a schedule changes it; the
/// paper advises against other rates, and uses no schedule, since the average replaces its decay.
///
/// # Shapes
/// `θ`, `g`, `θ₀`, `x`: `[d₁, …, d_D]`, any rank; `r`, `G`: `[1]`. State per parameter: the step number, two
/// tensors of its shape, one without the average, and two numbers.
///
/// # Errors
/// [`LdogConfig::build`]: [`Error::InvalidConfig`] if a field is out of range or NaN.
///
/// # Example
/// The first step has the length `r_ε (1 + ‖θ₀‖)`, for any gradient that is not tiny:
/// ```
/// use burn::{optim::Optimizer, tensor::{Device, Tensor}};
/// use optlab_optim::LdogConfig;
///
/// let ldog = LdogConfig { reps_rel: 0.01, ..LdogConfig::default() }.build()?;
/// let device = Device::default();
/// let theta = Tensor::<1>::from_floats([4.0], &device);
/// let (theta, _) = ldog.step(1.0, theta, Tensor::from_floats([300.0], &device), None);
/// assert!((theta.into_scalar::<f32>() - 3.95).abs() < 1e-6);
/// # Ok::<(), optlab_optim::Error>(())
/// ```
///
/// # Differs from
/// The authors' code, which keeps the average outside of the optimizer.
///
/// # Reference
/// Ivgi, Hinder & Carmon, *DoG is SGD's Best Friend: A Parameter-Free Dynamic Step Size Schedule*, 2023,
/// <https://arxiv.org/abs/2302.12022>; average: Shamir & Zhang, 2013, <https://arxiv.org/abs/1212.1824>
#[derive(Debug, Clone)]
pub struct Ldog {
    config: LdogConfig,
}

const INITIAL: &str = "initial_parameter";
const DISTANCE: &str = "distance";
const SQUARES: &str = "sum_of_squares";

impl Rule for Ldog {
    const STATE: &'static [&'static str] = &[INITIAL, DISTANCE, SQUARES, polynomial_average::BUFFER];

    fn start(&self, buffer: &str, _shape: &[usize]) -> Option<Start> {
        match buffer {
            INITIAL => Some(Start::Parameter),
            DISTANCE | SQUARES => Some(Start::Zeros(vec![1])),
            _ => self.config.average_power.map(|_| Start::Parameter),
        }
    }

    fn evaluated(&self) -> Option<&'static str> {
        self.config.average_power.map(|_| polynomial_average::BUFFER)
    }

    fn content(&self, _buffer: &str) -> Content {
        Content::Exact
    }
}

impl TensorRule for Ldog {
    fn step<const D: usize>(
        &self,
        lr: f64,
        theta: Tensor<D>,
        grad: Tensor<D>,
        memory: &mut TensorMemory<'_>,
    ) -> Tensor<D> {
        let LdogConfig { reps_rel, epsilon, weight_decay, init_eta, average_power } = self.config;
        let t = memory.t();
        let grad = weight_decay::coupled(grad, &theta, weight_decay);
        let square = grad.clone().square().sum();
        let start = memory.get::<D>(INITIAL);
        let norm = |tensor: Tensor<D>| tensor.square().sum().sqrt();
        let squares = memory.update::<1>(SQUARES, |sum| sum + square);
        let distance = memory.update::<1>(DISTANCE, |distance| match (t, init_eta) {
            (1, Some(_)) => distance,
            (1, None) => norm(theta.clone()).add_scalar(1.0).mul_scalar(reps_rel),
            _ => distance.max_pair(norm(theta.clone() - start)),
        });
        let step = match init_eta {
            Some(rate) if t == 1 => grad.mul_scalar(rate),
            _ => grad * (distance / squares.add_scalar(epsilon).sqrt()).mul_scalar(lr).reshape([1; D]),
        };
        let theta = theta - step;
        if let Some(power) = average_power {
            let newest = polynomial_average::newest(power, t);
            memory.update(polynomial_average::BUFFER, |average: Tensor<D>| {
                polynomial_average::updated(&average, theta.clone(), newest)
            });
        }
        theta
    }
}

burn_optimizer!(Ldog, crate::rule::tensor_step);
