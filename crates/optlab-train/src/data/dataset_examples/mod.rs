//! A Burn data set with its batcher as examples to train on.

mod read_ahead;
mod read_rows;
#[cfg(test)]
mod tests;

use crate::Error;
use crate::data::dataset_examples::read_ahead::ReadAhead;
use crate::data::dataset_examples::read_rows::read_rows;
use crate::data::{Draw, ExampleSet};
use burn::data::dataloader::batcher::Batcher;
use burn::data::dataset::Dataset;
use burn::tensor::Device;
use std::sync::Arc;

/// The examples of a Burn [`Dataset`], joined into batches by a Burn [`Batcher`].
///
/// Worker threads read the items of the next batches while the model is busy, a whole batch per thread. The
/// batcher runs on the training thread, because it makes tensors. A batch depends on the row numbers alone,
/// however many threads read, so a resumed run sees the same bytes: `Dataset::get` and `Batcher::batch` must
/// return the same for the same arguments. Batches cut into micro-batches are not read ahead.
///
/// Dropping the set ends the threads.
///
/// # Example
/// ```
/// use burn::tensor::Device;
/// use optlab_train::data::{self, Batch, Batches, DatasetExamples, Source, ToBatch};
/// use std::sync::Arc;
///
/// let digits = Arc::new(data::load("digits", &Source::default())?.train);
/// let examples: DatasetExamples<_, Batch> = DatasetExamples::new("digits", digits, Arc::new(ToBatch));
/// let batch = Batches::new(&examples, 32, 42).batch(0, &Device::default())?;
/// assert_eq!(batch.inputs.dims(), [32, 64]);
/// # Ok::<(), optlab_train::Error>(())
/// ```
pub struct DatasetExamples<I, B> {
    name: String,
    dataset: Arc<dyn Dataset<I>>,
    batcher: Arc<dyn Batcher<I, B>>,
    ahead: Option<ReadAhead<I>>,
}

impl<I: Send + 'static, B> DatasetExamples<I, B> {
    /// Reads `dataset` with a thread for each processor, 4 at most. `name` is the workload's, for errors.
    ///
    /// If the system refuses to start a thread, the training thread reads the items itself.
    pub fn new(name: &str, dataset: Arc<dyn Dataset<I>>, batcher: Arc<dyn Batcher<I, B>>) -> Self {
        let ahead = ReadAhead::start(name, &dataset);
        DatasetExamples { ahead, ..Self::without_threads(name, dataset, batcher) }
    }

    /// Reads `dataset` on the training thread, which is faster for items that are in memory.
    pub fn without_threads(
        name: &str,
        dataset: Arc<dyn Dataset<I>>,
        batcher: Arc<dyn Batcher<I, B>>,
    ) -> Self {
        DatasetExamples { name: name.into(), dataset, batcher, ahead: None }
    }
}

impl<I: Send + 'static, B> ExampleSet<B> for DatasetExamples<I, B> {
    fn len(&self) -> usize {
        self.dataset.len()
    }

    /// As [`ExampleSet::batch`].
    ///
    /// # Errors
    /// [`Error::Workload`] with the row that the data set could not read, or where it panicked.
    fn batch(&self, rows: &[u32], _draw: Option<Draw>, device: &Device) -> Result<B, Error> {
        let announced = self.ahead.as_ref().and_then(|ahead| ahead.take(rows));
        let items = match announced {
            Some(items) => items?,
            None => read_rows(&self.name, &*self.dataset, rows)?,
        };
        Ok(self.batcher.batch(items, device))
    }

    fn read_ahead(&self) -> usize {
        self.ahead.as_ref().map_or(0, ReadAhead::batches)
    }

    fn announce(&self, rows: &[u32]) {
        if let Some(ahead) = &self.ahead {
            ahead.announce(rows);
        }
    }
}

impl<I, B> std::fmt::Debug for DatasetExamples<I, B> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let DatasetExamples { name, dataset, .. } = self;
        f.debug_struct("DatasetExamples")
            .field("name", name)
            .field("len", &dataset.len())
            .finish_non_exhaustive()
    }
}
