//! Cross entropy.

use burn::tensor::activation::log_softmax;
use burn::tensor::{Int, Tensor};
use optlab_kernel as kernel;

/// Returns the mean cross entropy of a softmax, in nats; see [`kernel::softmax_cross_entropy`].
///
/// # Shapes
/// `logits`: `[batch, classes]`, `targets`: `[batch]`, each in `[0, classes)`, or −1 for a row that does not
/// count; the loss: `[1]`.
///
/// # Panics
/// If the number of targets differs from the number of rows.
pub fn cross_entropy(logits: Tensor<2>, targets: &Tensor<1, Int>) -> Tensor<1> {
    if kernel::is_on_host(&logits) {
        return kernel::softmax_cross_entropy(logits, targets);
    }
    let losses =
        log_softmax(logits, 1).gather(1, targets.clone().clamp_min(0).unsqueeze_dim(1)).squeeze_dim(1);
    let counts = targets.clone().greater_equal_elem(0);
    let number = counts.clone().int().sum().into_scalar::<i64>();
    losses.mask_fill(counts.bool_not(), 0.0).sum().div_scalar(number as f64).neg()
}
