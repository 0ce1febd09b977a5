//! Burn's built-in rules under the names `burn.…`, with Burn's own field names and defaults.
//!
//! Burn stores its settings in 32 bits, so ranges are checked after rounding to 32 bits: a decay of 1 − 1e-9
//! is refused, because Burn would round it to 1 and divide by zero. Burn has no default learning rates; each
//! default here is the usual one for the rule.

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

use burn::optim::decay::WeightDecayConfig;

/// Returns Burn's weight decay; `None` for 0.
fn weight_decay(penalty: f64) -> Option<WeightDecayConfig> {
    (penalty != 0.0).then(|| WeightDecayConfig::new(penalty as f32))
}

/// Passes every one of Burn's rules to the macro `$then`, like `rule_list`.
macro_rules! burn_rule_list {
    ($then:ident $({ $($before:tt)* })?) => {
        $then! {
            $($($before)*)?
            "burn.sgd" => BurnSgd(BurnSgdConfig), "Burn's built-in SGD";
            "burn.adam" => BurnAdam(BurnAdamConfig), "Burn's built-in Adam";
            "burn.adamw" => BurnAdamW(BurnAdamWConfig), "Burn's built-in AdamW";
            "burn.adagrad" => BurnAdaGrad(BurnAdaGradConfig), "Burn's built-in AdaGrad";
            "burn.rmsprop" => BurnRmsProp(BurnRmsPropConfig), "Burn's built-in RMSprop";
            "burn.lion" => BurnLion(BurnLionConfig), "Burn's built-in Lion";
            "burn.lamb" => BurnLamb(BurnLambConfig), "Burn's built-in LAMB";
            "burn.adan" => BurnAdan(BurnAdanConfig), "Burn's built-in Adan";
            "burn.adafactor" => BurnAdafactor(BurnAdafactorConfig), "Burn's built-in Adafactor";
            "burn.lbfgs" => BurnLbfgs(BurnLbfgsConfig), "Burn's built-in L-BFGS, with several evaluations per step";
            "burn.muon" => BurnMuon(BurnMuonConfig), "Burn's built-in Muon for matrices, and its AdamW at the same rate for all other parameters";
        }
    };
}
pub(crate) use burn_rule_list;
