//! Cross entropy of sigmoids: of one logit for two classes, of a logit for each label.

use burn::tensor::activation::log_sigmoid;
use burn::tensor::{Int, Tensor};
use optlab_core::settings;

settings! {
    /// Settings of the cross entropy of a sigmoid over two classes, in nats, from one output per example.
    ///
    /// ```text
    /// L = mean over i of −p yᵢ ln σ(xᵢ) − (1 − yᵢ) ln σ(−xᵢ)        y ∈ {0, 1}
    /// ```
    ///
    /// As in PyTorch, the mean divides by the number of examples, whatever their weights.
    ///
    /// # Reference
    /// PyTorch's `torch.nn.BCEWithLogitsLoss` with `pos_weight`
    pub struct BinaryCrossEntropyConfig {
        /// How much an example of class 1 counts; one of class 0 counts 1.
        positive_weight: f64 = 1.0, "p", in POSITIVE;
    }
}

impl BinaryCrossEntropyConfig {
    pub(super) const NAME: &'static str = "binary_cross_entropy";

    /// Returns the mean over a batch: `[batch, 1]` and `[batch]` to `[1]`.
    pub(super) fn mean(&self, outputs: Tensor<2>, classes: &Tensor<1, Int>) -> Tensor<1> {
        let classes = classes.clone().float().cast(outputs.dtype()).unsqueeze_dim(1);
        mean(outputs, classes, self.positive_weight)
    }
}

/// Returns the mean cross entropy over examples and labels, both `[batch, labels]`, each target 0 or 1.
pub(super) fn mean(outputs: Tensor<2>, targets: Tensor<2>, positive_weight: f64) -> Tensor<1> {
    terms(outputs, targets, positive_weight).mean()
}

/// Returns the cross entropy of each output and its target, `[batch, labels]`.
///
/// `ln σ(x)` is computed as one operation, which is finite for any `x`; its gradient at 0 is exactly ½, which
/// a formula with `max(x, 0)` and `|x|` would miss.
pub(in crate::objective) fn terms(outputs: Tensor<2>, targets: Tensor<2>, positive_weight: f64) -> Tensor<2> {
    assert_eq!(outputs.dims(), targets.dims(), "a target for each output");
    let positive = log_sigmoid(outputs.clone()) * targets.clone() * positive_weight;
    let negative = log_sigmoid(-outputs) * (-targets + 1.0);
    -(positive + negative)
}
