//! The settings of a training, each declared once: how long, in which batches, with which penalties, clipping
//! and augmentation.
//!
//! Everything that names such a setting is made from the declarations in this file: the fields of a trial,
//! the keys of a plan and of its arms, the flags of the command line, the columns of `results.csv`, the
//! dimensions of a search and the printed command of a trial.

use crate::Error;
use crate::data::{Augmentation, BatchSizes, Flip};
use crate::diagnosis::Diagnose;
use crate::train::setting_value::{SettingValue, Slot, is_default, read};
use crate::train::{BatchSize, LrScaling, OnDivergence};
use crate::workload::{Info, VALIDATION};
use optlab_core::range;
use optlab_core::spec;
use optlab_optim::GradientTransform;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The largest length, batch size or patience; a larger number is taken for a typing error.
const MOST: usize = 1_000_000_000;

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
    /// Returns the number of optimizer steps, with `steps_per_epoch` steps in an epoch.
    pub fn steps(self, steps_per_epoch: usize) -> usize {
        match self {
            Budget::Epochs(epochs) => epochs.saturating_mul(steps_per_epoch),
            Budget::Steps(steps) => steps,
        }
    }
}

/// The settings of a training; part of a [`Trial`](crate::train::Trial), which lists their ranges.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// How long to train.
    pub budget: Budget,
    /// Examples per step.
    pub batch_size: BatchSize,
    /// Examples that pass through the model at once, where a batch does not fit; the step is the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub micro_batch_size: Option<usize>,
    /// How the learning rate follows the batch size; `None` for not at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lr_scaling: Option<LrScaling>,
    /// Share of the training data held out for validation.
    pub validation: f64,
    /// The number that draws the test part anew from all examples; `None` for the workload's fixed test part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub split: Option<u64>,
    /// Weight of the L1 penalty.
    pub l1: f64,
    /// Weight of the L2 penalty.
    pub l2: f64,
    /// Weight of the penalty on the gradient with respect to the inputs.
    #[serde(default, skip_serializing_if = "is_default")]
    pub input_gradient_penalty: f64,
    /// Largest norm of all gradients together.
    pub clip_norm: Option<f64>,
    /// Largest absolute value of a gradient element.
    pub clip_value: Option<f64>,
    /// Largest score of attention: queries and keys of heads above it are scaled after a step (QK-clip).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub qk_clip: Option<f64>,
    /// Evaluations without a smaller validation loss before training stops.
    pub early_stopping: Option<usize>,
    /// Shift and rotation of training images.
    pub augmentation: Augmentation,
    /// Whether images are padded to 32 × 32.
    pub pad: bool,
    /// Which diagnostics are recorded, and how often; `None` for none. They do not change the model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub diagnose: Option<Diagnose>,
    /// What the run does when its loss is not finite.
    #[serde(default, skip_serializing_if = "is_default")]
    pub on_divergence: OnDivergence,
}

impl Recipe {
    /// Returns the default recipe of a workload: its own length and batch size, a tenth of the training data
    /// held out, nothing else.
    pub fn new(info: &Info) -> Self {
        Recipe {
            budget: info.defaults.steps.map_or(Budget::Epochs(info.epochs), Budget::Steps),
            batch_size: info.batch_size.into(),
            micro_batch_size: None,
            lr_scaling: None,
            validation: VALIDATION,
            split: None,
            l1: 0.0,
            l2: 0.0,
            input_gradient_penalty: 0.0,
            clip_norm: info.defaults.clip_norm,
            clip_value: None,
            qk_clip: None,
            early_stopping: None,
            augmentation: Augmentation::default(),
            pad: false,
            diagnose: None,
            on_divergence: OnDivergence::Stop,
        }
    }

    /// Checks every setting against its range.
    ///
    /// # Errors
    /// [`InvalidConfig`](optlab_core::Error::InvalidConfig) naming the setting; NaN is never in range.
    pub fn validate(&self) -> Result<(), Error> {
        let count = |field, count: Option<usize>| match count {
            Some(0) => Err(Error::invalid("trial", field, "at least 1", 0)),
            Some(count) if count > MOST => {
                Err(Error::invalid("trial", field, &format!("at most {MOST}"), count))
            }
            _ => Ok(()),
        };
        match self.budget {
            Budget::Epochs(epochs) => count("epochs", Some(epochs))?,
            Budget::Steps(steps) => count("steps", Some(steps))?,
        }
        match self.batch_size {
            BatchSize::Fixed(size) => count("batch_size", Some(size))?,
            BatchSize::Scheduled(_) => self.batch_size.check_length(self.budget)?,
        }
        if let (BatchSize::Scheduled(_), Some(scaling)) = (&self.batch_size, self.lr_scaling) {
            let allowed =
                "off where the batch size follows a schedule; let the learning rate follow one, too";
            return Err(Error::invalid("trial", "lr_scaling", allowed, scaling));
        }
        count("micro_batch_size", self.micro_batch_size)?;
        range::check("trial", [("validation", self.validation, range::BELOW_ONE)])?;
        let penalty = ("input_gradient_penalty", self.input_gradient_penalty, range::NON_NEGATIVE);
        range::check("trial", [penalty])?;
        self.qk_clip.map_or(Ok(()), |limit| range::check("trial", [("qk_clip", limit, range::POSITIVE)]))?;
        count("early_stopping", self.early_stopping)?;
        self.split.map_or(Ok(()), |split| range::check_seed("trial", "split", split))?;
        self.diagnose.map_or(Ok(()), Diagnose::validate)?;
        self.on_divergence.validate()?;
        self.gradient_transform().validate()?;
        self.augmentation.validate()
    }

    /// Returns the sizes of the batches, for a training part of `examples` examples; `own` is the workload's
    /// default batch size.
    ///
    /// # Errors
    /// As [`BatchSize::sizes`].
    pub fn batch_sizes(&self, own: usize, examples: usize) -> Result<BatchSizes, Error> {
        self.batch_size.sizes(own, self.budget, examples)
    }

    /// Returns the penalties and the clipping.
    pub fn gradient_transform(&self) -> GradientTransform {
        let Recipe { l1, l2, clip_norm, clip_value, .. } = *self;
        GradientTransform { l1, l2, clip_norm, clip_value, ..GradientTransform::default() }
    }
}

/// A setting of a recipe as it was declared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecipeSetting {
    /// The name in plans, arms, searches and columns; the flag has `-` for `_`.
    pub name: &'static str,
    /// The name of its value in `--help`.
    pub value_name: &'static str,
    /// The meaning, in a phrase.
    pub meaning: &'static str,
    /// The default as text; empty if the setting is off by default.
    pub default: &'static str,
    /// The values that are allowed, in an error.
    pub allowed: &'static str,
    /// The value that its flag alone means; `None` if the flag needs a value.
    pub alone: Option<&'static str>,
    /// Whether it is true or false.
    pub is_bool: bool,
    /// Whether its default is the same for every workload, so that a plan writes it out.
    pub has_fixed_default: bool,
}

macro_rules! recipe {
    ($(
        $(#[doc = $meaning:literal])+
        $name:ident: $type:ty, $value_name:literal, default $default:literal $(= $fixed:expr)? $(=> $($path:ident).+)?;
    )*) => {
        /// Some settings of a recipe; the others keep what they are.
        ///
        /// It is what a command line, a `--config` file, a plan or an arm says of a training.
        #[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
        #[serde(default)]
        pub struct RecipePatch {
            $(
                $(#[doc = $meaning])+
                pub $name: Option<$type>,
            )*
        }

        impl RecipePatch {
            /// Every setting, in the order of listings.
            pub const SETTINGS: &'static [RecipeSetting] = &[$(
                RecipeSetting {
                    name: stringify!($name),
                    value_name: $value_name,
                    meaning: concat!($($meaning),+).trim_ascii(),
                    default: $default,
                    allowed: <$type as SettingValue>::ALLOWED,
                    alone: <$type as SettingValue>::ALONE,
                    is_bool: <$type as SettingValue>::IS_BOOL,
                    has_fixed_default: !concat!($(stringify!($fixed))?).is_empty(),
                },
            )*];

            /// Fills the settings that this patch leaves out from `other`. A length replaces a length,
            /// whatever its unit.
            pub fn or(self, other: Self) -> Self {
                let length = if self.budget().is_some() { &self } else { &other };
                let (epochs, steps) = (length.epochs, length.steps);
                RecipePatch {
                    epochs,
                    steps,
                    ..RecipePatch { $($name: self.$name.or(other.$name)),* }
                }
            }

            /// Sets the setting of that name.
            ///
            /// # Errors
            /// [`InvalidConfig`](optlab_core::Error::InvalidConfig) for a value of another type;
            /// [`UnknownField`](optlab_core::Error::UnknownField) if there is no such setting.
            pub fn set(&mut self, name: &str, value: &Value) -> Result<(), Error> {
                match name {
                    $(stringify!($name) => self.$name = Some(read(name, value)?),)*
                    _ => return Err(unknown(name)),
                }
                Ok(())
            }

            /// Returns each setting that is set with its value, in the order of listings.
            pub fn values(&self) -> Vec<(&'static str, Value)> {
                let values = [$((stringify!($name), Clone::clone(&self.$name).map(SettingValue::write))),*];
                values.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
            }

            /// Returns the patch whose every unset setting with a fixed default has that default.
            pub fn with_fixed_defaults(mut self) -> Self {
                $($(self.$name = self.$name.or(Some($fixed));)?)*
                self
            }

            /// Parses the value of the setting `name` as the command line gives it.
            ///
            /// # Errors
            /// [`InvalidConfig`](optlab_core::Error::InvalidConfig) for a text of another type;
            /// [`UnknownField`](optlab_core::Error::UnknownField) if there is no such setting.
            pub fn parse(name: &str, text: &str) -> Result<Value, Error> {
                let value = spec::parse_value(text);
                match name {
                    $(stringify!($name) => read::<$type>(name, &value).map(SettingValue::write),)*
                    _ => Err(unknown(name)),
                }
            }
        }

        impl Recipe {
            /// Sets the setting of that name; null switches off one that can be off.
            ///
            /// # Errors
            /// As [`RecipePatch::set`].
            pub fn set(&mut self, name: &str, value: &Value) -> Result<(), Error> {
                if value.is_null() && self.switch_off(name) {
                    return Ok(());
                }
                let mut patch = RecipePatch::default();
                patch.set(name, value)?;
                *self = self.clone().with(&patch);
                Ok(())
            }

            /// Switches the setting of that name off, and returns whether it can be off.
            fn switch_off(&mut self, name: &str) -> bool {
                match name {
                    $($(stringify!($name) => Slot::switch_off(&mut self.$($path).+),)?)*
                    _ => false,
                }
            }

            /// Returns this recipe with the settings of `patch`.
            pub fn with(mut self, patch: &RecipePatch) -> Self {
                $($(
                    if let Some(value) = Clone::clone(&patch.$name) {
                        self.$($path).+ = value.into();
                    }
                )?)*
                self.budget = patch.budget().unwrap_or(self.budget);
                self
            }

            /// Returns every setting of this recipe; one that is off is left out.
            pub fn to_patch(&self) -> RecipePatch {
                let mut patch = RecipePatch {
                    $($($name: Clone::clone(&self.$($path).+).into(),)?)*
                    ..RecipePatch::default()
                };
                match self.budget {
                    Budget::Epochs(epochs) => patch.epochs = Some(epochs),
                    Budget::Steps(steps) => patch.steps = Some(steps),
                }
                patch
            }
        }
    };
}

recipe! {
    /// Passes over the training data
    epochs: usize, "N", default "the workload's own";
    /// Optimizer steps, instead of epochs
    steps: usize, "N", default "";
    /// Examples per step; in a run of --steps also a schedule of them, as linear:from=32,to=256
    batch_size: BatchSize, "N", default "the workload's own" => batch_size;
    /// Examples that pass through the model at once; the step is still that of the whole batch
    micro_batch_size: usize, "N", default "the whole batch" => micro_batch_size;
    /// Scale the learning rate with batch size / default batch size (linear), or with its square root (sqrt);
    /// linear:256 sets the default batch size
    lr_scaling: LrScaling, "RULE", default "off" => lr_scaling;
    /// Share of the training data held out for validation
    validation: f64, "SHARE", default "0.1" => validation;
    /// Draw the test part anew, with this number, from all examples (training and test part together)
    split: u64, "N", default "the fixed test part" => split;
    /// Weight of the L1 penalty, λ‖θ‖₁
    l1: f64, "λ", default "0" = 0.0 => l1;
    /// Weight of the L2 penalty, λ/2 ‖θ‖²
    l2: f64, "λ", default "0" = 0.0 => l2;
    /// Weight of the penalty on input gradients, λ ‖∂/∂x Σ log p‖² per example; makes a step four times as
    /// long
    input_gradient_penalty: f64, "λ", default "0" = 0.0 => input_gradient_penalty;
    /// Scale all gradients together to at most this norm
    clip_norm: f64, "C", default "off" => clip_norm;
    /// Clip each gradient element to [-C, C]
    clip_value: f64, "C", default "off" => clip_value;
    /// After each step, scale the queries and keys of heads whose largest attention score exceeded τ
    /// (QK-clip)
    qk_clip: f64, "τ", default "off" => qk_clip;
    /// Stop after that many evaluations without a smaller validation loss
    early_stopping: usize, "PATIENCE", default "off" => early_stopping;
    /// Shift training images by up to that many pixels
    shift: u32, "PIXELS", default "0" = 0 => augmentation.shift;
    /// Rotate training images by up to that many degrees
    rotation: f64, "DEGREES", default "0" = 0.0 => augmentation.rotation;
    /// Flip training images at random: none, horizontal (left to right) or both
    flip: Flip, "AXES", default "none" = Flip::None => augmentation.flip;
    /// Crop training images at random, by up to that share of each side, and enlarge them again
    crop: f64, "SHARE", default "0" = 0.0 => augmentation.crop;
    /// Change brightness, contrast and saturation of training images by up to that share
    color: f64, "SHARE", default "0" = 0.0 => augmentation.color;
    /// Pad 28×28 images to 32×32
    pad: bool, "BOOL", default "false" = false => pad;
    /// Record norms of gradients and updates, and statistics of activations, every so many steps; the flag
    /// alone means every=10,gradients=100,curvature=off
    diagnose: Diagnose, "every=N", default "off" => diagnose;
    /// What to do when the loss is not finite: stop, or rollback:factor=0.5,retries=3, which goes back to the
    /// last good checkpoint with a smaller learning rate
    on_divergence: OnDivergence, "ACTION", default "stop" = OnDivergence::Stop => on_divergence;
}

impl RecipePatch {
    /// Returns the length of the training, if it is set.
    pub fn budget(&self) -> Option<Budget> {
        self.steps.map(Budget::Steps).or(self.epochs.map(Budget::Epochs))
    }

    /// Returns whether `name` is a setting of a recipe.
    pub fn has(name: &str) -> bool {
        Self::SETTINGS.iter().any(|setting| setting.name == name)
    }
}

fn unknown(name: &str) -> Error {
    let names: Vec<&str> = RecipePatch::SETTINGS.iter().map(|setting| setting.name).collect();
    Error::unknown_field("trial", name, &names)
}
