//! The flags that `train` and `compare` share.

use clap::Args;
use optlab_compare::plan::Plan;
use optlab_train::data::Augmentation;
use optlab_train::train::{Budget, LrScaling};
use serde::{Deserialize, Serialize};

/// What decides a trial besides workload, optimizer, schedule, backend and seed.
#[derive(Debug, Clone, Default, PartialEq, Args, Serialize, Deserialize)]
#[serde(default)]
pub struct TrialSettings {
    /// Passes over the training data [default: the workload's own]
    #[arg(long, allow_negative_numbers = true, value_name = "N", conflicts_with = "steps")]
    pub epochs: Option<usize>,
    /// Optimizer steps, instead of epochs
    #[arg(long, allow_negative_numbers = true, value_name = "N")]
    pub steps: Option<usize>,
    /// Examples a step [default: the workload's own]
    #[arg(long, allow_negative_numbers = true, value_name = "N")]
    pub batch_size: Option<usize>,
    /// Examples that go through the model at once; the step is that of the whole batch [default: all]
    #[arg(long, allow_negative_numbers = true, value_name = "N")]
    pub micro_batch_size: Option<usize>,
    /// Multiply the rate by what the batch size is of the workload's own, or its root: linear, sqrt, linear:256 [default: not]
    #[arg(long, value_name = "RULE")]
    pub lr_scaling: Option<LrScaling>,
    /// Share of the training data held out for validation [default: 0.1]
    #[arg(long, allow_negative_numbers = true, value_name = "SHARE")]
    pub validation: Option<f64>,
    /// Weight of the L1 penalty, λ‖θ‖₁ [default: 0]
    #[arg(long, allow_negative_numbers = true, value_name = "λ")]
    pub l1: Option<f64>,
    /// Weight of the L2 penalty, λ/2 ‖θ‖² [default: 0]
    #[arg(long, allow_negative_numbers = true, value_name = "λ")]
    pub l2: Option<f64>,
    /// Scale all gradients together to at most this norm
    #[arg(long, allow_negative_numbers = true, value_name = "C")]
    pub clip_norm: Option<f64>,
    /// Cut each gradient element to [-C, C]
    #[arg(long, allow_negative_numbers = true, value_name = "C")]
    pub clip_value: Option<f64>,
    /// Stop after that many evaluations without a smaller validation loss
    #[arg(long, allow_negative_numbers = true, value_name = "PATIENCE")]
    pub early_stopping: Option<usize>,
    /// Shift training images by up to that many pixels [default: 0]
    #[arg(long, allow_negative_numbers = true, value_name = "PIXELS")]
    pub shift: Option<u32>,
    /// Rotate training images by up to that many degrees [default: 0]
    #[arg(long, allow_negative_numbers = true, value_name = "DEGREES")]
    pub rotation: Option<f64>,
    /// Pad 28×28 images to 32×32
    #[arg(long, num_args = 0..=1, default_missing_value = "true")]
    pub pad: Option<bool>,
}

impl TrialSettings {
    /// These, and `file`'s where these say nothing.
    pub fn or(self, file: TrialSettings) -> TrialSettings {
        // A length on the command line replaces the file's, whichever unit that has.
        let (epochs, steps) = match (self.epochs, self.steps) {
            (None, None) => (file.epochs, file.steps),
            given => given,
        };
        TrialSettings {
            epochs,
            steps,
            batch_size: self.batch_size.or(file.batch_size),
            micro_batch_size: self.micro_batch_size.or(file.micro_batch_size),
            lr_scaling: self.lr_scaling.or(file.lr_scaling),
            validation: self.validation.or(file.validation),
            l1: self.l1.or(file.l1),
            l2: self.l2.or(file.l2),
            clip_norm: self.clip_norm.or(file.clip_norm),
            clip_value: self.clip_value.or(file.clip_value),
            early_stopping: self.early_stopping.or(file.early_stopping),
            shift: self.shift.or(file.shift),
            rotation: self.rotation.or(file.rotation),
            pad: self.pad.or(file.pad),
        }
    }

    /// How long to train, if it is said.
    pub fn budget(&self) -> Option<Budget> {
        self.steps.map(Budget::Steps).or(self.epochs.map(Budget::Epochs))
    }

    /// `plan` with these.
    pub fn plan(&self, plan: Plan) -> Plan {
        Plan {
            budget: self.budget(),
            batch_size: self.batch_size,
            micro_batch_size: self.micro_batch_size,
            lr_scaling: self.lr_scaling,
            validation: self.validation,
            l1: self.l1.unwrap_or(0.0),
            l2: self.l2.unwrap_or(0.0),
            clip_norm: self.clip_norm,
            clip_value: self.clip_value,
            early_stopping: self.early_stopping,
            augmentation: self.augmentation(),
            pad: self.pad.unwrap_or(false),
            ..plan
        }
    }

    /// Shift and rotation.
    pub fn augmentation(&self) -> Augmentation {
        Augmentation { shift: self.shift.unwrap_or(0), rotation: self.rotation.unwrap_or(0.0) }
    }
}
