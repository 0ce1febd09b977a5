//! The workload `digits-rnn`.

use crate::model::SimpleRnnConfig;
use crate::objective::Objective;
use crate::workload::BuiltIn;
use crate::workload::built_in::{BuiltInFacts, NetworkConfig};

/// Returns a simple RNN that reads an 8 × 8 digit row by row.
pub(super) fn digits_rnn() -> BuiltIn {
    BuiltIn {
        facts: BuiltInFacts {
            name: "digits-rnn",
            summary: "simple RNN that reads an 8×8 digit row by row",
            data_set: "digits",
            input_shape: &[1, 8, 8],
            objective: Objective::classification,
            target: 0.95,
            outputs: 10,
            batch_size: 32,
            epochs: 30,
            standardize: false,
        },
        network: NetworkConfig::SimpleRnn(SimpleRnnConfig { hidden: 64, outputs: 10 }),
    }
}
