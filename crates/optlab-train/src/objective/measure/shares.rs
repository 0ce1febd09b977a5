//! Measures that are a mean over examples: accuracies and the log loss.

use crate::objective::loss::logistic;
use crate::objective::measure::{predicted_classes, read};
use crate::objective::{LossSpec, Tally};
use burn::tensor::activation::log_softmax;
use burn::tensor::{Int, Tensor};

/// Adds `sum`, one element, and the number of `examples`.
fn add(key: &str, sum: Tensor<1>, examples: usize, tally: &mut Tally) {
    tally.add(key, &[read(sum)[0], examples as f64]);
}

pub(super) fn add_accuracy(key: &str, outputs: Tensor<2>, classes: &Tensor<1, Int>, tally: &mut Tally) {
    let [rows, _] = outputs.dims();
    add(key, predicted_classes(outputs).equal(classes.clone()).float().sum(), rows, tally);
}

/// Adds how many rows have their class among the `k` largest outputs.
pub(super) fn add_top_k(
    key: &str,
    k: usize,
    outputs: Tensor<2>,
    classes: &Tensor<1, Int>,
    tally: &mut Tally,
) {
    let [rows, columns] = outputs.dims();
    let classes = classes.clone().unsqueeze_dim::<2>(1);
    let of_class = outputs.clone().gather(1, classes.clone()).expand([rows, columns]);
    let numbers = Tensor::<1, Int>::arange(0..columns as i64, &outputs.device()).unsqueeze_dim::<2>(0);
    let is_later = numbers.expand([rows, columns]).greater(classes.expand([rows, columns]));
    // The classes behind the right one are counted, so that a row with NaN has none.
    let is_behind =
        outputs.clone().lower(of_class.clone()).bool_or(outputs.equal(of_class).bool_and(is_later));
    let behind = is_behind.float().sum_dim(1);
    add(key, behind.greater_equal_elem(columns as f64 - k as f64).float().sum(), rows, tally);
}

/// Adds minus the log-probabilities of the right classes.
pub(super) fn add_log_loss(
    key: &str,
    outputs: Tensor<2>,
    classes: &Tensor<1, Int>,
    loss: &LossSpec,
    tally: &mut Tally,
) {
    let [rows, _] = outputs.dims();
    let classes = classes.clone().unsqueeze_dim::<2>(1);
    let terms = match loss {
        LossSpec::CrossEntropy(_) => -log_softmax(outputs, 1).gather(1, classes),
        LossSpec::BinaryCrossEntropy(_) => {
            let classes = classes.float().cast(outputs.dtype());
            logistic::terms(outputs, classes, 1.0)
        }
        _ => panic!("loss `{}` predicts no probabilities of classes", loss.name()),
    };
    add(key, terms.sum(), rows, tally);
}

/// Returns 1 for each wrong label and 0 for each right one, `[batch, labels]`.
fn wrong_labels(outputs: Tensor<2>, labels: &Tensor<2>) -> Tensor<2> {
    assert_eq!(outputs.dims(), labels.dims(), "a target for each output");
    outputs.greater_elem(0.0).not_equal(labels.clone().greater_elem(0.5)).float()
}

pub(super) fn add_subset_accuracy(key: &str, outputs: Tensor<2>, labels: &Tensor<2>, tally: &mut Tally) {
    let [rows, _] = outputs.dims();
    let wrong = wrong_labels(outputs, labels).sum_dim(1);
    add(key, wrong.equal_elem(0.0).float().sum(), rows, tally);
}

pub(super) fn add_hamming(key: &str, outputs: Tensor<2>, labels: &Tensor<2>, tally: &mut Tally) {
    let [rows, columns] = outputs.dims();
    add(key, wrong_labels(outputs, labels).sum(), rows * columns, tally);
}
