//! Standardization: mean 0 and deviation 1 on the training part.

use crate::data::{Examples, TargetUnit, Targets};
use serde::{Deserialize, Serialize};

/// Mean and deviation of each feature and of each numeric target.
///
/// ```text
/// x' = (x − μ) / σ        μ = Σ x / n        σ = √(Σ (x − μ)² / n),  1 for a feature that never changes
/// ```
///
/// The input's shape decides what counts as one feature: each entry of `[features]`; each feature of
/// `[time, features]`, over all times; each channel of `[channels, height, width]`, over all pixels (a single
/// pixel may be black in all but one image, and would blow up there).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Standardizer {
    inputs: Vec<Scale>,
    /// One scale per numeric target; none for classes.
    targets: Vec<Scale>,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Scale {
    mean: f64,
    deviation: f64,
}

impl Standardizer {
    /// Computes means and deviations of `train`, in `f64`.
    pub fn fit(train: &Examples) -> Self {
        let feature = feature_of(&train.input_shape);
        let features = (0..train.features()).map(&feature).max().map_or(0, |last| last + 1);
        let inputs = (0..features)
            .map(|wanted| {
                let positions: Vec<usize> = (0..train.features()).filter(|&i| feature(i) == wanted).collect();
                Scale::of(|| {
                    (0..train.len()).flat_map(|row| positions.iter().map(move |&i| train.input(row)[i]))
                })
            })
            .collect();
        let targets = match &train.targets {
            Targets::Classes { .. } => Vec::new(),
            Targets::Values { values, width } => {
                (0..*width).map(|i| Scale::of(|| values.iter().skip(i).step_by(*width).copied())).collect()
            }
        };
        Self { inputs, targets }
    }

    /// Returns the standardizer for examples whose targets stay as they are, such as labels of 0 and 1.
    pub fn of_inputs(self) -> Self {
        Standardizer { targets: Vec::new(), ..self }
    }

    /// Standardizes `examples`, which must have the input shape of the training part.
    pub fn apply(&self, examples: &mut Examples) {
        let shape = examples.input_shape.clone();
        self.apply_to_inputs(&mut examples.inputs, &shape);
        if let Targets::Values { values, width } = &mut examples.targets {
            for row in values.chunks_exact_mut(*width) {
                for (value, scale) in row.iter_mut().zip(&self.targets) {
                    *value = scale.standardize(*value);
                }
            }
        }
    }

    /// Standardizes inputs alone: `n · Π input_shape` values.
    pub fn apply_to_inputs(&self, inputs: &mut [f32], input_shape: &[usize]) {
        let feature = feature_of(input_shape);
        for input in inputs.chunks_exact_mut(input_shape.iter().product()) {
            for (i, value) in input.iter_mut().enumerate() {
                *value = self.inputs[feature(i)].standardize(*value);
            }
        }
    }

    /// Converts standardized target number `index` to its original unit; a class stays as it is.
    pub fn original_target(&self, index: usize, value: f32) -> f32 {
        self.targets
            .get(index)
            .map_or(value, |scale| (f64::from(value) * scale.deviation + scale.mean) as f32)
    }

    /// Returns how each standardized feature converts to its original unit.
    pub fn input_units(&self) -> Vec<TargetUnit> {
        self.inputs.iter().map(|scale| TargetUnit { mean: scale.mean, scale: scale.deviation }).collect()
    }

    /// Returns how each standardized target converts to its original unit; nothing for classes.
    pub fn target_units(&self) -> Vec<TargetUnit> {
        let unit = |scale: &Scale| TargetUnit { mean: scale.mean, scale: scale.deviation };
        self.targets.iter().map(unit).collect()
    }
}

/// Returns a function from an index within an input to the index of its feature.
fn feature_of(input_shape: &[usize]) -> impl Fn(usize) -> usize {
    let (divisor, modulus) = match *input_shape {
        [_, height, width] => (height * width, usize::MAX),
        [_, features] => (1, features),
        _ => (1, usize::MAX),
    };
    move |position| position / divisor % modulus
}

impl Scale {
    /// Computes in two passes, because Σx² − (Σx)²/n loses the digits of a feature whose mean is far from 0.
    fn of<I: Iterator<Item = f32>>(values: impl Fn() -> I) -> Self {
        let n = values().count().max(1) as f64;
        let mean = values().map(f64::from).sum::<f64>() / n;
        let variance = values().map(|value| (f64::from(value) - mean).powi(2)).sum::<f64>() / n;
        // Exact: a sum of equal f32 values loses nothing in f64, so a constant's deviation is exactly 0.
        Self { mean, deviation: if variance > 0.0 { variance.sqrt() } else { 1.0 } }
    }

    fn standardize(self, value: f32) -> f32 {
        ((f64::from(value) - self.mean) / self.deviation) as f32
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{DataSet, Preparation, Source, load};

    fn examples(inputs: &[f32], input_shape: &[usize], targets: Targets) -> Examples {
        Examples { inputs: inputs.to_vec(), input_shape: input_shape.to_vec(), targets }
    }

    #[test]
    fn mean_and_deviation_are_computed_per_feature() {
        // Features 1, 3 and 10, 20: means 2 and 15, deviations 1 and 5. Targets 0, 4: mean 2, deviation 2.
        let mut data = examples(&[1.0, 10.0, 3.0, 20.0], &[2], Targets::numbers(vec![0.0, 4.0]));
        let standardizer = Standardizer::fit(&data);
        standardizer.apply(&mut data);
        assert_eq!(data.inputs, [-1.0, -1.0, 1.0, 1.0]);
        assert_eq!(data.targets, Targets::numbers(vec![-1.0, 1.0]));
        assert_eq!(standardizer.target_units(), [TargetUnit { mean: 2.0, scale: 2.0 }]);
        assert_eq!(standardizer.original_target(0, -1.0), 0.0);
    }

    #[test]
    fn a_constant_feature_keeps_its_unit() {
        let mut data = examples(&[0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1], &[1], Targets::numbers(vec![7.0; 7]));
        let standardizer = Standardizer::fit(&data);
        assert_eq!(standardizer.target_units(), [TargetUnit { mean: 7.0, scale: 1.0 }]);
        data.inputs[0] = 2.1;
        standardizer.apply(&mut data);
        assert_eq!(data.inputs[1..], [0.0; 6]);
        assert!((data.inputs[0] - 2.0).abs() < 1e-6);
    }

    #[test]
    fn a_series_has_one_scale_over_all_times_and_an_image_one_for_each_channel() {
        let values = Targets::numbers(vec![0.0]);
        let mut series = examples(&[1.0, 10.0, 3.0, 20.0], &[2, 2], values.clone());
        Standardizer::fit(&series).apply(&mut series);
        assert_eq!(series.inputs, [-1.0, -1.0, 1.0, 1.0]);
        let mut image = examples(&[1.0, 3.0, 10.0, 20.0], &[2, 1, 2], values);
        Standardizer::fit(&image).apply(&mut image);
        assert_eq!(image.inputs, [-1.0, 1.0, -1.0, 1.0]);
    }

    #[test]
    fn classes_are_left_alone() {
        let classes = Targets::Classes { labels: vec![0, 1], classes: 2 };
        let mut data = examples(&[1.0, 3.0], &[1], classes.clone());
        let standardizer = Standardizer::fit(&data);
        standardizer.apply(&mut data);
        assert_eq!(data.targets, classes);
        assert!(standardizer.target_units().is_empty());
    }

    #[test]
    fn only_the_training_part_decides_the_scale() {
        let preparation =
            Preparation { validation: 0.2, seed: 3, standardize: true, ..Preparation::default() };
        let plain = Preparation { standardize: false, ..preparation.clone() };
        let set = || load("diabetes", &Source::default()).unwrap();
        let before = set().prepare(&preparation).unwrap();

        let held_out = set().prepare(&plain).unwrap().validation;
        let mut changed: DataSet = set();
        changed.test.inputs.fill(1e6);
        let row = (0..changed.train.len()).find(|&i| changed.train.input(i) == held_out.input(0)).unwrap();
        changed.train.inputs[row * 10..(row + 1) * 10].fill(1e6);
        let after = changed.prepare(&preparation).unwrap();

        assert_eq!(after.train, before.train);
        assert_eq!(after.standardizer, before.standardizer);
        assert_ne!(after.validation, before.validation);
        assert_ne!(after.test, before.test);
    }
}
