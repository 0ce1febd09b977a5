//! Data sets: rows of `f32` that are decoded once, or any examples of which batches can be cut.
//!
//! ```text
//! a set's file (mnist.rs, …) ──> DataSet ──> split.rs, normalize.rs ──> Splits ──> rows.rs ──> Batch
//!      │ bundled.rs, download.rs, idx.rs                    batches.rs, order.rs │ augment.rs
//! dataset_examples/, subset.rs: Burn data sets of any items, read ahead by threads
//! pictures/: a folder of PNG and JPEG files, listed, decoded and cached
//! npz/: the arrays of NumPy's .npz and .npy files
//! ```
//!
//! Tables that a user gives are read, split and encoded in [`table`].

mod augment;
mod batch_sizes;
mod batches;
mod bundled;
mod burn_dataset;
mod dataset_examples;
mod diabetes;
mod digits;
mod download;
mod example_set;
mod idx;
mod image_file;
mod mnist;
mod normalize;
pub mod npz;
mod order;
pub mod pictures;
mod rows;
mod split;
mod subset;
mod sunspots;
pub mod table;
mod target_unit;
mod texts;

pub use augment::{Augmentation, Flip};
pub use batch_sizes::BatchSizes;
pub use batches::Batches;
pub use bundled::read_gzip;
pub use burn_dataset::{Item, Target, ToBatch};
pub use dataset_examples::DatasetExamples;
pub(crate) use diabetes::COLUMNS as DIABETES_COLUMNS;
pub use example_set::{Draw, ExampleSet};
pub use image_file::read_digit_png;
pub use normalize::Standardizer;
pub(crate) use order::shuffled_rows;
pub use rows::{AugmentedExamples, Batch, BatchTargets};
pub use split::pad_images;
pub use subset::Subset;
pub use target_unit::TargetUnit;
pub use texts::TextName;

use crate::Error;
use std::path::PathBuf;

/// Names that [`load`] accepts.
pub const NAMES: [&str; 5] = ["mnist-10k", "mnist", "digits", "diabetes", "sunspots"];

/// The names of the data sets of pictures, among [`NAMES`].
pub const OF_PICTURES: [&str; 3] = ["mnist-10k", "mnist", "digits"];

/// The names of the data sets that are series, among [`NAMES`]: their test part is always their end.
pub const SERIES: [&str; 1] = ["sunspots"];

/// Loads the data set `name`, one of [`NAMES`].
///
/// All but `mnist` ship with the program. `mnist` comes from [`Source::data_dir`] if that is given, else from
/// the user's cache folder, else from the network, and is then saved in the cache folder.
///
/// # Errors
/// [`UnknownName`](optlab_core::Error::UnknownName) for any other name. For `mnist`, [`Error::Data`] if a
/// file in the user's folder is missing, truncated or not MNIST's; [`Error::Download`] if the network or the
/// cache folder fails.
pub fn load(name: &str, source: &Source) -> Result<DataSet, Error> {
    match name {
        "mnist-10k" => mnist::load_10k(),
        "mnist" => mnist::load_whole(source),
        "digits" => digits::load(),
        "diabetes" => diabetes::load(),
        "sunspots" => sunspots::load(),
        _ => Err(Error::unknown_name("data set", name, &NAMES)),
    }
}

/// Rows of inputs with a target each, row-major.
#[derive(Debug, Clone, PartialEq)]
pub struct Examples {
    /// All inputs, `len · Π input_shape` values.
    pub inputs: Vec<f32>,
    /// The shape of one input: `[channels, height, width]`, `[time, features]` or `[features]`.
    pub input_shape: Vec<usize>,
    /// The targets of each input.
    pub targets: Targets,
}

impl Examples {
    /// Returns the number of examples.
    pub fn len(&self) -> usize {
        self.targets.len()
    }

    /// Returns whether there are no examples.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the number of values per input, `Π input_shape`.
    pub fn features(&self) -> usize {
        self.input_shape.iter().product()
    }

    /// Returns the input of example `i`, row-major.
    ///
    /// # Panics
    /// If there is no example `i`.
    pub fn input(&self, i: usize) -> &[f32] {
        let features = self.features();
        &self.inputs[i * features..(i + 1) * features]
    }

    /// Gives each input another shape with as many values.
    ///
    /// # Errors
    /// [`InvalidConfig`](optlab_core::Error::InvalidConfig) for another number of values.
    pub fn reshape(&mut self, shape: &[usize]) -> Result<(), Error> {
        let values = shape.iter().try_fold(1_usize, |values, &size| values.checked_mul(size));
        if values != Some(self.features()) {
            let allowed = format!("a shape of {} values, as {:?}", self.features(), self.input_shape);
            return Err(Error::invalid("data", "shape", &allowed, format!("{shape:?}")));
        }
        self.input_shape = shape.to_vec();
        Ok(())
    }

    /// Returns a copy of the examples at `indices`, in that order.
    ///
    /// # Panics
    /// If an index is out of range.
    pub fn select(&self, indices: &[usize]) -> Examples {
        let mut inputs = Vec::with_capacity(indices.len() * self.features());
        for &i in indices {
            inputs.extend_from_slice(self.input(i));
        }
        Examples { inputs, input_shape: self.input_shape.clone(), targets: self.targets.select(indices) }
    }
}

/// The targets of examples.
#[derive(Debug, Clone, PartialEq)]
pub enum Targets {
    /// One class per example, in `0..classes`.
    Classes {
        /// The class of each example.
        labels: Vec<u32>,
        /// Number of classes.
        classes: usize,
    },
    /// The same number of values for each example.
    Values {
        /// All values, `len · width`, row-major.
        values: Vec<f32>,
        /// Number of values per example.
        width: usize,
    },
}

impl Targets {
    /// Returns one number per example as targets.
    pub fn numbers(values: Vec<f32>) -> Self {
        Targets::Values { values, width: 1 }
    }

    /// Returns the number of examples that have targets.
    pub fn len(&self) -> usize {
        match self {
            Targets::Classes { labels, .. } => labels.len(),
            Targets::Values { values, width } => values.len() / width,
        }
    }

    /// Returns whether there are no targets.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn select(&self, indices: &[usize]) -> Targets {
        match self {
            Targets::Classes { labels, classes } => {
                Targets::Classes { labels: indices.iter().map(|&i| labels[i]).collect(), classes: *classes }
            }
            Targets::Values { values, width } => {
                let chosen = indices.iter().flat_map(|&i| &values[i * width..(i + 1) * width]);
                Targets::Values { values: chosen.copied().collect(), width: *width }
            }
        }
    }
}

/// A data set as its source provides it: a part to train on and a part for the final test.
#[derive(Debug, Clone, PartialEq)]
pub struct DataSet {
    /// Its name, as in `optlab list`.
    pub name: String,
    /// Examples to train on.
    pub train: Examples,
    /// Examples that only the finished model sees.
    pub test: Examples,
    /// Whether neighbours in `train` depend on each other, so that the validation part must be its end and
    /// the test part stays as it is.
    pub is_series: bool,
}

/// A data set ready to train on.
#[derive(Debug, Clone, PartialEq)]
pub struct Splits {
    /// Examples that the model learns from.
    pub train: Examples,
    /// Examples that evaluate a run while it trains; empty with `validation = 0`.
    pub validation: Examples,
    /// Examples that only the finished model sees.
    pub test: Examples,
    /// The standardizer applied to inputs and targets, also to be applied to later data; `None` if there was
    /// none.
    pub standardizer: Option<Standardizer>,
}

/// Where to find data that does not ship with the program.
#[derive(Debug, Clone, Default)]
pub struct Source {
    /// A folder named by the user; searched before the cache.
    pub data_dir: Option<PathBuf>,
    /// Whether to show a progress bar while downloading.
    pub show_progress: bool,
}

impl Splits {
    /// Returns how each standardized target converts to its original unit; nothing for classes.
    pub fn target_units(&self) -> Vec<TargetUnit> {
        match (&self.standardizer, &self.train.targets) {
            (Some(standardizer), _) => standardizer.target_units(),
            (None, Targets::Classes { .. }) => Vec::new(),
            (None, Targets::Values { width, .. }) => vec![TargetUnit::default(); *width],
        }
    }
}

/// The settings for preparing a data set.
#[derive(Debug, Clone, Default)]
pub struct Preparation {
    /// The share of the training data held out for validation, `[0, 1)`.
    pub validation: f64,
    /// The seed that decides which training examples are held out for validation.
    pub seed: u64,
    /// The number that draws the test part anew from all examples; `None` for the data's own test part.
    pub split: Option<u64>,
    /// Whether 28 × 28 images are padded with zeros to 32 × 32.
    pub pad: bool,
    /// Whether inputs (and numeric targets) are standardized by the mean and deviation of the training part.
    pub standardize: bool,
    /// Random changes of training images.
    pub augmentation: Augmentation,
}
