//! Cross entropy.

use burn::tensor::activation::log_softmax;
use burn::tensor::{Int, Tensor};
use optlab_kernel as kernel;

/// Returns the mean cross entropy of a softmax, in nats; see [`kernel::softmax_cross_entropy`].
///
/// # Shapes
/// `logits`: `[batch, classes]`, `targets`: `[batch]`, each in `[0, classes)`; the loss: `[1]`.
///
/// # Panics
/// If the number of targets differs from the number of rows.
pub fn cross_entropy(logits: Tensor<2>, targets: &Tensor<1, Int>) -> Tensor<1> {
    if kernel::is_on_host(&logits) {
        return kernel::softmax_cross_entropy(logits, targets);
    }
    log_softmax(logits, 1).gather(1, targets.clone().unsqueeze_dim(1)).mean().neg()
}

/// Returns the mean cross entropy over the rows that have a class: as many as `counted`, at least one. The
/// target of the others is −1.
///
/// # Shapes
/// Those of [`cross_entropy`].
///
/// # Panics
/// If the number of targets differs from the number of rows.
pub fn cross_entropy_of_some(logits: Tensor<2>, targets: &Tensor<1, Int>, counted: usize) -> Tensor<1> {
    let rows = logits.dims()[0];
    if counted == rows || kernel::is_on_host(&logits) {
        return cross_entropy(logits, targets);
    }
    let classes = targets.clone().clamp_min(0).unsqueeze_dim(1);
    let losses: Tensor<1> = log_softmax(logits, 1).gather(1, classes).squeeze_dim(1);
    let has_none = targets.clone().lower_elem(0);
    losses.mask_fill(has_none, 0.0).mean().mul_scalar(-(rows as f64) / counted as f64)
}
