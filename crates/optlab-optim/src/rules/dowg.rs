//! DoWG: gradient descent with a step size from the distance and the gradient norms so far.

use crate::Error;
use crate::rule::{Content, GlobalRule, GlobalStep, Rule, Start};
use crate::spec::rule_config;
use optlab_core::settings;
use optlab_core::settings::{Search, Settings};
use optlab_kernel::{Update, Value};

settings! {
    /// Settings of [`DoWG`].
    pub struct DoWGConfig {
        /// Initial squared distance; also added to the denominator.
        epsilon: f64 = 1e-4, "ε", in POSITIVE, search(1, Search::Epsilon);
    }
}

rule_config!(global DoWGConfig, lr 1.0, lr_search (10.0, 3.0));

impl DoWGConfig {
    /// Checks the settings and builds the rule; errors name `owner`.
    pub(crate) fn build_as(&self, owner: &str) -> Result<DoWG, Error> {
        self.check(owner)?;
        Ok(DoWG { config: self.clone() })
    }
}

/// DoWG: gradient descent whose step size is the squared distance travelled so far, divided by the root of
/// the weighted sum of squared gradient norms (Khaled et al., 2023).
///
/// ```text
/// q₀ = ε, G₀ = 0
/// qₜ = max(qₜ₋₁, ‖θₜ₋₁ − θ₀‖²)
/// Gₜ = Gₜ₋₁ + qₜ ‖gₜ‖²
/// θₜ = θₜ₋₁ − ηₜ qₜ / (√Gₜ + ε) gₜ
/// ```
///
/// `‖·‖` is the Euclidean norm of all parameters together.
///
#[doc = settings_table!()]
///
/// `ηₜ` is the learning rate, 1 unless a schedule changes it.
///
/// # Shapes
/// `θ`, `g`, `θ₀`: `[d₁, …, d_D]`, any rank. State: the step number and one tensor per parameter; and once
/// for all parameters the step number, `q` and `G`.
///
/// # Errors
/// [`DoWGConfig::build`]: [`Error::InvalidConfig`] if a field is out of range or NaN.
///
/// # Example
/// The first step is `ε / (√ε ‖g‖ + ε)` times the gradient, which for a large gradient has length `√ε`:
/// ```
/// use burn::{module::Param, optim::GradientsParams, tensor::{Device, Tensor}};
/// use optlab_optim::{DoWGConfig, ModelOptimizer, ParameterRule};
///
/// let rule = DoWGConfig::default().build()?;
/// let mut optimizer = ModelOptimizer::with_rules("dowg", vec![ParameterRule::global(rule)]);
/// let device = Device::default();
/// let model = Param::from_tensor(Tensor::<1>::zeros([1], &device.clone().autodiff()));
/// let mut gradients = GradientsParams::new();
/// gradients.register(model.id, Tensor::<1>::from_floats([1e4], &device));
/// let moved: f32 = optimizer.apply(1.0, model, &mut gradients).val().into_scalar();
/// assert!((moved + 0.01).abs() < 1e-7);
/// # Ok::<(), optlab_optim::Error>(())
/// ```
///
/// # Differs from
/// Its paper, as optax does: `ε` is added to the denominator.
///
/// # Reference
/// Khaled, Mishchenko & Jin, *DoWG Unleashed*, 2023, <https://arxiv.org/abs/2305.16284>
#[derive(Debug, Clone)]
pub struct DoWG {
    config: DoWGConfig,
}

impl Rule for DoWG {
    const STATE: &'static [&'static str] = &["initial_parameter"];

    fn start(&self, _buffer: &str, _shape: &[usize]) -> Option<Start> {
        Some(Start::Parameter)
    }

    fn content(&self, _buffer: &str) -> Content {
        Content::Exact
    }
}

impl GlobalRule for DoWG {
    type Measure = DoWGMeasure;
    type Step = DoWGStep;

    fn shared(&self) -> Vec<(&'static str, f64)> {
        vec![("squared_distance", self.config.epsilon), ("weighted_squares", 0.0)]
    }

    fn measure(&self, _at: GlobalStep<'_>) -> DoWGMeasure {
        DoWGMeasure
    }

    fn estimate(&self, _at: GlobalStep<'_>, sums: &[f64], shared: &mut [f64]) {
        let [squared_distance, weighted_squares] = shared else { unreachable!("two numbers") };
        let [distance, square] = sums else { unreachable!("two sums") };
        *squared_distance = squared_distance.max(*distance);
        *weighted_squares += *squared_distance * square;
    }

    fn at_step(&self, at: GlobalStep<'_>) -> DoWGStep {
        let [squared_distance, weighted_squares] = at.shared else { unreachable!("two numbers") };
        DoWGStep { rate: at.lr * squared_distance / (weighted_squares.sqrt() + self.config.epsilon) }
    }
}

/// The sums of [`DoWG`] over all parameters: `‖θ − θ₀‖²` and `‖g‖²`.
#[derive(Debug, Clone, Copy)]
pub struct DoWGMeasure;

impl Update for DoWGMeasure {
    const SUMS: usize = 2;

    const BUFFERS: (usize, usize) = (1, 1);

    #[inline(always)]
    fn term<V: Value>(&self, index: usize, theta: V, grad: V, state: &mut [V]) -> V {
        match index {
            0 => (theta - state[0].clone()).square(),
            _ => grad.square(),
        }
    }

    fn update<V: Value>(&self, theta: V, _grad: V, _state: &mut [V], _sums: &[V]) -> V {
        theta
    }
}

/// The coefficients of [`DoWG`] in one step.
#[derive(Debug, Clone, Copy)]
pub struct DoWGStep {
    rate: f64,
}

impl Update for DoWGStep {
    const BUFFERS: (usize, usize) = (1, 1);

    #[inline(always)]
    fn update<V: Value>(&self, theta: V, grad: V, _state: &mut [V], _sums: &[V]) -> V {
        theta - grad.mul_scalar(self.rate)
    }
}
