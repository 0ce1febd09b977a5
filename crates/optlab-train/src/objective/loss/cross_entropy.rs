//! Cross entropy of a softmax, with smoothed labels and weighted classes.

use crate::nn;
use crate::objective::loss::ClassWeights;
use burn::tensor::activation::log_softmax;
use burn::tensor::{Int, Tensor, TensorData};
use optlab_core::settings;

settings! {
    /// Settings of the cross entropy of a softmax over classes, in nats.
    ///
    /// ```text
    /// ℓᵢ = −(1 − ε) w(yᵢ) ln p(yᵢ) − ε/C Σ_c w(c) ln p(c)        p = softmax(outputs of i)
    /// L = Σᵢ ℓᵢ / Σᵢ w(yᵢ)                                       w = 1 without weights
    /// ```
    ///
    /// As in PyTorch, the mean divides by the sum of the weights of the batch's examples, so batches with
    /// equally many examples have different shares in an epoch.
    ///
    /// # Reference
    /// PyTorch's `torch.nn.CrossEntropyLoss` with `reduction="mean"`; smoothing: Szegedy et al., *Rethinking
    /// the Inception Architecture*, 2015, <https://arxiv.org/abs/1512.00567>
    pub struct CrossEntropyConfig {
        /// Share of each target that is spread evenly over all classes.
        label_smoothing: f64 = 0.0, "ε", in BELOW_ONE;
        /// How much the examples of each class count.
        class_weights: ClassWeights = (ClassWeights::None) as "none", "w",
            allowed "none, `balanced` or a list of numbers in `(0, ∞)`, one per class";
    }
}

impl CrossEntropyConfig {
    pub(super) const NAME: &'static str = "cross_entropy";

    /// Returns the mean over a batch: `[batch, classes]` and `[batch]` to `[1]`.
    pub(super) fn mean(&self, outputs: Tensor<2>, classes: &Tensor<1, Int>) -> Tensor<1> {
        if *self == Self::default() {
            return nn::cross_entropy(outputs, classes);
        }
        let [rows, outputs_per_row] = outputs.dims();
        assert_eq!(classes.dims(), [rows], "a target for each row");
        let log_p = log_softmax(outputs, 1);
        let right = classes.clone().unsqueeze_dim::<2>(1);
        let (log_p, own, sum_of_weights) = match &self.class_weights {
            ClassWeights::None => {
                let own = log_p.clone().gather(1, right).sum();
                (log_p, own, None)
            }
            ClassWeights::Balanced => panic!("balanced weights are resolved before the training"),
            ClassWeights::List(weights) => {
                assert_eq!(weights.len(), outputs_per_row, "a weight for each class");
                let data = TensorData::new(weights.clone(), [1, weights.len()]);
                let weights = Tensor::<2>::from_data(data, (&log_p.device(), log_p.dtype()));
                let own_weights = weights.clone().squeeze_dim::<1>(0).select(0, classes.clone());
                let log_p = log_p * weights;
                let own = log_p.clone().gather(1, right).sum();
                (log_p, own, Some(own_weights.sum()))
            }
        };
        let sum = match self.label_smoothing {
            0.0 => own,
            smoothing => own * (1.0 - smoothing) + log_p.sum() * (smoothing / outputs_per_row as f64),
        };
        match sum_of_weights {
            Some(weights) => -sum / weights,
            None => sum * (-1.0 / rows as f64),
        }
    }
}
