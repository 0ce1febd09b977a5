//! Examples as a data set of Burn's, for its `DataLoader` and `Learner`.

use super::{Examples, Targets};
use burn::data::dataset::{Dataset, DatasetError};

/// One example.
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    /// The input, `Π input_shape` values, row-major.
    pub input: Vec<f32>,
    /// What is to be predicted from it.
    pub target: Target,
}

/// The target of an [`Item`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Target {
    /// A class.
    Class(u8),
    /// A number.
    Value(f32),
}

impl Dataset<Item> for Examples {
    /// # Panics
    /// If there is no example `index`, as Burn's trait asks for.
    fn get(&self, index: usize) -> Result<Item, DatasetError> {
        Ok(Item {
            input: self.input(index).to_vec(),
            target: match &self.targets {
                Targets::Classes { labels, .. } => Target::Class(labels[index]),
                Targets::Values(values) => Target::Value(values[index]),
            },
        })
    }

    fn len(&self) -> usize {
        Examples::len(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Source, load};
    use burn::data::dataloader::{DataLoaderBuilder, batcher::Batcher};
    use burn::tensor::{Device, Tensor, TensorData};

    struct DigitBatcher;

    impl Batcher<Item, (Tensor<2>, Vec<Target>)> for DigitBatcher {
        fn batch(&self, items: Vec<Item>, device: &Device) -> (Tensor<2>, Vec<Target>) {
            let shape = [items.len(), items[0].input.len()];
            let targets = items.iter().map(|item| item.target).collect();
            let inputs: Vec<f32> = items.into_iter().flat_map(|item| item.input).collect();
            (Tensor::from_data(TensorData::new(inputs, shape), device), targets)
        }
    }

    #[test]
    fn burns_own_data_loader_serves_our_examples() {
        let digits = load("digits", &Source::default()).unwrap().test;
        let loader = DataLoaderBuilder::new(DigitBatcher).batch_size(100).build(digits.clone());
        let mut served = vec![];
        for batch in loader.iter() {
            let (inputs, targets) = batch.unwrap();
            assert_eq!(inputs.dims(), [targets.len(), 64]);
            let first = inputs.into_data().try_to_vec::<f32>().unwrap();
            assert_eq!(&first[..64], digits.input(served.len()));
            served.extend(targets);
        }
        let Targets::Classes { labels, .. } = digits.targets else { panic!("digits have classes") };
        assert_eq!(served, labels.into_iter().map(Target::Class).collect::<Vec<_>>());
    }

    #[test]
    fn a_numeric_target_stays_a_number() {
        let patients = load("diabetes", &Source::default()).unwrap().train;
        let item = Dataset::get(&patients, 0).unwrap();
        assert_eq!(item.target, Target::Value(151.0));
        assert_eq!(item.input[..3], [59.0, 2.0, 32.1]);
    }
}
