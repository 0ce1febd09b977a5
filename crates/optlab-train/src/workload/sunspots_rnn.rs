//! The workload `sunspots-rnn`.

use crate::model::SimpleRnnConfig;
use crate::objective::Objective;
use crate::workload::BuiltIn;
use crate::workload::built_in::{BuiltInFacts, NetworkConfig};

/// Returns a simple RNN that predicts the next year's sunspot number from the 20 years before.
pub(super) fn sunspots_rnn() -> BuiltIn {
    BuiltIn {
        facts: BuiltInFacts {
            name: "sunspots-rnn",
            summary: "simple RNN: next year's sunspot number from the 20 years before, 1700 to 2008",
            data_set: "sunspots",
            input_shape: &[20, 1],
            objective: Objective::regression,
            // Predicting this year's number for the next year has an rmse of 36.7 on the validation part.
            target: 25.0,
            outputs: 1,
            batch_size: 32,
            epochs: 100,
            standardize: true,
        },
        network: NetworkConfig::SimpleRnn(SimpleRnnConfig { hidden: 64, outputs: 1 }),
    }
}
