use super::check_in_32_bits;
use crate::error::Error;
use crate::optim::{ParameterRule, RuleConfig};
use crate::range::{BELOW_ONE, NON_NEGATIVE, POSITIVE};
use serde::{Deserialize, Serialize};

/// Burn's Adan: Adam with Nesterov momentum estimated from differences of gradients.
///
/// | field | default | range |
/// |:------|--------:|:------|
/// | `beta_1` | 0.98 | `[0, 1)` |
/// | `beta_2` | 0.92 | `[0, 1)` |
/// | `beta_3` | 0.99 | `[0, 1)` |
/// | `epsilon` | 1e-8 | `(0, ∞)` |
/// | `weight_decay` | 0.0 | `[0, ∞)` |
/// | `no_prox` | false | true or false |
///
/// The default learning rate is 1e-3, as its authors use.
///
/// # Errors
/// [`rules`](RuleConfig::rules): [`Error::InvalidConfig`] if a field is out of range or NaN.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BurnAdanConfig {
    /// Decay of the mean of the gradients.
    pub beta_1: f64,
    /// Decay of the mean of their differences.
    pub beta_2: f64,
    /// Decay of the mean of the squares.
    pub beta_3: f64,
    /// Added to the denominator.
    pub epsilon: f64,
    /// Weight decay, apart from the gradient.
    pub weight_decay: f64,
    /// Whether the decay multiplies before the step instead of dividing after it.
    pub no_prox: bool,
}

impl Default for BurnAdanConfig {
    fn default() -> Self {
        BurnAdanConfig {
            beta_1: 0.98,
            beta_2: 0.92,
            beta_3: 0.99,
            epsilon: 1e-8,
            weight_decay: 0.0,
            no_prox: false,
        }
    }
}

impl RuleConfig for BurnAdanConfig {
    const DEFAULT_LR: f64 = 1e-3;

    fn rules(&self, name: &str) -> Result<Vec<ParameterRule>, Error> {
        check_in_32_bits(
            name,
            [
                ("beta_1", self.beta_1, BELOW_ONE),
                ("beta_2", self.beta_2, BELOW_ONE),
                ("beta_3", self.beta_3, BELOW_ONE),
                ("epsilon", self.epsilon, POSITIVE),
                ("weight_decay", self.weight_decay, NON_NEGATIVE),
            ],
        )?;
        let config = burn::optim::AdanConfig::new()
            .with_beta_1(self.beta_1 as f32)
            .with_beta_2(self.beta_2 as f32)
            .with_beta_3(self.beta_3 as f32)
            .with_epsilon(self.epsilon as f32)
            .with_weight_decay(self.weight_decay as f32)
            .with_no_prox(self.no_prox);
        Ok(vec![ParameterRule::burn(config.build())])
    }
}
