//! Statistics of the results inside a model.

use crate::diagnosis::record::{ActivationRecord, finite};
use crate::nn::tap::Activation;

/// Number of values of an activation to look at.
pub(super) const MOST_VALUES: usize = 1 << 18;

/// The size beyond which a value is at the end of the range of `tanh`.
const SATURATED: f32 = 0.99;

/// Returns the record of each activation; one that is passed several times has its first.
pub(super) fn records(activations: Vec<Activation>) -> Vec<ActivationRecord> {
    let mut records: Vec<ActivationRecord> = Vec::new();
    for Activation { name, shape, values } in activations {
        if records.iter().all(|record| record.name != name) {
            let values: Vec<f32> = values.into_data().convert::<f32>().try_into_vec().unwrap_or_default();
            records.push(record(name, &shape, &values));
        }
    }
    records
}

fn record(name: String, shape: &[usize], values: &[f32]) -> ActivationRecord {
    let count = values.len() as f64;
    let (mut sum, mut squares, mut zeros) = (0.0, 0.0, 0usize);
    let (mut low, mut high) = (f32::INFINITY, f32::NEG_INFINITY);
    for &value in values {
        let exact = f64::from(value);
        sum += exact;
        squares += exact * exact;
        zeros += usize::from(value == 0.0);
        low = low.min(value);
        high = high.max(value);
    }
    let mean = sum / count;
    let is_bounded = low >= -1.0 && high <= 1.0 && zeros == 0;
    let is_at_end = |value: &&f32| value.abs() > SATURATED || low >= 0.0 && **value < 1.0 - SATURATED;
    ActivationRecord {
        name,
        mean: finite(mean),
        deviation: finite((squares / count - mean * mean).max(0.0).sqrt()).filter(|_| mean.is_finite()),
        zeros: finite(zeros as f64 / count),
        dead: dead(shape, values),
        saturated: is_bounded
            .then(|| finite(values.iter().filter(is_at_end).count() as f64 / count))
            .flatten(),
    }
}

/// Returns the share of units that are 0 in every example.
fn dead(shape: &[usize], values: &[f32]) -> Option<f64> {
    // Values of a unit that lie side by side, and the number of units.
    let (side_by_side, units) = match *shape {
        [_, channels, height, width] => (height * width, channels),
        _ => (1, *shape.get(1..)?.last()?),
    };
    if units == 0 || side_by_side == 0 {
        return None;
    }
    let mut is_alive = vec![false; units];
    for (number, values) in values.chunks(side_by_side).enumerate() {
        let is_alive = &mut is_alive[number % units];
        *is_alive = *is_alive || values.iter().any(|&value| value != 0.0);
    }
    Some(is_alive.iter().filter(|is_alive| !**is_alive).count() as f64 / units as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_is_dead_if_it_is_0_in_every_example_and_place() {
        // Two examples, three columns: the second is always 0.
        assert_eq!(dead(&[2, 3], &[1.0, 0.0, 0.0, 0.0, 0.0, 2.0]), Some(1.0 / 3.0));
        // One image of two channels of 1 × 2: the first is 0.
        assert_eq!(dead(&[1, 2, 1, 2], &[0.0, 0.0, 0.0, 3.0]), Some(0.5));
        // One sequence of two time steps with two features: the second feature is 0.
        assert_eq!(dead(&[1, 2, 2], &[1.0, 0.0, 1.0, 0.0]), Some(0.5));
        assert_eq!(dead(&[3], &[1.0, 0.0, 1.0]), None);
    }

    #[test]
    fn mean_deviation_zeros_and_saturation_are_those_of_a_calculation_by_hand() {
        let record = |values: &[f32]| record("a".into(), &[values.len(), 1], values);
        let relu = record(&[0.0, 0.0, 2.0, 2.0]);
        assert_eq!(
            (relu.mean, relu.deviation, relu.zeros, relu.saturated),
            (Some(1.0), Some(1.0), Some(0.5), None)
        );
        assert_eq!(record(&[-0.999, 0.5, 0.995, -0.1]).saturated, Some(0.5));
        assert_eq!(record(&[0.001, 0.5, 0.995, 0.1]).saturated, Some(0.5), "a sigmoid has two ends");
        assert_eq!(record(&[-0.999, 0.5, 1.1]).saturated, None);
        assert_eq!(record(&[f32::NAN, 1.0]).mean, None);
    }
}
