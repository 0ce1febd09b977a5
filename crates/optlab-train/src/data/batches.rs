//! Batches: the examples of each step, gathered from memory into one buffer and one tensor.

use crate::data::augment::{Augmentation, Augmenter};
use crate::data::order::shuffle;
use crate::data::{Examples, Targets};
use burn::tensor::{Device, Int, Tensor, TensorData};
use optlab_core::random::{Purpose, stream};

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

impl Batch {
    /// Returns `len` of its examples, starting at `first`.
    pub fn part(&self, first: usize, len: usize) -> Batch {
        if len == self.len {
            return self.clone();
        }
        let targets = match &self.targets {
            BatchTargets::Classes(classes) => BatchTargets::Classes(classes.clone().narrow(0, first, len)),
            BatchTargets::Values(values) => BatchTargets::Values(values.clone().narrow(0, first, len)),
        };
        Batch { inputs: self.inputs.clone().narrow(0, first, len), targets, len }
    }
}

/// The targets of a [`Batch`].
#[derive(Debug, Clone)]
pub enum BatchTargets {
    /// `[len]`, in the device's default integer type.
    Classes(Tensor<1, Int>),
    /// `[len, columns]`: numbers, or labels that are each 0 or 1.
    Values(Tensor<2>),
}

/// The batches of a set of examples.
///
/// The result of [`batch`](Self::batch) depends on the seed and the step alone, so a resumed run needs only
/// its step number. Each epoch visits every example once, in its own order; its last batch may be smaller.
///
/// # Example
/// ```
/// use burn::tensor::Device;
/// use optlab_train::data::{self, Augmentation, Batches, Source};
///
/// let digits = data::load("digits", &Source::default())?.train;
/// let mut batches = Batches::new(&digits, 32, 42, Augmentation::default());
/// let batch = batches.batch(1_000, &Device::default());
/// assert_eq!(batch.inputs.dims(), [32, 64]);
/// # Ok::<(), optlab_train::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Batches<'a> {
    examples: &'a Examples,
    batch_size: usize,
    /// `None` keeps the stored order.
    seed: Option<u64>,
    /// Rows of `examples`, in the order of `epoch`.
    order: Vec<u32>,
    epoch: Option<usize>,
    augmenter: Option<Augmenter>,
}

impl<'a> Batches<'a> {
    /// Returns batches for training: in an order drawn from `seed` for each epoch, shifted and rotated within
    /// `augmentation`.
    ///
    /// A `batch_size` above the number of examples gives one batch of all of them.
    ///
    /// # Panics
    /// If `batch_size` is 0, or if `augmentation` changes images and the inputs are not images (which
    /// [`Augmentation::check`] detects beforehand).
    pub fn new(examples: &'a Examples, batch_size: usize, seed: u64, augmentation: Augmentation) -> Self {
        let augmenter =
            (!augmentation.is_none()).then(|| Augmenter::new(augmentation, seed, &examples.input_shape));
        Self { seed: Some(seed), augmenter, ..Self::in_order(examples, batch_size) }
    }

    /// Returns batches for evaluation: every example once, in stored order and not augmented.
    ///
    /// # Panics
    /// If `batch_size` is 0.
    pub fn in_order(examples: &'a Examples, batch_size: usize) -> Self {
        assert!(batch_size > 0, "a batch needs at least one example");
        Self {
            examples,
            batch_size,
            seed: None,
            order: (0..examples.len() as u32).collect(),
            epoch: None,
            augmenter: None,
        }
    }

    /// Returns the number of batches per epoch; 0 only without examples.
    pub fn steps_per_epoch(&self) -> usize {
        self.examples.len().div_ceil(self.batch_size)
    }

    /// Returns the batch of `step`, counted from 0 over all epochs.
    ///
    /// # Panics
    /// If there are no examples.
    pub fn batch(&mut self, step: usize, device: &Device) -> Batch {
        let steps_per_epoch = self.steps_per_epoch();
        self.turn_to(step / steps_per_epoch);
        let first = step % steps_per_epoch * self.batch_size;
        let last = (first + self.batch_size).min(self.examples.len());
        let rows = &self.order[first..last];

        let mut inputs = Vec::with_capacity(rows.len() * self.examples.features());
        for &row in rows {
            inputs.extend_from_slice(self.examples.input(row as usize));
        }
        if let Some(augmenter) = &mut self.augmenter {
            augmenter.augment(&mut inputs, step);
        }
        Batch {
            inputs: Tensor::from_data(
                TensorData::new(inputs, [rows.len(), self.examples.features()]),
                device,
            ),
            targets: self.targets(rows, device),
            len: rows.len(),
        }
    }

    /// Returns the batches of one epoch, in order; with [`in_order`](Self::in_order) every epoch is the same.
    pub fn epoch<'b>(
        &'b mut self,
        epoch: usize,
        device: &'b Device,
    ) -> impl Iterator<Item = Batch> + use<'a, 'b> {
        let steps = self.steps_per_epoch();
        (epoch * steps..(epoch + 1) * steps).map(move |step| self.batch(step, device))
    }

    /// Sets `order` to that of `epoch`, once per epoch: shuffling tens of thousands of rows in every step
    /// would be slow.
    fn turn_to(&mut self, epoch: usize) {
        let Some(seed) = self.seed else { return };
        if self.epoch == Some(epoch) {
            return;
        }
        for (row, i) in self.order.iter_mut().zip(0..) {
            *row = i;
        }
        shuffle(&mut self.order, &mut stream(seed, Purpose::Order, epoch as u64));
        self.epoch = Some(epoch);
    }

    fn targets(&self, rows: &[u32], device: &Device) -> BatchTargets {
        match &self.examples.targets {
            Targets::Classes { labels, .. } => {
                let labels: Vec<i32> = rows.iter().map(|&row| labels[row as usize].into()).collect();
                BatchTargets::Classes(Tensor::from_data(TensorData::new(labels, [rows.len()]), device))
            }
            Targets::Values(values) => {
                let values: Vec<f32> = rows.iter().map(|&row| values[row as usize]).collect();
                BatchTargets::Values(Tensor::from_data(TensorData::new(values, [rows.len(), 1]), device))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns `n` examples of two features, `[i, -i]`, with target `i`.
    fn numbered(n: usize) -> Examples {
        Examples {
            inputs: (0..n).flat_map(|i| [i as f32, -(i as f32)]).collect(),
            input_shape: vec![2],
            targets: Targets::Values((0..n).map(|i| i as f32).collect()),
        }
    }

    fn values(tensor: Tensor<2>) -> Vec<f32> {
        tensor.into_data().try_to_vec().unwrap()
    }

    /// Returns the targets of a batch, after checking that the inputs belong to them.
    fn rows(batch: Batch) -> Vec<f32> {
        assert_eq!(batch.inputs.dims(), [batch.len, 2]);
        let BatchTargets::Values(targets) = batch.targets else { panic!("numbers were put in") };
        assert_eq!(targets.dims(), [batch.len, 1]);
        let targets = values(targets);
        let expected: Vec<f32> = targets.iter().flat_map(|&target| [target, -target]).collect();
        assert_eq!(values(batch.inputs), expected);
        targets
    }

    fn training(examples: &Examples, batch_size: usize, seed: u64) -> Batches<'_> {
        Batches::new(examples, batch_size, seed, Augmentation::default())
    }

    #[test]
    fn every_example_appears_exactly_once_in_each_epoch() {
        let (examples, device) = (numbered(10), Device::default());
        let mut batches = training(&examples, 4, 1);
        assert_eq!(batches.steps_per_epoch(), 3);
        let mut orders = vec![];
        for epoch in 0..3 {
            let batches: Vec<Batch> = batches.epoch(epoch, &device).collect();
            assert_eq!(batches.iter().map(|batch| batch.len).collect::<Vec<_>>(), [4, 4, 2]);
            let order: Vec<f32> = batches.into_iter().flat_map(rows).collect();
            let mut sorted = order.clone();
            sorted.sort_by(f32::total_cmp);
            assert_eq!(sorted, (0..10).map(|i| i as f32).collect::<Vec<_>>());
            orders.push(order);
        }
        assert!(orders[0] != orders[1] && orders[1] != orders[2]);
    }

    #[test]
    fn a_batch_does_not_depend_on_what_was_asked_before() {
        let (examples, device) = (numbered(10), Device::default());
        let straight: Vec<Vec<f32>> = {
            let mut batches = training(&examples, 3, 7);
            (0..12).map(|step| rows(batches.batch(step, &device))).collect()
        };
        let mut jumping = training(&examples, 3, 7);
        for step in [11, 0, 5, 5, 4, 8, 3, 1] {
            assert_eq!(rows(jumping.batch(step, &device)), straight[step], "step {step}");
        }
        for (step, expected) in straight.iter().enumerate() {
            assert_eq!(&rows(training(&examples, 3, 7).batch(step, &device)), expected, "step {step}");
        }
    }

    #[test]
    fn two_seeds_give_two_orders() {
        let (examples, device) = (numbered(20), Device::default());
        let order = |seed| rows(training(&examples, 20, seed).batch(0, &device));
        assert_eq!(order(1), order(1));
        assert_ne!(order(1), order(2));
    }

    #[test]
    fn a_batch_size_above_the_number_of_examples_gives_one_batch_of_all() {
        let (examples, device) = (numbered(5), Device::default());
        let mut batches = training(&examples, 100, 1);
        assert_eq!(batches.steps_per_epoch(), 1);
        assert_eq!(batches.batch(3, &device).len, 5);
    }

    #[test]
    fn evaluation_takes_the_examples_as_stored() {
        let (examples, device) = (numbered(5), Device::default());
        let mut batches = Batches::in_order(&examples, 2);
        for epoch in 0..2 {
            let seen: Vec<f32> = batches.epoch(epoch, &device).flat_map(rows).collect();
            assert_eq!(seen, [0.0, 1.0, 2.0, 3.0, 4.0]);
        }
    }

    #[test]
    fn no_examples_give_no_batches() {
        let examples = numbered(0);
        assert_eq!(Batches::in_order(&examples, 2).epoch(0, &Device::default()).count(), 0);
    }

    #[test]
    fn classes_arrive_as_integers() {
        let examples =
            Examples { targets: Targets::Classes { labels: vec![2, 0, 255], classes: 256 }, ..numbered(3) };
        let batch = Batches::in_order(&examples, 3).batch(0, &Device::default());
        let BatchTargets::Classes(labels) = batch.targets else { panic!("classes were put in") };
        let labels: Vec<i64> = labels.into_data().convert::<i64>().try_to_vec().unwrap();
        assert_eq!(labels, [2, 0, 255]);
    }
}
