//! Losses by name: their settings, formulas, and the targets that they are for.

mod class_weights;
mod cross_entropy;
mod draw;
mod hinge;
pub(super) mod logistic;
pub(super) mod regression;

pub use class_weights::ClassWeights;
pub use cross_entropy::CrossEntropyConfig;
pub use logistic::BinaryCrossEntropyConfig;
pub use regression::{HuberConfig, QuantileConfig};

use crate::Error;
use crate::data::BatchTargets;
use crate::objective::TargetKind;
use crate::objective::spec_table::spec_as_text_or_table;
use burn::tensor::Tensor;
use burn::tensor::activation::{log_sigmoid, log_softmax, sigmoid, softmax};
use optlab_core::settings::Settings;
use rand::Rng;
use serde::{Deserialize, Serialize};

/// A loss and its settings: `huber:delta=0.5` as text, `{"loss": "huber", "delta": 0.5}` as a table.
///
/// `x`: the outputs of an example; `y`: its target; `d = x − y`; `σ(x) = 1 / (1 + exp(−x))`. Each loss is a
/// mean over the batch, and over the columns of several numbers or labels.
///
/// | loss                   | targets         | outputs        | formula of an example                               |
/// |:-----------------------|:----------------|:---------------|:----------------------------------------------------|
/// | `mse`                  | numbers         | one per number | `d²`                                                |
/// | `l1`                   | numbers         | one per number | `abs d`                                             |
/// | `huber`                | numbers         | one per number | `½ d²`, from `abs d = δ` on `δ (abs d − ½ δ)`       |
/// | `quantile`             | numbers         | one per number | `−q d` below 0, `(1 − q) d` above                   |
/// | `cross_entropy`        | 2 or more classes | one per class | `−ln softmax(x)(y)`; smoothing and weights: [`CrossEntropyConfig`] |
/// | `binary_cross_entropy` | 2 classes       | 1              | `−p y ln σ(x) − (1 − y) ln σ(−x)`                   |
/// | `multi_label`          | labels          | one per label  | `−y ln σ(x) − (1 − y) ln σ(−x)`                     |
/// | `hinge`                | 2 classes       | 1              | `max(0, 1 − (2 y − 1) x)`                           |
/// | `hinge`                | more classes    | one per class  | `1/C Σ_{j ≠ y} max(0, 1 − x(y) + x(j))`             |
///
/// Logarithms are natural. Every loss and its gradient is finite for any finite output whose square is
/// finite.
///
/// # Differs from
/// `hinge` over several classes is PyTorch's `MultiMarginLoss`; scikit-learn's `hinge_loss` has the largest
/// term instead of their mean. A class weight of 0, which PyTorch accepts, is refused: a batch of only that
/// class would have no loss.
///
/// # Example
/// ```
/// use optlab_train::objective::{LossSpec, TargetKind};
///
/// let loss: LossSpec = "cross_entropy:class_weights=balanced".parse()?;
/// assert_eq!(loss.outputs(TargetKind::Classes(3))?, 3);
/// let resolved = loss.resolve(&[10, 10, 40])?;
/// assert_eq!(resolved.to_string(), "cross_entropy:class_weights=[2.0,2.0,0.5]");
/// let error = loss.outputs(TargetKind::Values(1)).unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "loss `cross_entropy` does not fit 1 number; these fit: mse, l1, huber, quantile"
/// );
/// # Ok::<(), optlab_train::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "loss", rename_all = "snake_case", remote = "Self")]
pub enum LossSpec {
    /// The mean squared error.
    Mse,
    /// The mean absolute error.
    L1,
    /// Squared near 0, absolute beyond.
    Huber(HuberConfig),
    /// The pinball loss of a quantile.
    Quantile(QuantileConfig),
    /// The cross entropy of a softmax.
    CrossEntropy(CrossEntropyConfig),
    /// The cross entropy of a sigmoid, for two classes.
    BinaryCrossEntropy(BinaryCrossEntropyConfig),
    /// The cross entropy of a sigmoid per label.
    MultiLabel,
    /// The hinge loss of scores.
    Hinge,
}

spec_as_text_or_table!(LossSpec, "loss");

impl LossSpec {
    /// Every name, in the order of listings.
    pub const NAMES: [&'static str; 8] = [
        "mse",
        "l1",
        HuberConfig::NAME,
        QuantileConfig::NAME,
        CrossEntropyConfig::NAME,
        BinaryCrossEntropyConfig::NAME,
        "multi_label",
        "hinge",
    ];

    fn default_of(name: &str) -> Option<Self> {
        Some(match name {
            "mse" => LossSpec::Mse,
            "l1" => LossSpec::L1,
            HuberConfig::NAME => LossSpec::Huber(HuberConfig::default()),
            QuantileConfig::NAME => LossSpec::Quantile(QuantileConfig::default()),
            CrossEntropyConfig::NAME => LossSpec::CrossEntropy(CrossEntropyConfig::default()),
            BinaryCrossEntropyConfig::NAME => {
                LossSpec::BinaryCrossEntropy(BinaryCrossEntropyConfig::default())
            }
            "multi_label" => LossSpec::MultiLabel,
            "hinge" => LossSpec::Hinge,
            _ => return None,
        })
    }

    /// Returns the default loss for targets of this kind: `cross_entropy`, `mse` or `multi_label`.
    pub fn default_for(targets: TargetKind) -> Self {
        match targets {
            TargetKind::Classes(_) => LossSpec::CrossEntropy(CrossEntropyConfig::default()),
            TargetKind::Values(_) => LossSpec::Mse,
            TargetKind::Labels(_) => LossSpec::MultiLabel,
        }
    }

    /// Returns its name in text and files.
    pub fn name(&self) -> &'static str {
        match self {
            LossSpec::Mse => "mse",
            LossSpec::L1 => "l1",
            LossSpec::Huber(_) => HuberConfig::NAME,
            LossSpec::Quantile(_) => QuantileConfig::NAME,
            LossSpec::CrossEntropy(_) => CrossEntropyConfig::NAME,
            LossSpec::BinaryCrossEntropy(_) => BinaryCrossEntropyConfig::NAME,
            LossSpec::MultiLabel => "multi_label",
            LossSpec::Hinge => "hinge",
        }
    }

    /// Returns a one-line summary.
    pub fn summary(&self) -> &'static str {
        match self {
            LossSpec::Mse => "the mean squared error",
            LossSpec::L1 => "the mean absolute error",
            LossSpec::Huber(_) => "squared error near 0, absolute error beyond delta (Huber, 1964)",
            LossSpec::Quantile(_) => "pinball loss, for the q-quantile (Koenker & Bassett, 1978)",
            LossSpec::CrossEntropy(_) => "cross entropy of a softmax over classes",
            LossSpec::BinaryCrossEntropy(_) => "cross entropy of a sigmoid, for two classes",
            LossSpec::MultiLabel => "cross entropy of a sigmoid for each label",
            LossSpec::Hinge => "margin between the score of the class and those of others",
        }
    }

    /// Checks the settings.
    ///
    /// # Errors
    /// [`InvalidConfig`](optlab_core::Error::InvalidConfig) for a number out of its range, also after
    /// rounding to 32 bits, or NaN.
    pub fn check(&self) -> Result<(), Error> {
        let name = self.name();
        match self {
            LossSpec::Mse | LossSpec::L1 | LossSpec::MultiLabel | LossSpec::Hinge => {}
            LossSpec::Huber(config) => config.check_in_32_bits(name)?,
            LossSpec::Quantile(config) => config.check_in_32_bits(name)?,
            LossSpec::CrossEntropy(config) => {
                config.check_in_32_bits(name)?;
                config.class_weights.check()?;
            }
            LossSpec::BinaryCrossEntropy(config) => config.check_in_32_bits(name)?,
        }
        Ok(())
    }

    /// Returns the loss with numbers in place of `balanced`; `counts[c]` is the number of training examples
    /// of class `c`, and is not used by losses without class weights.
    ///
    /// # Errors
    /// [`InvalidConfig`](optlab_core::Error::InvalidConfig) as for [`check`](Self::check), for `balanced`
    /// if a class has no example, and for a list that has not one weight per class.
    pub fn resolve(&self, counts: &[usize]) -> Result<Self, Error> {
        self.check()?;
        let mut resolved = self.clone();
        if let LossSpec::CrossEntropy(config) = &mut resolved {
            config.class_weights = config.class_weights.resolve(counts)?;
        }
        Ok(resolved)
    }

    /// Returns the number of outputs that a model needs.
    ///
    /// # Errors
    /// [`Usage`](optlab_core::Error::Usage) if the loss is not for targets of this kind, with those that are.
    pub fn outputs(&self, targets: TargetKind) -> Result<usize, Error> {
        self.outputs_if_it_fits(targets).ok_or_else(|| {
            let fitting = Self::all().into_iter().filter(|loss| loss.outputs_if_it_fits(targets).is_some());
            let fitting: Vec<&str> = fitting.map(|loss| loss.name()).collect();
            let fitting = if fitting.is_empty() { "none".into() } else { fitting.join(", ") };
            Error::usage(format!("loss `{}` does not fit {targets}; these fit: {fitting}", self.name()))
        })
    }

    fn outputs_if_it_fits(&self, targets: TargetKind) -> Option<usize> {
        match (self, targets) {
            (LossSpec::CrossEntropy(_), TargetKind::Classes(classes @ 2..)) => Some(classes),
            (LossSpec::BinaryCrossEntropy(_) | LossSpec::Hinge, TargetKind::Classes(2)) => Some(1),
            (LossSpec::Hinge, TargetKind::Classes(classes @ 3..)) => Some(classes),
            (
                LossSpec::Mse | LossSpec::L1 | LossSpec::Huber(_) | LossSpec::Quantile(_),
                TargetKind::Values(columns @ 1..),
            ) => Some(columns),
            (LossSpec::MultiLabel, TargetKind::Labels(labels @ 1..)) => Some(labels),
            _ => None,
        }
    }

    /// Returns the mean loss of a batch, one element; `outputs` is `[batch, outputs]`.
    ///
    /// # Panics
    /// If the targets are not of the loss's kind or shape, or `balanced` weights were not
    /// [resolved](Self::resolve).
    pub fn mean(&self, outputs: Tensor<2>, targets: &BatchTargets) -> Tensor<1> {
        match (self, targets) {
            (LossSpec::Mse, BatchTargets::Values(values)) => regression::mse(outputs, values),
            (LossSpec::L1, BatchTargets::Values(values)) => regression::l1(outputs, values),
            (LossSpec::Huber(config), BatchTargets::Values(values)) => config.mean(outputs, values),
            (LossSpec::Quantile(config), BatchTargets::Values(values)) => config.mean(outputs, values),
            (LossSpec::CrossEntropy(config), BatchTargets::Classes(classes)) => config.mean(outputs, classes),
            (LossSpec::BinaryCrossEntropy(config), BatchTargets::Classes(classes)) => {
                config.mean(outputs, classes)
            }
            (LossSpec::MultiLabel, BatchTargets::Values(labels)) => {
                logistic::mean(outputs, labels.clone(), 1.0)
            }
            (LossSpec::Hinge, BatchTargets::Classes(classes)) => hinge::mean(outputs, classes),
            _ => panic!("loss `{}` is not for targets of this kind", self.name()),
        }
    }

    /// Turns outputs `[batch, outputs]` into predictions of the same shape: the probabilities of the classes
    /// (`cross_entropy`), of class 1 (`binary_cross_entropy`) or of the labels, in `[0, 1]`; numbers and the
    /// scores of `hinge` stay as they are.
    pub fn predict(&self, outputs: Tensor<2>) -> Tensor<2> {
        match self {
            LossSpec::CrossEntropy(_) => softmax(outputs, 1),
            LossSpec::BinaryCrossEntropy(_) | LossSpec::MultiLabel => sigmoid(outputs),
            _ => outputs,
        }
    }

    /// Returns the sum of the logarithms of all predicted probabilities of `outputs` `[batch, outputs]`, one
    /// element: of the classes, of both values of class 1 or of each label; for losses without probabilities
    /// the sum of the outputs.
    pub fn sum_of_log_probabilities(&self, outputs: Tensor<2>) -> Tensor<1> {
        match self {
            LossSpec::CrossEntropy(_) => log_softmax(outputs, 1).sum(),
            LossSpec::BinaryCrossEntropy(_) | LossSpec::MultiLabel => {
                (log_sigmoid(outputs.clone()) + log_sigmoid(-outputs)).sum()
            }
            _ => outputs.sum(),
        }
    }

    /// Returns the loss to compute for [drawn](Self::draw) targets: the same without smoothing and weights,
    /// so that it is minus the logarithm of their probability, up to a constant and, for `multi_label`, the
    /// factor 1 / labels. `None` for `l1`, `huber`, `quantile` and `hinge`, which have no natural
    /// distribution.
    pub fn likelihood(&self) -> Option<Self> {
        match self {
            LossSpec::Mse
            | LossSpec::CrossEntropy(_)
            | LossSpec::BinaryCrossEntropy(_)
            | LossSpec::MultiLabel => Self::default_of(self.name()),
            LossSpec::L1 | LossSpec::Huber(_) | LossSpec::Quantile(_) | LossSpec::Hinge => None,
        }
    }

    /// Draws targets from the model's prediction `outputs` `[batch, outputs]`: classes and labels with their
    /// predicted probabilities; for `mse` over `k` columns, numbers around the predicted ones with the
    /// variance `k / 2`, for which the loss is minus the logarithm of the probability. `None` where
    /// [`likelihood`](Self::likelihood) is.
    pub fn draw(&self, outputs: Tensor<2>, random: &mut impl Rng) -> Option<BatchTargets> {
        draw::draw(self, outputs, random)
    }
}
