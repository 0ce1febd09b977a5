//! Burn's built-in rules under the names `burn.…`, with Burn's own field names and defaults.

use crate::error::Error;
use crate::optim::{ModelOptimizer, RuleConfig};
use serde::{Deserialize, Serialize};

/// Burn's Adam. Note `epsilon = 1e-5`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BurnAdamConfig {
    /// Decay of the first moment.
    pub beta_1: f32,
    /// Decay of the second moment.
    pub beta_2: f32,
    /// Added to the denominator.
    pub epsilon: f32,
    /// Whether the largest second moment so far is used.
    pub amsgrad: bool,
}

impl Default for BurnAdamConfig {
    fn default() -> Self {
        BurnAdamConfig {
            beta_1: 0.9,
            beta_2: 0.999,
            epsilon: 1e-5,
            amsgrad: false,
        }
    }
}

impl RuleConfig for BurnAdamConfig {
    const DEFAULT_LR: f64 = 1e-3;

    fn build_for_model(&self, name: &str) -> Result<ModelOptimizer, Error> {
        let config = burn::optim::AdamConfig::new()
            .with_beta_1(self.beta_1)
            .with_beta_2(self.beta_2)
            .with_epsilon(self.epsilon)
            .with_amsgrad(self.amsgrad);
        Ok(ModelOptimizer::new(name, config.build()))
    }
}
