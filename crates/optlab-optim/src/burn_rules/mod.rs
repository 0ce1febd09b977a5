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

use burn::optim::decay::WeightDecayConfig;

/// Burn's optional weight decay, where 0 means none.
fn weight_decay(penalty: f64) -> Option<WeightDecayConfig> {
    (penalty != 0.0).then(|| WeightDecayConfig::new(penalty as f32))
}

/// Hands every one of Burn's rules to the macro `$then`, as `rule_list` does.
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
            "burn.lbfgs" => BurnLbfgs(BurnLbfgsConfig), "Burn's built-in L-BFGS, several evaluations a step";
            "burn.muon" => BurnMuon(BurnMuonConfig), "Burn's built-in Muon for matrices, its AdamW at the same rate for the rest";
        }
    };
}
pub(crate) use burn_rule_list;
