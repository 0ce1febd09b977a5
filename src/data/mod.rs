//! Data sets: decoded once, held as flat rows of `f32`, cut into batches from memory.
//!
//! ```text
//! a set's file (mnist.rs, digits.rs, …) ──> DataSet ──> split.rs, normalize.rs ──> Splits ──> batches.rs ──> Batch
//! ```

mod augment;

pub use augment::Augmentation;

use std::path::PathBuf;

/// Rows of inputs with a target each, row-major.
#[derive(Debug, Clone, PartialEq)]
pub struct Examples {
    /// All inputs, `len · Π input_shape` values.
    pub inputs: Vec<f32>,
    /// The shape of one input: `[channels, height, width]`, `[time, features]` or `[features]`.
    pub input_shape: Vec<usize>,
    /// One target for each input.
    pub targets: Targets,
}

/// What is to be predicted.
#[derive(Debug, Clone, PartialEq)]
pub enum Targets {
    /// A class of each example, `0..classes`.
    Classes {
        /// The class of each example.
        labels: Vec<u8>,
        /// How many classes there are.
        classes: usize,
    },
    /// A number for each example.
    Values(Vec<f32>),
}

/// A data set as its source has it: what may be trained on, and what is only for the end.
#[derive(Debug, Clone, PartialEq)]
pub struct DataSet {
    /// Its name, as in `optlab list`.
    pub name: &'static str,
    /// What may be trained on.
    pub train: Examples,
    /// What only the finished model sees.
    pub test: Examples,
    /// Whether neighbours in `train` depend on each other, so that a validation part must be the end of it.
    pub is_series: bool,
}

/// A data set ready to train on.
#[derive(Debug, Clone, PartialEq)]
pub struct Splits {
    /// What the model learns from.
    pub train: Examples,
    /// What a run is judged by while it trains; empty with `validation = 0`.
    pub validation: Examples,
    /// What only the finished model sees.
    pub test: Examples,
    /// One standardized unit of the target in its original unit; 1 for classes.
    pub target_scale: f64,
}

/// Where data that does not ship with the program may be.
#[derive(Debug, Clone, Default)]
pub struct Source {
    /// A folder that the user names; looked into before the cache.
    pub data_dir: Option<PathBuf>,
    /// Whether to show a progress bar while downloading.
    pub show_progress: bool,
}

/// How a data set is made ready.
#[derive(Debug, Clone, Default)]
pub struct Preparation {
    /// The share of the training data held out for validation, `[0, 1)`.
    pub validation: f64,
    /// Decides which examples are held out.
    pub seed: u64,
    /// Whether 28 × 28 images are padded with zeros to 32 × 32.
    pub pad: bool,
    /// Whether inputs (and numeric targets) are standardized by the mean and deviation of the training part.
    pub standardize: bool,
}
