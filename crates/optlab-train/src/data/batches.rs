//! Batches: which examples each step takes, in an order that depends on seed and epoch alone.

use crate::Error;
use crate::data::order::shuffle;
use crate::data::{BatchSizes, Draw, ExampleSet};
use burn::tensor::Device;
use optlab_core::random::{Purpose, stream};
use std::ops::Range;

/// The batches of a set of examples.
///
/// The result of [`batch`](Self::batch) depends on the seed and the step alone, so a resumed run needs only
/// its step number. Each epoch visits every example once, in its own order; its last batch may be smaller.
///
/// # Example
/// ```
/// use burn::tensor::Device;
/// use optlab_train::data::{self, Batches, Source};
///
/// let digits = data::load("digits", &Source::default())?.train;
/// let mut batches = Batches::new(&digits, 32, 42);
/// let batch = batches.batch(1_000, &Device::default())?;
/// assert_eq!(batch.inputs.dims(), [32, 64]);
/// # Ok::<(), optlab_train::Error>(())
/// ```
pub struct Batches<'a, B> {
    examples: &'a dyn ExampleSet<B>,
    sizes: BatchSizes,
    /// `None` keeps the stored order.
    seed: Option<u64>,
    /// The epochs whose orders are known; the second is only needed to read ahead.
    orders: [Order; 2],
    /// The steps that were announced and not yet taken.
    announced: Range<usize>,
}

/// The rows of an epoch, in its order.
#[derive(Debug, Clone, Default)]
struct Order {
    epoch: Option<usize>,
    rows: Vec<u32>,
    first_step: usize,
    /// The first of `rows` of each batch, and the end of the last batch.
    borders: Vec<usize>,
}

impl<B> std::fmt::Debug for Batches<'_, B> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Batches { sizes, seed, .. } = self;
        f.debug_struct("Batches").field("sizes", sizes).field("seed", seed).finish_non_exhaustive()
    }
}

impl<'a, B> Batches<'a, B> {
    /// Returns batches for training, in an order drawn from `seed` for each epoch.
    ///
    /// A `batch_size` above the number of examples gives one batch of all of them.
    ///
    /// # Panics
    /// If `batch_size` is 0.
    pub fn new(examples: &'a dyn ExampleSet<B>, batch_size: usize, seed: u64) -> Self {
        Self { seed: Some(seed), ..Self::in_order(examples, batch_size) }
    }

    /// Returns the training batches of a run whose batches have these `sizes`, in an order drawn from `seed`
    /// for each epoch.
    ///
    /// # Panics
    /// If `sizes` was made for another number of examples.
    pub fn of_run(examples: &'a dyn ExampleSet<B>, sizes: BatchSizes, seed: u64) -> Self {
        assert_eq!(sizes.examples(), examples.len(), "the sizes are for another number of examples");
        Self { examples, sizes, seed: Some(seed), orders: Default::default(), announced: 0..0 }
    }

    /// Returns batches for evaluation: every example once, in stored order and not changed at random.
    ///
    /// # Panics
    /// If `batch_size` is 0.
    pub fn in_order(examples: &'a dyn ExampleSet<B>, batch_size: usize) -> Self {
        let sizes = BatchSizes::fixed(batch_size, examples.len());
        Self { examples, sizes, seed: None, orders: Default::default(), announced: 0..0 }
    }

    /// Returns the sizes of the batches, and the epochs that they divide the steps into.
    pub fn sizes(&self) -> &BatchSizes {
        &self.sizes
    }

    /// Returns the batch of `step`, counted from 0 over all epochs.
    ///
    /// # Errors
    /// Data that cannot be read.
    ///
    /// # Panics
    /// If there are no examples.
    pub fn batch(&mut self, step: usize, device: &Device) -> Result<B, Error> {
        self.read_ahead(step);
        let draw = self.draw(step, 0);
        let examples = self.examples;
        examples.batch(self.rows(step), draw, device)
    }

    /// Returns the number of examples in the batch of `step`.
    pub fn batch_len(&mut self, step: usize) -> usize {
        self.rows(step).len()
    }

    /// Returns the batch of `step` in parts of at most `size` examples, with the number of examples of each.
    ///
    /// # Errors
    /// Data that cannot be read.
    ///
    /// # Panics
    /// If there are no examples.
    pub fn parts(&mut self, step: usize, size: usize, device: &Device) -> Result<Vec<(B, usize)>, Error> {
        let (examples, size) = (self.examples, size.max(1));
        let len = self.rows(step).len();
        if len <= size {
            return Ok(vec![(self.batch(step, device)?, len)]);
        }
        let draws: Vec<_> = (0..len).step_by(size).map(|first| self.draw(step, first)).collect();
        let parts = self.rows(step).chunks(size).zip(draws);
        parts.map(|(rows, draw)| Ok((examples.batch(rows, draw, device)?, rows.len()))).collect()
    }

    /// Returns the batches of one epoch, in order, with the number of examples of each; with
    /// [`in_order`](Self::in_order) every epoch is the same.
    pub fn epoch<'b>(
        &'b mut self,
        epoch: usize,
        device: &'b Device,
    ) -> impl Iterator<Item = Result<(B, usize), Error>> + use<'a, 'b, B> {
        let len = |batches: &mut Self, step| batches.rows(step).len();
        self.sizes.steps_of(epoch).map(move |step| {
            let batch = self.batch(step, device)?;
            Ok((batch, len(self, step)))
        })
    }

    fn draw(&self, step: usize, first: usize) -> Option<Draw> {
        self.seed.map(|seed| Draw { seed, step, first })
    }

    /// Announces the batches after `step`, if the examples want that. Evaluation announces nothing beyond its
    /// last batch.
    fn read_ahead(&mut self, step: usize) {
        let ahead = self.examples.read_ahead();
        if ahead == 0 {
            return;
        }
        if !self.announced.contains(&step) && self.announced.start != step {
            self.announced = step..step;
        }
        let mut end = step + 1 + ahead;
        if self.seed.is_none() {
            end = end.min(self.sizes.steps_of(self.sizes.epoch_of(step)).end);
        }
        let examples = self.examples;
        for later in self.announced.end.max(step)..end {
            examples.announce(self.rows(later));
        }
        self.announced = step + 1..end.max(step + 1);
    }

    /// Returns the rows of `step`. The order is drawn once per epoch: shuffling tens of thousands of rows in
    /// every step would be slow.
    fn rows(&mut self, step: usize) -> &[u32] {
        let epoch = self.sizes.epoch_of(step);
        let place = epoch % 2;
        if self.orders[place].epoch != Some(epoch) {
            let order = &mut self.orders[place];
            order.rows.clear();
            order.rows.extend(0..self.examples.len() as u32);
            if let Some(seed) = self.seed {
                shuffle(&mut order.rows, &mut stream(seed, Purpose::Order, epoch as u64));
            }
            order.first_step = self.sizes.steps_of(epoch).start;
            order.borders = self.sizes.borders(epoch);
            order.epoch = Some(epoch);
        }
        let Order { rows, first_step, borders, .. } = &self.orders[place];
        let batch = step - first_step;
        &rows[borders[batch]..borders[batch + 1]]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Batch, BatchTargets, Examples, Targets};
    use burn::tensor::Tensor;

    /// Returns `n` examples of two features, `[i, -i]`, with target `i`.
    fn numbered(n: usize) -> Examples {
        Examples {
            inputs: (0..n).flat_map(|i| [i as f32, -(i as f32)]).collect(),
            input_shape: vec![2],
            targets: Targets::numbers((0..n).map(|i| i as f32).collect()),
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

    fn training(examples: &Examples, batch_size: usize, seed: u64) -> Batches<'_, Batch> {
        Batches::new(examples, batch_size, seed)
    }

    #[test]
    fn every_example_appears_exactly_once_in_each_epoch() {
        let (examples, device) = (numbered(10), Device::default());
        let mut batches = training(&examples, 4, 1);
        assert_eq!(batches.sizes().steps_per_epoch(), Some(3));
        let mut orders = vec![];
        for epoch in 0..3 {
            let batches: Vec<Batch> = batches.epoch(epoch, &device).map(|batch| batch.unwrap().0).collect();
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
    fn every_example_appears_exactly_once_in_each_epoch_of_growing_batches() {
        let (examples, device) = (numbered(10), Device::default());
        let sizes = BatchSizes::scheduled(|step| 1 + step / 3, 14, 10);
        let mut batches = Batches::<Batch>::of_run(&examples, sizes, 1);
        let mut fixed = training(&examples, 10, 1);
        // Three steps of each size; the last batch of an epoch has what is left.
        let expected = [vec![1, 1, 1, 2, 2, 2, 1], vec![3, 3, 4], vec![4, 4, 2]];
        for (epoch, expected) in expected.into_iter().enumerate() {
            let seen: Vec<Batch> = batches.epoch(epoch, &device).map(|batch| batch.unwrap().0).collect();
            assert_eq!(seen.iter().map(|batch| batch.len).collect::<Vec<_>>(), expected, "{epoch}");
            let order: Vec<f32> = seen.into_iter().flat_map(rows).collect();
            // The order of an epoch does not depend on how it is cut.
            assert_eq!(order, rows(fixed.batch(epoch, &device).unwrap()));
        }
    }

    #[test]
    fn a_batch_does_not_depend_on_what_was_asked_before() {
        let (examples, device) = (numbered(10), Device::default());
        let straight: Vec<Vec<f32>> = {
            let mut batches = training(&examples, 3, 7);
            (0..12).map(|step| rows(batches.batch(step, &device).unwrap())).collect()
        };
        let mut jumping = training(&examples, 3, 7);
        for step in [11, 0, 5, 5, 4, 8, 3, 1] {
            assert_eq!(rows(jumping.batch(step, &device).unwrap()), straight[step], "step {step}");
        }
        for (step, expected) in straight.iter().enumerate() {
            assert_eq!(
                &rows(training(&examples, 3, 7).batch(step, &device).unwrap()),
                expected,
                "step {step}"
            );
        }
    }

    #[test]
    fn two_seeds_give_two_orders() {
        let (examples, device) = (numbered(20), Device::default());
        let order = |seed| rows(training(&examples, 20, seed).batch(0, &device).unwrap());
        assert_eq!(order(1), order(1));
        assert_ne!(order(1), order(2));
    }

    #[test]
    fn a_batch_size_above_the_number_of_examples_gives_one_batch_of_all() {
        let (examples, device) = (numbered(5), Device::default());
        let mut batches = training(&examples, 100, 1);
        assert_eq!(batches.sizes().steps_per_epoch(), Some(1));
        assert_eq!(batches.batch(3, &device).unwrap().len, 5);
    }

    #[test]
    fn evaluation_takes_the_examples_as_stored() {
        let (examples, device) = (numbered(5), Device::default());
        let mut batches = Batches::in_order(&examples, 2);
        for epoch in 0..2 {
            let seen: Vec<f32> =
                batches.epoch(epoch, &device).flat_map(|batch| rows(batch.unwrap().0)).collect();
            assert_eq!(seen, [0.0, 1.0, 2.0, 3.0, 4.0]);
        }
    }

    #[test]
    fn no_examples_give_no_batches() {
        let examples = numbered(0);
        assert_eq!(Batches::<Batch>::in_order(&examples, 2).epoch(0, &Device::default()).count(), 0);
    }

    #[test]
    fn classes_arrive_as_integers() {
        let examples =
            Examples { targets: Targets::Classes { labels: vec![2, 0, 255], classes: 256 }, ..numbered(3) };
        let batch = Batches::in_order(&examples, 3).batch(0, &Device::default()).unwrap();
        let BatchTargets::Classes(labels) = batch.targets else { panic!("classes were put in") };
        let labels: Vec<i64> = labels.into_data().convert::<i64>().try_to_vec().unwrap();
        assert_eq!(labels, [2, 0, 255]);
    }
}
