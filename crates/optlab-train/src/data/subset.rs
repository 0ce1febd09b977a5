//! A part of a Burn data set.

use crate::Error;
use crate::data::Preparation;
use crate::data::split::{choose, validation_count};
use burn::data::dataset::{Dataset, DatasetError};
use std::sync::Arc;

/// Rows of a Burn [`Dataset`], as a data set of their own.
pub struct Subset<I> {
    dataset: Arc<dyn Dataset<I>>,
    rows: Vec<usize>,
}

impl<I> Subset<I> {
    /// Returns the rows `rows` of `dataset`, in this order.
    pub fn new(dataset: Arc<dyn Dataset<I>>, rows: Vec<usize>) -> Self {
        Subset { dataset, rows }
    }

    /// Returns what is left of `dataset` to train on, and the validation part, as
    /// [`DataSet::prepare`](crate::data::DataSet::prepare) splits rows of numbers.
    ///
    /// The validation part has `round(validation · n)` of the `n` items, at least 1 if `validation > 0`,
    /// drawn with the seed. Both parts keep the order of the items. The test part is not in `dataset`, so the
    /// preparation's `split` decides nothing.
    ///
    /// # Errors
    /// [`InvalidConfig`](optlab_core::Error::InvalidConfig) if `validation` is outside of `[0, 1)` or leaves
    /// nothing to train on.
    pub fn split(dataset: Arc<dyn Dataset<I>>, preparation: &Preparation) -> Result<[Self; 2], Error> {
        let len = dataset.len();
        let held_out = validation_count(len, preparation.validation)?;
        let (kept, held_out) = match held_out {
            0 => ((0..len).collect(), Vec::new()),
            count => choose(len, count, false, preparation.seed),
        };
        Ok([Subset::new(dataset.clone(), kept), Subset::new(dataset, held_out)])
    }
}

impl<I> Dataset<I> for Subset<I> {
    fn get(&self, index: usize) -> Result<I, DatasetError> {
        self.dataset.get(self.rows[index])
    }

    fn len(&self) -> usize {
        self.rows.len()
    }
}

impl<I> std::fmt::Debug for Subset<I> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Subset").field("rows", &self.rows).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{DataSet, Examples, Item, Targets};

    fn numbered(n: usize) -> Examples {
        let numbers: Vec<f32> = (0..n).map(|i| i as f32).collect();
        Examples { inputs: numbers.clone(), input_shape: vec![1], targets: Targets::numbers(numbers) }
    }

    fn inputs(part: &Subset<Item>) -> Vec<f32> {
        (0..part.len()).flat_map(|index| part.get(index).unwrap().input).collect()
    }

    #[test]
    fn a_data_set_of_burn_is_split_like_rows_of_numbers() {
        for (validation, seed) in [(0.0, 1), (0.2, 1), (0.2, 2), (0.001, 3), (0.5, 4)] {
            let preparation = Preparation { validation, seed, ..Preparation::default() };
            let (train, test) = (numbered(50), numbered(1));
            let [kept, held_out] = Subset::split(Arc::new(train.clone()), &preparation).unwrap();
            let set = DataSet { name: "numbered".into(), train, test, is_series: false };
            let splits = set.prepare(&preparation).unwrap();
            assert_eq!(inputs(&kept), splits.train.inputs, "{validation} with seed {seed}");
            assert_eq!(inputs(&held_out), splits.validation.inputs, "{validation} with seed {seed}");
        }
    }

    #[test]
    fn a_share_that_leaves_nothing_to_train_on_is_refused() {
        for validation in [0.99, 1.0, f64::NAN] {
            let preparation = Preparation { validation, ..Preparation::default() };
            let error = Subset::split(Arc::new(numbered(10)), &preparation).unwrap_err();
            assert!(error.is_usage() && error.to_string().contains("`validation`"), "{error}");
        }
    }
}
