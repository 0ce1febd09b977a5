use super::check_in_32_bits;
use crate::error::Error;
use crate::optim::{ParameterRule, RuleConfig};
use crate::range::{NEGATIVE, NON_NEGATIVE, POSITIVE};
use serde::{Deserialize, Serialize};

/// Burn's Adafactor: second moments of a matrix kept as one row and one column.
///
/// | field | default | range |
/// |:------|--------:|:------|
/// | `epsilon_1` | 1e-30 | `(0, ∞)` |
/// | `epsilon_2` | 1e-3 | `(0, ∞)` |
/// | `clip_threshold` | 1.0 | `(0, ∞)` |
/// | `decay_rate` | -0.8 | `(−∞, 0)` |
/// | `relative_step` | true | true or false |
/// | `scale_parameter` | true | true or false |
/// | `weight_decay` | 0.0 | `[0, ∞)` |
///
/// The default learning rate is 1e-2, with which `relative_step` gives the paper's schedule.
///
/// # Errors
/// [`rules`](RuleConfig::rules): [`Error::InvalidConfig`] if a field is out of range or NaN.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BurnAdafactorConfig {
    /// Added to the squared gradients.
    pub epsilon_1: f64,
    /// Least root mean square of a parameter that scales its step.
    pub epsilon_2: f64,
    /// Largest root mean square of an update before the learning rate.
    pub clip_threshold: f64,
    /// Exponent of the decay `1 − tᵉ` of the second moment.
    pub decay_rate: f64,
    /// Whether the learning rate is at most `1 / √t`.
    pub relative_step: bool,
    /// Whether a step is scaled by its parameter's root mean square.
    pub scale_parameter: bool,
    /// Weight decay, apart from the gradient.
    pub weight_decay: f64,
}

impl Default for BurnAdafactorConfig {
    fn default() -> Self {
        BurnAdafactorConfig {
            epsilon_1: 1e-30,
            epsilon_2: 1e-3,
            clip_threshold: 1.0,
            decay_rate: -0.8,
            relative_step: true,
            scale_parameter: true,
            weight_decay: 0.0,
        }
    }
}

impl RuleConfig for BurnAdafactorConfig {
    const DEFAULT_LR: f64 = 1e-2;

    fn rules(&self, name: &str) -> Result<Vec<ParameterRule>, Error> {
        check_in_32_bits(
            name,
            [
                ("epsilon_1", self.epsilon_1, POSITIVE),
                ("epsilon_2", self.epsilon_2, POSITIVE),
                ("clip_threshold", self.clip_threshold, POSITIVE),
                ("decay_rate", self.decay_rate, NEGATIVE),
                ("weight_decay", self.weight_decay, NON_NEGATIVE),
            ],
        )?;
        let config = burn::optim::AdafactorConfig::new()
            .with_epsilon_1(self.epsilon_1 as f32)
            .with_epsilon_2(self.epsilon_2 as f32)
            .with_clip_threshold(self.clip_threshold as f32)
            .with_decay_rate(self.decay_rate)
            .with_relative_step(self.relative_step)
            .with_scale_parameter(self.scale_parameter)
            .with_weight_decay(self.weight_decay as f32);
        Ok(vec![ParameterRule::burn(config.build())])
    }
}
