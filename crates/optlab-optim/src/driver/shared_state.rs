//! The part of an optimizer's saved state that does not belong to a parameter.

use crate::around::mechanic::{Factor, Factors};
use crate::driver::any_rule::SharedNumbers;
use crate::driver::lbfgs::LbfgsState;
use burn::optim::{StateSink, StateSource};
use burn::tensor::TensorData;
use burn_pack::Scalar;
use std::sync::Arc;

/// The state that does not belong to a parameter. Its prefix cannot be the name of a model's field.
pub(crate) struct SharedState {
    pub steps: u64,
    pub skipped: u64,
    /// The largest learning rate so far, if a step depends on it.
    pub largest_lr: Option<f64>,
    /// The learned factors of [`Mechanic`](crate::around::Mechanic); none before its first step.
    pub factors: Factors,
    pub shared: Vec<Option<Arc<SharedNumbers>>>,
    pub lbfgs: Option<LbfgsState>,
    /// The state of Burn's L-BFGS as the bytes of Burn's own file.
    pub burns_lbfgs: Option<TensorData>,
}

const TOGETHER: &str = "*";
const STEPS: &str = "steps";
const SKIPPED: &str = "skipped_steps";
const LBFGS_STATE: &str = "lbfgs";
const LARGEST_LR: &str = "largest_lr";
const DECAYS: &str = "mechanic_decays";

/// The names of a [`Factor`] in a file, before its number.
const FACTOR: [&str; 4] = ["mechanic_scale_", "mechanic_reward_", "mechanic_largest_", "mechanic_square_"];

impl SharedState {
    pub fn flatten(&self, sink: &mut StateSink) {
        sink.push_scalar(TOGETHER, STEPS, Scalar::from(self.steps));
        sink.push_scalar(TOGETHER, SKIPPED, Scalar::from(self.skipped));
        if let Some(largest_lr) = self.largest_lr {
            sink.push_scalar(TOGETHER, LARGEST_LR, Scalar::from(largest_lr));
        }
        if !self.factors.0.is_empty() {
            sink.push_scalar(TOGETHER, DECAYS, Scalar::from(self.factors.0.len() as u64));
        }
        for (place, Factor { scale, reward, largest, square }) in self.factors.0.iter().enumerate() {
            for (name, number) in FACTOR.into_iter().zip([*scale, *reward, *largest, *square]) {
                sink.push_scalar(TOGETHER, &format!("{name}{place}"), Scalar::from(number));
            }
        }
        for (place, shared) in self.shared.iter().enumerate() {
            let Some(shared) = shared else {
                continue;
            };
            let prefix = shared_prefix(place);
            sink.push_scalar(&prefix, STEPS, Scalar::from(shared.step));
            for (name, number) in shared.names.iter().zip(&shared.numbers) {
                sink.push_scalar(&prefix, name, Scalar::from(*number));
            }
        }
        if let Some(lbfgs) = &self.lbfgs {
            lbfgs.flatten(sink);
        }
        if let Some(lbfgs) = &self.burns_lbfgs {
            sink.push_tensor(TOGETHER, LBFGS_STATE, lbfgs.clone());
        }
    }

    /// Reads the shared state from `source`, with the same structure as `like`.
    pub fn unflatten(like: &Self, source: &mut StateSource) -> Option<Self> {
        let count = |source: &mut StateSource, prefix: &str, name: &str| {
            u64::try_from(source.take_scalar(prefix, name)?).ok()
        };
        let mut shared = Vec::new();
        for (place, like) in like.shared.iter().enumerate() {
            let prefix = shared_prefix(place);
            shared.push(match like {
                None => None,
                Some(like) => {
                    let number = |name: &&str| f64::try_from(source.take_scalar(&prefix, name)?).ok();
                    let numbers = like.names.iter().map(number).collect::<Option<Vec<f64>>>()?;
                    let step = count(source, &prefix, STEPS)?;
                    Some(Arc::new(SharedNumbers { step, names: like.names.clone(), numbers }))
                }
            });
        }
        let steps = count(source, TOGETHER, STEPS)?;
        let skipped = count(source, TOGETHER, SKIPPED)?;
        let lbfgs = match &like.lbfgs {
            Some(_) => Some(LbfgsState::unflatten(source)?),
            None => None,
        };
        let burns_lbfgs = match &like.burns_lbfgs {
            Some(_) => Some(source.take_tensor(TOGETHER, LBFGS_STATE)?),
            None => None,
        };
        let largest_lr = match like.largest_lr {
            Some(_) => Some(f64::try_from(source.take_scalar(TOGETHER, LARGEST_LR)?).ok()?),
            None => None,
        };
        let factors = factors(source)?;
        Some(SharedState { steps, skipped, largest_lr, factors, shared, lbfgs, burns_lbfgs })
    }
}

/// Reads the learned factors, if the file has any; `None` if they are incomplete.
fn factors(source: &mut StateSource) -> Option<Factors> {
    let Some(decays) = source.take_scalar(TOGETHER, DECAYS) else {
        return Some(Factors::default());
    };
    let factor = |place: u64| {
        let number = |name| f64::try_from(source.take_scalar(TOGETHER, &format!("{name}{place}"))?).ok();
        let [scale, reward, largest, square] = FACTOR.map(number);
        Some(Factor { scale: scale?, reward: reward?, largest: largest?, square: square? })
    };
    Some(Factors((0..u64::try_from(decays).ok()?).map(factor).collect::<Option<Vec<Factor>>>()?))
}

fn shared_prefix(rule: usize) -> String {
    format!("{TOGETHER}.rule-{rule}")
}
