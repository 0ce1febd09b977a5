use super::{check_in_32_bits, weight_decay};
use crate::error::Error;
use crate::optim::{ParameterRule, RuleConfig};
use crate::range::{NON_NEGATIVE, POSITIVE};
use serde::{Deserialize, Serialize};

/// Burn's AdaGrad. Unlike [`AdaGrad`](crate::optim::AdaGrad) and PyTorch it adds 1e-5 to the denominator.
///
/// | field | default | range |
/// |:------|--------:|:------|
/// | `lr_decay` | 0.0 | `[0, ∞)` |
/// | `epsilon` | 1e-5 | `(0, ∞)` |
/// | `weight_decay` | 0.0 | `[0, ∞)` |
///
/// The default learning rate is 1e-2, as for `adagrad`.
///
/// # Errors
/// [`rules`](RuleConfig::rules): [`Error::InvalidConfig`] if a field is out of range or NaN.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BurnAdaGradConfig {
    /// How fast the rule lowers the learning rate by itself.
    pub lr_decay: f64,
    /// Added to the denominator.
    pub epsilon: f64,
    /// Weight decay, as part of the gradient; 0 for none.
    pub weight_decay: f64,
}

impl Default for BurnAdaGradConfig {
    fn default() -> Self {
        BurnAdaGradConfig { lr_decay: 0.0, epsilon: 1e-5, weight_decay: 0.0 }
    }
}

impl RuleConfig for BurnAdaGradConfig {
    const DEFAULT_LR: f64 = 1e-2;

    fn rules(&self, name: &str) -> Result<Vec<ParameterRule>, Error> {
        check_in_32_bits(
            name,
            [
                ("lr_decay", self.lr_decay, NON_NEGATIVE),
                ("epsilon", self.epsilon, POSITIVE),
                ("weight_decay", self.weight_decay, NON_NEGATIVE),
            ],
        )?;
        let config = burn::optim::AdaGradConfig::new()
            .with_lr_decay(self.lr_decay)
            .with_epsilon(self.epsilon as f32)
            .with_weight_decay(weight_decay(self.weight_decay));
        Ok(vec![ParameterRule::burn(config.build())])
    }
}
