//! Prepares a data set for training: draws the test part anew, holds out a validation part, pads,
//! standardizes.

use crate::Error;
use crate::data::normalize::Standardizer;
use crate::data::order::{shuffle, test_draw};
use crate::data::{DataSet, Examples, Preparation, Splits, Targets};
use optlab_core::random::{Purpose, stream};
use rand::Rng;

/// Returns the training and the test part; every fifth example (the last of each five) is in the test part.
pub(super) fn every_fifth(all: &Examples) -> (Examples, Examples) {
    let (test, train): (Vec<usize>, Vec<usize>) = (0..all.len()).partition(|i| i % 5 == 4);
    (all.select(&train), all.select(&test))
}

impl DataSet {
    /// Draws the test part anew with the number `split`, from all examples; with `None` it stays as it is.
    ///
    /// The new test part has as many examples as the old one. Both parts keep the order of the examples, with
    /// those of the old test part last. A series keeps its test part, because its future must not leak into
    /// its past.
    ///
    /// # Errors
    /// [`InvalidConfig`](optlab_core::Error::InvalidConfig) if inputs or targets of the two parts differ in
    /// shape.
    pub fn resampled(self, split: Option<u64>) -> Result<Self, Error> {
        if split.is_none() || self.is_series || self.test.is_empty() {
            return Ok(self);
        }
        let DataSet { name, train: mut all, test, is_series } = self;
        all.append(&test)?;
        let (kept, held_out) = draw(all.len(), test.len(), &mut test_draw(split));
        Ok(DataSet { name, train: all.select(&kept), test: all.select(&held_out), is_series })
    }

    /// Draws the test part anew, holds out a validation part, pads and standardizes, in this order and as
    /// `preparation` says.
    ///
    /// The validation part has `round(validation · n)` of the `n` training examples, at least 1 if
    /// `validation > 0`. They are drawn with the seed; of a series they are the last ones, because its future
    /// must not leak into its past. The remaining examples keep their order, and mean and deviation come from
    /// them alone.
    ///
    /// # Errors
    /// [`InvalidConfig`](optlab_core::Error::InvalidConfig) if `validation` is outside of `[0, 1)` or leaves
    /// nothing to train on, or if an input to pad is not a 28 × 28 image; the errors of
    /// [`resampled`](Self::resampled).
    pub fn prepare(self, preparation: &Preparation) -> Result<Splits, Error> {
        let DataSet { train, mut test, is_series, .. } = self.resampled(preparation.split)?;
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
    /// Appends the examples of `other`.
    fn append(&mut self, other: &Examples) -> Result<(), Error> {
        let fits = match (&mut self.targets, &other.targets) {
            _ if self.input_shape != other.input_shape => false,
            (Targets::Classes { labels, classes }, Targets::Classes { labels: more, classes: others }) => {
                labels.extend_from_slice(more);
                *classes = (*classes).max(*others);
                true
            }
            (Targets::Values { values, width }, Targets::Values { values: more, width: others })
                if width == others =>
            {
                values.extend_from_slice(more);
                true
            }
            _ => false,
        };
        if !fits {
            let allowed = "none for a training and a test part of different shapes";
            return Err(Error::invalid("trial", "split", allowed, "a number"));
        }
        self.inputs.extend_from_slice(&other.inputs);
        Ok(())
    }

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

/// Returns the indices to keep and the `held_out` others for validation, both ascending.
pub(super) fn choose(n: usize, held_out: usize, is_series: bool, seed: u64) -> (Vec<usize>, Vec<usize>) {
    if is_series {
        return ((0..n - held_out).collect(), (n - held_out..n).collect());
    }
    draw(n, held_out, &mut stream(seed, Purpose::Split, 0))
}

/// Draws `held_out` of `n` indices; returns the others and the drawn ones, both ascending.
fn draw(n: usize, held_out: usize, random: &mut impl Rng) -> (Vec<usize>, Vec<usize>) {
    let mut kept: Vec<usize> = (0..n).collect();
    shuffle(&mut kept, random);
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

    /// Returns 12 examples to train on and 4 to test with; input and target are the index.
    fn sixteen(is_series: bool) -> DataSet {
        let all = numbered(16, is_series).train;
        let [train, test] = [(0..12).collect::<Vec<_>>(), (12..16).collect()].map(|part| all.select(&part));
        DataSet { name: "sixteen".into(), train, test, is_series }
    }

    fn resampled(split: Option<u64>, seed: u64) -> Splits {
        let preparation = Preparation { validation: 0.25, seed, split, ..Preparation::default() };
        sixteen(false).prepare(&preparation).unwrap()
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
    fn a_split_number_decides_the_test_part_and_the_seed_the_validation_part_of_the_rest() {
        let (first, second) = (resampled(Some(3), 1), resampled(Some(3), 2));
        assert_eq!(first.test, second.test);
        assert_ne!(first.validation, second.validation);
        assert_ne!(first.test, resampled(Some(4), 1).test);
        assert_eq!(first, resampled(Some(3), 1));
    }

    #[test]
    fn the_parts_of_a_split_are_as_large_as_the_fixed_ones_disjoint_and_complete() {
        for number in [None, Some(0), Some(7), Some(u64::MAX)] {
            let Splits { train, validation, test, .. } = resampled(number, 1);
            assert_eq!([train.len(), validation.len(), test.len()], [9, 3, 4], "{number:?}");
            let mut all = [&train, &validation, &test].map(|part| part.inputs.clone()).concat();
            all.sort_by(f32::total_cmp);
            assert_eq!(all, numbered(16, false).train.inputs, "{number:?}");
            for part in [train, validation, test] {
                assert!(part.inputs.is_sorted(), "{number:?}");
                assert_eq!(part.targets, Targets::numbers(part.inputs), "{number:?}");
            }
        }
        assert_eq!(resampled(None, 1).test.inputs, [12.0, 13.0, 14.0, 15.0]);
    }

    #[test]
    fn each_example_is_equally_likely_to_be_in_the_test_part_of_a_split() {
        let mut counts = [0; 16];
        for number in 0..2000 {
            let test = sixteen(false).resampled(Some(number)).unwrap().test;
            test.inputs.iter().for_each(|&example| counts[example as usize] += 1);
        }
        // 500 expected; five deviations of a binomial, √(2000 · ¼ · ¾) = 19.4 each.
        assert!(counts.iter().all(|count| (404..=596).contains(count)), "{counts:?}");
    }

    #[test]
    fn a_split_and_a_seed_of_the_same_number_draw_independently() {
        // From as many examples, as many are drawn for each part.
        let (train, test) = (numbered(99, false).train, numbered(1, false).train);
        let set = DataSet { name: "hundred".into(), train, test, is_series: false };
        let held_out = |number| choose(100, 1, false, number).1[0];
        let tested = |number| {
            let test = set.clone().resampled(Some(number)).unwrap().test;
            test.inputs[0] as usize
        };
        // The same example once in a hundred draws; all fifty would be equal with one stream.
        assert!((0..50).filter(|&number| held_out(number) == tested(number)).count() < 10);
    }

    #[test]
    fn the_standardizer_of_a_split_is_fitted_on_its_training_part_alone() {
        let raw = resampled(Some(3), 1).train.inputs;
        let preparation = Preparation {
            validation: 0.25,
            seed: 1,
            split: Some(3),
            standardize: true,
            ..Preparation::default()
        };
        let splits = sixteen(false).prepare(&preparation).unwrap();
        let mean = raw.iter().map(|x| f64::from(*x)).sum::<f64>() / 9.0;
        let deviation = (raw.iter().map(|x| (f64::from(*x) - mean).powi(2)).sum::<f64>() / 9.0).sqrt();
        for (part, raw) in [(splits.train, raw), (splits.test, resampled(Some(3), 1).test.inputs)] {
            for (standardized, raw) in part.inputs.iter().zip(raw) {
                let expected = (f64::from(raw) - mean) / deviation;
                assert!((f64::from(*standardized) - expected).abs() < 1e-5, "{standardized}, {expected}");
            }
        }
    }

    #[test]
    fn a_series_and_a_set_without_a_test_part_are_not_resampled() {
        assert_eq!(sixteen(true).resampled(Some(3)).unwrap(), sixteen(true));
        let untested = DataSet { test: sixteen(false).test.select(&[]), ..sixteen(false) };
        assert_eq!(untested.clone().resampled(Some(3)).unwrap(), untested);
    }

    #[test]
    fn classes_of_both_parts_are_resampled_together() {
        let classes = |labels: Vec<u32>, classes| Examples {
            inputs: labels.iter().map(|&label| label as f32).collect(),
            input_shape: vec![1],
            targets: Targets::Classes { labels, classes },
        };
        let (train, test) = (classes((0..20).collect(), 20), classes((20..30).collect(), 30));
        let set = DataSet { name: "classes".into(), train, test, is_series: false };
        for part in [&set.clone().resampled(Some(1)).unwrap().train, &set.resampled(Some(1)).unwrap().test] {
            let labels = part.inputs.iter().map(|&input| input as u32).collect();
            assert_eq!(part.targets, Targets::Classes { labels, classes: 30 });
        }
    }

    #[test]
    fn parts_of_different_shapes_are_not_resampled() {
        let wide = Examples { input_shape: vec![2], inputs: vec![0.0; 8], ..sixteen(false).test };
        let labels = Targets::Classes { labels: vec![0; 4], classes: 1 };
        let two = Targets::Values { values: vec![0.0; 8], width: 2 };
        let others = [labels, two].map(|targets| Examples { targets, ..sixteen(false).test });
        for test in others.into_iter().chain([wide]) {
            let set = DataSet { test, ..sixteen(false) };
            let error = set.resampled(Some(1)).unwrap_err();
            assert!(error.is_usage() && error.to_string().contains("`split`"), "{error}");
        }
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
