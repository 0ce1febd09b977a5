//! Examples as a Burn data set, for Burn's `DataLoader` and `Learner`.

use crate::data::{Batch, BatchTargets, Examples, Targets};
use burn::data::dataloader::batcher::Batcher;
use burn::data::dataset::{Dataset, DatasetError};
use burn::tensor::{Device, Tensor, TensorData};

/// One example.
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    /// The input, `Π input_shape` values, row-major.
    pub input: Vec<f32>,
    /// The target to predict.
    pub target: Target,
}

/// The target of an [`Item`].
#[derive(Debug, Clone, PartialEq)]
pub enum Target {
    /// A class.
    Class(u32),
    /// Numbers.
    Values(Vec<f32>),
}

impl Dataset<Item> for Examples {
    /// Returns example `index`.
    ///
    /// # Panics
    /// If `index` is out of range, as Burn's trait requires.
    fn get(&self, index: usize) -> Result<Item, DatasetError> {
        Ok(Item {
            input: self.input(index).to_vec(),
            target: match &self.targets {
                Targets::Classes { labels, .. } => Target::Class(labels[index]),
                Targets::Values { values, width } => {
                    Target::Values(values[index * width..(index + 1) * width].to_vec())
                }
            },
        })
    }

    fn len(&self) -> usize {
        Examples::len(self)
    }
}

/// A batcher that joins [`Item`]s into a [`Batch`], for Burn's `DataLoader`.
///
/// # Example
/// ```
/// use burn::data::dataloader::DataLoaderBuilder;
/// use optlab_train::data::{self, Source, ToBatch};
///
/// let digits = data::load("digits", &Source::default())?.train;
/// let loader = DataLoaderBuilder::new(ToBatch).batch_size(32).shuffle(0).build(digits);
/// let batch = loader.iter().next().unwrap().unwrap();
/// assert_eq!(batch.inputs.dims(), [32, 64]);
/// # Ok::<(), optlab_train::Error>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct ToBatch;

impl Batcher<Item, Batch> for ToBatch {
    /// Joins `items` into one batch.
    ///
    /// # Panics
    /// If `items` is empty, or mixes classes and numbers.
    fn batch(&self, items: Vec<Item>, device: &Device) -> Batch {
        let len = items.len();
        let (mut labels, mut values) = (Vec::<i32>::new(), Vec::new());
        for item in &items {
            match &item.target {
                Target::Class(class) => labels.push(*class as i32),
                Target::Values(numbers) => values.extend_from_slice(numbers),
            }
        }
        let inputs: Vec<f32> = items.into_iter().flat_map(|item| item.input).collect();
        let shape = [len, inputs.len() / len];
        let targets = if labels.is_empty() {
            let shape = [len, values.len() / len];
            BatchTargets::Values(Tensor::from_data(TensorData::new(values, shape), device))
        } else {
            BatchTargets::Classes(Tensor::from_data(TensorData::new(labels, [len]), device))
        };
        Batch { inputs: Tensor::from_data(TensorData::new(inputs, shape), device), targets, len }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Batches, Source, load};
    use burn::data::dataloader::DataLoaderBuilder;

    /// Returns the first batch from Burn's loader and from [`Batches`], both in stored order.
    fn first_batches(examples: Examples) -> [Batch; 2] {
        let device = Device::default();
        let ours = Batches::in_order(&examples, 100).batch(0, &device).unwrap();
        let loader = DataLoaderBuilder::new(ToBatch).batch_size(100).build(examples);
        [loader.iter().next().unwrap().unwrap(), ours]
    }

    #[test]
    fn burns_own_data_loader_serves_our_examples() {
        for name in ["digits", "diabetes"] {
            let [burns, ours] = first_batches(load(name, &Source::default()).unwrap().test);
            assert_eq!(burns.len, ours.len);
            assert_eq!(burns.inputs.into_data(), ours.inputs.into_data());
            match (burns.targets, ours.targets) {
                (BatchTargets::Classes(a), BatchTargets::Classes(b)) => {
                    assert_eq!(a.into_data(), b.into_data())
                }
                (BatchTargets::Values(a), BatchTargets::Values(b)) => {
                    assert_eq!(a.into_data(), b.into_data())
                }
                _ => panic!("{name}: targets of two kinds"),
            }
        }
    }

    #[test]
    fn the_loader_serves_every_example_once() {
        let digits = load("digits", &Source::default()).unwrap().test;
        let examples = digits.len();
        let loader = DataLoaderBuilder::new(ToBatch).batch_size(100).build(digits);
        assert_eq!(loader.iter().map(|batch| batch.unwrap().len).sum::<usize>(), examples);
    }

    #[test]
    fn a_numeric_target_stays_a_number() {
        let patients = load("diabetes", &Source::default()).unwrap().train;
        let item = Dataset::get(&patients, 0).unwrap();
        assert_eq!(item.target, Target::Values(vec![151.0]));
        assert_eq!(item.input[..3], [59.0, 2.0, 32.1]);
    }
}
