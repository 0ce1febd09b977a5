//! The workloads `mnist-10k-cnn` and `mnist-cnn`: the same network on a part of MNIST and on all of it.

use crate::model::CnnConfig;
use crate::objective::Objective;
use crate::workload::BuiltIn;
use crate::workload::built_in::{BuiltInFacts, NetworkConfig};

const NETWORK: CnnConfig =
    CnnConfig { filters: [32, 64], padding: 0, hidden: 128, classes: 10, dropout: [0.25, 0.5] };

/// Returns the two-convolution network on the first 10,000 training images of MNIST.
pub(super) fn mnist_10k_cnn() -> BuiltIn {
    BuiltIn {
        facts: BuiltInFacts {
            name: "mnist-10k-cnn",
            summary: "convolutional network on 10,000 images of MNIST, which ship with the program",
            data_set: "mnist-10k",
            input_shape: &[1, 28, 28],
            objective: Objective::classification,
            target: 0.97,
            outputs: 10,
            batch_size: 128,
            epochs: 6,
            standardize: false,
        },
        network: NetworkConfig::Cnn(NETWORK),
    }
}

/// Returns the same network on all of MNIST.
pub(super) fn mnist_cnn() -> BuiltIn {
    BuiltIn {
        facts: BuiltInFacts {
            name: "mnist-cnn",
            summary: "the same network on all 60,000 images of MNIST (from --data-dir, else downloaded)",
            data_set: "mnist",
            input_shape: &[1, 28, 28],
            objective: Objective::classification,
            target: 0.985,
            outputs: 10,
            batch_size: 128,
            epochs: 5,
            standardize: false,
        },
        network: NetworkConfig::Cnn(NETWORK),
    }
}
