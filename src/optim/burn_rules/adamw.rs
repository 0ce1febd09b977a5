use super::check_in_32_bits;
use crate::error::Error;
use crate::optim::{ParameterRule, RuleConfig};
use crate::range::{BELOW_ONE, NON_NEGATIVE, POSITIVE};
use serde::{Deserialize, Serialize};

/// Burn's AdamW. Unlike [`AdamW`](crate::optim::AdamW) and PyTorch it adds 1e-5 to the denominator and decays by 1e-4.
///
/// | field | default | range |
/// |:------|--------:|:------|
/// | `beta_1` | 0.9 | `[0, 1)` |
/// | `beta_2` | 0.999 | `[0, 1)` |
/// | `epsilon` | 1e-5 | `(0, ∞)` |
/// | `weight_decay` | 1e-4 | `[0, ∞)` |
/// | `cautious_weight_decay` | false | true or false |
/// | `amsgrad` | false | true or false |
///
/// The default learning rate is 1e-3, as for `adamw`.
///
/// # Errors
/// [`rules`](RuleConfig::rules): [`Error::InvalidConfig`] if a field is out of range or NaN.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BurnAdamWConfig {
    /// Decay of the first moment.
    pub beta_1: f64,
    /// Decay of the second moment.
    pub beta_2: f64,
    /// Added to the denominator.
    pub epsilon: f64,
    /// Weight decay, apart from the gradient.
    pub weight_decay: f64,
    /// Whether only parameters whose sign is that of the first moment decay.
    pub cautious_weight_decay: bool,
    /// Whether the largest second moment so far divides.
    pub amsgrad: bool,
}

impl Default for BurnAdamWConfig {
    fn default() -> Self {
        BurnAdamWConfig {
            beta_1: 0.9,
            beta_2: 0.999,
            epsilon: 1e-5,
            weight_decay: 1e-4,
            cautious_weight_decay: false,
            amsgrad: false,
        }
    }
}

impl RuleConfig for BurnAdamWConfig {
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
        let config = burn::optim::AdamWConfig::new()
            .with_beta_1(self.beta_1 as f32)
            .with_beta_2(self.beta_2 as f32)
            .with_epsilon(self.epsilon as f32)
            .with_weight_decay(self.weight_decay as f32)
            .with_cautious_weight_decay(self.cautious_weight_decay)
            .with_amsgrad(self.amsgrad);
        Ok(vec![ParameterRule::burn(config.build())])
    }
}
