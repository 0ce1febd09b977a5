use super::check_in_32_bits;
use crate::error::Error;
use crate::optim::{ParameterRule, RuleConfig};
use crate::range::{BELOW_ONE, NON_NEGATIVE, POSITIVE};
use serde::{Deserialize, Serialize};

/// Burn's LAMB: AdamW whose step for each tensor is scaled to the tensor's own norm.
///
/// | field | default | range |
/// |:------|--------:|:------|
/// | `beta_1` | 0.9 | `[0, 1)` |
/// | `beta_2` | 0.999 | `[0, 1)` |
/// | `epsilon` | 1e-6 | `(0, ∞)` |
/// | `weight_decay` | 0.0 | `[0, ∞)` |
/// | `use_trust_ratio` | true | true or false |
///
/// The default learning rate is 1e-3, as in its paper's smaller runs.
///
/// # Errors
/// [`rules`](RuleConfig::rules): [`Error::InvalidConfig`] if a field is out of range or NaN.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BurnLambConfig {
    /// Decay of the first moment.
    pub beta_1: f64,
    /// Decay of the second moment.
    pub beta_2: f64,
    /// Added to the denominator.
    pub epsilon: f64,
    /// Weight decay, apart from the gradient.
    pub weight_decay: f64,
    /// Whether the step is scaled by the ratio of the norms.
    pub use_trust_ratio: bool,
}

impl Default for BurnLambConfig {
    fn default() -> Self {
        BurnLambConfig { beta_1: 0.9, beta_2: 0.999, epsilon: 1e-6, weight_decay: 0.0, use_trust_ratio: true }
    }
}

impl RuleConfig for BurnLambConfig {
    const DEFAULT_LR: f64 = 1e-3;

    fn rules(&self, name: &str) -> Result<Vec<ParameterRule>, Error> {
        check_in_32_bits(
            name,
            [
                ("beta_1", self.beta_1, BELOW_ONE),
                ("beta_2", self.beta_2, BELOW_ONE),
                ("epsilon", self.epsilon, POSITIVE),
                ("weight_decay", self.weight_decay, NON_NEGATIVE),
            ],
        )?;
        let config = burn::optim::LambConfig::new()
            .with_beta_1(self.beta_1 as f32)
            .with_beta_2(self.beta_2 as f32)
            .with_epsilon(self.epsilon as f32)
            .with_weight_decay(self.weight_decay as f32)
            .with_use_trust_ratio(self.use_trust_ratio);
        Ok(vec![ParameterRule::burn(config.build())])
    }
}
