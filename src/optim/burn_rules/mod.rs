//! Burn's built-in rules under the names `burn.…`, with Burn's own field names and defaults.
//!
//! Burn keeps its settings in 32 bits, so a value is held to its range after rounding to them: a decay of 1 − 1e-9,
//! which Burn would take for 1 and divide by zero, is refused. Burn names no learning rates; each default is the one that
//! is usual for the rule.

mod adafactor;
mod adagrad;
mod adam;
mod adamw;
mod adan;
mod lamb;
mod lbfgs;
mod lion;
mod muon;
mod rmsprop;
mod sgd;

pub use adafactor::BurnAdafactorConfig;
pub use adagrad::BurnAdaGradConfig;
pub use adam::BurnAdamConfig;
pub use adamw::BurnAdamWConfig;
pub use adan::BurnAdanConfig;
pub use lamb::BurnLambConfig;
pub use lbfgs::BurnLbfgsConfig;
pub use lion::BurnLionConfig;
pub use muon::BurnMuonConfig;
pub use rmsprop::BurnRmsPropConfig;
pub use sgd::BurnSgdConfig;

use crate::error::Error;
use crate::range::{self, Range};
use burn::optim::decay::WeightDecayConfig;

/// [`range::check`] on what Burn will see of each value.
fn check_in_32_bits<const N: usize>(owner: &str, fields: [(&str, f64, Range); N]) -> Result<(), Error> {
    range::check(owner, fields.map(|(field, value, range)| (field, f64::from(value as f32), range)))
}

/// Burn's optional weight decay, where 0 means none.
fn weight_decay(penalty: f64) -> Option<WeightDecayConfig> {
    (penalty != 0.0).then(|| WeightDecayConfig::new(penalty as f32))
}
