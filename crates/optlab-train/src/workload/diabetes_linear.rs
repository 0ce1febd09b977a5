//! The workload `diabetes-linear`.

use crate::objective::Objective;
use crate::workload::BuiltIn;
use crate::workload::built_in::{BuiltInFacts, NetworkConfig};

/// Returns the linear regression of diabetes progression on ten measurements (Efron et al., 2004).
pub(super) fn diabetes_linear() -> BuiltIn {
    BuiltIn {
        facts: BuiltInFacts {
            name: "diabetes-linear",
            summary: "linear regression: progression of diabetes from 10 measurements of 442 patients",
            data_set: "diabetes",
            input_shape: &[10],
            objective: Objective::regression,
            target: 60.0,
            outputs: 1,
            batch_size: 32,
            epochs: 100,
            standardize: true,
        },
        network: NetworkConfig::LinearRegression,
    }
}
