use super::check_in_32_bits;
use crate::error::Error;
use crate::optim::{ParameterRule, RuleConfig};
use crate::range::{BELOW_ONE, NON_NEGATIVE};
use serde::{Deserialize, Serialize};

/// Burn's Lion. Its formula is that of [`Lion`](crate::optim::Lion).
///
/// | field | default | range |
/// |:------|--------:|:------|
/// | `beta_1` | 0.9 | `[0, 1)` |
/// | `beta_2` | 0.99 | `[0, 1)` |
/// | `weight_decay` | 0.0 | `[0, ∞)` |
///
/// The default learning rate is 1e-4, as for `lion`.
///
/// # Errors
/// [`rules`](RuleConfig::rules): [`Error::InvalidConfig`] if a field is out of range or NaN.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BurnLionConfig {
    /// Decay of the first moment.
    pub beta_1: f64,
    /// Decay of the momentum.
    pub beta_2: f64,
    /// Weight decay, apart from the gradient.
    pub weight_decay: f64,
}

impl Default for BurnLionConfig {
    fn default() -> Self {
        BurnLionConfig { beta_1: 0.9, beta_2: 0.99, weight_decay: 0.0 }
    }
}

impl RuleConfig for BurnLionConfig {
    const DEFAULT_LR: f64 = 1e-4;

    fn rules(&self, name: &str) -> Result<Vec<ParameterRule>, Error> {
        check_in_32_bits(
            name,
            [
                ("beta_1", self.beta_1, BELOW_ONE),
                ("beta_2", self.beta_2, BELOW_ONE),
                ("weight_decay", self.weight_decay, NON_NEGATIVE),
            ],
        )?;
        let config = burn::optim::LionConfig::new()
            .with_beta_1(self.beta_1 as f32)
            .with_beta_2(self.beta_2 as f32)
            .with_weight_decay(self.weight_decay as f32);
        Ok(vec![ParameterRule::burn(config.build())])
    }
}
