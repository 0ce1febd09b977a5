use super::{check_in_32_bits, weight_decay};
use crate::error::Error;
use crate::optim::{ParameterRule, RuleConfig};
use crate::range::{BELOW_ONE, NON_NEGATIVE, POSITIVE};
use serde::{Deserialize, Serialize};

/// Burn's Adam. Unlike [`Adam`](crate::optim::Adam) and PyTorch it adds 1e-5 to the denominator.
///
/// | field | default | range |
/// |:------|--------:|:------|
/// | `beta_1` | 0.9 | `[0, 1)` |
/// | `beta_2` | 0.999 | `[0, 1)` |
/// | `epsilon` | 1e-5 | `(0, ∞)` |
/// | `weight_decay` | 0.0 | `[0, ∞)` |
/// | `amsgrad` | false | true or false |
///
/// The default learning rate is 1e-3, as for `adam`.
///
/// # Errors
/// [`rules`](RuleConfig::rules): [`Error::InvalidConfig`] if a field is out of range or NaN.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BurnAdamConfig {
    /// Decay of the first moment.
    pub beta_1: f64,
    /// Decay of the second moment.
    pub beta_2: f64,
    /// Added to the denominator.
    pub epsilon: f64,
    /// Weight decay, as part of the gradient; 0 for none.
    pub weight_decay: f64,
    /// Whether the largest second moment so far divides.
    pub amsgrad: bool,
}

impl Default for BurnAdamConfig {
    fn default() -> Self {
        BurnAdamConfig { beta_1: 0.9, beta_2: 0.999, epsilon: 1e-5, weight_decay: 0.0, amsgrad: false }
    }
}

impl RuleConfig for BurnAdamConfig {
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
        let config = burn::optim::AdamConfig::new()
            .with_beta_1(self.beta_1 as f32)
            .with_beta_2(self.beta_2 as f32)
            .with_epsilon(self.epsilon as f32)
            .with_weight_decay(weight_decay(self.weight_decay))
            .with_amsgrad(self.amsgrad);
        Ok(vec![ParameterRule::burn(config.build())])
    }
}
