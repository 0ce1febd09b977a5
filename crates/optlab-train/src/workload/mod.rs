//! Workloads: a model, a data set, a loss, a metric and a target, one file each.

mod built_in;
mod diabetes_linear;
mod digits_cnn;
mod digits_rnn;
mod mnist_cnn;
mod sunspots_rnn;
mod task;

pub use crate::objective::Tally;
pub use built_in::{BuiltIn, Network};
pub use task::Task;

use crate::Error;
use crate::data::{self, Preparation, Source, Splits};
use crate::nn::Mode;
use burn::module::Module;
use burn::tensor::{Device, Tensor};
use optlab_core::Metric;

/// The description of a workload, apart from its model.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Info {
    /// The name on the command line.
    pub name: &'static str,
    /// A summary in one line.
    pub summary: &'static str,
    /// The data set to train on.
    pub data_set: &'static str,
    /// The shape of one input, before padding: `[channels, height, width]`, `[time, features]` or
    /// `[features]`.
    pub input_shape: &'static [usize],
    /// Loss and metric.
    pub task: Task,
    /// The metric on the validation part that counts as success.
    pub target: f64,
    /// Default number of examples per step.
    pub batch_size: usize,
    /// Default number of epochs.
    pub epochs: usize,
    /// Whether inputs and numeric targets are standardized.
    pub standardize: bool,
}

impl Info {
    /// Returns the metric of the task with the workload's target.
    pub fn metric(&self) -> Metric {
        Metric {
            name: self.task.metric().into(),
            unit: self.task.unit().into(),
            direction: self.task.direction(),
            target: Some(self.target),
        }
    }

    /// Returns the shape of one input as the model sees it: padding makes images 4 pixels taller and wider.
    pub fn padded_input_shape(&self, pad: bool) -> Vec<usize> {
        match self.input_shape {
            &[channels, height, width] if pad => vec![channels, height + 4, width + 4],
            shape => shape.to_vec(),
        }
    }
}

/// A problem to train on. Implement this trait to train on your own problem.
pub trait Workload {
    /// The model.
    type Model: Module;

    /// Returns name, loss, metric, target and defaults.
    fn info(&self) -> Info;

    /// Loads the data, ready to train on. The workload overrides `preparation.standardize`.
    ///
    /// # Errors
    /// The errors of reading the data.
    fn splits(&self, source: &Source, preparation: &Preparation) -> Result<Splits, Error> {
        let info = self.info();
        let preparation = Preparation { standardize: info.standardize, ..preparation.clone() };
        data::load(info.data_set, source)?.prepare(&preparation)
    }

    /// Creates the model with its initial weights, for inputs of `input_shape`.
    ///
    /// # Errors
    /// [`InvalidConfig`](optlab_core::Error::InvalidConfig) if the model cannot take inputs of this shape.
    fn model(&self, input_shape: &[usize], seed: u64, device: &Device) -> Result<Self::Model, Error>;

    /// Returns the model's outputs `[batch, outputs]` for `inputs` `[batch, features]`; each row is an input
    /// in row-major order.
    fn forward(&self, model: &Self::Model, inputs: Tensor<2>, mode: Mode) -> Tensor<2>;
}

/// Returns all workloads that come with the program.
pub fn all() -> Vec<BuiltIn> {
    vec![
        diabetes_linear::diabetes_linear(),
        digits_cnn::digits_cnn(),
        digits_rnn::digits_rnn(),
        mnist_cnn::mnist_10k_cnn(),
        mnist_cnn::mnist_cnn(),
        sunspots_rnn::sunspots_rnn(),
    ]
}

/// Returns the workload called `name`.
///
/// # Errors
/// [`UnknownName`](optlab_core::Error::UnknownName).
pub fn find(name: &str) -> Result<BuiltIn, Error> {
    let all = all();
    let names: Vec<&str> = all.iter().map(|workload| workload.info().name).collect();
    let unknown = Error::unknown_name("workload", name, &names);
    all.into_iter().find(|workload| workload.info().name == name).ok_or(unknown)
}
