use crate::kernel;
use burn::tensor::{Int, Tensor, activation::log_softmax};

/// The mean cross entropy of a softmax, in nats: [`kernel::softmax_cross_entropy`].
///
/// # Shapes
/// `logits`: `[batch, classes]`, `targets`: `[batch]`, each in `[0, classes)`; the loss: `[1]`.
///
/// # Panics
/// If there are more or fewer targets than rows.
pub fn cross_entropy(logits: Tensor<2>, targets: &Tensor<1, Int>) -> Tensor<1> {
    if kernel::is_on_host(&logits) {
        return kernel::softmax_cross_entropy(logits, targets);
    }
    log_softmax(logits, 1).gather(1, targets.clone().unsqueeze_dim(1)).mean().neg()
}
