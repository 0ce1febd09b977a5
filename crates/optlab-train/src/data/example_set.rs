//! The examples of a part of the data, from which batches of any type are cut.

use crate::Error;
use burn::tensor::Device;

/// The examples of one part of the data: training, validation or test.
///
/// A batch is a function of the row numbers and of `draw`, so that a resumed run sees the same bytes.
pub trait ExampleSet<B>: Send + Sync {
    /// Returns the number of examples.
    fn len(&self) -> usize;

    /// Returns whether there are no examples.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the examples of these rows, in this order, as one batch on `device`. `draw` decides random
    /// changes of training examples; an evaluation has none.
    ///
    /// # Errors
    /// Data that cannot be read.
    fn batch(&self, rows: &[u32], draw: Option<Draw>, device: &Device) -> Result<B, Error>;

    /// Returns how many batches are to be announced before they are needed; 0 if reading ahead saves nothing.
    fn read_ahead(&self) -> usize {
        0
    }

    /// Announces a batch of a later step, so that it can be read while the model is busy.
    fn announce(&self, rows: &[u32]) {
        let _: &[u32] = rows;
    }
}

/// The numbers that decide the random changes of a training batch's examples.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Draw {
    /// The trial's seed.
    pub seed: u64,
    /// The step, from 0.
    pub step: usize,
    /// Number of examples of the same step that other micro-batches hold before this one.
    pub first: usize,
}
