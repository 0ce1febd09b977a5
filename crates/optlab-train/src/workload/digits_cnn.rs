//! The workload `digits-cnn`.

use crate::model::CnnConfig;
use crate::objective::Objective;
use crate::workload::BuiltIn;
use crate::workload::built_in::{BuiltInFacts, NetworkConfig};

/// Returns a small convolutional network on 8 × 8 digits.
pub(super) fn digits_cnn() -> BuiltIn {
    BuiltIn {
        facts: BuiltInFacts {
            name: "digits-cnn",
            summary: "small convolutional network on 1,797 8×8 digits",
            data_set: "digits",
            input_shape: &[1, 8, 8],
            objective: Objective::classification,
            target: 0.97,
            outputs: 10,
            batch_size: 32,
            epochs: 30,
            standardize: false,
        },
        network: NetworkConfig::Cnn(CnnConfig {
            filters: [16, 32],
            padding: 1,
            hidden: 64,
            classes: 10,
            dropout: [0.1, 0.25],
        }),
    }
}
