//! The largest scores of attention in the forward passes of a step.

use crate::nn::attention::{AttentionInput, scores_of, separate};
use burn::tensor::Tensor;
use std::cell::RefCell;

thread_local! {
    static HEARD: RefCell<Option<Vec<Tensor<1>>>> = const { RefCell::new(None) };
}

/// The largest score of each head in each pass through a layer of attention, in the order of the passes.
#[derive(Debug, Clone, Default)]
pub struct LargestScores(Vec<Tensor<1>>);

impl LargestScores {
    /// Returns the largest score of each head of each of `layers` layers, over all passes. Waits for the
    /// device.
    pub fn of_layers(self, layers: usize) -> Vec<Vec<f64>> {
        let mut largest: Vec<Vec<f64>> = vec![Vec::new(); layers];
        for (pass, scores) in self.0.into_iter().enumerate() {
            let of_layer = &mut largest[pass % layers];
            for (head, score) in scores.into_data().iter::<f64>().enumerate() {
                match of_layer.get_mut(head) {
                    Some(before) => *before = before.max(score),
                    None => of_layer.push(score),
                }
            }
        }
        largest
    }
}

/// Calls `step`, and returns its result and the largest scores `q · k / √size` in its passes through
/// [`attention`](crate::nn::attention()) on this thread, of places that are not hidden.
pub fn largest_scores<R>(step: impl FnOnce() -> R) -> (R, LargestScores) {
    struct Restore(Option<Vec<Tensor<1>>>);
    impl Drop for Restore {
        fn drop(&mut self) {
            HEARD.set(self.0.take());
        }
    }
    let restore = Restore(HEARD.replace(Some(Vec::new())));
    let result = step();
    let heard = HEARD.take().unwrap_or_default();
    drop(restore);
    (result, LargestScores(heard))
}

/// Adds the scores of a pass, if somebody listens.
pub(super) fn hear(input: &AttentionInput, heads: usize, is_causal: bool) {
    HEARD.with_borrow_mut(|heard| {
        if let Some(heard) = heard {
            let [query, key, _] = separate(input.clone()).map(Tensor::inner);
            let scores = scores_of([query, key], heads, is_causal);
            // One row for each head.
            let scores = scores.swap_dims(0, 1).reshape([heads as i32, -1]);
            heard.push(scores.max_dim(1).reshape([heads as i32]));
        }
    });
}
