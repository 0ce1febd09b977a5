//! All that decides a run.

use crate::data::Augmentation;
use crate::files::checksum;
use crate::train::LrScaling;
use crate::workload::Info;
use crate::{Error, device};
use optlab_optim::schedule::ConstantConfig;
use optlab_optim::schedule::ScheduleSpec;
use optlab_optim::{AdamConfig, GradientTransform, OptimizerSpec};
use serde::{Deserialize, Serialize};

/// How long a trial trains.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Budget {
    /// Passes over the training data.
    Epochs(usize),
    /// Optimizer steps.
    Steps(usize),
}

impl Budget {
    /// The number of optimizer steps, where one epoch has `steps_per_epoch`.
    pub fn steps(self, steps_per_epoch: usize) -> usize {
        match self {
            Budget::Epochs(epochs) => epochs.saturating_mul(steps_per_epoch),
            Budget::Steps(steps) => steps,
        }
    }
}

/// All that decides a run: the same trial on the same device gives the same bytes.
///
/// A trial serializes to the run folder's `trial.json`, and [`Trial::id`] names that folder.
///
/// | field            | range             | meaning                                                       |
/// |:-----------------|:------------------|:--------------------------------------------------------------|
/// | `lr`             | `(0, ∞)`          | the base learning rate that the schedule starts from           |
/// | `batch_size`     | `1…`              | examples a step; the last batch of an epoch may be smaller     |
/// | `micro_batch_size` | `1…` or none    | examples that go through the model at once                     |
/// | `lr_scaling`     | a rule or none    | what `lr` is multiplied by for another batch size than it is meant for |
/// | `validation`     | `[0, 1)`          | share of the training data held out                            |
/// | `l1`, `l2`       | `[0, ∞)`          | adds `λ₁ sign(θ) + λ₂ θ` to the gradient                        |
/// | `clip_norm`      | `(0, ∞)` or none  | scales all gradients together to at most this Euclidean norm   |
/// | `clip_value`     | `(0, ∞)` or none  | cuts each gradient element to `[−c, c]`                        |
/// | `early_stopping` | `1…` or none      | evaluations without a better validation loss before stopping   |
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trial {
    /// The workload's name.
    pub workload: String,
    /// The optimizer and its settings.
    pub optimizer: OptimizerSpec,
    /// The learning-rate schedule and its settings.
    pub schedule: ScheduleSpec,
    /// The base learning rate.
    pub lr: f64,
    /// The backend and device: "flex", "wgpu", "cuda:1".
    pub backend: String,
    /// Decides initial weights, held-out examples, order, augmentation and dropout.
    pub seed: u64,
    /// How long to train.
    pub budget: Budget,
    /// Examples a step.
    pub batch_size: usize,
    /// Examples that go through the model at once, where a batch does not fit; the step is the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub micro_batch_size: Option<usize>,
    /// How the learning rate follows the batch size; none for not at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lr_scaling: Option<LrScaling>,
    /// Share of the training data held out for validation.
    pub validation: f64,
    /// Weight of the L1 penalty.
    pub l1: f64,
    /// Weight of the L2 penalty.
    pub l2: f64,
    /// Largest global gradient norm.
    pub clip_norm: Option<f64>,
    /// Largest absolute gradient element.
    pub clip_value: Option<f64>,
    /// Patience, in evaluations.
    pub early_stopping: Option<usize>,
    /// Shift and rotation of training images.
    pub augmentation: Augmentation,
    /// Whether images are padded to 32 × 32.
    pub pad: bool,
}

/// Share of the training data that is held out where nobody says.
pub const VALIDATION: f64 = 0.1;

impl Trial {
    /// A trial of the workload that `info` describes: Adam at its default rate, constant, on the default backend, for the
    /// workload's own number of epochs, with a tenth of the training data held out and nothing else.
    pub fn new(info: &Info) -> Self {
        let optimizer = OptimizerSpec::Adam(AdamConfig::default());
        Trial {
            workload: info.name.into(),
            lr: optimizer.default_lr(),
            optimizer,
            schedule: ScheduleSpec::Constant(ConstantConfig::default()),
            backend: device::default_backend().into(),
            seed: 0,
            budget: Budget::Epochs(info.epochs),
            batch_size: info.batch_size,
            micro_batch_size: None,
            lr_scaling: None,
            validation: VALIDATION,
            l1: 0.0,
            l2: 0.0,
            clip_norm: None,
            clip_value: None,
            early_stopping: None,
            augmentation: Augmentation::default(),
            pad: false,
        }
    }

    /// Checks every field against its range.
    ///
    /// # Errors
    /// [`InvalidConfig`](optlab_core::Error::InvalidConfig) naming the field; NaN is never in range.
    pub fn validate(&self) -> Result<(), Error> {
        let at_least = |field, ok, allowed, given: String| {
            if ok { Ok(()) } else { Err(Error::invalid("trial", field, allowed, given)) }
        };
        let positive = |value: f64| value > 0.0 && value.is_finite();
        let (Budget::Epochs(amount) | Budget::Steps(amount)) = self.budget;
        let unit = if matches!(self.budget, Budget::Epochs(_)) { "epochs" } else { "steps" };
        at_least("lr", positive(self.lr), "a number in (0, ∞)", self.lr.to_string())?;
        at_least(unit, amount >= 1, "at least 1", amount.to_string())?;
        at_least("batch_size", self.batch_size >= 1, "at least 1", self.batch_size.to_string())?;
        at_least("micro_batch_size", self.micro_batch_size != Some(0), "at least 1", "0".into())?;
        let validation = (0.0..1.0).contains(&self.validation);
        at_least("validation", validation, "in [0, 1)", self.validation.to_string())?;
        at_least("early_stopping", self.early_stopping != Some(0), "at least 1", "0".into())?;
        self.gradient_transform().validate()?;
        self.augmentation.validate()
    }

    /// The learning rate for the trial's batch size, where batches of the workload's own have `own` examples.
    pub fn scaled_lr(&self, own: usize) -> f64 {
        self.lr_scaling.map_or(self.lr, |scaling| self.lr * scaling.factor(self.batch_size, own))
    }

    /// Penalties and clipping.
    pub fn gradient_transform(&self) -> GradientTransform {
        let Trial { l1, l2, clip_norm, clip_value, .. } = *self;
        GradientTransform { l1, l2, clip_norm, clip_value, ..GradientTransform::default() }
    }

    /// A name for the run's folder: workload, optimizer, seed and the first 12 hexadecimal digits of the SHA-256 of the
    /// trial's JSON, of which 10,000 trials have two alike once in five million times.
    pub fn id(&self) -> String {
        // A trial holds only finite numbers, text and booleans, which JSON always can express.
        let json = serde_json::to_vec(self).unwrap_or_default();
        let hash = checksum::sha256(&json);
        format!("{}-{}-seed{}-{}", self.workload, self.optimizer.name(), self.seed, &hash[..12])
    }
}
