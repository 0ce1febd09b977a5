//! Sophia-G: the mean gradient divided by an estimated curvature, clipped per element.

use crate::Error;
use crate::rule::{At, Curvature, ElementwiseRule, Rule};
use crate::rules::parts::moments::moving_average;
use crate::rules::parts::weight_decay::DecoupledDecay;
use crate::spec::rule_config;
use optlab_core::settings;
use optlab_core::settings::{Search, Settings};
use optlab_kernel::{Update, Value};

settings! {
    /// Settings of [`SophiaG`].
    pub struct SophiaGConfig {
        /// Decay of the first moment.
        beta_1: f64 = 0.965, "β₁", in BELOW_ONE, search(1, Search::Momentum);
        /// Decay of the curvature estimate.
        beta_2: f64 = 0.99, "β₂", in BELOW_ONE;
        /// Factor of the curvature; the smaller, the more elements are clipped to their sign.
        rho: f64 = 0.04, "ρ", in POSITIVE, search(2, Search::Log(0.01, 0.2));
        /// Constant added to the denominator.
        epsilon: f64 = 1e-15, "ε", in POSITIVE;
        /// Decoupled weight decay.
        weight_decay: f64 = 0.1, "λ", in NON_NEGATIVE, search(3, Search::WeightDecay);
        /// Whether to decay only elements that the step does not move away from 0.
        cautious_decay: bool = false, since("2026-11-30");
        /// Steps between two estimates of the curvature.
        update_period: usize = 10, "k", in COUNT;
    }
}

rule_config!(elementwise SophiaGConfig, lr 1e-4);

impl SophiaGConfig {
    /// Checks the settings and builds the rule; errors name `owner`.
    pub(crate) fn build_as(&self, owner: &str) -> Result<SophiaG, Error> {
        self.check(owner)?;
        Ok(SophiaG { config: self.clone() })
    }
}

/// Sophia-G: divides the mean gradient by an estimate of the curvature and limits each element's step to the
/// learning rate (Liu et al., 2023).
///
/// ```text
/// m₀ = 0, h₀ = 0
/// mₜ = β₁ mₜ₋₁ + (1 − β₁) gₜ
/// hₜ = β₂ hₜ₋₁ + (1 − β₂) B ĝₜ²                    t = 1, 1 + k, 1 + 2k, …; else hₜ = hₜ₋₁
/// θₜ = (1 − ηₜ λ) θₜ₋₁ − ηₜ sign(mₜ) min(1, |mₜ| / (ρ hₜ + ε))
/// ```
///
/// `ĝ` is the gradient of the mean loss over the batch's `B` examples with each label drawn from the model's
/// predictions (Gauss–Newton–Bartlett), which
/// [`Evaluate::evaluate_sampled`](crate::driver::Evaluate::evaluate_sampled) returns.
///
#[doc = settings_table!()]
///
/// With `cautious_decay`, `λ` is 0 for the elements that the step moves away from 0 (Chen et al., 2025,
/// <https://arxiv.org/abs/2510.12402>).
///
/// `ηₜ` is the `lr` argument of [`ModelOptimizer::step_with`](crate::driver::ModelOptimizer::step_with).
///
/// # Shapes
/// `θ`, `g`, `ĝ`, `m`, `h`: `[d₁, …, d_D]`, any rank. State: the step number and two tensors per parameter.
///
/// # Errors
/// [`SophiaGConfig::build`]: [`Error::InvalidConfig`] if a field is out of range or NaN.
///
/// # Example
/// Without curvature, a step has the size of the learning rate, as with Lion:
/// ```
/// use burn::{module::Param, optim::GradientsParams, tensor::{Device, Tensor}};
/// use optlab_optim::{Evaluate, ModelOptimizer, SophiaGConfig};
///
/// type Model = Param<Tensor<1>>;
///
/// /// A slope of 50, with gradients of 0 under drawn labels.
/// struct Slope;
///
/// fn gradient(model: &Model, slope: f32) -> GradientsParams {
///     let mut gradients = GradientsParams::new();
///     gradients.register(model.id, Tensor::<1>::from_floats([slope], &Device::default()));
///     gradients
/// }
///
/// impl Evaluate<Model> for Slope {
///     type Measured = ();
///     fn evaluate(&mut self, model: &Model) -> ((), GradientsParams) {
///         ((), gradient(model, 50.0))
///     }
///     fn evaluate_sampled(&mut self, model: &Model) -> Option<(GradientsParams, usize)> {
///         Some((gradient(model, 0.0), 32))
///     }
/// }
///
/// let mut optimizer = ModelOptimizer::elementwise("sophia_g", SophiaGConfig::default().build()?);
/// let model = Param::from_tensor(Tensor::<1>::zeros([1], &Device::default().autodiff()));
/// let (model, ()) = optimizer.step_with(0.1, model, &mut Slope);
/// assert_eq!(model.val().into_scalar::<f32>(), -0.1);
/// # Ok::<(), optlab_optim::Error>(())
/// ```
///
/// # Differs from
/// The authors' code estimates the curvature after a step and therefore has none in the first `k` steps, and
/// takes the batch size as an argument of every step; here the batch size is the one of the estimate's batch.
///
/// # Reference
/// Liu et al., *Sophia: A Scalable Stochastic Second-order Optimizer for Language Model Pre-training*, 2023,
/// <https://arxiv.org/abs/2305.14342>, algorithm 3
#[derive(Debug, Clone)]
pub struct SophiaG {
    config: SophiaGConfig,
}

const CURVATURE: &str = "curvature";

impl Rule for SophiaG {
    const STATE: &'static [&'static str] = &["first_moment", CURVATURE];
}

impl ElementwiseRule for SophiaG {
    type Step = SophiaGStep;

    fn at_step(&self, At { lr, .. }: At<'_>) -> SophiaGStep {
        let SophiaGConfig { beta_1, rho, epsilon, weight_decay, cautious_decay, .. } = self.config;
        let decay = DecoupledDecay::new(lr, weight_decay, cautious_decay);
        SophiaGStep { lr, beta_1, rho, epsilon, decay }
    }

    fn curvature(&self) -> Option<Curvature> {
        let SophiaGConfig { beta_2, update_period, .. } = self.config;
        Some(Curvature { buffer: CURVATURE, beta: beta_2, every: update_period })
    }
}

/// The coefficients of [`SophiaG`] in one step.
#[derive(Debug, Clone, Copy)]
pub struct SophiaGStep {
    lr: f64,
    beta_1: f64,
    rho: f64,
    epsilon: f64,
    decay: DecoupledDecay,
}

impl Update for SophiaGStep {
    const BUFFERS: (usize, usize) = (2, 2);

    #[inline(always)]
    fn update<V: Value>(&self, theta: V, grad: V, state: &mut [V], _sums: &[V]) -> V {
        let [first, curvature] = state else { unreachable!("two buffers") };
        *first = moving_average(first, grad, self.beta_1);
        let denominator = curvature.clone().mul_scalar(self.rho).add_scalar(self.epsilon);
        self.decay.before(theta, first)
            - (first.clone() / denominator).at_least(-1.0).at_most(1.0).mul_scalar(self.lr)
    }
}
