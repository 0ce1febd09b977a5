//! The area under the receiver operating characteristic.

use crate::objective::measure::mean;
use crate::objective::{LossSpec, Tally};
use burn::tensor::activation::log_softmax;
use burn::tensor::{Int, Tensor};

/// Keeps the scores and the class of each example: for two classes one score, the output of class 1 minus
/// that of class 0, or the only output; for more a score per class, the log-probability under
/// `cross_entropy`, else the output.
pub(super) fn add(
    key: &str,
    outputs: Tensor<2>,
    classes: &Tensor<1, Int>,
    loss: &LossSpec,
    tally: &mut Tally,
) {
    let [rows, columns] = outputs.dims();
    let scores = match columns {
        1 => outputs,
        2 => outputs.clone().narrow(1, 1, 1) - outputs.narrow(1, 0, 1),
        _ if matches!(loss, LossSpec::CrossEntropy(_)) => log_softmax(outputs, 1),
        _ => outputs,
    };
    assert_eq!(classes.dims(), [rows], "a target for each row");
    tally.append(key, &scores.into_data().iter::<f32>().collect::<Vec<_>>());
    tally.append(&classes_of(key), &classes.to_data().iter::<f32>().collect::<Vec<_>>());
}

fn classes_of(key: &str) -> String {
    format!("{key} classes")
}

/// Returns the area; over several classes the mean of each against the rest.
pub(super) fn auc(key: &str, tally: &Tally) -> f64 {
    let (scores, classes) = (tally.list(key), tally.list(&classes_of(key)));
    let columns = scores.len().checked_div(classes.len()).unwrap_or(0);
    let area_of = |column: usize| {
        let class = if columns == 1 { 1 } else { column };
        let scores = scores.iter().skip(column).step_by(columns);
        area(scores.zip(classes).map(|(&score, &of)| (score, of == class as f32)).collect())
    };
    mean((0..columns).filter_map(area_of))
}

/// Returns the share of pairs of a positive and a negative example in which the positive one scores higher,
/// where equal scores count half; `None` without a pair, NaN if a score is.
///
/// The sum of the ranks of the positive examples gives it (Mann & Whitney, 1947), equal scores sharing the
/// mean of their ranks.
fn area(mut examples: Vec<(f32, bool)>) -> Option<f64> {
    let positive = examples.iter().filter(|(_, is_positive)| *is_positive).count() as f64;
    let negative = examples.len() as f64 - positive;
    if positive == 0.0 || negative == 0.0 {
        return None;
    }
    if examples.iter().any(|(score, _)| score.is_nan()) {
        return Some(f64::NAN);
    }
    examples.sort_by(|(a, _), (b, _)| a.total_cmp(b));
    let (mut ranks, mut before) = (0.0, 0.0);
    for equal in examples.chunk_by(|(a, _), (b, _)| a == b) {
        let positive = equal.iter().filter(|(_, is_positive)| *is_positive).count() as f64;
        ranks += positive * (before + (equal.len() as f64 + 1.0) / 2.0);
        before += equal.len() as f64;
    }
    Some((ranks - positive * (positive + 1.0) / 2.0) / (positive * negative))
}
