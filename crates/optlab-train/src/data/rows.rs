//! Rows of `f32` in memory as batches: one tensor of inputs, one of targets.

use crate::Error;
use crate::data::augment::{Augmentation, Augmenter};
use crate::data::{Draw, ExampleSet, Examples, Targets};
use burn::tensor::{Device, Int, Tensor, TensorData};

/// The examples of one step, on a device.
#[derive(Debug, Clone)]
pub struct Batch {
    /// `[len, features]`.
    pub inputs: Tensor<2>,
    /// The targets to predict.
    pub targets: BatchTargets,
    /// Number of examples.
    pub len: usize,
}

/// The targets of a [`Batch`].
#[derive(Debug, Clone)]
pub enum BatchTargets {
    /// `[len]`, in the device's default integer type.
    Classes(Tensor<1, Int>),
    /// `[len, columns]`: numbers, or labels that are each 0 or 1.
    Values(Tensor<2>),
}

/// Training examples whose images are shifted and rotated at random.
#[derive(Debug, Clone)]
pub struct AugmentedExamples {
    examples: Examples,
    augmentation: Augmentation,
}

impl AugmentedExamples {
    /// Augments `examples` within the limits of `augmentation`.
    ///
    /// # Errors
    /// The errors of [`Augmentation::check`].
    pub fn new(examples: Examples, augmentation: Augmentation) -> Result<Self, Error> {
        augmentation.check(&examples.input_shape)?;
        Ok(AugmentedExamples { examples, augmentation })
    }
}

impl ExampleSet<Batch> for AugmentedExamples {
    fn len(&self) -> usize {
        self.examples.len()
    }

    fn batch(&self, rows: &[u32], draw: Option<Draw>, device: &Device) -> Result<Batch, Error> {
        let mut inputs = self.examples.gather(rows);
        if let (Some(draw), false) = (draw, self.augmentation.is_none()) {
            let mut augmenter = Augmenter::new(self.augmentation, draw.seed, &self.examples.input_shape);
            augmenter.augment(&mut inputs, draw.step, draw.first);
        }
        Ok(self.examples.to_batch(inputs, rows, device))
    }
}

impl ExampleSet<Batch> for Examples {
    fn len(&self) -> usize {
        Examples::len(self)
    }

    fn batch(&self, rows: &[u32], _draw: Option<Draw>, device: &Device) -> Result<Batch, Error> {
        Ok(self.to_batch(self.gather(rows), rows, device))
    }
}

impl Examples {
    /// Returns a copy of the inputs of these rows.
    fn gather(&self, rows: &[u32]) -> Vec<f32> {
        let mut inputs = Vec::with_capacity(rows.len() * self.features());
        for &row in rows {
            inputs.extend_from_slice(self.input(row as usize));
        }
        inputs
    }

    fn to_batch(&self, inputs: Vec<f32>, rows: &[u32], device: &Device) -> Batch {
        let inputs = TensorData::new(inputs, [rows.len(), self.features()]);
        let targets = self.targets_of(rows, device);
        Batch { inputs: Tensor::from_data(inputs, device), targets, len: rows.len() }
    }

    fn targets_of(&self, rows: &[u32], device: &Device) -> BatchTargets {
        match &self.targets {
            Targets::Classes { labels, .. } => {
                let labels: Vec<i32> = rows.iter().map(|&row| labels[row as usize] as i32).collect();
                BatchTargets::Classes(Tensor::from_data(TensorData::new(labels, [rows.len()]), device))
            }
            Targets::Values { values, width } => {
                let mut chosen = Vec::with_capacity(rows.len() * width);
                for &row in rows {
                    chosen.extend_from_slice(&values[row as usize * width..][..*width]);
                }
                BatchTargets::Values(Tensor::from_data(TensorData::new(chosen, [rows.len(), *width]), device))
            }
        }
    }
}
