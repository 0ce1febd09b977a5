//! COCOB-Backprop: steps bet by a coin-betting strategy, without a learning rate.

use crate::Error;
use crate::burn_optimizer;
use crate::rule::{At, Content, ElementwiseRule, Rule, Start};
use crate::rules::parts::weight_decay;
use crate::spec::rule_config;
use optlab_core::settings;
use optlab_core::settings::{Search, Settings};
use optlab_kernel::{Update, Value};

settings! {
    /// Settings of [`Cocob`].
    pub struct CocobConfig {
        /// Bound on the first bets: a larger one makes the first steps shorter.
        alpha: f64 = 100.0, "α", in POSITIVE, search(1, Search::Log(10.0, 1000.0));
        /// Initial largest gradient.
        epsilon: f64 = 1e-8, "ε", in POSITIVE;
        /// Weight decay, added to the gradient.
        weight_decay: f64 = 0.0, "λ", in NON_NEGATIVE, search(2, Search::WeightDecay);
    }
}

rule_config!(elementwise CocobConfig, lr 1.0, lr_search (10.0, 3.0));

impl CocobConfig {
    /// Checks the settings and builds the rule; errors name `owner`.
    pub(crate) fn build_as(&self, owner: &str) -> Result<Cocob, Error> {
        self.check(owner)?;
        Ok(Cocob { config: self.clone() })
    }
}

/// COCOB-Backprop: each element bets on its negative gradients, with the money won so far (Orabona &
/// Tommasi, 2017). It needs no learning rate.
///
/// ```text
/// L₀ = ε, G₀ = 0, R₀ = 0, C₀ = 0, b₀ = 0
/// gₜ' = ηₜ (gₜ + λ θₜ₋₁)
/// Lₜ = max(Lₜ₋₁, |gₜ'|)                       largest gradient
/// Gₜ = Gₜ₋₁ + |gₜ'|                           sum of absolute gradients
/// Rₜ = max(Rₜ₋₁ − gₜ' bₜ₋₁, 0)                reward
/// Cₜ = Cₜ₋₁ − gₜ'                             sum of negative gradients
/// bₜ = Cₜ (Lₜ + Rₜ) / (Lₜ max(Gₜ + Lₜ, α Lₜ))     distance to the initial parameter
/// θₜ = θₜ₋₁ + bₜ − bₜ₋₁
/// ```
///
#[doc = settings_table!()]
///
/// `ηₜ` is the `lr` argument of [`step`](burn::optim::Optimizer::step), 1 unless a schedule changes it. It
/// scales the gradients, and a constant factor of all gradients changes almost nothing; the rule lowers its
/// steps itself.
///
/// # Shapes
/// `θ`, `g`, `L`, `G`, `R`, `C`: `[d₁, …, d_D]`, any rank. State: the step number and four tensors per
/// parameter.
///
/// # Errors
/// [`CocobConfig::build`]: [`Error::InvalidConfig`] if a field is out of range or NaN.
///
/// # Example
/// The first step has the length `1 / α` for any gradient:
/// ```
/// use burn::{optim::Optimizer, tensor::{Device, Tensor}};
///
/// let cocob = optlab_optim::CocobConfig::default().build()?;
/// let device = Device::default();
/// let theta = Tensor::<1>::zeros([3], &device);
/// let (theta, _) = cocob.step(1.0, theta, Tensor::from_floats([3e4, -3e-4, 0.0], &device), None);
/// let theta: Vec<f32> = theta.into_data().try_to_vec()?;
/// assert!((theta[0] + 0.01).abs() < 1e-8 && (theta[1] - 0.01).abs() < 1e-8 && theta[2] == 0.0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Differs from
/// Its paper and optax: the initial parameter is not stored, since a parameter moves by the change of its
/// distance to it. What a wrapper adds to the parameter, such as a decoupled decay, therefore stays.
///
/// # Reference
/// Orabona & Tommasi, *Training Deep Networks without Learning Rates Through Coin Betting*, 2017,
/// <https://arxiv.org/abs/1705.07795>, algorithm 2
#[derive(Debug, Clone)]
pub struct Cocob {
    config: CocobConfig,
}

const LARGEST: &str = "largest_gradient";

impl Rule for Cocob {
    const STATE: &'static [&'static str] = &[LARGEST, "sum_of_lengths", "reward", "sum"];

    fn start(&self, buffer: &str, _shape: &[usize]) -> Option<Start> {
        Some(Start::Value(if buffer == LARGEST { self.config.epsilon } else { 0.0 }))
    }

    fn content(&self, _buffer: &str) -> Content {
        Content::Exact
    }
}

impl ElementwiseRule for Cocob {
    type Step = CocobStep;

    fn at_step(&self, At { lr, .. }: At<'_>) -> CocobStep {
        CocobStep { lr, alpha: self.config.alpha, weight_decay: self.config.weight_decay }
    }
}

burn_optimizer!(Cocob);

/// The coefficients of [`Cocob`] in one step.
#[derive(Debug, Clone, Copy)]
pub struct CocobStep {
    lr: f64,
    alpha: f64,
    weight_decay: f64,
}

impl CocobStep {
    /// Returns the distance to the initial parameter.
    #[inline(always)]
    fn bet<V: Value>(&self, [largest, lengths, reward, sum]: [&V; 4]) -> V {
        let bound = (lengths.clone() + largest.clone()).max(largest.clone().mul_scalar(self.alpha));
        // Divides by one factor at a time, since the product of two small numbers may be 0 in 32 bits.
        (sum.clone() / bound) * (reward.clone() / largest.clone()).add_scalar(1.0)
    }
}

impl Update for CocobStep {
    const BUFFERS: (usize, usize) = (4, 4);

    #[inline(always)]
    fn update<V: Value>(&self, theta: V, grad: V, state: &mut [V], _sums: &[V]) -> V {
        let [largest, lengths, reward, sum] = state else { unreachable!("four buffers") };
        let grad = weight_decay::coupled(grad, &theta, self.weight_decay).mul_scalar(self.lr);
        let before = self.bet([largest, lengths, reward, sum]);
        let length = grad.clone().abs();
        *largest = largest.clone().max(length.clone());
        *lengths = lengths.clone() + length;
        *reward = (reward.clone() - grad.clone() * before.clone()).at_least(0.0);
        *sum = sum.clone() - grad;
        theta + (self.bet([largest, lengths, reward, sum]) - before)
    }
}
