//! AdEMAMix: Adam with a second, slower mean of the gradients.

use crate::Error;
use crate::burn_optimizer;
use crate::rule::{At, ElementwiseRule, Rule};
use crate::rules::parts::moments::{moving_average, power};
use crate::rules::parts::weight_decay::DecoupledDecay;
use crate::spec::rule_config;
use optlab_core::settings;
use optlab_core::settings::{Search, Settings};
use optlab_kernel::{Update, Value};

settings! {
    /// Settings of [`AdEMAMix`].
    pub struct AdEMAMixConfig {
        /// Decay of the fast mean of the gradients.
        beta_1: f64 = 0.9, "β₁", in BELOW_ONE, search(1, Search::Momentum);
        /// Decay of the second moment.
        beta_2: f64 = 0.999, "β₂", in BELOW_ONE;
        /// Decay of the slow mean of the gradients.
        beta_3: f64 = 0.9999, "β₃", in BELOW_ONE, search(2, Search::Decay);
        /// Weight of the slow mean relative to the fast one.
        alpha: f64 = 5.0, "α", in NON_NEGATIVE, search(3, Search::Uniform(1.0, 10.0));
        /// Constant added to the denominator.
        epsilon: f64 = 1e-8, "ε", in POSITIVE;
        /// Decoupled weight decay.
        weight_decay: f64 = 0.0, "λ", in NON_NEGATIVE;
        /// Whether to decay only elements that the step does not move away from 0.
        cautious_decay: bool = false, since("2026-11-30");
        /// Steps over which `alpha` grows from 0; 0 for none.
        alpha_warmup_steps: usize = 0, "T_α", allowed "0, 1, …";
        /// Steps over which `beta_3` grows from `beta_1`; 0 for none.
        beta_3_warmup_steps: usize = 0, "T_β", allowed "0, 1, …";
    }
}

rule_config!(elementwise AdEMAMixConfig, lr 1e-3);

impl AdEMAMixConfig {
    /// Checks the settings and builds the rule; errors name `owner`.
    pub(crate) fn build_as(&self, owner: &str) -> Result<AdEMAMix, Error> {
        self.check(owner)?;
        Ok(AdEMAMix { config: self.clone() })
    }

    /// Returns `αₜ`.
    fn alpha_at(&self, t: u64) -> f64 {
        self.alpha * share(t, self.alpha_warmup_steps)
    }

    /// Returns `bₜ`.
    fn beta_3_at(&self, t: u64) -> f64 {
        let share = share(t, self.beta_3_warmup_steps);
        if share == 1.0 {
            return self.beta_3;
        }
        // The logarithm of 0 is −∞ and its inverse 0: a half-life of zero.
        let inverse = (1.0 - share) / self.beta_1.ln() + share / self.beta_3.ln();
        inverse.recip().exp().min(self.beta_3)
    }
}

/// Returns the completed share of a warm-up after step `t`.
fn share(t: u64, steps: usize) -> f64 {
    if steps == 0 { 1.0 } else { (t as f64 / steps as f64).min(1.0) }
}

/// AdEMAMix: Adam with a second, much slower mean of the gradients (Pagliardini et al., 2024).
///
/// ```text
/// m₀ = 0, n₀ = 0, v₀ = 0
/// αₜ = α min(1, t / T_α), or α where T_α = 0
/// 1 / ln bₜ = (1 − t / T_β) / ln β₁ + (t / T_β) / ln β₃      where t < T_β, but bₜ at most β₃
/// bₜ = β₃                                                     elsewhere
/// mₜ = β₁ mₜ₋₁ + (1 − β₁) gₜ
/// nₜ = bₜ nₜ₋₁ + (1 − bₜ) gₜ
/// vₜ = β₂ vₜ₋₁ + (1 − β₂) gₜ²
/// θₜ = (1 − ηₜ λ) θₜ₋₁ − ηₜ (mₜ / (1 − β₁ᵗ) + αₜ nₜ) / (√(vₜ / (1 − β₂ᵗ)) + ε)
/// ```
///
#[doc = settings_table!()]
///
/// With `cautious_decay`, `λ` is 0 for the elements that the step moves away from 0 (Chen et al., 2025,
/// <https://arxiv.org/abs/2510.12402>).
///
/// `ηₜ` is the `lr` argument of [`step`](burn::optim::Optimizer::step); the schedule sets it. The half-life
/// of a mean that decays by `b` is `ln ½ / ln b`, so the warm-up of `β₃` grows the half-life linearly.
///
/// # Shapes
/// `θ`, `g`, `m`, `n`, `v`: `[d₁, …, d_D]`, any rank. State: the step number and three tensors per parameter.
///
/// # Errors
/// [`AdEMAMixConfig::build`]: [`Error::InvalidConfig`] if a field is out of range or NaN.
///
/// # Example
/// The slow mean is not corrected for its start at 0, so the first step is `1 + α (1 − β₃)` times the
/// learning rate:
/// ```
/// use burn::{optim::Optimizer, tensor::{Device, Tensor}};
/// use optlab_optim::AdEMAMixConfig;
///
/// let ademamix = AdEMAMixConfig { alpha: 8.0, beta_3: 0.75, ..AdEMAMixConfig::default() }.build()?;
/// let device = Device::default();
/// let theta = Tensor::<1>::zeros([1], &device);
/// let (theta, _) = ademamix.step(0.5, theta, Tensor::from_floats([20.0], &device), None);
/// assert!((theta.into_scalar::<f32>() + 0.5 * (1.0 + 8.0 * 0.25)).abs() < 1e-5);
/// # Ok::<(), optlab_optim::Error>(())
/// ```
///
/// # Differs from
/// pytorch_optimizer: weight decay is always decoupled, each of the two warm-ups has its own length, `β₁ = 0`
/// and `β₃ = 0` can be warmed up too, and `ε = 0` is refused.
///
/// # Reference
/// Pagliardini, Ablin & Grangier, *The AdEMAMix Optimizer: Better, Faster, Older*, 2024,
/// <https://arxiv.org/abs/2409.03137>
#[derive(Debug, Clone)]
pub struct AdEMAMix {
    config: AdEMAMixConfig,
}

impl Rule for AdEMAMix {
    const STATE: &'static [&'static str] = &["fast_mean", "slow_mean", "second_moment"];
}

impl ElementwiseRule for AdEMAMix {
    type Step = AdEMAMixStep;

    fn at_step(&self, At { lr, t, .. }: At<'_>) -> AdEMAMixStep {
        let AdEMAMixConfig { beta_1, beta_2, epsilon, weight_decay, cautious_decay, .. } = self.config;
        let correction_2 = (1.0 - power(beta_2, t)).sqrt();
        AdEMAMixStep {
            beta_1,
            beta_2,
            beta_3: self.config.beta_3_at(t),
            epsilon: epsilon * correction_2,
            decay: DecoupledDecay::new(lr, weight_decay, cautious_decay),
            of_fast: lr * correction_2 / (1.0 - power(beta_1, t)),
            of_slow: lr * correction_2 * self.config.alpha_at(t),
        }
    }
}

burn_optimizer!(AdEMAMix);

/// The coefficients of [`AdEMAMix`] in one step.
#[derive(Debug, Clone, Copy)]
pub struct AdEMAMixStep {
    beta_1: f64,
    beta_2: f64,
    beta_3: f64,
    epsilon: f64,
    decay: DecoupledDecay,
    /// Factor of the fast mean.
    of_fast: f64,
    /// Factor of the slow mean.
    of_slow: f64,
}

impl Update for AdEMAMixStep {
    const BUFFERS: (usize, usize) = (3, 3);

    #[inline(always)]
    fn update<V: Value>(&self, theta: V, grad: V, state: &mut [V], _sums: &[V]) -> V {
        let [fast, slow, second] = state else { unreachable!("three buffers") };
        *fast = moving_average(fast, grad.clone(), self.beta_1);
        *slow = moving_average(slow, grad.clone(), self.beta_3);
        *second = moving_average(second, grad.square(), self.beta_2);
        let mixed = fast.clone().mul_scalar(self.of_fast) + slow.clone().mul_scalar(self.of_slow);
        let step = mixed / second.clone().sqrt().add_scalar(self.epsilon);
        self.decay.before(theta, &step) - step
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn warmed_up(beta_1: f64, beta_3: f64) -> AdEMAMixConfig {
        AdEMAMixConfig { beta_1, beta_3, beta_3_warmup_steps: 4, ..AdEMAMixConfig::default() }
    }

    #[test]
    fn a_warm_up_grows_the_half_life_linearly_up_to_the_slow_decay() {
        // Half-lives of 1 and 5 steps.
        let config = warmed_up(0.5, 0.5_f64.powf(0.2));
        for (t, half_life) in [(1, 2.0), (2, 3.0), (3, 4.0), (4, 5.0), (5, 5.0), (1000, 5.0)] {
            assert!((config.beta_3_at(t).powf(half_life) - 0.5).abs() < 1e-12, "step {t}");
        }
        assert_eq!(warmed_up(0.9, 0.5).beta_3_at(1), 0.5);
    }

    #[test]
    fn decays_of_zero_are_the_limits_of_small_ones() {
        for (beta_1, beta_3) in [(0.0, 0.9), (0.9, 0.0), (0.0, 0.0)] {
            let near = warmed_up(f64::max(beta_1, 1e-200), f64::max(beta_3, 1e-200));
            for t in 1..6 {
                let (limit, near) = (warmed_up(beta_1, beta_3).beta_3_at(t), near.beta_3_at(t));
                assert!((limit - near).abs() < 0.01, "{beta_1}, {beta_3}, step {t}: {limit} and {near}");
            }
        }
    }
}
