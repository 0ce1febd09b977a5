use super::{check_in_32_bits, weight_decay};
use crate::error::Error;
use crate::optim::{ParameterRule, RuleConfig};
use crate::range::{BELOW_ONE, NON_NEGATIVE, SHARE};
use burn::optim::momentum::MomentumConfig;
use serde::{Deserialize, Serialize};

/// Burn's SGD. The fields of its momentum stand beside `momentum`, where 0 means none and makes them idle; Burn's dampening
/// is 0.1 where PyTorch's is 0.
///
/// | field | default | range |
/// |:------|--------:|:------|
/// | `weight_decay` | 0.0 | `[0, ∞)` |
/// | `momentum` | 0.0 | `[0, 1)` |
/// | `dampening` | 0.1 | `[0, 1]` |
/// | `nesterov` | false | true or false |
///
/// The default learning rate is 1e-2, the usual one for plain descent.
///
/// # Errors
/// [`rules`](RuleConfig::rules): [`Error::InvalidConfig`] if a field is out of range or NaN.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BurnSgdConfig {
    /// Weight decay, as part of the gradient; 0 for none.
    pub weight_decay: f64,
    /// How much of the velocity stays from step to step; 0 for none.
    pub momentum: f64,
    /// How much of each gradient but the first is kept out of the velocity.
    pub dampening: f64,
    /// Whether the step looks ahead along the velocity.
    pub nesterov: bool,
}

impl Default for BurnSgdConfig {
    fn default() -> Self {
        BurnSgdConfig { weight_decay: 0.0, momentum: 0.0, dampening: 0.1, nesterov: false }
    }
}

impl RuleConfig for BurnSgdConfig {
    const DEFAULT_LR: f64 = 1e-2;

    fn rules(&self, name: &str) -> Result<Vec<ParameterRule>, Error> {
        check_in_32_bits(
            name,
            [
                ("weight_decay", self.weight_decay, NON_NEGATIVE),
                ("momentum", self.momentum, BELOW_ONE),
                ("dampening", self.dampening, SHARE),
            ],
        )?;
        let momentum = (self.momentum != 0.0).then(|| {
            MomentumConfig::new()
                .with_momentum(self.momentum)
                .with_dampening(self.dampening)
                .with_nesterov(self.nesterov)
        });
        let config = burn::optim::SgdConfig::new()
            .with_weight_decay(weight_decay(self.weight_decay))
            .with_momentum(momentum);
        Ok(vec![ParameterRule::burn(config.build())])
    }
}
