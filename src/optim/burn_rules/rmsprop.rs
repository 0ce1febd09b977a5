use super::{check_in_32_bits, weight_decay};
use crate::error::Error;
use crate::optim::{ParameterRule, RuleConfig};
use crate::range::{BELOW_ONE, NON_NEGATIVE, POSITIVE};
use serde::{Deserialize, Serialize};

/// Burn's RMSprop. Unlike [`RmsProp`](crate::optim::RmsProp) and PyTorch it has momentum unless told otherwise.
///
/// | field | default | range |
/// |:------|--------:|:------|
/// | `alpha` | 0.99 | `[0, 1)` |
/// | `momentum` | 0.9 | `[0, 1)` |
/// | `epsilon` | 1e-5 | `(0, ∞)` |
/// | `centered` | false | true or false |
/// | `weight_decay` | 0.0 | `[0, ∞)` |
///
/// The default learning rate is 1e-3, a tenth of that for `rmsprop` because of the momentum.
///
/// # Errors
/// [`rules`](RuleConfig::rules): [`Error::InvalidConfig`] if a field is out of range or NaN.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BurnRmsPropConfig {
    /// Decay of the mean of the squares.
    pub alpha: f64,
    /// How much of the velocity stays from step to step.
    pub momentum: f64,
    /// Added to the denominator.
    pub epsilon: f64,
    /// Whether the variance divides instead of the mean of the squares.
    pub centered: bool,
    /// Weight decay, as part of the gradient; 0 for none.
    pub weight_decay: f64,
}

impl Default for BurnRmsPropConfig {
    fn default() -> Self {
        BurnRmsPropConfig { alpha: 0.99, momentum: 0.9, epsilon: 1e-5, centered: false, weight_decay: 0.0 }
    }
}

impl RuleConfig for BurnRmsPropConfig {
    const DEFAULT_LR: f64 = 1e-3;

    fn rules(&self, name: &str) -> Result<Vec<ParameterRule>, Error> {
        check_in_32_bits(
            name,
            [
                ("alpha", self.alpha, BELOW_ONE),
                ("momentum", self.momentum, BELOW_ONE),
                ("epsilon", self.epsilon, POSITIVE),
                ("weight_decay", self.weight_decay, NON_NEGATIVE),
            ],
        )?;
        let config = burn::optim::RmsPropConfig::new()
            .with_alpha(self.alpha as f32)
            .with_momentum(self.momentum as f32)
            .with_epsilon(self.epsilon as f32)
            .with_centered(self.centered)
            .with_weight_decay(weight_decay(self.weight_decay));
        Ok(vec![ParameterRule::burn(config.build())])
    }
}
