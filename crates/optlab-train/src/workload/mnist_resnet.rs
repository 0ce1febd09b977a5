//! The workload `mnist-resnet`.

use crate::model::ResNetConfig;
use crate::workload::BuiltIn;
use crate::workload::built_in::{BuiltInFacts, NetworkConfig};
use crate::workload::mnist_cnn::mnist_10k_cnn;

/// Returns the data of `mnist-10k-cnn` with a residual network of three blocks and 16, 32 and 64 filters.
pub(super) fn mnist_resnet() -> BuiltIn {
    BuiltIn {
        facts: BuiltInFacts {
            name: "mnist-resnet",
            summary: "residual network with batch normalization on 10,000 images of MNIST",
            ..mnist_10k_cnn().facts
        },
        network: NetworkConfig::ResNet(ResNetConfig { filters: 16, blocks: 3, classes: 10 }),
    }
}
