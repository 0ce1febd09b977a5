//! The sizes of the batches of a run, and the epochs that they divide its steps into.

use std::ops::Range;
use std::sync::Arc;

/// The number of examples of each step of a run, and the steps of each epoch.
///
/// Both are functions of the step alone. No batch extends beyond its epoch: the last batch of an epoch has
/// the examples that are left. Where the sizes follow a schedule, epochs differ in their number of steps.
/// After the last step of the run the size stays as it was there.
///
/// # Example
/// ```
/// use optlab_train::data::BatchSizes;
///
/// // 10 examples: batches of 2, from step 4 on of 4.
/// let sizes = BatchSizes::scheduled(|step| if step < 4 { 2 } else { 4 }, 8, 10);
/// assert_eq!([0, 1, 2].map(|epoch| sizes.steps_of(epoch)), [0..5, 5..8, 8..11]);
/// assert_eq!(sizes.borders(0), [0, 2, 4, 6, 8, 10]);
/// assert_eq!(sizes.borders(1), [0, 4, 8, 10]);
/// ```
#[derive(Clone)]
pub struct BatchSizes {
    examples: usize,
    sizes: Sizes,
}

#[derive(Clone)]
enum Sizes {
    Fixed(usize),
    Scheduled {
        at: Arc<dyn Fn(usize) -> usize + Send + Sync>,
        /// The last step of the run, whose size later steps keep.
        last: usize,
        /// The step after each epoch, up to the first end that is not before the end of the run.
        ends: Arc<[usize]>,
        /// The smallest and the largest size of the run.
        extremes: (usize, usize),
    },
}

impl std::fmt::Debug for BatchSizes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let BatchSizes { examples, .. } = self;
        let mut shown = f.debug_struct("BatchSizes");
        shown.field("examples", examples).field("extremes", &self.extremes()).finish_non_exhaustive()
    }
}

impl BatchSizes {
    /// Returns sizes that are `size` at every step, for a training part of `examples` examples. A size above
    /// `examples` gives one batch of all of them.
    ///
    /// # Panics
    /// If `size` is 0.
    pub fn fixed(size: usize, examples: usize) -> Self {
        assert!(size > 0, "a batch needs at least one example");
        BatchSizes { examples, sizes: Sizes::Fixed(size.min(examples.max(1))) }
    }

    /// Returns sizes that are `at(step)` in a run of `total_steps` steps, at least 1 and at most `examples`.
    ///
    /// # Panics
    /// If `total_steps` or `examples` is 0.
    pub fn scheduled(
        at: impl Fn(usize) -> usize + Send + Sync + 'static,
        total_steps: usize,
        examples: usize,
    ) -> Self {
        assert!(total_steps > 0 && examples > 0, "a run has steps and examples");
        let at = move |step| at(step).clamp(1, examples);
        let (mut ends, mut left, mut extremes) = (Vec::new(), examples, (usize::MAX, 0));
        for step in 0..total_steps {
            let size = at(step);
            extremes = (extremes.0.min(size), extremes.1.max(size));
            left = left.saturating_sub(size);
            if left == 0 {
                ends.push(step + 1);
                left = examples;
            }
        }
        let last = total_steps - 1;
        if left < examples {
            ends.push(total_steps + left.div_ceil(at(last)));
        }
        BatchSizes {
            examples,
            sizes: Sizes::Scheduled { at: Arc::new(at), last, ends: ends.into(), extremes },
        }
    }

    /// Returns the number of examples of an epoch.
    pub fn examples(&self) -> usize {
        self.examples
    }

    /// Returns the size at `step`, counted from 0; the last batch of an epoch may be smaller.
    pub fn of_step(&self, step: usize) -> usize {
        match &self.sizes {
            Sizes::Fixed(size) => *size,
            Sizes::Scheduled { at, last, .. } => at(step.min(*last)),
        }
    }

    /// Returns the smallest and the largest size of the run.
    pub fn extremes(&self) -> (usize, usize) {
        match &self.sizes {
            Sizes::Fixed(size) => (*size, *size),
            Sizes::Scheduled { extremes, .. } => *extremes,
        }
    }

    /// Returns the number of steps of each epoch; `None` if the sizes follow a schedule.
    pub fn steps_per_epoch(&self) -> Option<usize> {
        match &self.sizes {
            Sizes::Fixed(size) => Some(self.examples.div_ceil(*size)),
            Sizes::Scheduled { .. } => None,
        }
    }

    /// Returns the epoch of `step`, both counted from 0.
    ///
    /// # Panics
    /// If there are no examples.
    pub fn epoch_of(&self, step: usize) -> usize {
        match &self.sizes {
            Sizes::Fixed(size) => step / self.examples.div_ceil(*size),
            Sizes::Scheduled { ends, .. } => match ends.last() {
                Some(&end) if step >= end => ends.len() + (step - end) / self.steps_after_run(),
                _ => ends.partition_point(|&end| end <= step),
            },
        }
    }

    /// Returns the steps of `epoch`, counted from 0.
    pub fn steps_of(&self, epoch: usize) -> Range<usize> {
        self.start_of(epoch)..self.start_of(epoch + 1)
    }

    /// Returns the number of epochs that have begun after `steps` steps.
    pub fn epochs_begun(&self, steps: usize) -> usize {
        steps.checked_sub(1).map_or(0, |last| self.epoch_of(last) + 1)
    }

    /// Returns whether no epoch is incomplete after `steps` steps, as after 0 steps.
    pub fn is_end(&self, steps: usize) -> bool {
        self.start_of(self.epoch_of(steps)) == steps
    }

    /// Returns where the batches of `epoch` begin in its order of the examples, and where the last one ends.
    pub fn borders(&self, epoch: usize) -> Vec<usize> {
        let mut border = 0;
        let end = |step| {
            border = (border + self.of_step(step)).min(self.examples);
            border
        };
        std::iter::once(0).chain(self.steps_of(epoch).map(end)).collect()
    }

    /// Returns the first step of `epoch`.
    fn start_of(&self, epoch: usize) -> usize {
        match &self.sizes {
            Sizes::Fixed(size) => epoch.saturating_mul(self.examples.div_ceil(*size)),
            Sizes::Scheduled { ends, .. } => match epoch.checked_sub(1) {
                None => 0,
                Some(before) => ends.get(before).copied().unwrap_or_else(|| {
                    let later = epoch - ends.len();
                    ends.last().map_or(0, |end| end + later * self.steps_after_run())
                }),
            },
        }
    }

    /// Returns the number of steps of an epoch after the run.
    fn steps_after_run(&self) -> usize {
        self.examples.div_ceil(self.of_step(usize::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the border of each batch of each epoch by counting, in a run of `steps` steps.
    fn counted(size: impl Fn(usize) -> usize, steps: usize, examples: usize) -> Vec<Vec<usize>> {
        let mut epochs = vec![vec![0]];
        for step in 0..steps {
            let last = epochs.last_mut().unwrap();
            let end = (last.last().unwrap() + size(step)).min(examples);
            last.push(end);
            if end == examples {
                epochs.push(vec![0]);
            }
        }
        epochs
    }

    #[test]
    fn a_fixed_size_and_a_schedule_that_is_constant_divide_steps_alike() {
        for (size, examples) in [(1, 1), (3, 10), (5, 10), (10, 10), (99, 10), (7, 100)] {
            let fixed = BatchSizes::fixed(size, examples);
            let scheduled = BatchSizes::scheduled(move |_| size, 12, examples);
            let steps_per_epoch = examples.div_ceil(size);
            for step in 0..40 {
                for sizes in [&fixed, &scheduled] {
                    assert_eq!(sizes.epoch_of(step), step / steps_per_epoch, "{size}, {examples}, {step}");
                    assert_eq!(sizes.is_end(step), step.is_multiple_of(steps_per_epoch));
                    assert_eq!(sizes.epochs_begun(step), step.div_ceil(steps_per_epoch));
                    assert_eq!(sizes.of_step(step), size.min(examples));
                }
                let epoch = step;
                assert_eq!(fixed.steps_of(epoch), epoch * steps_per_epoch..(epoch + 1) * steps_per_epoch);
                assert_eq!(scheduled.steps_of(epoch), fixed.steps_of(epoch));
                assert_eq!(scheduled.borders(epoch), fixed.borders(epoch));
            }
        }
    }

    #[test]
    fn epochs_of_changing_sizes_are_those_of_counting() {
        fn zigzag(step: usize) -> usize {
            1 + (step * 7) % 5
        }
        for steps in [1, 2, 19, 20, 40] {
            let sizes = BatchSizes::scheduled(zigzag, steps, 11);
            let of_step = |step: usize| zigzag(step.min(steps - 1));
            let mut step = 0;
            let epochs = counted(of_step, 60, 11);
            for (epoch, borders) in epochs.iter().enumerate().take(epochs.len() - 1) {
                assert_eq!(&sizes.borders(epoch), borders, "{steps} steps, epoch {epoch}");
                let end = step + borders.len() - 1;
                assert_eq!(sizes.steps_of(epoch), step..end);
                assert!((step..end).all(|step| sizes.epoch_of(step) == epoch));
                assert_eq!((sizes.is_end(end), sizes.epochs_begun(end)), (true, epoch + 1));
                assert!((step + 1..end).all(|step| !sizes.is_end(step)));
                step = end;
            }
        }
    }

    #[test]
    fn sizes_are_at_least_one_and_at_most_all_examples() {
        let sizes = BatchSizes::scheduled(|step| step * 100, 3, 50);
        assert_eq!([0, 1, 2, 3].map(|step| sizes.of_step(step)), [1, 50, 50, 50]);
        assert_eq!(sizes.extremes(), (1, 50));
    }
}
