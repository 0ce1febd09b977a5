//! Objectives: losses and measures by name, for classes, numbers and labels.
//!
//! ```text
//! TargetKind ──> LossSpec::outputs    how many outputs a model needs
//! counts     ──> LossSpec::resolve    weights of classes from the training part
//!                LossSpec::mean       outputs, targets ──> loss, differentiable
//!                LossSpec::predict    outputs ──> probabilities or numbers
//!                MeasureSpec::add     outputs, targets ──> Tally, batch by batch
//!                MeasureSpec::value   Tally ──> value of the measure
//! ```
//!
//! # Example
//! ```
//! use burn::tensor::{Device, Tensor};
//! use optlab_train::data::{BatchTargets, TargetUnit};
//! use optlab_train::objective::{LossSpec, MeasureSpec, Tally};
//!
//! let loss: LossSpec = "huber:delta=0.5".parse()?;
//! let measure: MeasureSpec = "mae".parse()?;
//! let device = Device::default();
//! let outputs = Tensor::<2>::from_floats([[1.0], [4.0]], &device);
//! let targets = BatchTargets::Values(Tensor::from_floats([[1.0], [2.0]], &device));
//! // The errors are 0 and 2: (0 + 0.5 · (2 − 0.25)) / 2.
//! assert_eq!(loss.mean(outputs.clone(), &targets).into_scalar::<f32>(), 0.4375);
//! let mut tally = Tally::default();
//! measure.add(&outputs, &targets, &loss, &mut tally);
//! assert_eq!(measure.value(&tally, &[TargetUnit { mean: 100.0, scale: 10.0 }]), 10.0);
//! # Ok::<(), optlab_train::Error>(())
//! ```

mod loss;
mod measure;
mod spec_table;
mod tally;
mod target_kind;
mod whole;

pub use loss::{
    BinaryCrossEntropyConfig, ClassWeights, CrossEntropyConfig, HuberConfig, LossSpec, QuantileConfig,
};
pub use measure::{MeasureSpec, TopKConfig};
pub use tally::Tally;
pub use target_kind::TargetKind;
pub use whole::Objective;
