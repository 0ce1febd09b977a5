//! The examples of a part of the data, from which batches of any type are cut.

use crate::Error;
use burn::tensor::Device;
use optlab_core::random::{Purpose, stream};
use rand::Rng;

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

impl Draw {
    /// Returns numbers that are uniform in `[0, 1)`: `per_example` for the first example of the batch, then
    /// as many for the next.
    ///
    /// An example gets the same numbers in a micro-batch as in the whole batch of the step.
    pub fn numbers(&self, per_example: usize) -> impl Iterator<Item = f64> + use<> {
        let mut random = stream(self.seed, Purpose::Augmentation, self.step as u64);
        // 53 random bits make a number in [0, 1).
        let unit = move || (random.next_u64() >> 11) as f64 / (1_u64 << 53) as f64;
        std::iter::repeat_with(unit).skip(self.first * per_example)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_example_of_a_micro_batch_gets_the_numbers_that_it_gets_in_the_whole_batch() {
        let draw = Draw { seed: 1, step: 2, first: 0 };
        let whole: Vec<f64> = draw.numbers(2).take(8).collect();
        assert!(whole.iter().all(|number| (0.0..1.0).contains(number)));
        assert_eq!(Draw { first: 3, ..draw }.numbers(2).take(2).collect::<Vec<_>>(), whole[6..]);
        for other in [Draw { seed: 2, ..draw }, Draw { step: 3, ..draw }] {
            assert_ne!(other.numbers(2).take(8).collect::<Vec<_>>(), whole);
        }
    }
}
