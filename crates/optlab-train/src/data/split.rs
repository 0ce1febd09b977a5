//! Prepares a data set for training: holds out a validation part, pads, standardizes.

use crate::Error;
use crate::data::normalize::Standardizer;
use crate::data::order::shuffle;
use crate::data::{DataSet, Examples, Preparation, Splits};
use optlab_core::random::{Purpose, stream};

/// Returns the training and the test part; every fifth example (the last of each five) is in the test part.
pub(super) fn every_fifth(all: &Examples) -> (Examples, Examples) {
    let (test, train): (Vec<usize>, Vec<usize>) = (0..all.len()).partition(|i| i % 5 == 4);
    (all.select(&train), all.select(&test))
}

impl DataSet {
    /// Holds out a validation part, pads and standardizes, in this order and as `preparation` says.
    ///
    /// The validation part has `round(validation · n)` of the `n` training examples, at least 1 if
    /// `validation > 0`. They are drawn with the seed; of a series they are the last ones, because its future
    /// must not leak into its past. The remaining examples keep their order, and mean and deviation come from
    /// them alone.
    ///
    /// # Errors
    /// [`InvalidConfig`](optlab_core::Error::InvalidConfig) if `validation` is outside of `[0, 1)` or leaves
    /// nothing to train on, or if an input to pad is not a 28 × 28 image.
    pub fn prepare(self, preparation: &Preparation) -> Result<Splits, Error> {
        let DataSet { train, mut test, is_series, .. } = self;
        let held_out = validation_count(train.len(), preparation.validation)?;
        let (mut train, mut validation) = if held_out == 0 {
            let none = train.select(&[]);
            (train, none)
        } else {
            let (kept, held_out) = choose(train.len(), held_out, is_series, preparation.seed);
            (train.select(&kept), train.select(&held_out))
        };

        if preparation.pad {
            for part in [&mut train, &mut validation, &mut test] {
                part.pad()?;
            }
        }

        let standardizer = preparation.standardize.then(|| Standardizer::fit(&train));
        if let Some(standardizer) = &standardizer {
            for part in [&mut train, &mut validation, &mut test] {
                standardizer.apply(part);
            }
        }
        Ok(Splits { train, validation, test, standardizer })
    }
}

impl Examples {
    fn pad(&mut self) -> Result<(), Error> {
        match self.input_shape.as_slice() {
            &[channels, 28, 28] => {
                self.inputs = pad_images(&self.inputs);
                self.input_shape = vec![channels, 32, 32];
                Ok(())
            }
            shape => Err(Error::invalid(
                "trial",
                "pad",
                "false for data that are not 28 × 28 images",
                format!("true for inputs of shape {shape:?}"),
            )),
        }
    }
}

/// Adds two zeros on each side of each 28 × 28 image, which makes it 32 × 32.
///
/// `images` holds `n · 28 · 28` values and the result `n · 32 · 32`.
pub fn pad_images(images: &[f32]) -> Vec<f32> {
    let mut padded = vec![0.0; images.len() / (28 * 28) * 32 * 32];
    for (from, to) in images.chunks_exact(28 * 28).zip(padded.chunks_exact_mut(32 * 32)) {
        for (from, to) in from.chunks_exact(28).zip(to.chunks_exact_mut(32).skip(2)) {
            to[2..30].copy_from_slice(from);
        }
    }
    padded
}

/// Returns the number of examples in the validation part of `n`.
///
/// # Errors
/// [`InvalidConfig`](optlab_core::Error::InvalidConfig) for a share outside of `[0, 1)`, or that leaves
/// nothing to train on.
pub(super) fn validation_count(n: usize, share: f64) -> Result<usize, Error> {
    if !(0.0..1.0).contains(&share) {
        return Err(Error::invalid("trial", "validation", "in [0, 1)", share));
    }
    if share == 0.0 {
        return Ok(0);
    }
    let count = ((share * n as f64).round() as usize).max(1);
    if count >= n {
        let allowed = format!("a share that leaves at least one of the {n} training examples");
        return Err(Error::invalid("trial", "validation", &allowed, share));
    }
    Ok(count)
}

/// Returns the indices to keep and the `held_out` others, both ascending.
pub(super) fn choose(n: usize, held_out: usize, is_series: bool, seed: u64) -> (Vec<usize>, Vec<usize>) {
    let mut kept: Vec<usize> = (0..n).collect();
    if !is_series {
        shuffle(&mut kept, &mut stream(seed, Purpose::Split, 0));
    }
    let mut held_out = kept.split_off(n - held_out);
    kept.sort_unstable();
    held_out.sort_unstable();
    (kept, held_out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Targets;

    /// Returns a data set of `n` examples with one feature; input and target are the index.
    fn numbered(n: usize, is_series: bool) -> DataSet {
        let numbers: Vec<f32> = (0..n).map(|i| i as f32).collect();
        let train =
            Examples { inputs: numbers.clone(), input_shape: vec![1], targets: Targets::numbers(numbers) };
        DataSet { name: "numbered".into(), test: train.select(&[0]), train, is_series }
    }

    fn split(n: usize, is_series: bool, validation: f64, seed: u64) -> Result<Splits, Error> {
        let preparation = Preparation { validation, seed, ..Preparation::default() };
        numbered(n, is_series).prepare(&preparation)
    }

    #[test]
    fn a_split_is_disjoint_and_complete() {
        let splits = split(100, false, 0.2, 1).unwrap();
        assert_eq!((splits.train.len(), splits.validation.len()), (80, 20));
        let mut all = [splits.train.inputs.clone(), splits.validation.inputs.clone()].concat();
        all.sort_by(f32::total_cmp);
        assert_eq!(all, numbered(100, false).train.inputs);
        assert_eq!(splits.train.targets, Targets::numbers(splits.train.inputs.clone()));
        assert_eq!(splits.validation.targets, Targets::numbers(splits.validation.inputs.clone()));
    }

    #[test]
    fn the_seed_decides_which_examples_are_held_out() {
        assert_eq!(split(100, false, 0.2, 1).unwrap(), split(100, false, 0.2, 1).unwrap());
        assert_ne!(
            split(100, false, 0.2, 1).unwrap().validation,
            split(100, false, 0.2, 2).unwrap().validation
        );
    }

    #[test]
    fn the_validation_part_of_a_series_is_its_end() {
        let splits = split(10, true, 0.3, 1).unwrap();
        assert_eq!(splits.validation.inputs, [7.0, 8.0, 9.0]);
        assert_eq!(splits, split(10, true, 0.3, 2).unwrap());
    }

    #[test]
    fn the_count_is_rounded_and_at_least_one() {
        for (n, share, count) in [(10, 0.0, 0), (10, 0.24, 2), (10, 0.26, 3), (10, 0.001, 1), (2, 0.5, 1)] {
            assert_eq!(split(n, false, share, 1).unwrap().validation.len(), count, "{share} of {n}");
        }
    }

    #[test]
    fn a_share_outside_its_range_or_that_leaves_nothing_is_refused() {
        for (n, share) in [(10, -0.1), (10, 1.0), (10, f64::NAN), (10, 0.99), (1, 0.1)] {
            let error = split(n, false, share, 1).unwrap_err();
            assert!(error.is_usage() && error.to_string().contains("`validation`"), "{error}");
        }
    }

    #[test]
    fn padding_puts_two_zeros_on_each_side() {
        let image: Vec<f32> = (1..=784).map(|i| i as f32).collect();
        let examples = Examples {
            inputs: [image.clone(), image.clone()].concat(),
            input_shape: vec![1, 28, 28],
            targets: Targets::Classes { labels: vec![3, 4], classes: 10 },
        };
        let set = DataSet { name: "one".into(), train: examples.clone(), test: examples, is_series: false };
        let splits = set.prepare(&Preparation { pad: true, ..Preparation::default() }).unwrap();
        assert_eq!(splits.train.input_shape, [1, 32, 32]);
        assert_eq!(splits.test.features(), 32 * 32);
        for i in 0..2 {
            for (at, value) in splits.train.input(i).iter().enumerate() {
                let (y, x) = (at / 32, at % 32);
                let inside = (2..30).contains(&y) && (2..30).contains(&x);
                let expected = if inside { image[(y - 2) * 28 + x - 2] } else { 0.0 };
                assert_eq!(*value, expected, "{y}, {x}");
            }
        }
    }

    #[test]
    fn only_images_of_28_by_28_can_be_padded() {
        let error =
            numbered(5, false).prepare(&Preparation { pad: true, ..Preparation::default() }).unwrap_err();
        assert!(error.is_usage() && error.to_string().contains("28 × 28"), "{error}");
    }
}
