//! The hinge loss.

use burn::tensor::activation::relu;
use burn::tensor::{Int, Tensor};

/// Returns the mean hinge loss of scores: `[batch, 1]` or `[batch, classes]`, and `[batch]`, to `[1]`.
///
/// ```text
/// one output:       mean over i of max(0, 1 − yᵢ xᵢ)        y = −1 for class 0, 1 for class 1
/// several outputs:  mean over i of 1/C Σ_{j ≠ yᵢ} max(0, 1 − xᵢ(yᵢ) + xᵢ(j))
/// ```
pub(super) fn mean(outputs: Tensor<2>, classes: &Tensor<1, Int>) -> Tensor<1> {
    let [rows, columns] = outputs.dims();
    assert_eq!(classes.dims(), [rows], "a target for each row");
    let classes = classes.clone().unsqueeze_dim::<2>(1);
    if columns == 1 {
        let sign = classes.float().cast(outputs.dtype()) * 2.0 - 1.0;
        return relu(-(outputs * sign) + 1.0).mean();
    }
    let right = outputs.clone().gather(1, classes);
    // The term of j = y is 1 whatever the outputs are, and its gradients cancel.
    let sum = relu(outputs - right + 1.0).sum();
    (sum * (1.0 / rows as f64) - 1.0) * (1.0 / columns as f64)
}
