//! The stochastic Polyak step: gradient descent whose step size follows from the loss.

use crate::Error;
use crate::rule::{GlobalRule, GlobalStep, Rule};
use crate::rules::parts::model_based::at_least_zero;
use crate::spec::rule_config;
use optlab_core::settings;
use optlab_core::settings::{Search, Settings};
use optlab_kernel::{Update, Value};

settings! {
    /// Settings of [`Polyak`].
    pub struct PolyakConfig {
        /// Largest step size, before the learning rate multiplies it.
        largest_step: f64 = 1.0, "γ", in POSITIVE, search(1, Search::Log(0.01, 10.0));
        /// Lower bound of the loss.
        lower_bound: f64 = 0.0, "f", in FINITE;
        /// Constant added to the squared norm of the gradient.
        damping: f64 = 0.0, "δ", in NON_NEGATIVE;
        /// Whether a loss below the bound gives a step of 0 instead of an ascent.
        non_negative: bool = false;
    }
}

rule_config!(global PolyakConfig, lr 1.0, lr_search (10.0, 3.0));

impl PolyakConfig {
    /// Checks the settings and builds the rule; errors name `owner`.
    pub(crate) fn build_as(&self, owner: &str) -> Result<Polyak, Error> {
        self.check(owner)?;
        Ok(Polyak { config: self.clone() })
    }
}

/// Gradient descent with the stochastic Polyak step: the step size is chosen so that the linearization of the
/// loss reaches a lower bound of the loss, but bounded (Loizou et al., 2020).
///
/// ```text
/// Δₜ = Lₜ − f                                      L: the loss of the step's batch
/// θₜ = θₜ₋₁ − ηₜ min(Δₜ / (‖gₜ‖² + δ), γ) gₜ       with non_negative, Δₜ = max(Lₜ − f, 0)
/// ```
///
/// `‖·‖` is the Euclidean norm of all parameters together. While `‖gₜ‖² + δ ≤ 2⁻⁵²`, nothing moves.
///
#[doc = settings_table!()]
///
/// `ηₜ` is the learning rate, 1 unless a schedule changes it; the paper has no such factor.
///
/// Each step reads the loss from the device, so the rule needs
/// [`ModelOptimizer::step`](crate::driver::ModelOptimizer::step), and a measurement with a
/// [`Loss`](crate::driver::Loss). Penalties of wrappers are part of the gradient but not of the loss. If the
/// loss is NaN, the parameters become NaN.
///
/// # Shapes
/// `θ`, `g`: `[d₁, …, d_D]`, any rank. State: the step number per parameter; and once for all parameters the
/// step number and the step size.
///
/// # Errors
/// [`PolyakConfig::build`]: [`Error::InvalidConfig`] if a field is out of range or NaN.
///
/// # Example
/// The linearization of `L = θ²` at 3 is 0 at 1.5, where the step ends:
/// ```
/// use burn::{module::Param, optim::GradientsParams, tensor::{Device, Tensor}};
/// use optlab_optim::{ModelOptimizer, ParameterRule, PolyakConfig};
///
/// let rule = PolyakConfig::default().build()?;
/// let mut optimizer = ModelOptimizer::with_rules("polyak", vec![ParameterRule::global(rule)]);
/// let device = Device::default();
/// let model = Param::from_tensor(Tensor::<1>::full([1], 3.0, &device.clone().autodiff()));
/// let (model, loss) = optimizer.step(1.0, model, |model: &Param<Tensor<1>>| {
///     let mut gradients = GradientsParams::new();
///     gradients.register(model.id, Tensor::<1>::from_floats([6.0], &device));
///     (9.0, gradients)
/// });
/// assert_eq!((model.val().into_scalar::<f32>(), loss), (1.5, 9.0));
/// # Ok::<(), optlab_optim::Error>(())
/// ```
///
/// # Differs from
/// Its paper, as optax does: `ηₜ` multiplies the whole step, and `f` is one bound for all batches. The
/// paper's `c` divides the step before it is bounded. optax: the code of `polyak_sgd` applies `ηₜ` to the
/// gradient before the step size, which divides the step by it; its page has the formula above.
///
/// # Reference
/// Loizou, Vaswani, Laradji & Lacoste-Julien, *Stochastic Polyak Step-size for SGD: An Adaptive Learning Rate
/// for Fast Convergence*, 2020, <https://arxiv.org/abs/2002.10542>; `non_negative`: Garrigos, Gower &
/// Schaipp, 2023, <https://arxiv.org/abs/2307.14528>
#[derive(Debug, Clone)]
pub struct Polyak {
    config: PolyakConfig,
}

impl Rule for Polyak {
    const STATE: &'static [&'static str] = &[];
}

impl GlobalRule for Polyak {
    type Measure = PolyakMeasure;
    type Step = PolyakStep;

    const NEEDS_LOSS: bool = true;

    fn shared(&self) -> Vec<(&'static str, f64)> {
        vec![("step_size", 0.0)]
    }

    fn measure(&self, _at: GlobalStep<'_>) -> PolyakMeasure {
        PolyakMeasure
    }

    fn estimate(&self, at: GlobalStep<'_>, sums: &[f64], shared: &mut [f64]) {
        let PolyakConfig { largest_step, lower_bound, damping, non_negative } = self.config;
        let [square] = sums else { unreachable!("one sum") };
        let gap = at.loss - lower_bound;
        let gap = if non_negative { at_least_zero(gap) } else { gap };
        let step_size = gap / (square + damping);
        // Written so that NaN propagates.
        let step_size = if largest_step < step_size { largest_step } else { step_size };
        shared[0] = if square + damping <= f64::EPSILON { 0.0 } else { step_size };
    }

    fn at_step(&self, at: GlobalStep<'_>) -> PolyakStep {
        PolyakStep { rate: at.lr * at.shared[0] }
    }
}

/// The sum of [`Polyak`] over all parameters: `‖g‖²`.
#[derive(Debug, Clone, Copy)]
pub struct PolyakMeasure;

impl Update for PolyakMeasure {
    const SUMS: usize = 1;

    const BUFFERS: (usize, usize) = (0, 0);

    #[inline(always)]
    fn term<V: Value>(&self, _index: usize, _theta: V, grad: V, _state: &mut [V]) -> V {
        grad.square()
    }

    fn update<V: Value>(&self, theta: V, _grad: V, _state: &mut [V], _sums: &[V]) -> V {
        theta
    }
}

/// The coefficients of [`Polyak`] in one step.
#[derive(Debug, Clone, Copy)]
pub struct PolyakStep {
    rate: f64,
}

impl Update for PolyakStep {
    const BUFFERS: (usize, usize) = (0, 0);

    #[inline(always)]
    fn update<V: Value>(&self, theta: V, grad: V, _state: &mut [V], _sums: &[V]) -> V {
        theta - grad.mul_scalar(self.rate)
    }
}
