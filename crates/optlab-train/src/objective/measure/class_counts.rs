//! Measures from counts per class or label: how often it is right, predicted and true.

use crate::objective::Tally;
use crate::objective::measure::{mean, predicted_classes, read};
use burn::tensor::{Int, Tensor};

/// The name of the counts of labels, whose F1 differs from that of classes where a label is absent.
const LABELS: &str = "f1 of labels";

/// Adds the counts of each class.
pub(super) fn add_classes(key: &str, outputs: Tensor<2>, classes: &Tensor<1, Int>, tally: &mut Tally) {
    let count = outputs.dims()[1].max(2);
    let is_of = |classes: Tensor<1, Int>| {
        let rows = classes.dims()[0];
        let numbers = Tensor::<1, Int>::arange(0..count as i64, &classes.device());
        let numbers = numbers.unsqueeze_dim::<2>(0).expand([rows, count]);
        classes.unsqueeze_dim::<2>(1).expand([rows, count]).equal(numbers).float()
    };
    tally.add(key, &counts(is_of(predicted_classes(outputs)), is_of(classes.clone())));
}

/// Adds the counts of each label.
pub(super) fn add_labels(outputs: Tensor<2>, labels: &Tensor<2>, tally: &mut Tally) {
    assert_eq!(outputs.dims(), labels.dims(), "a target for each output");
    let is_true = labels.clone().greater_elem(0.5).float();
    tally.add(LABELS, &counts(outputs.greater_elem(0.0).float(), is_true));
}

/// Returns how often each class is predicted and true, then how often it is predicted, then how often it is
/// true; both arguments are 0 or 1, `[batch, classes]`.
fn counts(predicted: Tensor<2>, is_true: Tensor<2>) -> Vec<f64> {
    let right = (predicted.clone() * is_true.clone()).sum_dim(0);
    read(Tensor::cat(vec![right, predicted.sum_dim(0), is_true.sum_dim(0)], 0))
}

/// Returns the counts of each class: right, predicted, true.
fn by_class<'a>(key: &str, tally: &'a Tally) -> impl Iterator<Item = [f64; 3]> + use<'a> {
    let sums = tally.sums(key);
    let classes = sums.len() / 3;
    (0..classes).map(move |class| [0, 1, 2].map(|row| sums[row * classes + class]))
}

/// Returns the macro F1: over classes that are predicted or true, or over all labels.
pub(super) fn f1(key: &str, tally: &Tally) -> f64 {
    let classes = by_class(key, tally).filter(|[_, predicted, actual]| predicted + actual > 0.0);
    mean(classes.chain(by_class(LABELS, tally)).map(|[right, predicted, actual]| {
        if predicted + actual > 0.0 { 2.0 * right / (predicted + actual) } else { 0.0 }
    }))
}

/// Returns the mean recall over the classes that have examples.
pub(super) fn balanced_accuracy(key: &str, tally: &Tally) -> f64 {
    let present = by_class(key, tally).filter(|[.., actual]| *actual > 0.0);
    mean(present.map(|[right, _, actual]| right / actual))
}
