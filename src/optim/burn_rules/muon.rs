use super::{check_in_32_bits, weight_decay};
use crate::error::Error;
use crate::optim::{ParameterRule, RuleConfig};
use crate::range::{self, BELOW_ONE, FINITE, NON_NEGATIVE, POSITIVE, SHARE};
use burn::optim::momentum::MomentumConfig;
use burn::optim::{AdamWConfig, AdjustLrFn, MuonConfig};
use serde::{Deserialize, Serialize};

/// Burn's Muon for parameters of rank 2, and Burn's AdamW for all others.
///
/// Muon makes the momentum of a matrix orthogonal and is defined for nothing else; Burn's panics on a bias. AdamW gets
/// the same learning rate and weight decay, and otherwise Burn's defaults. The kernels of convolutions have rank 4, so
/// AdamW moves them too.
///
/// | field | default | range |
/// |:------|--------:|:------|
/// | `weight_decay` | 0 | `[0, ∞)` |
/// | `momentum` | 0.95 | `[0, 1)` |
/// | `dampening` | 0 | `[0, 1]` |
/// | `nesterov` | true | true or false |
/// | `ns_a`, `ns_b`, `ns_c` | 3.4445, −4.775, 2.0315 | `(−∞, ∞)` |
/// | `epsilon` | 1e-7 | `(0, ∞)` |
/// | `ns_steps` | 5 | 1… |
/// | `adjust_lr_fn` | `Original` | `Original` or `MatchRmsAdamW` |
///
/// `ns_a`, `ns_b` and `ns_c` are Burn's `ns_coefficients`. The default learning rate is 1e-3, for the sake of AdamW;
/// `MatchRmsAdamW` gives both rules steps of one size.
///
/// # Errors
/// [`rules`](RuleConfig::rules): [`Error::InvalidConfig`] if a field is out of range or NaN.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BurnMuonConfig {
    /// Weight decay of all parameters, apart from the gradient; 0 for none.
    pub weight_decay: f64,
    /// How much of the velocity stays from step to step.
    pub momentum: f64,
    /// How much of each gradient but the first is kept out of the velocity.
    pub dampening: f64,
    /// Whether the step looks ahead along the velocity.
    pub nesterov: bool,
    /// Coefficient of `X` in the Newton-Schulz iteration.
    pub ns_a: f64,
    /// Coefficient of `X Xᵀ X`.
    pub ns_b: f64,
    /// Coefficient of `X Xᵀ X Xᵀ X`.
    pub ns_c: f64,
    /// Least norm that a matrix is divided by.
    pub epsilon: f64,
    /// Iterations.
    pub ns_steps: usize,
    /// How the learning rate depends on the shape of a matrix.
    pub adjust_lr_fn: AdjustLrFn,
}

impl Default for BurnMuonConfig {
    fn default() -> Self {
        BurnMuonConfig {
            weight_decay: 0.0,
            momentum: 0.95,
            dampening: 0.0,
            nesterov: true,
            ns_a: 3.4445,
            ns_b: -4.775,
            ns_c: 2.0315,
            epsilon: 1e-7,
            ns_steps: 5,
            adjust_lr_fn: AdjustLrFn::Original,
        }
    }
}

impl RuleConfig for BurnMuonConfig {
    const DEFAULT_LR: f64 = 1e-3;

    fn rules(&self, name: &str) -> Result<Vec<ParameterRule>, Error> {
        check_in_32_bits(
            name,
            [
                ("weight_decay", self.weight_decay, NON_NEGATIVE),
                ("momentum", self.momentum, BELOW_ONE),
                ("dampening", self.dampening, SHARE),
                ("ns_a", self.ns_a, FINITE),
                ("ns_b", self.ns_b, FINITE),
                ("ns_c", self.ns_c, FINITE),
                ("epsilon", self.epsilon, POSITIVE),
            ],
        )?;
        range::check_at_least_one(name, [("ns_steps", self.ns_steps)])?;
        let momentum = MomentumConfig::new()
            .with_momentum(self.momentum)
            .with_dampening(self.dampening)
            .with_nesterov(self.nesterov);
        let muon = MuonConfig::new()
            .with_weight_decay(weight_decay(self.weight_decay))
            .with_momentum(momentum)
            .with_ns_coefficients((self.ns_a as f32, self.ns_b as f32, self.ns_c as f32))
            .with_epsilon(self.epsilon as f32)
            .with_ns_steps(self.ns_steps)
            .with_adjust_lr_fn(self.adjust_lr_fn);
        let adamw = AdamWConfig::new().with_weight_decay(self.weight_decay as f32);
        Ok(vec![
            ParameterRule::burn(muon.build()).for_parameters(|parameter| parameter.shape.len() == 2),
            ParameterRule::burn(adamw.build()),
        ])
    }
}
