//! Sizes and costs of a model.

use crate::model::plan::Plan;
use crate::model::plan::step::sum;

/// The bytes of a number.
const BYTES: u64 = 4;

/// Sizes and costs of one layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayerSummary {
    /// The name, which starts the paths of its parameters.
    pub name: String,
    /// The shape of its output, without the batch.
    pub output: Vec<usize>,
    /// Number of trained parameters.
    pub parameters: u64,
    /// Floating-point operations of an example's forward pass: 2 for each multiplication and addition of
    /// matrix products and convolutions. Biases, activations, pooling, softmax and normalization count 0.
    pub flops: u64,
    /// Number of values that it computes for an example. Inside of recurrent layers and blocks these are
    /// more than its output.
    pub activations: u64,
}

/// Sizes and costs of a model.
///
/// A count that does not fit into 64 bits is the largest number that does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// Each layer, in the order of a forward pass.
    pub layers: Vec<LayerSummary>,
    /// Number of trained parameters.
    pub parameters: u64,
    /// Number of values that are saved with the parameters but not trained: means and variances of batch
    /// normalization.
    pub statistics: u64,
    /// Floating-point operations of an example's forward pass, as in [`LayerSummary::flops`].
    pub flops: u64,
    /// Bytes of parameters and statistics, as 32-bit floats.
    pub weight_bytes: u64,
    /// Bytes of the values that all layers compute for an example, as 32-bit floats: an
    /// estimate of the memory that training needs for the backward pass.
    pub activation_bytes: u64,
}

impl Plan {
    pub fn summary(&self) -> Summary {
        let layers = self.steps.iter().map(|step| LayerSummary {
            name: step.name.clone(),
            output: step.output.sizes(),
            parameters: step.parameters(),
            flops: step.flops(),
            activations: step.activations(),
        });
        let layers: Vec<LayerSummary> = layers.collect();
        let total = |count: fn(&LayerSummary) -> u64| sum(layers.iter().map(count));
        let (parameters, flops) = (total(|layer| layer.parameters), total(|layer| layer.flops));
        let activations = total(|layer| layer.activations);
        let statistics = sum(self.steps.iter().map(|step| step.statistics()));
        Summary {
            parameters,
            statistics,
            flops,
            weight_bytes: sum([parameters, statistics]).saturating_mul(BYTES),
            activation_bytes: activations.saturating_mul(BYTES),
            layers,
        }
    }
}
