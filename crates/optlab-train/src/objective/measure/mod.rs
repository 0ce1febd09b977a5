//! Measures by name: how good predictions are, over all examples of an evaluation.

mod class_counts;
mod errors;
mod fit;
mod ranking;
mod shares;

use crate::Error;
use crate::data::{BatchTargets, TargetUnit};
use crate::objective::spec_table::spec_as_text_or_table;
use crate::objective::{LossSpec, Tally};
use burn::tensor::{Int, Tensor};
use optlab_core::metric::{Direction, Metric, PERCENT};
use optlab_core::settings;
use optlab_core::settings::Settings;
use serde::{Deserialize, Serialize};

settings! {
    /// Settings of the top-k accuracy.
    ///
    /// Among equal outputs the class with the lower number comes first, so `k = 1` is the accuracy.
    /// `k` must be below the number of classes.
    pub struct TopKConfig {
        /// Number of classes with the largest outputs, one of which must be right.
        k: usize = 5, in COUNT;
    }
}

/// A measure and its settings: `top_k:k=3` as text, `{"measure": "top_k", "k": 3}` as a table.
///
/// | measure             | targets         | value                                                              | better  |
/// |:--------------------|:----------------|:-------------------------------------------------------------------|:--------|
/// | `accuracy`          | classes         | share of examples whose predicted class is right                   | larger  |
/// | `top_k`             | classes         | share of examples whose class is among the `k` largest outputs     | larger  |
/// | `f1`                | classes, labels | mean over classes of `2 TP / (2 TP + FP + FN)`                     | larger  |
/// | `balanced_accuracy` | classes         | mean over classes of the share of their examples that is right     | larger  |
/// | `auc`               | classes         | probability that an example of a class scores above one of another | larger  |
/// | `log_loss`          | classes         | mean of `−ln p(y)`, in nats, without weights and smoothing         | smaller |
/// | `rmse`              | numbers         | `√(mean of d²)`, in the target's own unit                          | smaller |
/// | `mae`               | numbers         | mean of `abs d`, in the target's own unit                          | smaller |
/// | `r2`                | numbers         | `1 − Σ d² / Σ (y − ȳ)²`                                            | larger  |
/// | `mape`              | numbers         | mean of `abs d / max(abs y, 2⁻⁵²)`, with `y` in its own unit       | smaller |
/// | `subset_accuracy`   | labels          | share of examples whose labels are all right                       | larger  |
/// | `hamming`           | labels          | share of wrong labels                                              | smaller |
///
/// The predicted class has the largest output, the first of equal ones; with one output it is class 1 if the
/// output is above 0. A label is predicted if its output is above 0.
///
/// Definitions are scikit-learn's: `f1` leaves out classes that are neither predicted nor true, but counts
/// such labels as 0; `balanced_accuracy` leaves out classes without examples; `auc` counts ties half, and
/// for more than two classes is the mean over each class against the rest; `r2` of targets that are all
/// equal is 1 without errors, else 0. Measures of several numbers are the mean over the columns, each in
/// its own unit.
///
/// # Differs from
/// scikit-learn, where `auc` needs every class among the examples: here the mean leaves out a class without
/// examples. Its `log_loss` clips probabilities: here they are computed from the outputs and may be any.
/// Its `top_k_accuracy_score` takes the higher class first among equal outputs. It reads a single label as
/// two classes: here `f1` of a single label is the score of that label.
///
/// # Example
/// See [`objective`](crate::objective).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "measure", rename_all = "snake_case", remote = "Self")]
pub enum MeasureSpec {
    /// The share of right classes.
    Accuracy,
    /// The share of classes among the largest outputs.
    TopK(TopKConfig),
    /// The macro F1 score.
    F1,
    /// The mean recall of the classes.
    BalancedAccuracy,
    /// The area under the receiver operating characteristic.
    Auc,
    /// The mean negative log-probability of the classes.
    LogLoss,
    /// The root mean squared error.
    Rmse,
    /// The mean absolute error.
    Mae,
    /// The coefficient of determination.
    R2,
    /// The mean absolute percentage error.
    Mape,
    /// The share of examples with all labels right.
    SubsetAccuracy,
    /// The share of wrong labels.
    Hamming,
}

spec_as_text_or_table!(MeasureSpec, "measure");

impl MeasureSpec {
    /// Every name, in the order of listings.
    pub const NAMES: [&'static str; 12] = [
        "accuracy",
        "top_k",
        "f1",
        "balanced_accuracy",
        "auc",
        "log_loss",
        "rmse",
        "mae",
        "r2",
        "mape",
        "subset_accuracy",
        "hamming",
    ];

    fn default_of(name: &str) -> Option<Self> {
        Some(match name {
            "accuracy" => MeasureSpec::Accuracy,
            "top_k" => MeasureSpec::TopK(TopKConfig::default()),
            "f1" => MeasureSpec::F1,
            "balanced_accuracy" => MeasureSpec::BalancedAccuracy,
            "auc" => MeasureSpec::Auc,
            "log_loss" => MeasureSpec::LogLoss,
            "rmse" => MeasureSpec::Rmse,
            "mae" => MeasureSpec::Mae,
            "r2" => MeasureSpec::R2,
            "mape" => MeasureSpec::Mape,
            "subset_accuracy" => MeasureSpec::SubsetAccuracy,
            "hamming" => MeasureSpec::Hamming,
            _ => return None,
        })
    }

    /// Returns its name in text and files.
    pub fn name(&self) -> &'static str {
        match self {
            MeasureSpec::Accuracy => "accuracy",
            MeasureSpec::TopK(_) => "top_k",
            MeasureSpec::F1 => "f1",
            MeasureSpec::BalancedAccuracy => "balanced_accuracy",
            MeasureSpec::Auc => "auc",
            MeasureSpec::LogLoss => "log_loss",
            MeasureSpec::Rmse => "rmse",
            MeasureSpec::Mae => "mae",
            MeasureSpec::R2 => "r2",
            MeasureSpec::Mape => "mape",
            MeasureSpec::SubsetAccuracy => "subset_accuracy",
            MeasureSpec::Hamming => "hamming",
        }
    }

    /// Returns a one-line summary.
    pub fn summary(&self) -> &'static str {
        match self {
            MeasureSpec::Accuracy => "share of right classes",
            MeasureSpec::TopK(_) => "share of classes among the k largest outputs",
            MeasureSpec::F1 => "F1 score, the mean over classes or labels",
            MeasureSpec::BalancedAccuracy => "share of right classes, the mean over classes",
            MeasureSpec::Auc => "area under the ROC curve, for several classes each against the rest",
            MeasureSpec::LogLoss => "mean of minus the log-probability of the right class, in nats",
            MeasureSpec::Rmse => "root mean squared error, in the target's unit",
            MeasureSpec::Mae => "mean absolute error, in the target's unit",
            MeasureSpec::R2 => "coefficient of determination, R²",
            MeasureSpec::Mape => "mean absolute error relative to the target",
            MeasureSpec::SubsetAccuracy => "share of examples with all labels right",
            MeasureSpec::Hamming => "share of wrong labels",
        }
    }

    /// Checks the settings.
    ///
    /// # Errors
    /// [`InvalidConfig`](optlab_core::Error::InvalidConfig) for a `k` of 0.
    pub fn check(&self) -> Result<(), Error> {
        match self {
            MeasureSpec::TopK(config) => Ok(config.check(self.name())?),
            _ => Ok(()),
        }
    }

    /// Returns the metric without a target. `top_k` is called `top_5` for `k = 5`; shares and `mape` have
    /// the unit [`PERCENT`].
    pub fn metric(&self) -> Metric {
        let (unit, direction) = match self {
            MeasureSpec::Accuracy
            | MeasureSpec::TopK(_)
            | MeasureSpec::BalancedAccuracy
            | MeasureSpec::SubsetAccuracy => (PERCENT, Direction::Larger),
            MeasureSpec::F1 | MeasureSpec::Auc | MeasureSpec::R2 => ("", Direction::Larger),
            MeasureSpec::Hamming | MeasureSpec::Mape => (PERCENT, Direction::Smaller),
            MeasureSpec::LogLoss | MeasureSpec::Rmse | MeasureSpec::Mae => ("", Direction::Smaller),
        };
        Metric { name: self.key(), unit: unit.into(), direction, target: None }
    }

    /// Returns the name under which a tally keeps its sums, different for different settings.
    fn key(&self) -> String {
        match self {
            MeasureSpec::TopK(config) => format!("top_{}", config.k),
            measure => measure.name().into(),
        }
    }

    /// Adds a batch to `tally`: `outputs` `[batch, outputs]` of a model trained with `loss`.
    ///
    /// Sums are computed on the device and added up in 64 bits. `auc` and `mape` keep numbers of every
    /// example.
    ///
    /// # Panics
    /// If the targets are not of the measure's kind or shape, or `log_loss` is to be computed for a loss
    /// without probabilities; [`fit`](Self::fit) detects both beforehand.
    pub fn add(&self, outputs: &Tensor<2>, targets: &BatchTargets, loss: &LossSpec, tally: &mut Tally) {
        let (key, outputs) = (self.key(), outputs.clone());
        match (self, targets) {
            (MeasureSpec::Accuracy, BatchTargets::Classes(classes)) => {
                shares::add_accuracy(&key, outputs, classes, tally);
            }
            (MeasureSpec::TopK(config), BatchTargets::Classes(classes)) => {
                shares::add_top_k(&key, config.k, outputs, classes, tally);
            }
            (MeasureSpec::F1 | MeasureSpec::BalancedAccuracy, BatchTargets::Classes(classes)) => {
                class_counts::add_classes(&key, outputs, classes, tally);
            }
            (MeasureSpec::F1, BatchTargets::Values(labels)) => {
                class_counts::add_labels(outputs, labels, tally);
            }
            (MeasureSpec::Auc, BatchTargets::Classes(classes)) => {
                ranking::add(&key, outputs, classes, loss, tally);
            }
            (MeasureSpec::LogLoss, BatchTargets::Classes(classes)) => {
                shares::add_log_loss(&key, outputs, classes, loss, tally);
            }
            (MeasureSpec::Rmse, BatchTargets::Values(values)) => {
                errors::add_squares(&key, outputs, values, tally);
            }
            (MeasureSpec::Mae, BatchTargets::Values(values)) => {
                errors::add_sizes(&key, outputs, values, tally)
            }
            (MeasureSpec::R2, BatchTargets::Values(values)) => errors::add_r2(&key, outputs, values, tally),
            (MeasureSpec::Mape, BatchTargets::Values(values)) => {
                errors::add_each(&key, outputs, values, tally);
            }
            (MeasureSpec::SubsetAccuracy, BatchTargets::Values(labels)) => {
                shares::add_subset_accuracy(&key, outputs, labels, tally);
            }
            (MeasureSpec::Hamming, BatchTargets::Values(labels)) => {
                shares::add_hamming(&key, outputs, labels, tally);
            }
            _ => panic!("measure `{key}` is not for targets of this kind"),
        }
    }

    /// Returns the value over all batches that were added to `tally`; `units` has the unit of each column of
    /// numbers, and is not used for classes and labels.
    ///
    /// NaN if nothing was added, and where the measure is not defined: `auc` if no class has both examples
    /// and other examples; `r2` of fewer than two examples.
    ///
    /// # Panics
    /// If `rmse`, `mae` or `mape` get fewer units than columns.
    pub fn value(&self, tally: &Tally, units: &[TargetUnit]) -> f64 {
        let key = self.key();
        match self {
            MeasureSpec::Accuracy
            | MeasureSpec::TopK(_)
            | MeasureSpec::LogLoss
            | MeasureSpec::SubsetAccuracy
            | MeasureSpec::Hamming => tally.ratio(&key).unwrap_or(f64::NAN),
            MeasureSpec::F1 => class_counts::f1(&key, tally),
            MeasureSpec::BalancedAccuracy => class_counts::balanced_accuracy(&key, tally),
            MeasureSpec::Auc => ranking::auc(&key, tally),
            MeasureSpec::Rmse => errors::rmse(&key, tally, units),
            MeasureSpec::Mae => errors::mae(&key, tally, units),
            MeasureSpec::R2 => errors::r2(&key, tally),
            MeasureSpec::Mape => errors::mape(&key, tally, units),
        }
    }
}

/// Returns the predicted class of each row, `[batch]`.
fn predicted_classes(outputs: Tensor<2>) -> Tensor<1, Int> {
    match outputs.dims() {
        [_, 1] => outputs.greater_elem(0.0).int().squeeze_dim(1),
        _ => outputs.argmax(1).squeeze_dim(1),
    }
}

/// Returns the numbers of a tensor, row-major.
fn read<const D: usize>(tensor: Tensor<D>) -> Vec<f64> {
    tensor.into_data().iter::<f64>().collect()
}

/// Returns the mean; NaN of nothing.
fn mean(values: impl IntoIterator<Item = f64>) -> f64 {
    let (mut sum, mut count) = (0.0, 0);
    for value in values {
        sum += value;
        count += 1;
    }
    sum / f64::from(count)
}
