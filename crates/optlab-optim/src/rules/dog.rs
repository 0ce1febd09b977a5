//! DoG: gradient descent whose step size is the distance travelled over the norm of all gradients.

use crate::Error;
use crate::rule::{Content, GlobalRule, GlobalStep, Rule, Start};
use crate::rules::parts::polynomial_average;
use crate::rules::parts::weight_decay;
use crate::spec::rule_config;
use optlab_core::settings;
use optlab_core::settings::{Search, Settings};
use optlab_kernel::{Update, Value};

settings! {
    /// Settings of [`Dog`].
    pub struct DogConfig {
        /// Initial distance, relative to 1 plus the norm of the initial parameters.
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

rule_config!(global DogConfig, lr 1.0, lr_search (10.0, 3.0));

impl DogConfig {
    /// Checks the settings and builds the rule; errors name `owner`.
    pub(crate) fn build_as(&self, owner: &str) -> Result<Dog, Error> {
        self.check(owner)?;
        Ok(Dog { config: self.clone() })
    }
}

/// DoG: gradient descent whose step size is the largest distance from the initial parameters so far, divided
/// by the root of the sum of all squared gradient norms (Ivgi, Hinder & Carmon, 2023). It needs no learning
/// rate.
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
/// `‖·‖` is the Euclidean norm of all parameters together; [`Ldog`](crate::rules::Ldog) treats each tensor by
/// itself. With `init_eta`, `r₁ = 0`.
///
#[doc = settings_table!()]
///
/// `ηₜ` is the learning rate, 1 unless a schedule changes it; the paper advises against other rates, and uses
/// no schedule, since the average replaces its decay.
///
/// # Shapes
/// `θ`, `g`, `θ₀`, `x`: `[d₁, …, d_D]`, any rank. State: the step number and two tensors per parameter, one
/// without the average; and once for all parameters the step number, `r` and `G`.
///
/// # Errors
/// [`DogConfig::build`]: [`Error::InvalidConfig`] if a field is out of range or NaN.
///
/// # Example
/// The first step has the length `r_ε (1 + ‖θ₀‖)`, for any gradient that is not tiny:
/// ```
/// use burn::{module::Param, optim::GradientsParams, tensor::{Device, Tensor}};
/// use optlab_optim::{DogConfig, ModelOptimizer, ParameterRule};
///
/// let rule = DogConfig { reps_rel: 0.01, ..DogConfig::default() }.build()?;
/// let mut optimizer = ModelOptimizer::with_rules("dog", vec![ParameterRule::global(rule)]);
/// let device = Device::default();
/// let model = Param::from_tensor(Tensor::<1>::full([1], 4.0, &device.clone().autodiff()));
/// let mut gradients = GradientsParams::new();
/// gradients.register(model.id, Tensor::<1>::from_floats([300.0], &device));
/// let moved: f32 = optimizer.apply(1.0, model, &mut gradients).val().into_scalar();
/// assert!((moved - 3.95).abs() < 1e-6);
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
pub struct Dog {
    config: DogConfig,
}

impl Rule for Dog {
    const STATE: &'static [&'static str] = &[INITIAL, polynomial_average::BUFFER];

    fn start(&self, buffer: &str, _shape: &[usize]) -> Option<Start> {
        match buffer {
            INITIAL => Some(Start::Parameter),
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

const INITIAL: &str = "initial_parameter";

impl GlobalRule for Dog {
    type Measure = DogMeasure;
    type Step = DogStep;

    fn shared(&self) -> Vec<(&'static str, f64)> {
        vec![("distance", 0.0), ("sum_of_squares", self.config.epsilon)]
    }

    fn measure(&self, at: GlobalStep<'_>) -> DogMeasure {
        DogMeasure { is_first: at.t == 1, weight_decay: self.config.weight_decay }
    }

    fn estimate(&self, at: GlobalStep<'_>, sums: &[f64], shared: &mut [f64]) {
        let [distance, sum_of_squares] = shared else { unreachable!("two numbers") };
        let [square, gradient_square] = sums else { unreachable!("two sums") };
        *sum_of_squares += gradient_square;
        *distance = match (at.t, self.config.init_eta) {
            (1, Some(_)) => 0.0,
            (1, None) => self.config.reps_rel * (1.0 + square.sqrt()),
            _ => distance.max(square.sqrt()),
        };
    }

    fn at_step(&self, at: GlobalStep<'_>) -> DogStep {
        let [distance, sum_of_squares] = at.shared else { unreachable!("two numbers") };
        let rate = match self.config.init_eta {
            Some(rate) if at.t == 1 => rate,
            _ => at.lr * distance / sum_of_squares.sqrt(),
        };
        let newest = self.config.average_power.map_or(0.0, |power| polynomial_average::newest(power, at.t));
        DogStep { rate, weight_decay: self.config.weight_decay, newest }
    }
}

/// The sums of [`Dog`] over all parameters: `‖θ₀‖²` in the first step and `‖θ − θ₀‖²` later, and `‖g'‖²`.
#[derive(Debug, Clone, Copy)]
pub struct DogMeasure {
    is_first: bool,
    weight_decay: f64,
}

impl Update for DogMeasure {
    const SUMS: usize = 2;

    const BUFFERS: (usize, usize) = (1, 2);

    #[inline(always)]
    fn term<V: Value>(&self, index: usize, theta: V, grad: V, state: &mut [V]) -> V {
        match index {
            0 if self.is_first => theta.square(),
            0 => (theta - state[0].clone()).square(),
            _ => weight_decay::coupled(grad, &theta, self.weight_decay).square(),
        }
    }

    fn update<V: Value>(&self, theta: V, _grad: V, _state: &mut [V], _sums: &[V]) -> V {
        theta
    }
}

/// The coefficients of [`Dog`] in one step.
#[derive(Debug, Clone, Copy)]
pub struct DogStep {
    rate: f64,
    weight_decay: f64,
    /// Weight of the newest parameter in the average.
    newest: f64,
}

impl Update for DogStep {
    const BUFFERS: (usize, usize) = (1, 2);

    #[inline(always)]
    fn update<V: Value>(&self, theta: V, grad: V, state: &mut [V], _sums: &[V]) -> V {
        let grad = weight_decay::coupled(grad, &theta, self.weight_decay);
        let theta = theta - grad.mul_scalar(self.rate);
        if let [_, average] = state {
            *average = polynomial_average::updated(average, theta.clone(), self.newest);
        }
        theta
    }
}
